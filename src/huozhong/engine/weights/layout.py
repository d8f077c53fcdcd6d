"""A model's weights as the kernels take them, and how they come to be there.

Packing costs seconds (minutes for a large model), so its result is kept in one file, which later starts
memory-map in milliseconds (`packed_file.py`).
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.weights.quant import PackedMatrix
from huozhong.errors import ConfigError
from huozhong.formats.source import ModelSource, open_model
from huozhong.model.architecture import Architecture

F32 = NDArray[np.float32]
Quantization = Literal["q8", "q4", "none", "f32"]
QUANTIZATIONS: tuple[str, ...] = get_args(Quantization)

# Matrices that read the same input stand in one tuple: their outputs lie side by side, in its order.
Matrices = tuple[PackedMatrix, ...]


@dataclass(frozen=True, eq=False)
class LatentAttentionWeights:
    """One layer's MLA.  The halves of kv_b_proj lie apart, one matrix per head; the keys' also turned.

    down: (query or its latent; KV latent and rotary key) x hidden.  q_up, q_norm: None without a query latent.
    k_up [H: nope x latent] and v_up [H: v x latent] expand the latent; q_absorb [H: latent x nope] is k_up
    turned.  Where weights are quantised in any way these three are q8: they are small, and the absorbed and
    the un-absorbed form must stay close to each other; otherwise they are f32.
    """

    down: Matrices
    q_norm: F32 | None
    q_up: PackedMatrix | None
    kv_norm: F32
    k_up: PackedMatrix
    v_up: PackedMatrix
    q_absorb: PackedMatrix
    out: PackedMatrix


@dataclass(frozen=True, eq=False)
class GroupedAttentionWeights:
    """One layer's grouped-query attention.

    qkv: (queries; keys; values) x hidden, head by head; one merged matrix where their formats agree.
    qkv_bias: [queries + keys + values].  q_norm, k_norm: [head_dim], of every head's query and key.
    Rows of queries and keys are in an order in which rotation takes neighbours (x[2i], x[2i + 1]).
    """

    qkv: Matrices
    qkv_bias: F32 | None
    q_norm: F32 | None
    k_norm: F32 | None
    out: PackedMatrix
    out_bias: F32 | None


@dataclass(frozen=True, eq=False)
class DenseWeights:
    """SwiGLU.  gate_up: (gate; up) x hidden, one merged matrix where their formats agree."""

    gate_up: Matrices
    down: PackedMatrix


@dataclass(frozen=True, eq=False)
class MoeWeights:
    """Experts as stacked matrices; the router stays float32, for its choices are discrete."""

    router: PackedMatrix
    router_bias: F32 | None
    gate_up: Matrices
    down: PackedMatrix
    shared: DenseWeights | None


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """Exactly one of `dense` and `moe` is set."""

    attention_norm: F32
    attention: LatentAttentionWeights | GroupedAttentionWeights
    mlp_norm: F32
    dense: DenseWeights | None
    moe: MoeWeights | None


@dataclass(frozen=True, eq=False)
class PredictionWeights:
    """A multi-token-prediction module (DeepSeek-V3 §2.2): norm(layer(eh_proj [enorm(embedding); hnorm(h)])).

    eh_proj: hidden x 2 hidden.  Embedding and head are the model's own.
    """

    enorm: F32
    hnorm: F32
    eh_proj: PackedMatrix
    layer: LayerWeights
    norm: F32


@dataclass(frozen=True, eq=False)
class Weights:
    """A whole model, packed.  With tied embeddings `embedding` and `head` are one matrix.

    format: how it was quantised ("none": as stored).  prediction: MTP modules, if the model has some.
    """

    architecture: Architecture
    format: str
    embedding: PackedMatrix
    layers: tuple[LayerWeights, ...]
    norm: F32
    head: PackedMatrix
    prediction: tuple[PredictionWeights, ...] = ()


def load_weights(
    model: str | Path | ModelSource,
    quantization: Quantization | None = None,
    cache_dir: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Weights:
    """Packed weights of a model: an open source, a Hugging Face folder or a .gguf file.

    quantization: None is "none" for GGUF and "q8" for folders.
    cache_dir: where packed weights are kept; None is `huozhong` in the user's cache folder (XDG_CACHE_HOME).
    Each model and quantisation has one file there, replaced when the model's files change (path, size or time).
    Where nothing can be written, they are packed in memory each time.
    progress: called with (bytes of the model that are packed, bytes of the model) where packing is needed.
    Raises CheckpointError, ConfigError.
    """
    from huozhong.engine.weights import packed_file, packing  # they know these classes

    source = open_model(model) if isinstance(model, str | Path) else model
    if quantization is None:
        quantization = "none" if source.kind == "gguf" else "q8"
    if quantization not in QUANTIZATIONS:
        names = ", ".join(QUANTIZATIONS)
        raise ConfigError(f"unknown quantization {quantization!r}; the quantizations are {names}.")
    fingerprint = source_fingerprint(source, quantization)
    path = default_cache_dir() if cache_dir is None else Path(cache_dir)
    path /= f"{_packed_stem(source.path.resolve())}-{quantization}.packed"
    if (found := packed_file.read(path, fingerprint)) is not None:
        return found
    try:
        with packed_file.create(path, fingerprint) as file:
            file.finish(packing.pack_weights(source, quantization, file.new, progress))
    except OSError as error:
        warnings.warn(f"packed weights cannot be kept in {path.parent}: {error}", stacklevel=2)
        return packing.pack_weights(source, quantization, None, progress)
    found = packed_file.read(path, fingerprint)
    return found if found is not None else packing.pack_weights(source, quantization, None, progress)


def forget_packed(path: Path, cache_dir: str | Path | None = None) -> int:
    """Delete what was packed from the model that lies, or lay, at `path` (resolved); the bytes that are free again."""
    folder = default_cache_dir() if cache_dir is None else Path(cache_dir)
    freed = 0
    for quantization in QUANTIZATIONS:
        packed = folder / f"{_packed_stem(path)}-{quantization}.packed"
        if packed.is_file():
            freed += packed.stat().st_size
            packed.unlink()
    return freed


def _packed_stem(resolved: Path) -> str:
    """How the packed files of a model begin: its name, and what tells its place from others."""
    return f"{resolved.name}-{hashlib.sha256(str(resolved).encode()).hexdigest()[:12]}"


def default_cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "huozhong"


def source_fingerprint(source: ModelSource, quantization: str) -> dict[str, Any]:
    """What packed weights, and all computed with them, depend on: the files as they are now, and the quantisation."""
    resolved = source.path.resolve()
    return {
        "path": str(resolved),
        "format": quantization,
        "files": [[f.name, f.stat().st_size, f.stat().st_mtime_ns] for f in source.files()],
    }
