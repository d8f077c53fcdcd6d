"""Random GGUF blocks, for the tests of whatever reads them."""

from __future__ import annotations

import numpy as np

from huozhong.engine.weights.blocks import TYPES, pack_blocks
from huozhong.engine.weights.quant import FLOATS, PackedMatrix

# Where a block's float16 scales lie: random bits there would be NaN and infinity, too.
HALVES = {
    "Q4_1": (0, 2), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,), "Q5_1": (0, 2), "Q2_K": (80, 82), "Q3_K": (108,),
    "MXFP4": (), "IQ1_M": (), "TQ1_0": (52,), "TQ2_0": (64,),
}  # fmt: skip


def random_rows(type: str, out_features: int, in_features: int, seed: int = 0) -> np.ndarray:
    """Rows of random blocks, uint8 [O, bytes]: every bit of the weights random, scales about 1."""
    format, weights, size = TYPES[type]
    rng = np.random.default_rng(seed)
    if format in FLOATS:
        numbers = rng.standard_normal((out_features, in_features)).astype(np.float32)
        if format == "bf16":
            return (numbers.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
        return numbers.astype({"f32": np.float32, "f16": np.float16}[format]).view(np.uint8)
    raw = rng.integers(0, 256, (out_features, in_features // weights, size), dtype=np.uint8)
    for at in HALVES.get(type, (0,)):
        scales = rng.standard_normal(raw.shape[:2]).astype(np.float16)
        raw[..., at : at + 2] = scales.view(np.uint8).reshape(*raw.shape[:2], 2)
    if type == "MXFP4":
        raw[..., 0] = rng.integers(120, 135, raw.shape[:2])
    if type == "IQ1_M":  # the scale's sixteen bits, four to a word: 1
        raw[..., 49::2] = raw[..., 49::2] & 15 | np.array([0, 0, 0xC0, 0x30], np.uint8)
    return raw.reshape(out_features, -1)


def random_matrix(type: str, out_features: int, in_features: int, seed: int = 0) -> PackedMatrix:
    return pack_blocks(random_rows(type, out_features, in_features, seed), type, in_features)
