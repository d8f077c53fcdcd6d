"""Files -> shards -> batches.  A run that stops anywhere goes on exactly there, without replaying.

`PackedBatches` plans in blocks of some hundred rows.  A block depends only on the seed and on how far each
source had been read when the block began, so a handful of numbers is the whole state.

Shapes: B rows in a batch, T positions in a row, P pieces of documents (in a source, a block or a batch).
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import lzma
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from huozhong.errors import ConfigError, DataError, RequestError
from huozhong.text.shards import Document, Shard, ShardManifest, open_shards, same_vocabulary, write_shard
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer

NO_TARGET = -100  # what torch's cross-entropy ignores by default
ROWS_PER_BLOCK = 256

Ints = npt.NDArray[np.int64]


def read_jsonl(path: str | Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file, plain or compressed (.xz, .gz); blank lines are passed over.

    Raises DataError, with the line, if the file is missing, truncated, not UTF-8 or not JSON objects.
    """
    path = Path(path)
    opener: Any = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix.lower(), open)
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise DataError(f"{path}, line {number} holds a {type(record).__name__} instead of an object")
                yield record
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {number} is not JSON: {error.msg} at column {error.colno}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text after line {number}") from error
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged or truncated after line {number}; copy it again") from error
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}") from error


def write_text_shard(folder: str | Path, name: str, tokenizer: Tokenizer, texts: Iterable[str]) -> ShardManifest:
    """A shard of plain documents (begin token, text, end token), every token learned; no blank texts."""

    def documents() -> Iterator[Document]:
        full = (t for t in texts if t.strip())
        while group := list(itertools.islice(full, 1024)):
            for ids in tokenizer.encode_batch(group):
                yield [*tokenizer.begin, *ids, tokenizer.eos_id], None

    return _write_for(tokenizer, folder, name, documents())


def write_chat_shard(
    folder: str | Path,
    name: str,
    template: ChatTemplate,
    conversations: Iterable[Sequence[Mapping[str, Any]]],
) -> ShardManifest:
    """A shard of conversations, as `ChatTemplate.training_tokens` gives them.

    Raises DataError with the number of the first conversation (from 0) that cannot be rendered.
    """

    def documents() -> Iterator[Document]:
        for number, messages in enumerate(conversations):
            try:
                yield template.training_tokens(messages)
            except RequestError as error:
                raise DataError(f"Conversation {number} for shard {name}: {error}") from error

    return _write_for(template.tokenizer, folder, name, documents())


def _write_for(tokenizer: Tokenizer, folder: str | Path, name: str, docs: Iterable[Document]) -> ShardManifest:
    return write_shard(folder, name, docs, vocab_size=tokenizer.vocab_size, vocab_hash=tokenizer.fingerprint)


@dataclass(frozen=True)
class Source:
    """Where documents come from: a folder of shards or one `folder/name`, and its share of the tokens."""

    path: str | Path
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Batch:
    """Packed rows, all int32.

    `targets_BT` is the next token of the same document, or -100 where nothing is learned; `doc_BT` numbers
    the pieces of a row from 0 (padding counts as one more); `pos_BT` counts from 0 in each piece.
    """

    tokens_BT: npt.NDArray[np.int32]
    targets_BT: npt.NDArray[np.int32]
    doc_BT: npt.NDArray[np.int32]
    pos_BT: npt.NDArray[np.int32]

    @property
    def loss_tokens(self) -> int:
        """Positions that have a target."""
        return int(np.count_nonzero(self.targets_BT != NO_TARGET))


@dataclass(frozen=True)
class _Cursor:
    """How far a source has been read: `next` piece of `epoch`; `owed` positions that are its due."""

    epoch: int = 0
    next: int = 0
    owed: float = 0.0


@dataclass(frozen=True, eq=False)
class _Block:
    """Planned rows.  Piece arrays are sorted by row; row r owns pieces first_R1[r] up to first_R1[r+1]."""

    shard_P: Ints
    start_P: Ints
    length_P: Ints
    first_R1: Ints

    @property
    def rows(self) -> int:
        return len(self.first_R1) - 1


class _Pool:
    """The pieces of one source in a fresh order every epoch."""

    def __init__(self, shards: Sequence[Shard], shard_base: int, seq_len: int, key: int) -> None:
        pieces = [_cut(shard, seq_len) for shard in shards]
        self.start_P = np.concatenate([start for start, _ in pieces])
        self.length_P = np.concatenate([length for _, length in pieces])
        counts = [len(start) for start, _ in pieces]
        self.shard_P = np.repeat(np.arange(shard_base, shard_base + len(shards)), counts)
        self.positions = int(self.length_P.sum())
        self._key, self._epoch = key, -1

    def draw(self, cursor: _Cursor, want: float, *, epochs: int | None, one_epoch: bool) -> tuple[Ints, _Cursor]:
        """Pieces worth `want` positions, rounded down, or more (less only at the end), and the cursor after them."""
        drawn: list[Ints] = []
        # A fraction of a position stays owed: far into an epoch adding it would not move a float.
        while want >= 1 and (epochs is None or cursor.epoch < epochs):
            self._enter(cursor.epoch)
            before = int(self._ends_P[cursor.next - 1]) if cursor.next else 0
            end = min(int(np.searchsorted(self._ends_P, before + want)) + 1, len(self._ends_P))
            drawn.append(self._order_P[cursor.next : end])
            want -= int(self._ends_P[end - 1]) - before
            over = end == len(self._ends_P)
            cursor = _Cursor(cursor.epoch + 1, 0) if over else _Cursor(cursor.epoch, end)
            if over and one_epoch:
                break
        owed = 0.0 if one_epoch else want  # alone, a source owes nobody anything
        return np.concatenate([*drawn, np.empty(0, np.int64)]), _Cursor(cursor.epoch, cursor.next, owed)

    def _enter(self, epoch: int) -> None:
        if epoch != self._epoch:
            self._order_P = _shuffled(len(self.length_P), self._key + epoch)
            self._ends_P = np.cumsum(self.length_P[self._order_P])
            self._epoch = epoch


class PackedBatches:
    """An endless (or `epochs` long) iterator of `Batch`, resumable at any batch.

    A document of n tokens takes n-1 positions: its last token is only ever a target.  Documents longer than
    a row are cut; short ones share rows, largest first into the smallest gap that is left, so that rows are
    nearly full.  Sources give positions in proportion to their weights, each reshuffled every time it
    has been read through.  With `epochs`, every source is read that many times: one that is used up drops
    out, the others share its weight, and the last batch is filled up with rows of padding.

    Raises DataError for unreadable shards and ConfigError for impossible options.
    """

    def __init__(
        self,
        sources: str | Path | Sequence[Source],
        *,
        batch_size: int,
        seq_len: int,
        seed: int = 0,
        epochs: int | None = None,
        pad_id: int = 0,
    ) -> None:
        if isinstance(sources, (str, Path)):
            sources = [Source(sources)]
        _check_options(sources, batch_size, seq_len, epochs)
        self.batch_size, self.seq_len, self.epochs, self.pad_id = batch_size, seq_len, epochs, pad_id
        groups = [open_shards(s.path) for s in sources]
        self._shards = [shard for group in groups for shard in group]
        same_vocabulary(self._shards)
        self._seed = seed
        self._weights = [float(s.weight) for s in sources]
        bases = np.cumsum([0, *map(len, groups)])
        self._pools = [
            _Pool(group, int(base), seq_len, _mix(_mix(seed) + 1 + i))
            for i, (group, base) in enumerate(zip(groups, bases, strict=False))
        ]
        for source, pool in zip(sources, self._pools, strict=True):
            if not pool.positions:
                raise DataError(f"{source.path} has no document of two tokens or more; there is nothing to learn")
        self._at: list[_Cursor] = [_Cursor() for _ in sources]  # when the present block began
        self._after: list[_Cursor] = self._at  # when it ends
        self._number = 0
        self._block: _Block | None = None
        self._row = 0

    @property
    def vocab_hash(self) -> str:
        """`Tokenizer.fingerprint` of the vocabulary that the shards were made with."""
        return self._shards[0].manifest.vocab_hash

    @property
    def tokens_per_epoch(self) -> int:
        """Positions in all sources, each read once."""
        return sum(pool.positions for pool in self._pools)

    @property
    def epochs_read(self) -> list[float]:
        """How often each source has been read, to the nearest block."""
        return [c.epoch + c.next / len(p.length_P) for c, p in zip(self._at, self._pools, strict=True)]

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        B, T = self.batch_size, self.seq_len
        batch = Batch(
            np.full((B, T), self.pad_id, np.int32),
            np.full((B, T), NO_TARGET, np.int32),
            np.zeros((B, T), np.int32),
            np.tile(np.arange(T, dtype=np.int32), (B, 1)),
        )
        filled = 0
        while filled < B:
            if self._block is None:
                self._block, self._after = self._plan()
            rows = min(B - filled, self._block.rows - self._row)
            if rows:
                self._fill(batch, filled, self._block, self._row, rows)
                filled, self._row = filled + rows, self._row + rows
            elif self._block.rows:
                self._at, self._number, self._block, self._row = self._after, self._number + 1, None, 0
            else:
                break
        if not filled:
            raise StopIteration
        return batch

    def state(self) -> dict[str, Any]:
        """Where we are, for JSON; `restore` with the same sources and options goes on exactly there.

        Only `batch_size` may differ: rows come in the same order however many make a batch.
        """
        cursors = [[c.epoch, c.next, c.owed] for c in self._at]
        return {
            "fingerprint": self._fingerprint(),
            "block": self._number,
            "row": self._row,
            "cursors": cursors,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`.  Raises DataError if it was taken with other data or options."""
        try:
            fingerprint, number, row = state["fingerprint"], int(state["block"]), int(state["row"])
            cursors = [_Cursor(int(epoch), int(next), float(owed)) for epoch, next, owed in state["cursors"]]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"The saved place in the data is damaged ({error!r}); start the data anew") from error
        if fingerprint != self._fingerprint() or len(cursors) != len(self._pools):
            raise DataError(
                "The saved place in the data belongs to other shards, weights, seed, epochs or seq_len; "
                "use the same ones to resume"
            )
        self._at = self._after = cursors
        self._number, self._row, self._block = number, row, None

    def _fingerprint(self) -> str:
        manifests = [asdict(s.manifest) for s in self._shards]
        options = [self._seed, self.seq_len, self.epochs, self._weights, ROWS_PER_BLOCK, manifests]
        return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:32]

    def _plan(self) -> tuple[_Block, list[_Cursor]]:
        """The block that begins at the present cursors, and the cursors after it; no rows at the very end."""
        cursors = list(self._at)
        drawn: list[list[Ints]] = [[] for _ in self._pools]
        total = 0
        while not total:
            live = [i for i, c in enumerate(cursors) if self.epochs is None or c.epoch < self.epochs]
            if not live:
                break
            weight = sum(self._weights[i] for i in live)
            for i in live:
                due = cursors[i].owed + ROWS_PER_BLOCK * self.seq_len * self._weights[i] / weight
                # One source alone keeps its epochs apart: every piece is seen once before any twice.
                pieces, cursors[i] = self._pools[i].draw(
                    cursors[i], due, epochs=self.epochs, one_epoch=len(self._pools) == 1
                )
                drawn[i].append(pieces)
                total += len(pieces)
        chosen = [np.concatenate([*d, np.empty(0, np.int64)]) for d in drawn]
        pools = list(zip(self._pools, chosen, strict=True))
        shard_P, start_P, length_P = (
            np.concatenate([getattr(pool, field)[pieces] for pool, pieces in pools])
            for field in ("shard_P", "start_P", "length_P")
        )
        key = _mix(_mix(self._seed) + 0x5EED + self._number)
        order_P, first_R1 = _pack(length_P, self.seq_len, key)
        return _Block(shard_P[order_P], start_P[order_P], length_P[order_P], first_R1), cursors

    def _fill(self, batch: Batch, at: int, block: _Block, row: int, rows: int) -> None:
        """Write `rows` rows of the block, from `row`, into the batch, from row `at`."""
        T = self.seq_len
        first_R1 = block.first_R1[row : row + rows + 1]
        pieces = slice(int(first_R1[0]), int(first_R1[-1]))
        length_P, start_P, shard_P = block.length_P[pieces], block.start_P[pieces], block.shard_P[pieces]
        per_row_R = np.diff(first_R1)
        row_P = np.repeat(np.arange(rows), per_row_R)
        number_P = np.arange(len(length_P)) - np.repeat(first_R1[:-1] - first_R1[0], per_row_R)
        ends_P = np.cumsum(length_P)
        used_R = np.add.reduceat(length_P, first_R1[:-1] - first_R1[0])
        row_start_R = np.cumsum(used_R) - used_R
        place_P = (at + row_P) * T + (ends_P - length_P) - row_start_R[row_P]
        within = np.arange(int(ends_P[-1])) - np.repeat(ends_P - length_P, length_P)
        place = np.repeat(place_P, length_P) + within
        index = np.repeat(start_P, length_P) + within
        tokens, targets = batch.tokens_BT.reshape(-1), batch.targets_BT.reshape(-1)
        shards = np.unique(shard_P)
        shard_of = np.repeat(shard_P, length_P) if len(shards) > 1 else None
        for s in shards:
            shard = self._shards[s]
            mine = slice(None) if shard_of is None else shard_of == s
            to, source = place[mine], index[mine]
            tokens[to] = shard.tokens_N[source]
            next_token = shard.tokens_N[source + 1].astype(np.int32)  # before -100 meets an unsigned type
            targets[to] = np.where(shard.mask_at(source + 1), next_token, NO_TARGET)
        block_rows = slice(at, at + rows)
        batch.doc_BT[block_rows] = per_row_R[:, None]
        batch.pos_BT[block_rows] = np.maximum(np.arange(T) - used_R[:, None], 0)
        batch.doc_BT.reshape(-1)[place] = np.repeat(number_P, length_P)
        batch.pos_BT.reshape(-1)[place] = within


def _check_options(sources: Sequence[Source], batch_size: int, seq_len: int, epochs: int | None) -> None:
    if not sources:
        raise ConfigError("There must be at least one source of training data")
    for source in sources:
        if not (math.isfinite(source.weight) and source.weight > 0):
            raise ConfigError(f"The weight of {source.path} is {source.weight}; it must be a positive number")
    for name, value in (("batch_size", batch_size), ("seq_len", seq_len), ("epochs", epochs)):
        if value is not None and value < 1:
            raise ConfigError(f"{name} is {value}; it must be at least 1")


def _cut(shard: Shard, seq_len: int) -> tuple[Ints, Ints]:
    """Start and positions of every piece of at most `seq_len` positions; one-token documents have none."""
    positions_D = shard.lengths_D - 1
    pieces_D = -(-positions_D // seq_len)
    total = int(pieces_D.sum())
    number_P = np.arange(total) - np.repeat(np.cumsum(pieces_D) - pieces_D, pieces_D)
    start_P = np.repeat(shard.offsets_D1[:-1], pieces_D) + number_P * seq_len
    length_P = np.minimum(np.repeat(positions_D, pieces_D) - number_P * seq_len, seq_len)
    return start_P, length_P


def _pack(length_P: Ints, seq_len: int, key: int) -> tuple[Ints, Ints]:
    """Pieces into rows: (piece numbers row by row, first_R1).

    Each row takes the largest piece left, then again and again the largest that fits.  The lengths still
    available are the bits of one integer, so "the largest that fits" is a mask and a bit_length.
    """
    shuffled_P = _shuffled(len(length_P), key)
    by_length_P = shuffled_P[np.argsort(length_P[shuffled_P], kind="stable")]
    next_L = np.searchsorted(length_P[by_length_P], np.arange(seq_len + 2)).tolist()  # first of each length
    end_L = next_L[1:]
    available = sum(1 << n for n in range(1, seq_len + 1) if end_L[n] > next_L[n])
    order: list[int] = []
    first = [0]
    while available:
        room = seq_len
        while fits := available & ((2 << room) - 1):
            length = fits.bit_length() - 1
            order.append(next_L[length])
            next_L[length] += 1
            if next_L[length] == end_L[length]:
                available ^= 1 << length
            room -= length
        first.append(len(order))
    packed_P, first_R1 = by_length_P[np.asarray(order, np.int64)], np.asarray(first, np.int64)
    # Longest documents come first: put the rows in random order.
    row_R = _shuffled(len(first) - 1, _mix(key))
    count_R = np.diff(first_R1)[row_R]
    shuffled_R1 = np.concatenate([[0], np.cumsum(count_R)]).astype(np.int64)
    index_P = np.repeat(first_R1[:-1][row_R] - shuffled_R1[:-1], count_R) + np.arange(len(packed_P))
    return packed_P[index_P], shuffled_R1


_M64 = (1 << 64) - 1


def _mix(x: int) -> int:
    """SplitMix64's finaliser (Steele, Lea, Flood 2014): neighbouring keys become unrelated ones."""
    x = (x + 0x9E3779B97F4A7C15) & _M64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _M64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _M64
    return x ^ (x >> 31)


def _shuffled(n: int, key: int) -> Ints:
    """A random order of range(n): SplitMix64 of each number, sorted.  The same on every NumPy and machine."""
    x = np.arange(n, dtype=np.uint64) + np.uint64(_mix(key))
    x = x * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.argsort(x ^ (x >> np.uint64(31)), kind="stable")
