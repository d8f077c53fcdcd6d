"""The block formats against the `gguf` package, bit for bit."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from huozhong.formats.gguf.blocks import FORMATS, OTHER_FORMATS, WRITABLE, dequantize, quantize

ODD_HALVES = np.array([0, 0x8000, 0x7C00, 0xFC00, 0x7E00, 0xFE01, 0x0001, 0x7BFF, 0x3C00], "<u2")


FACTORS = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "Q5_1": [0, 2], "Q2_K": [80, 82], "Q3_K": [108], "IQ4_NL": [0], "IQ4_XS": [0], "IQ3_S": [0], "IQ3_XXS": [0],
    "IQ2_S": [0], "IQ2_XS": [0], "IQ2_XXS": [0], "IQ1_S": [0], "TQ1_0": [52], "TQ2_0": [64],
}  # fmt: skip


def theirs(data: np.ndarray, type: str) -> np.ndarray:
    with np.errstate(all="ignore"):
        return gguf.quants.dequantize(data, gguf.GGMLQuantizationType[type])


def assert_same_bits(ours: np.ndarray, expected: np.ndarray) -> None:
    """Equal bits; a NaN may be any NaN, since which of two NaNs a sum keeps is the processor's business."""
    assert ours.dtype == np.float32
    assert ours.shape == expected.shape
    nan = np.isnan(expected)
    assert np.array_equal(nan, np.isnan(ours))
    assert np.array_equal(ours.view(np.uint32)[~nan], np.ascontiguousarray(expected).view(np.uint32)[~nan])


NUMBERS = [type for type in FORMATS if type != "I32"]  # the package does not unpack whole numbers


@pytest.mark.parametrize("type", FORMATS)
def test_formats_are_those_of_the_gguf_package(type: str) -> None:
    form, code = FORMATS[type], gguf.GGMLQuantizationType[type]
    assert form.code == code.value
    assert (form.size, form.bytes) == gguf.GGML_QUANT_SIZES[code]


def test_unread_formats_are_known_by_name() -> None:
    for code in gguf.GGMLQuantizationType:
        known = {form.code: name for name, form in FORMATS.items()} | OTHER_FORMATS
        assert known[code.value] == code.name


@pytest.mark.parametrize("type", NUMBERS)
@settings(max_examples=25, deadline=None)  # a busy machine is no error
@given(data=st.data())
def test_any_bytes_become_the_packages_numbers(type: str, data: st.DataObject) -> None:
    rows, blocks = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 3))
    packed = data.draw(hnp.arrays(np.uint8, (rows, blocks * FORMATS[type].bytes)))
    assert_same_bits(dequantize(packed, type), theirs(packed, type))


@pytest.mark.parametrize("type", NUMBERS)
def test_many_random_blocks_and_odd_factors(type: str) -> None:
    random = np.random.default_rng(0)
    form = FORMATS[type]
    count = 40_000 if form.size == 1 else 3_000  # more than one chunk of the plain ones
    blocks = random.integers(0, 256, (count, form.bytes), np.uint8)
    assert_same_bits(dequantize(blocks, type), theirs(blocks, type))
    for at in FACTORS.get(type, ()):
        blocks[:, at : at + 2] = random.choice(ODD_HALVES, count).view(np.uint8).reshape(-1, 2)
    assert_same_bits(dequantize(blocks, type), theirs(blocks, type))


def test_more_blocks_than_one_chunk() -> None:
    random = np.random.default_rng(1)
    packed = random.integers(0, 256, (3, 10_000 * 18), np.uint8)
    assert_same_bits(dequantize(packed, "Q4_0"), theirs(packed, "Q4_0"))


def test_stacked_rows_keep_their_shape() -> None:
    packed = np.random.default_rng(2).integers(0, 128, (2, 3, 34 * 2), np.uint8)
    assert dequantize(packed, "Q8_0").shape == (2, 3, 64)


@pytest.mark.parametrize("type", WRITABLE)
def test_quantisation_is_the_packages(type: str) -> None:
    random = np.random.default_rng(3)
    values = (random.normal(size=(50, 256)) * 10.0 ** random.integers(-6, 4, (50, 1))).astype(np.float32)
    values[0], values[1, ::2] = 0, 0
    values[2] = np.tile([1.5, -1.5, 0.5, 127], 64)  # halves, and two numbers of the same magnitude
    expected = gguf.quants.quantize(values, gguf.GGMLQuantizationType[type])
    assert np.array_equal(quantize(values, type).reshape(50, -1), expected.view(np.uint8).reshape(50, -1))
    assert np.isnan(dequantize(quantize(np.full((1, 32), np.nan, np.float32), "BF16"), "BF16")).all()


def test_whole_numbers_of_tables() -> None:
    numbers = np.array([[0, 255, 129279], [-1, 7, 1 << 20]], "<i4")
    np.testing.assert_array_equal(dequantize(numbers.view(np.uint8), "I32"), numbers)
