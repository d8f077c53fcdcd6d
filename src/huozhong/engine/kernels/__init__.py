"""The door to the CPU kernels: the ops of `reference.py`, computed by the native module."""

from huozhong.engine.kernels.choose import arithmetic, available, use, used
from huozhong.engine.kernels.model import IN_MEMORY, ExpertStats, RunnableModel, load
from huozhong.engine.kernels.ops import (
    attend_decode,
    attend_grouped,
    attend_prefill,
    choose_keys,
    embed,
    largest,
    layer_norm,
    linear,
    quantize_rows,
    rms_norm,
    rotate,
    route,
    silu_mul,
)

__all__ = [
    "IN_MEMORY",
    "ExpertStats",
    "RunnableModel",
    "arithmetic",
    "attend_decode",
    "attend_grouped",
    "attend_prefill",
    "available",
    "choose_keys",
    "embed",
    "largest",
    "layer_norm",
    "linear",
    "load",
    "quantize_rows",
    "rms_norm",
    "rotate",
    "route",
    "silu_mul",
    "use",
    "used",
]
