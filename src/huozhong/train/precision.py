"""In which numbers a run multiplies: bfloat16 where this machine is faster in it, float32 elsewhere.

bfloat16 halves the bytes, and processors and GPUs that have instructions for it multiply it two to eight times as
fast.  On all others it is widened first: there it is several times slower than float32, and gains nothing.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch

from huozhong.train.recipe import Recipe
from huozhong.train.rl.recipe import RlRecipe
from huozhong.train.state import CheckpointFolder

AnyRecipe = TypeVar("AnyRecipe", bound=Recipe | RlRecipe)

Precision = Literal["bf16", "float32"]

WORTH = 1.25  # times as fast bfloat16 must be: what is about as fast must not be chosen by chance
_TYPES: dict[Precision, torch.dtype] = {"bf16": torch.bfloat16, "float32": torch.float32}


def dtype_of(precision: Precision) -> torch.dtype:
    return _TYPES[precision]


def precision_of(dtype: torch.dtype) -> Precision:
    return "bf16" if dtype == torch.bfloat16 else "float32"


def faster(device: torch.device | None = None) -> Precision:
    """What `device` (None: the processor) multiplies faster, which on a processor a moment's trial tells."""
    if device is not None and device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    return _tried(_seconds, torch.get_num_threads())


@cache
def _tried(seconds: Callable[[torch.dtype], float], threads: int) -> Precision:
    """What a processor multiplies faster with so many threads: tried once, so that all runs of a process agree."""
    return "bf16" if WORTH * seconds(torch.bfloat16) < seconds(torch.float32) else "float32"


def _seconds(dtype: torch.dtype) -> float:
    """Of one product, the best of some."""
    one, other = torch.ones(256, 512, dtype=dtype), torch.ones(512, 512, dtype=dtype)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        one @ other
        times.append(time.perf_counter() - began)
    return min(times)


def as_begun(recipe: AnyRecipe, out: Path, *, fresh: bool) -> AnyRecipe:
    """The recipe with the precision of the run that lies under `out`, where it leaves that to the machine."""
    then = begun_in(out, fresh=fresh) if recipe.run.precision == "auto" else None
    return recipe if then is None else dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, precision=then))


def begun_in(out: Path, key: str = "run.precision", *, fresh: bool) -> Precision | None:
    """What the run whose checkpoints lie under `out` says under `key` of its identity; None where there is none.

    fresh: another takes its place, which goes on from nothing.
    """
    checkpoints = CheckpointFolder(out)
    steps = [] if fresh else checkpoints.steps()
    then: Any = checkpoints.read_meta(steps[-1])["identity"].get(key) if steps else None
    return then if then in _TYPES else None
