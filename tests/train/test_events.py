"""Event files: their checksums, and that a reader of protocol buffers finds the numbers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from huozhong.cli import train
from huozhong.errors import DataError
from huozhong.train.events import crc32c, event_file
from huozhong.train.state import MetricsFile


def test_the_checksum_is_castagnolis() -> None:
    """RFC 3720, appendix B.4."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(bytes([255] * 32)) == 0x62A8AB43


def records(data: bytes) -> Iterator[bytes]:
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        for checked, sum_at in ((data[:8], 8), (data[12 : 12 + length], 12 + length)):
            (masked,) = struct.unpack("<I", data[sum_at : sum_at + 4])
            rotated = (masked - 0xA282EAD8) & 0xFFFFFFFF
            assert (rotated >> 17 | rotated << 15) & 0xFFFFFFFF == crc32c(checked)
        yield data[12 : 12 + length]
        data = data[16 + length :]


def fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """(number, value) of a message's fields."""

    def varint(at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            value |= (data[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if data[at - 1] < 0x80:
                return value, at

    at = 0
    while at < len(data):
        key, at = varint(at)
        if key & 7 == 0:
            value, at = varint(at)
            yield key >> 3, value
            continue
        size = {1: 8, 5: 4}.get(key & 7)
        if size is None:
            size, at = varint(at)
        yield key >> 3, data[at : at + size]
        at += size


def test_every_number_is_found_again() -> None:
    rows = [{"step": 1, "loss": 2.5, "seconds": 0.5, "note": "x"}, {"step": 300, "loss": 1.25, "seconds": 0.25}]
    first, *rest = records(event_file(rows))
    assert dict(fields(first))[3] == b"brain.Event:2"
    found = []
    for event in rest:
        parts = dict(fields(event))
        values = [dict(fields(value)) for _, value in fields(parts[5])]  # type: ignore[arg-type]
        numbers = {v[1].decode(): struct.unpack("<f", v[2])[0] for v in values}  # type: ignore[union-attr,arg-type]
        found.append((parts[2], struct.unpack("<d", parts[1])[0], numbers))  # type: ignore[arg-type]
    assert found == [(1, 0.5, {"loss": 2.5, "seconds": 0.5}), (300, 0.75, {"loss": 1.25, "seconds": 0.25})]


def test_the_command(tmp_path: Path) -> None:
    app = typer.Typer()
    train.register(app)
    app.command("other")(lambda: None)  # with a single command typer would leave out its name
    result = CliRunner().invoke(app, ["train", "tensorboard", str(tmp_path)])
    assert isinstance(result.exception, DataError)
    MetricsFile(tmp_path).append({"step": 1, "loss": 2.0})
    for _ in range(2):  # a second time replaces the first
        assert CliRunner().invoke(app, ["train", "tensorboard", str(tmp_path)]).exception is None
    (written,) = tmp_path.glob("*tfevents*")
    assert len(list(records(written.read_bytes()))) == 2
    with pytest.raises(AssertionError):  # a flipped bit is seen
        list(records(written.read_bytes()[:-1] + b"\0"))
