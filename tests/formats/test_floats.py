"""bfloat16 and float8 are torch's."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from huozhong.formats.floats import decode_bfloat16, decode_float8, encode_bfloat16


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_bfloat16_is_torchs(values: list[float]) -> None:
    array = np.array(values, np.float32)
    bits = encode_bfloat16(array)
    expected = torch.from_numpy(array).bfloat16()
    assert np.array_equal(np.isnan(decode_bfloat16(bits)), np.isnan(array))
    whole = ~np.isnan(array)
    assert np.array_equal(bits[whole].view(np.int16), expected.view(torch.int16).numpy()[whole])


def test_float8_is_torchs() -> None:
    codes = torch.arange(256, dtype=torch.uint8)
    expected = codes.view(torch.float8_e4m3fn).float().numpy()
    np.testing.assert_array_equal(decode_float8(codes.numpy()), expected)
