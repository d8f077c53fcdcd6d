"""How vectors lie in a file: a head, and behind it segments that are only ever appended.

    head       magic, dim, seed, what kind of vectors, the centre [dim] float32, CRC-32; filled up to 64 bytes
    rows       64 bytes, then for n vectors: units [n, width] float16, ids [n] int64, codes [n, words + 1] uint32,
               and two CRC-32 for each 1,024 vectors: of ids and codes, and of units
    gone       64 bytes, then the rows [n] int64 that were deleted, and a CRC-32
    wiped      64 bytes: what the last `gone` named has been overwritten with zeros

A segment counts once its 64 bytes are there and right.  They are written last, after what is behind them is on the
disk (or, of small ones, together with it, and then the checksums decide).  So after `kill -9` or a power cut there is
at most one piece at the end that does not count: it is cut off.  Anything else that is wrong is damage, and refused.
"""

from __future__ import annotations

import mmap
import os
import struct
import weakref
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels.scan import Rotation
from huozhong.errors import DataError
from huozhong.files import locked, sync

MAGIC, SEGMENT = b"HZVECS01", b"HZsg"
ROWS, GONE, WIPED = 1, 2, 3
BLOCK = 1024  # vectors with a checksum of their own
NOBODY = -1  # the id of a row whose vector is gone
_HEAD = struct.Struct("<8sIIQI")  # magic, bytes of the head, dim, seed, bytes of the kind's name
_SEGMENT = struct.Struct("<4sHHIqqI28xI")  # magic, kind, durable, count, first row, bytes, CRC of the CRCs, CRC
_LARGE = 1 << 20  # bytes of a segment that is made durable before it counts
MAX_DIM, MAX_ROWS = 1 << 15, 1 << 40

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Head:
    """What all of a file's vectors have in common.  space: which model made them; only those can be compared."""

    dim: int
    seed: int
    space: str
    centre: NDArray[np.float32]

    @property
    def rotation(self) -> Rotation:
        return Rotation.of(self.dim, self.seed)

    def to_bytes(self) -> bytes:
        name = self.space.encode()
        size = -(-(_HEAD.size + len(name) + 4 * self.dim + 4) // 64) * 64
        body = _HEAD.pack(MAGIC, size, self.dim, self.seed, len(name)) + name + self.centre.astype("<f4").tobytes()
        body = body.ljust(size - 4, b"\0")
        return body + struct.pack("<I", zlib.crc32(body))

    @classmethod
    def read(cls, data: Bytes, path: Path) -> tuple[Head, int]:
        """The head of a file and how many bytes it takes."""
        start = data[: _HEAD.size].tobytes()
        if len(start) < _HEAD.size or not start.startswith(MAGIC):
            raise DataError(f"{path} is not a file of vectors.").in_chinese(f"{path} 不是向量文件。")
        _, size, dim, seed, letters = _HEAD.unpack(start)
        body = data[:size].tobytes()
        if len(body) < size or size < 64 or zlib.crc32(body[:-4]) != int.from_bytes(body[-4:], "little"):
            raise damaged(path, 0)
        at = _HEAD.size + letters
        return cls(dim, seed, body[_HEAD.size : at].decode(), np.frombuffer(body, "<f4", dim, at).copy()), size


def damaged(path: Path, at: int) -> DataError:
    return DataError(f"{path} is damaged at byte {at}; put back a copy of it, or add its vectors again.").in_chinese(
        f"{path} 在第 {at} 字节处已损坏；请换回备份，或者重新添加其中的向量。"
    )


@dataclass(frozen=True)
class Extent:
    """A segment of rows.  at: where in the file it begins."""

    at: int
    first: int
    count: int


class Layout:
    """Where a vector's parts lie within a segment of rows."""

    def __init__(self, rotation: Rotation) -> None:
        self.unit_bytes, self.code_words = 2 * rotation.width, rotation.words + 1

    def units(self, extent: Extent) -> int:
        return extent.at + 64

    def ids(self, extent: Extent) -> int:
        return self.units(extent) + extent.count * self.unit_bytes

    def codes(self, extent: Extent) -> int:
        return self.ids(extent) + 8 * extent.count

    def checks(self, extent: Extent) -> int:
        return self.codes(extent) + 4 * self.code_words * extent.count

    def end(self, extent: Extent) -> int:
        return _round64(self.checks(extent) + 8 * blocks_of(extent.count))


def blocks_of(count: int) -> int:
    return -(-count // BLOCK)


def _round64(n: int) -> int:
    return -(-n // 64) * 64


class SegmentFile:
    """A file of segments that is open in this process alone."""

    def __init__(self, path: Path) -> None:
        """Open and check a file; what the last crash left half written is cut off, and `told` says so."""
        self.path = path
        self.told: tuple[str, str] | None = None  # Chinese, English
        try:
            self._file: BinaryIO = open(path, "r+b", buffering=0)  # noqa: SIM115  (closed by close)
        except OSError as error:
            raise DataError(f"{path} cannot be opened ({error.strerror}).").in_chinese(
                f"{path} 打不开（{error.strerror}）。"
            ) from None
        if not locked(self._file.fileno()) or not os.path.samestat(os.fstat(self._file.fileno()), os.stat(path)):
            self._file.close()
            raise DataError(f"{path} is in use by another process; wait for it or end it.").in_chinese(
                f"{path} 正被另一个进程使用；请等它结束。"
            )
        weakref.finalize(self, self._file.close)  # where nobody says close, as when a server is simply left
        try:
            self._read()
        except BaseException:
            self.close()
            raise

    def _read(self) -> None:
        self._mapped: Bytes = np.zeros(0, np.uint8)
        self.head, self.end = Head.read(self.mapped, self.path)
        self.rotation = self.head.rotation
        self.layout = Layout(self.rotation)
        self.extents: list[Extent] = []
        self.rows = 0
        pending: list[int] = []  # rows that were deleted and perhaps not overwritten
        while (segment := self._segment(self.end)) is not None:
            kind, extent, end = segment
            if kind == ROWS:
                self.extents.append(extent)
                self.rows += extent.count
            elif kind == GONE:
                pending += np.frombuffer(self.mapped, "<i8", extent.count, self.end + 64).tolist()
            else:
                pending.clear()
            self.end = end
        self._cut_tail()
        if pending:
            self._wipe(pending)

    def _segment(self, at: int) -> tuple[int, Extent, int] | None:
        """The segment at a place: its kind, its rows, its end.  None where none counts."""
        data = self.mapped
        raw = data[at : at + 64].tobytes()
        if len(raw) < 64 or zlib.crc32(raw[:-4]) != int.from_bytes(raw[-4:], "little"):
            return None
        magic, kind, durable, count, first, size, checks, _ = _SEGMENT.unpack(raw)
        if magic != SEGMENT or kind not in (ROWS, GONE, WIPED) or at + size > len(data):
            return None
        extent = Extent(at, first, count)
        if kind == ROWS:
            if first != self.rows or self.layout.end(extent) != at + size:
                raise damaged(self.path, at)
            if not durable and at + size == len(data) and not self._is_whole(extent, checks):
                return None
        elif kind == GONE and zlib.crc32(data[at + 64 : at + 64 + 8 * count].tobytes()) != checks:
            return None
        return kind, extent, at + size

    def _is_whole(self, extent: Extent, checks: int) -> bool:
        """Of the last segment: whether what is behind its first 64 bytes has reached the disk, too."""
        table = self._checks(extent)
        right = (np.array_equal(self.computed(extent, block), table[block]) for block in range(len(table)))
        return zlib.crc32(table.tobytes()) == checks and all(right)

    def _cut_tail(self) -> None:
        """What is behind the last segment that counts goes, if it can be what a crash left."""
        size = len(self.mapped)
        if self.end == size:
            return
        tail = self.mapped[self.end :]
        at = tail.tobytes().find(SEGMENT, 4)
        while at >= 0:
            raw = tail[at : at + 64].tobytes()
            if len(raw) == 64 and zlib.crc32(raw[:-4]) == int.from_bytes(raw[-4:], "little"):
                raise damaged(self.path, self.end)  # what comes behind it is whole: nothing that a crash does
            at = tail.tobytes().find(SEGMENT, at + 4)
        self._mapped = np.zeros(0, np.uint8)
        self._file.truncate(self.end)
        sync(self._file)
        lost = size - self.end
        self.told = (
            f"{self.path}：上次写到一半就停了，末尾 {lost} 字节没有写完，已去掉；已确认的都在。",
            f"{self.path}: the last write was cut short; its {lost} unfinished bytes were removed. "
            "Whatever had been acknowledged is there.",
        )

    @property
    def mapped(self) -> Bytes:
        """The whole file, mapped."""
        size = os.fstat(self._file.fileno()).st_size
        if len(self._mapped) != size:
            self._mapped = np.zeros(0, np.uint8)
            if size:
                self._mapped = np.frombuffer(mmap.mmap(self._file.fileno(), size, access=mmap.ACCESS_READ), np.uint8)
        return self._mapped

    # -- reading ------------------------------------------------------------------------------------------------------

    def ids(self, extent: Extent) -> NDArray[np.int64]:
        return np.frombuffer(self.mapped, "<i8", extent.count, self.layout.ids(extent))

    def codes(self, extent: Extent) -> NDArray[np.uint32]:
        words = self.layout.code_words
        return np.frombuffer(self.mapped, "<u4", extent.count * words, self.layout.codes(extent)).reshape(-1, words)

    def units(self, extent: Extent) -> NDArray[np.float16]:
        width = self.rotation.width
        return np.frombuffer(self.mapped, "<f2", extent.count * width, self.layout.units(extent)).reshape(-1, width)

    def _checks(self, extent: Extent) -> NDArray[np.uint32]:
        blocks = blocks_of(extent.count)
        return np.frombuffer(self.mapped, "<u4", 2 * blocks, self.layout.checks(extent)).reshape(-1, 2)

    def computed(self, extent: Extent, block: int, *, units: bool = True) -> NDArray[np.uint32]:
        """The two checksums of a block as they should be; the second 0 if it was not asked for."""
        some = slice(block * BLOCK, (block + 1) * BLOCK)
        first = zlib.crc32(self.codes(extent)[some].data, zlib.crc32(self.ids(extent)[some].data))
        return np.array([first, zlib.crc32(self.units(extent)[some].data) if units else 0], np.uint32)

    def check(self, *, units: bool) -> None:
        """DataError at the first block whose checksums are wrong."""
        for extent in self.extents:
            stored = self._checks(extent)
            for block in range(len(stored)):
                if not np.array_equal(
                    self.computed(extent, block, units=units)[: 1 + units], stored[block][: 1 + units]
                ):
                    raise damaged(self.path, self.layout.ids(extent) + 8 * block * BLOCK)

    # -- writing ------------------------------------------------------------------------------------------------------

    def append(self, count: int, pieces: Iterable[tuple[Any, Any, Any]]) -> Extent:
        """Append vectors: pieces of (ids, units as bits, codes by rows).  They are on the disk when this returns."""
        extent = Extent(self.end, self.rows, count)
        try:
            write_rows(self._file, self.layout, extent, pieces)
            sync(self._file)
        except BaseException:
            self._file.truncate(self.end)
            raise
        self.end = self.layout.end(extent)
        self.extents.append(extent)
        self.rows += count
        return extent

    def delete(self, rows: list[int]) -> None:
        """Overwrite vectors with zeros.  It lasts through a crash from the first write on."""
        body = np.array(rows, "<i8").tobytes()
        self._put(GONE, len(rows), body, zlib.crc32(body))
        self._wipe(rows)

    def _put(self, kind: int, count: int, body: bytes, check: int) -> None:
        size = 64 + _round64(len(body))
        self._write(self.end, _segment_head(kind, True, count, 0, size, check) + body.ljust(size - 64, b"\0"))
        sync(self._file)
        self.end += size

    def _wipe(self, rows: list[int]) -> None:
        layout, blocks = self.layout, set()
        for row in sorted(rows):
            extent = self.extent_of(row)
            i = row - extent.first
            self._write(layout.units(extent) + i * layout.unit_bytes, bytes(layout.unit_bytes))
            self._write(layout.ids(extent) + 8 * i, NOBODY.to_bytes(8, "little", signed=True))
            self._write(layout.codes(extent) + 4 * layout.code_words * i, bytes(4 * layout.code_words))
            blocks.add((extent, i // BLOCK))
        for extent, block in blocks:
            self._write(layout.checks(extent) + 8 * block, self.computed(extent, block).tobytes())
        sync(self._file)
        self._put(WIPED, 0, b"", 0)

    def extent_of(self, row: int) -> Extent:
        """The segment that holds a row."""
        low, high = 0, len(self.extents)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.extents[middle].first <= row else (low, middle)
        return self.extents[low]

    def _write(self, at: int, data: bytes) -> None:
        self._file.seek(at)
        _write_all(self._file, data)

    def close(self) -> None:
        self._mapped = np.zeros(0, np.uint8)
        self._file.close()


def write_rows(file: BinaryIO, layout: Layout, extent: Extent, pieces: Iterable[tuple[Any, Any, Any]]) -> None:
    """A segment of rows at its place in a file; large ones are on the disk before they count."""
    done, checks = 0, []
    for ids, units, codes in pieces:
        assert done % BLOCK == 0
        for at, each, part in (
            (layout.units(extent), layout.unit_bytes, units),
            (layout.ids(extent), 8, ids),
            (layout.codes(extent), 4 * layout.code_words, codes),
        ):
            file.seek(at + done * each)
            _write_all(file, memoryview(part).cast("B"))
        for i in range(0, len(ids), BLOCK):
            some = slice(i, i + BLOCK)
            checks += [zlib.crc32(codes[some], zlib.crc32(ids[some])), zlib.crc32(units[some])]
        done += len(ids)
    assert done == extent.count
    table = np.array(checks, "<u4").tobytes()
    file.seek(layout.checks(extent))
    _write_all(file, table.ljust(layout.end(extent) - layout.checks(extent), b"\0"))
    size = layout.end(extent) - extent.at
    if size >= _LARGE:
        sync(file)
    file.seek(extent.at)
    _write_all(file, _segment_head(ROWS, size >= _LARGE, extent.count, extent.first, size, zlib.crc32(table)))


def _segment_head(kind: int, durable: bool, count: int, first: int, size: int, check: int) -> bytes:
    raw = _SEGMENT.pack(SEGMENT, kind, durable, count, first, size, check, 0)[:-4]
    return raw + struct.pack("<I", zlib.crc32(raw))


def _write_all(file: BinaryIO, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
