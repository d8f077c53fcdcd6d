"""A run's metrics for TensorBoard: metrics.jsonl written as an event file, without TensorBoard's own library.

An event file is a chain of records: length (uint64), its checksum, the data, their checksum; checksums are CRC-32C
(Castagnoli), rotated and shifted so that one of a checksum is no checksum (TFRecord).  The data are protocol buffers:
Event {1: seconds (double), 2: step (int64), 3: version (string), 5: Summary {1: Value {1: tag, 2: number (float)}}}.
Source: tensorflow/core/util/event.proto and lib/io/record_writer in TensorFlow's public sources.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from huozhong.errors import DataError
from huozhong.train.state import MetricsFile, write_file

NAME = "events.out.tfevents.huozhong"


def write_events(run: Path) -> Path:
    """Write the event file of a run's folder beside its metrics.jsonl, replacing an older one; returns its path.

    Raises DataError when the run has no metrics.
    """
    records = MetricsFile(run).read()
    if not records:
        raise DataError(f"{run} has no metrics.jsonl with steps in it; is it the folder of a training run?")
    (run / NAME).unlink(missing_ok=True)
    write_file(run / NAME, event_file(records))
    return run / NAME


def event_file(records: Iterable[Mapping[str, Any]]) -> bytes:
    """An event file's bytes; every number of a record becomes a curve.  Seconds count on from the run's start."""
    pieces = [_record(_double(1, 0.0) + _bytes(3, b"brain.Event:2"))]
    seconds = 0.0
    for record in records:
        seconds += float(record.get("seconds", 0.0))
        values = {k: v for k, v in record.items() if k != "step" and isinstance(v, int | float)}
        summary = b"".join(_bytes(1, _bytes(1, tag.encode()) + _float(2, v)) for tag, v in values.items())
        pieces.append(_record(_double(1, seconds) + _whole(2, record["step"]) + _bytes(5, summary)))
    return b"".join(pieces)


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def crc32c(data: bytes) -> int:
    """CRC-32C, byte by byte."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()


# -- protocol buffers --------------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _whole(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _double(field: int, number: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", number)


def _bytes(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _float(field: int, number: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", number)
