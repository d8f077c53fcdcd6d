"""A safetensors file: every byte of it is distrusted."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.formats.strict import NORM, expect

from huozhong.errors import CheckpointError, HuozhongError
from huozhong.formats.checkpoint import (
    CheckpointReader,
)


def rewrite_header(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "model.safetensors"
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    replacement = change(header)
    text = json.dumps(header if replacement is None else replacement).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h: h.pop(NORM), "tensor 'model.norm.weight' is missing"),
        (lambda h: h[NORM].update(shape=[16, 2]), "has shape [16, 2]; config.json needs [32]"),
        (lambda h: h[NORM].update(shape=[31]), "data_offsets that do not fit"),
        (lambda h: h[NORM].update(dtype="F32"), "data_offsets that do not fit"),
        (lambda h: h[NORM].update(dtype="U16"), "is stored as U16; convert"),
        (lambda h: h[NORM].update(dtype="F8_E5M2"), "is stored as F8_E5M2; convert"),
        (lambda h: h[NORM].update(dtype="F8_E4M3"), "data_offsets that do not fit"),
        (lambda h: h[NORM].update(dtype=7), "has no dtype"),
        (lambda h: h[NORM].update(shape=[-32]), "impossible shape"),
        (lambda h: h[NORM].update(shape=[True]), "impossible shape"),
        (lambda h: h[NORM].update(shape="32"), "impossible shape"),
        (lambda h: h[NORM].update(data_offsets=[0, 1, 2]), "impossible shape or data_offsets"),
        (lambda h: h[NORM].update(data_offsets=[64, 0]), "do not fit"),
        (lambda h: h[NORM].update(data_offsets=[10**15, 10**15 + 64]), "the file is truncated"),
        (lambda h: h.update({NORM: []}), "is not described by a JSON object"),
        (lambda h: h.update(bias=h[NORM]), "tensor 'bias' has no place in the model"),
    ],
)
def test_nonsense_in_the_header(folder: Path, change: Callable[[dict[str, Any]], object], words: str) -> None:
    rewrite_header(folder, lambda header: change(header) and None)
    expect(folder, words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has only 0 bytes"),
        (b"1234567", "has only 7 bytes"),
        (struct.pack("<Q", 2**63) + b"{}", "it is not a safetensors file"),
        (struct.pack("<Q", 1000) + b"{}", "ends inside its header"),
        (struct.pack("<Q", 2) + b"[]", "is not a JSON object"),
        (struct.pack("<Q", 2) + b"{{", "is not valid JSON"),
        (b"PK\x03\x04 a zip file, or a git-lfs pointer", "it is not a safetensors file"),
    ],
)
def test_nonsense_instead_of_weights(folder: Path, content: bytes, words: str) -> None:
    (folder / "model.safetensors").write_bytes(content)
    expect(folder, words)


def test_every_truncation_is_noticed(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for length in [*range(0, 200, 7), *range(200, len(whole), 997), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            CheckpointReader(folder)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_flipped_bytes_never_crash(folder: Path, data: st.DataObject) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    at = data.draw(st.integers(0, 8 + length - 1))
    broken = bytearray(whole)
    broken[at] = data.draw(st.integers(0, 255))
    path.write_bytes(broken)
    try:
        reader = CheckpointReader(folder)
        assert all(reader.tensor(name).dtype == np.float32 for name in reader.names())
    except HuozhongError:
        pass
    finally:
        path.write_bytes(whole)
