"""Models larger than memory: their experts stay in the packed file, and as many as a budget allows lie in memory.

Of a mixture of experts each token reads a few per cent.  What every token reads - attention, shared experts, routers,
embeddings - is copied into memory here; the experts are left to the kernels' shelf (kernels/experts.h), which reads
them when they are wanted.  A dense model reads all of itself for each token: for it there is nothing to gain.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from huozhong.engine.machine import available_memory
from huozhong.engine.weights.layout import LayerWeights, Weights
from huozhong.engine.weights.quant import PackedMatrix
from huozhong.errors import ConfigError

# What is left to everything else: the interpreter, buffers of a pass, the system.
MARGIN = 256 * 2**20
PAGE = 4096  # bytes; what the disk is read in
FEWEST = 4  # experts that the shelf holds at least
READERS = 6  # threads that read: so many requests keep a solid-state disk busy


def bounded(weights: Weights, asked: int | None, cache_bytes: int) -> Weights:
    """The weights with `expert_memory` set, and all but the experts in memory, if the experts are to stay on the disk.

    asked: bytes for experts; None: only if the model does not fit, and then what is left.  cache_bytes: what the cache
    of attention will take.  `ConfigError` where that cannot be.
    """
    experts, free = sum(matrix.nbytes for matrix in _expert_matrices(weights)), available_memory()
    if asked is not None:
        if weights.mapped is None:
            raise ConfigError("the experts can only stay on the disk where packed weights can be kept: see cache_dir.")
        if not experts:
            raise ConfigError("expert_memory is for models with experts; this one has none.")
    elif not experts or weights.mapped is None or free is None:
        return weights
    else:
        rest = sum(matrix.nbytes for matrix in _matrices(weights)) - experts + cache_bytes + MARGIN
        if rest + experts <= free:
            return weights
        asked = max(free - rest, _least(weights))
    if asked >= experts:
        return weights
    if asked < _least(weights):
        raise ConfigError(
            f"expert_memory is {asked:,} bytes; this model's experts need at least {_least(weights):,}, four of them."
        )
    return dataclasses.replace(_copied(weights), expert_memory=asked)


def _least(weights: Weights) -> int:
    """Bytes of the fewest experts; each part of one begins somewhere in a page of the disk."""
    largest = 0
    for layer in _layers(weights):
        if layer.moe is not None:
            arrays = [a for m in (*layer.moe.gate_up, layer.moe.down) for a in (m.data, m.scales) if a is not None]
            largest = max(largest, sum(-(-(a[0].nbytes + PAGE) // PAGE) * PAGE + 2 * PAGE for a in arrays))
    return FEWEST * largest


def _layers(weights: Weights) -> Iterator[LayerWeights]:
    yield from weights.layers
    yield from (module.layer for module in weights.prediction)


def _expert_matrices(weights: Weights) -> Iterator[PackedMatrix]:
    for layer in _layers(weights):
        if layer.moe is not None:
            yield from (*layer.moe.gate_up, layer.moe.down)


def _matrices(value: Any) -> Iterator[PackedMatrix]:
    if isinstance(value, PackedMatrix):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _matrices(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _matrices(getattr(value, field.name))


def _copied(weights: Weights) -> Weights:
    """The same, with every array but the experts' in memory of its own: a disk that goes away takes none of it."""
    stay = {id(matrix) for matrix in _expert_matrices(weights)}
    known: dict[int, Any] = {}

    def copy(value: Any) -> Any:
        if id(value) in stay or value is weights.mapped:
            return value
        if isinstance(value, np.ndarray):
            return np.array(value)
        if isinstance(value, tuple):
            return tuple(copy(item) for item in value)
        if not dataclasses.is_dataclass(value) or isinstance(value, type) or value is weights.architecture:
            return value
        if id(value) not in known:  # tied embeddings stay one
            fields = {field.name: copy(getattr(value, field.name)) for field in dataclasses.fields(value)}
            known[id(value)] = dataclasses.replace(value, **fields)
        return known[id(value)]

    found: Weights = copy(weights)
    return found
