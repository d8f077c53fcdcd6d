"""A million vectors on an ordinary machine: found by likeness, added and deleted without rebuilding anything.

In memory a vector takes one bit a number: moved to the centre of all, rotated, and only signs kept
(`engine.kernels.scan`; RaBitQ, Gao and Long 2024).  A search counts differing bits, which gives each vector an estimate
of its likeness that is right on average, and how wrong it may be; then it reads the vectors themselves from the mapped
file, best estimates first, until the bound says that no other can be among the best.  Real embeddings all lean one
way, so that raw signs hardly differ between them: hence the centre.  It is taken from the first vectors that are added
together, and anew when the file is compacted.

    with Vectors.open(path, dim=512, space="ember") as vectors:
        ids = vectors.add(rows)
        best = vectors.search(rows[0], k=10)      # best.ids, best.likeness, best.sure
        vectors.remove(ids[:1])

Likeness is the cosine.  What `add` and `remove` have returned from lasts through `kill -9` (`segments.py`).
"""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels.reference_scan import factors_of
from huozhong.engine.kernels.scan import LANES, Rotation, encode_rows, half_dots, scan_codes, searched
from huozhong.errors import DataError
from huozhong.files import whole_file
from huozhong.memory.segments import MAX_DIM, NOBODY, Extent, Head, Layout, SegmentFile, write_rows

PIECE = 1 << 16  # vectors that are encoded together
CHUNK = 1 << 13  # vectors whose codes lie together in memory; the last chunk grows to that
_LEAST = 256
CANDIDATES = 2048  # estimates that are looked at more closely, at most
FIRST_CENTRE = 256  # vectors added together that a centre can be taken from
_SAMPLE = 1 << 16  # of them are enough
_BATCH = 256  # exact products at a time
_DEVIATIONS = 4.0  # of an estimate: what the bound allows
_NO_FACTORS = 0xFC00 << 16  # the scale 0, the offset minus infinity
_MANY_EXTENTS, _MANY_GONE, _FAR = 4096, 0.25, 0.25

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]


@dataclass(frozen=True)
class Found:
    """The vectors most like what was searched for, best first.  likeness: cosines.

    sure: by the estimates' bound no other vector is more like it than the last of these.
    """

    ids: I64
    likeness: F32
    sure: bool


class Vectors:
    """The vectors of one file.  Safe to use from several threads; one process at a time has it."""

    def __init__(self, path: Path, threads: int) -> None:
        self._path, self._threads = path, threads
        self._lock = threading.RLock()
        self._load(SegmentFile(path))

    @classmethod
    def open(cls, path: Path, *, dim: int, space: str = "", threads: int = 2) -> Vectors:
        """The vectors of a file, which is made if it is not there.  DataError says why that cannot be.

        dim: numbers of a vector.  space: which model made them; a file of another model's is refused.
        """
        if not 2 <= dim <= MAX_DIM:
            raise _said(f"向量要有 2 到 {MAX_DIM} 个数，不能是 {dim} 个。",
                        f"A vector has 2 to {MAX_DIM} numbers, not {dim}.")  # fmt: skip
        if not path.exists():
            head = Head(dim, secrets.randbits(63), space, np.zeros(dim, np.float32))
            with whole_file(path) as file:
                file.write(head.to_bytes())
        vectors = cls(path, threads)
        head = vectors._file.head
        if (head.dim, head.space) != (dim, space):
            vectors.close()
            raise _said(
                f"{path} 里是 {head.space or '未注明的模型'} 的 {head.dim} 维向量，"
                f"不能和 {space or '未注明的模型'} 的 {dim} 维向量相比。",
                f"{path} holds vectors of {head.dim} numbers by {head.space or 'an unnamed model'}; those of {dim} by "
                f"{space or 'an unnamed model'} cannot be compared with them.",
            )
        if vectors.wants_compaction:
            vectors.compact()
        return vectors

    def _load(self, file: SegmentFile) -> None:
        try:
            file.check(units=False)
        except BaseException:
            file.close()
            raise
        self._file = file
        self._chunks: list[NDArray[np.uint32]] = []
        self._placed, self._gone, self._next, self._widest = 0, 0, 0, 0.0
        self._firsts, self._units_at = np.zeros(0, np.int64), np.zeros(0, np.int64)
        for extent in file.extents:
            self._put(extent)
            self._gone += int((self._file.ids(extent) == NOBODY).sum())

    def _put(self, extent: Extent) -> None:
        """Take a segment's codes into memory, and remember where it lies."""
        ids, codes = self._file.ids(extent), self._file.codes(extent)
        gone = ids == NOBODY
        if gone.any():
            codes = codes.copy()
            codes[gone, -1] = _NO_FACTORS
        self._place(codes)
        scales = np.ascontiguousarray(codes[:, -1]).view(np.float16)[::2]
        self._widest = max(self._widest, float(scales.max(initial=0)))
        self._next = max(self._next, int(ids.max(initial=NOBODY)) + 1)
        self._firsts = np.append(self._firsts, extent.first)
        self._units_at = np.append(self._units_at, self._file.layout.units(extent))

    # -- what there is ------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self._file.rows - self._gone

    @property
    def dim(self) -> int:
        return self._file.head.dim

    @property
    def space(self) -> str:
        return self._file.head.space

    @property
    def told(self) -> tuple[str, str] | None:
        """What opening had to mend, in Chinese and in English."""
        return self._file.told

    @property
    def memory(self) -> int:
        """Bytes of memory that the codes take; everything else is mapped."""
        return sum(chunk.nbytes for chunk in self._chunks)

    @property
    def ids(self) -> I64:
        """Every vector's id, in the order in which they were added."""
        with self._lock:
            every = [self._file.ids(extent) for extent in self._file.extents]
            flat = np.concatenate(every) if every else np.zeros(0, np.int64)
            return np.asarray(flat[flat != NOBODY])

    def get(self, id: int) -> F32:
        """A vector, of length 1.  KeyError if there is none of that id."""
        with self._lock:
            rows = self._rows_of([id])
            if not len(rows):
                raise KeyError(id)
            extent = self._file.extent_of(int(rows[0]))
            unit = self._file.units(extent)[int(rows[0]) - extent.first]
            return np.asarray(unit[: self.dim], np.float32)

    # -- changing it --------------------------------------------------------------------------------------------------

    def add(self, rows: Any, ids: Sequence[int] | I64 | None = None) -> I64:
        """Keep vectors [n, dim], of any length but zero, and return their ids: those given, or the next ones.

        DataError for rows of another width, with numbers that are not finite, or with ids that are there already.
        """
        given = np.ascontiguousarray(rows, np.float32)
        if given.ndim != 2 or given.shape[1] != self.dim:
            raise _said(f"要添加的向量应是每行 {self.dim} 个数，不是 {given.shape}。",
                        f"Vectors to add must be rows of {self.dim} numbers, not {given.shape}.")  # fmt: skip
        with self._lock:
            names = self._checked(ids, len(given))
            if not len(given):
                return names
            if not self._file.rows and len(given) >= FIRST_CENTRE:
                self._rewrite(_centre_of(given[:: -(-len(given) // _SAMPLE)]), len(given), _parts(given, names))
                return names
            extent = self._file.append(len(given), self._encoded(_parts(given, names), self._file.head))
            self._put(extent)
            return names

    def _checked(self, ids: Sequence[int] | I64 | None, count: int) -> I64:
        if ids is None:
            return np.arange(self._next, self._next + count, dtype=np.int64)
        names = np.ascontiguousarray(ids, np.int64)
        if names.shape != (count,) or names.min(initial=0) < 0 or len(np.unique(names)) < count:
            raise _said("每个向量要有自己的编号，不小于 0，各不相同。",
                        "Every vector needs an id of its own, not below 0.")  # fmt: skip
        if names.min(initial=self._next) < self._next and len(there := self._rows_of(names)):
            raise _said(f"已经有 {len(there)} 个同样编号的向量；请先删除。",
                        f"{len(there)} of these ids are there already; remove those first.")  # fmt: skip
        return names

    def remove(self, ids: Sequence[int] | I64) -> int:
        """Delete vectors: they are overwritten in the file.  Returns how many of these ids there were."""
        with self._lock:
            rows = self._rows_of(ids)
            if len(rows):
                self._file.delete(rows.tolist())
                for row in rows.tolist():
                    within = row % CHUNK
                    factors_of(self._chunks[row // CHUNK])[within // LANES, :, within % LANES] = (0, -np.inf)
                self._gone += len(rows)
            return len(rows)

    def _rows_of(self, ids: Sequence[int] | I64) -> I64:
        names = np.asarray(ids, np.int64)
        names = names[names >= 0]
        found = [
            extent.first + np.flatnonzero(here == names[0] if len(names) == 1 else np.isin(here, names))
            for extent in self._file.extents
            for here in (self._file.ids(extent),)
        ]
        return np.concatenate(found).astype(np.int64) if found and len(names) else np.zeros(0, np.int64)

    @property
    def wants_compaction(self) -> bool:
        """Whether much is gone, in small pieces, or far from the centre, so that searching or opening is slower."""
        with self._lock:
            if self._gone > max(_MANY_GONE * self._file.rows, 1000) or len(self._file.extents) > _MANY_EXTENTS:
                return True
            if len(self) < 4 * FIRST_CENTRE:
                return False
            sample = np.concatenate([unit for unit, _ in self._live(max(1, self._file.rows // 4096))])
            return float(np.linalg.norm(_centre_of(sample) - self._file.head.centre)) > _FAR

    def compact(self) -> None:
        """Write the file anew without what is gone, around the centre that its vectors have now."""
        with self._lock:
            sample = [unit for unit, _ in self._live(max(1, self._file.rows // _SAMPLE))]
            centre = _centre_of(np.concatenate(sample)) if len(self) >= FIRST_CENTRE else np.zeros(self.dim, np.float32)
            self._rewrite(centre, len(self), _regrouped(self._live(1)))

    def _live(self, step: int) -> Iterator[tuple[F32, I64]]:
        """Every step-th vector that is there, and its id."""
        for extent in self._file.extents:
            ids, units = self._file.ids(extent), self._file.units(extent)
            for at in range(0, extent.count, PIECE * step):
                some = slice(at, at + PIECE * step, step)
                there = ids[some] != NOBODY
                yield units[some, : self.dim][there].astype(np.float32), ids[some][there]

    def _rewrite(self, centre: F32, count: int, parts: Iterator[tuple[F32, I64]]) -> None:
        old = self._file
        head = Head(self.dim, old.head.seed, self.space, centre)
        with whole_file(self._path) as file:
            start = head.to_bytes()
            file.write(start)
            if count:
                write_rows(file, Layout(head.rotation), Extent(len(start), 0, count), self._encoded(parts, head))
        new = SegmentFile(self._path)
        old.close()
        self._load(new)

    def _encoded(self, parts: Iterator[tuple[F32, I64]], head: Head) -> Iterator[tuple[I64, Any, Any]]:
        rotation, before = head.rotation, 0
        for rows, ids in parts:
            try:
                units, codes = encode_rows(np.ascontiguousarray(rows), head.centre, rotation, self._threads)
            except ValueError as error:
                bad = before + int(str(error).split()[1])
                raise _said(
                    f"第 {bad} 个向量（从 0 数）全是零，或者有不是数的值。",
                    f"Vector {bad} (counted from 0) is all zeros, or has values that are no numbers.",
                ) from None
            before += len(rows)
            yield ids, units, _by_rows(codes, len(rows))

    # -- codes in memory ----------------------------------------------------------------------------------------------

    def _place(self, codes: NDArray[np.uint32]) -> None:
        """Interleave codes by rows, as they lie in the file, behind those that are there."""
        words = codes.shape[1] - 1
        while len(codes):
            within = self._placed % CHUNK
            if not within:
                self._chunks.append(np.zeros((0, words + 1, LANES), np.uint32))
            if within == len(self._chunks[-1]) * LANES:
                self._chunks[-1] = _grown(self._chunks[-1], len(codes))
            chunk, lane = self._chunks[-1], within % LANES
            whole = min(len(chunk) * LANES - within, len(codes)) // LANES if not lane else 0
            count = whole * LANES or min(LANES - lane, len(codes))
            block, some = slice(within // LANES, within // LANES + max(whole, 1)), slice(lane, lane + min(count, LANES))
            bits = codes[:count, :words].reshape(max(whole, 1), -1, words)
            factors = np.ascontiguousarray(codes[:count, words]).view(np.float16).reshape(max(whole, 1), -1, 2)
            chunk[block, :words, some] = bits.swapaxes(1, 2)
            factors_of(chunk)[block, :, some] = factors.swapaxes(1, 2)
            self._placed, codes = self._placed + count, codes[count:]

    def _scales(self, rows: I64) -> F32:
        """The scale of each row's code, which its estimate's error is in proportion to."""
        out = np.empty(len(rows), np.float32)
        which, within = rows // CHUNK, rows % CHUNK
        for number in np.unique(which):
            here = which == number
            at = within[here]
            out[here] = factors_of(self._chunks[number])[at // LANES, 0, at % LANES]
        return out

    # -- searching ----------------------------------------------------------------------------------------------------

    def search(self, query: Any, k: int = 10, *, candidates: int = CANDIDATES) -> Found:
        """The k vectors most like a query [dim], which may have any length but zero.

        candidates: how many estimates are looked at more closely where the bound asks for it.
        """
        asked = np.asarray(query, np.float32)
        length = float(np.linalg.norm(asked)) if asked.shape == (self.dim,) else 0.0
        if not (math.isfinite(length) and length > 0):
            raise _said(f"要查找的向量应有 {self.dim} 个数，都是有限的，不全是零。",
                        f"A vector to search for has {self.dim} finite numbers, not all zero.")  # fmt: skip
        if k < 1 or candidates < 1:
            raise _said("要找的个数至少是 1。", "At least 1 vector must be asked for.")
        with self._lock:
            return self._search(asked / np.float32(length), min(k, len(self)), candidates)

    def _search(self, unit: F32, k: int, candidates: int) -> Found:
        if not k:
            return Found(np.zeros(0, np.int64), np.zeros(0, np.float32), True)
        head = self._file.head
        rotation = self._file.rotation
        what = searched(unit, head.centre, rotation)
        keep = max(candidates, 4 * k)
        full = -(-(self._placed % CHUNK or CHUNK) // LANES)
        rows, estimates = scan_codes([*self._chunks[:-1], self._chunks[-1][:full]], what, keep, self._threads)
        deviation = np.float32(_DEVIATIONS * what.apart * _deviation(rotation))
        bounds = estimates + deviation * self._scales(rows)
        wide = np.zeros(rotation.width, np.float32)
        wide[: self.dim] = unit
        likeness = np.full(len(rows), -np.inf, np.float32)
        left = np.arange(len(rows))
        while len(left):
            some, left = left[:_BATCH], left[_BATCH:]
            likeness[some] = half_dots(self._file.mapped, self._offsets(rows[some]), wide, self._threads)
            least = np.partition(likeness, -k)[-k]
            left = left[bounds[left] > least]
        best = np.lexsort((rows, -likeness))[:k]
        least = likeness[best[-1]]
        outside = estimates[-1] + deviation * self._widest if len(rows) == keep else -np.inf
        return Found(self._names(rows[best]), likeness[best], bool(least >= outside))

    def _offsets(self, rows: I64) -> I64:
        """Where in the file each row's unit begins."""
        extent, i = self._extents_of(rows)
        return self._units_at[extent] + i * self._file.layout.unit_bytes

    def _extents_of(self, rows: I64) -> tuple[I64, I64]:
        extent = np.searchsorted(self._firsts, rows, side="right") - 1
        return extent, rows - self._firsts[extent]

    def _names(self, rows: I64) -> I64:
        return np.array(
            [self._file.ids(self._file.extents[e])[i] for e, i in zip(*self._extents_of(rows), strict=True)]
        )

    # -- the end ------------------------------------------------------------------------------------------------------

    def verify(self) -> None:
        """Compare everything with its checksums: DataError says where the file is damaged."""
        with self._lock:
            self._file.check(units=True)

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _deviation(rotation: Rotation) -> float:
    """An estimate's standard deviation, for a query at distance 1 from the centre and a scale of 1.

    A rotated unit vector has a part of about `cosine` in the direction of its signs; what is across it is spread evenly
    over dim - 1 directions.  The twentieth is for vectors whose part is smaller than most.
    """
    bits = 32 * rotation.words
    cosine = math.sqrt(2 / math.pi * min(bits / rotation.width, 1.0))
    return 1.05 * math.sqrt(bits * (1 - cosine * cosine) / max(rotation.dim - 1, 1))


def _grown(chunk: NDArray[np.uint32], more: int) -> NDArray[np.uint32]:
    """A chunk with room for so many more vectors, or as many as fit one; the new lanes hold none."""
    blocks = -(-min(max(more, _LEAST, len(chunk) * LANES), CHUNK) // LANES)
    new = np.zeros((min(len(chunk) + blocks, CHUNK // LANES), *chunk.shape[1:]), np.uint32)
    new[: len(chunk)] = chunk
    factors_of(new)[len(chunk) :, 1] = -np.inf
    return new


def _by_rows(codes: NDArray[np.uint32], count: int) -> NDArray[np.uint32]:
    """Interleaved codes as rows [count, words + 1], a row's scale and offset in its last word."""
    words = codes.shape[1] - 1
    rows = np.empty((len(codes) * LANES, words + 1), np.uint32)
    rows[:, :words] = codes[:, :words].swapaxes(1, 2).reshape(-1, words)
    factors = np.ascontiguousarray(factors_of(codes).swapaxes(1, 2))
    rows[:, words] = factors.reshape(-1, 2).view(np.uint32)[:, 0]
    return rows[:count]


def _centre_of(rows: F32) -> F32:
    """The mean of vectors made to have length 1; those without a direction are left out."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    good = (np.isfinite(lengths) & (lengths > 0))[:, 0]
    if not good.any():
        return np.zeros(rows.shape[1], np.float32)
    return np.asarray((rows[good] / lengths[good]).mean(0), np.float32)


def _parts(rows: F32, ids: I64) -> Iterator[tuple[F32, I64]]:
    for at in range(0, len(rows), PIECE):
        yield rows[at : at + PIECE], ids[at : at + PIECE]


def _regrouped(parts: Iterator[tuple[F32, I64]]) -> Iterator[tuple[F32, I64]]:
    """The same vectors in parts of PIECE, the last of what is left."""
    rows: list[F32] = []
    ids: list[I64] = []
    for some, names in parts:
        rows.append(some)
        ids.append(names)
        if sum(map(len, ids)) >= PIECE:
            all_rows, all_ids = np.concatenate(rows), np.concatenate(ids)
            yield all_rows[:PIECE], all_ids[:PIECE]
            rows, ids = [all_rows[PIECE:]], [all_ids[PIECE:]]
    if ids and (all_ids := np.concatenate(ids)).size:
        yield np.concatenate(rows), all_ids


def _said(chinese: str, english: str) -> DataError:
    return DataError(english).in_chinese(chinese)
