"""Packing: the layout is what the kernels read, and the rounding is as small as the format allows."""

from __future__ import annotations

import numpy as np
import pytest

from huozhong.engine.weights.quant import PackedMatrix, pack, packed_shapes, unpack, unpack_groups
from huozhong.errors import ConfigError

MADE = ["f32", "f16", "bf16", "q8", "q4"]  # what is packed from floats; the others come from GGUF: test_blocks.py
SHAPES = [(1, 1), (16, 32), (17, 33), (48, 64), (5, 100)]


def random_matrix(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_f32_is_exact(shape: tuple[int, int]) -> None:
    w = random_matrix(*shape)
    assert np.array_equal(unpack(pack(w, "f32")), w)


@pytest.mark.parametrize(("format", "bits"), [("f16", 10), ("bf16", 7)])
def test_short_floats_are_the_nearest(format: str, bits: int) -> None:
    w = random_matrix(20, 40)
    out = unpack(pack(w, format))  # type: ignore[arg-type]
    np.testing.assert_allclose(out, w, rtol=2.0 ** -(bits + 1))
    assert np.array_equal(unpack(pack(out, format)), out)  # type: ignore[arg-type]


def test_a_float_too_large_for_float16_stays_finite() -> None:
    assert np.isfinite(unpack(pack(np.full((16, 32), 1e9, np.float32), "f16"))).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("format", "levels"), [("q8", 127), ("q4", 8)])
def test_error_is_at_most_half_a_step(shape: tuple[int, int], format: str, levels: int) -> None:
    w = random_matrix(*shape)
    packed = pack(w, format)  # type: ignore[arg-type]
    error = np.abs(unpack(packed) - w)
    for group in range(0, shape[1], 32):
        largest = np.abs(w[:, group : group + 32]).max(axis=1, keepdims=True)
        # q4 has levels -8 .. 7, so a weight near the far end may be a whole step away
        step = largest / levels * (0.5 if format == "q8" else 1.0) * 1.01
        assert (error[:, group : group + 32] <= step).all()


@pytest.mark.parametrize("format", ["q8", "q4"])
def test_layout_is_the_documented_one(format: str) -> None:
    w = random_matrix(40, 70)
    packed = pack(w, format)  # type: ignore[arg-type]
    q_NOGK = unpack_groups(packed).q
    o, i = 35, 66  # row 3 of block 2; input 2 of group 2: quad 0, byte 2
    if format == "q8":
        assert packed.data[0, 2, 2, 0, 3, 2] == int(q_NOGK[0, o, 2, 2]) + 128
    else:
        assert packed.data[0, 2, 2, 0, 3, 2] & 15 == int(q_NOGK[0, o, 2, 2]) + 8
        assert packed.data[0, 2, 1, 0, 3, 2] >> 4 == int(q_NOGK[0, o, 1, 18]) + 8
    assert packed.scales is not None
    assert unpack(packed)[o, i] == np.float32(q_NOGK[0, o, 2, 2]) * np.float32(packed.scales[0, 2, 2, 3])


@pytest.mark.parametrize("format", MADE)
def test_stack_is_its_matrices(format: str) -> None:
    w = random_matrix(3, 20, 40)
    stack = pack(w, format)  # type: ignore[arg-type]
    assert stack.count == 3
    for n in range(3):
        assert np.array_equal(unpack(stack)[n], unpack(pack(w[n], format)))  # type: ignore[arg-type]


@pytest.mark.parametrize("format", ["q8", "q4"])
def test_zeros_tiny_and_huge_weights(format: str) -> None:
    w = np.zeros((16, 96), np.float32)
    w[:, 32:64] = 1e-30  # below float16's smallest scale: becomes zero
    w[:, 64:] = 1e30  # above its largest: as large as it goes
    out = unpack(pack(w, format))  # type: ignore[arg-type]
    assert (out[:, :64] == 0).all()
    assert np.isfinite(out).all()
    assert (out[:, 64:] > 4e5).all()


@pytest.mark.parametrize("format", MADE)
def test_arrays_begin_at_cache_lines(format: str) -> None:
    packed = pack(random_matrix(40, 40), format)  # type: ignore[arg-type]
    assert packed.data.ctypes.data % 64 == 0


def test_unknown_format_is_named() -> None:
    with pytest.raises(ConfigError, match="q3"):
        packed_shapes("q3", 1, 1)


def test_wrong_arrays_are_refused() -> None:
    good = pack(random_matrix(16, 32), "q8")
    with pytest.raises(ValueError, match="data"):
        PackedMatrix("q8", 32, 32, good.data, good.scales)
    with pytest.raises(ValueError, match="needs scales"):
        PackedMatrix("q8", 16, 32, good.data, None)
    with pytest.raises(ValueError, match="has no scales"):
        PackedMatrix("f32", 16, 32, pack(random_matrix(16, 32), "f32").data, good.scales)


def test_a_format_that_only_gguf_brings_is_not_made() -> None:
    with pytest.raises(ConfigError, match="q4_k"):
        pack(random_matrix(16, 256), "q4_k")


def test_k_quants_want_whole_records() -> None:
    with pytest.raises(ConfigError, match="multiple of 256"):
        packed_shapes("q6_k", 16, 128)
