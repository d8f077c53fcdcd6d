"""Token shards: documents as ids on disk, read through memory maps.

A shard NAME in a folder is

    NAME.tokens.u16 | NAME.tokens.u32   all ids, little-endian, documents one after another
    NAME.mask                           one bit per token, 1 = learn to say it; absent if every bit is 1
    NAME.offsets                        uint64 [documents + 1]: where each document starts
    NAME.json                           the manifest: counts, sizes, and the vocabulary the ids belong to

The manifest is removed first and written last: a shard without one is not a shard.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from huozhong.errors import DataError
from huozhong.files import sync, whole_file

FORMAT = "huozhong-tokens-1"
_BUFFER_TOKENS = 1 << 20

Ids = Sequence[int] | np.ndarray
Document = tuple[Ids, Sequence[bool] | np.ndarray | None]


@dataclass(frozen=True)
class ShardManifest:
    """What a shard holds.  `vocab_hash` is `Tokenizer.fingerprint`, or "" where nobody said."""

    format: str
    name: str
    documents: int
    tokens: int
    loss_tokens: int
    longest: int
    dtype: str
    masked: bool
    vocab_size: int
    vocab_hash: str

    @property
    def token_file(self) -> str:
        return _token_file(self.name, self.dtype)

    def file_sizes(self) -> dict[str, int]:
        """The exact size in bytes of each data file."""
        sizes = {self.token_file: self.tokens * np.dtype(self.dtype).itemsize}
        sizes[f"{self.name}.offsets"] = 8 * (self.documents + 1)
        if self.masked:
            sizes[f"{self.name}.mask"] = (self.tokens + 7) // 8
        return sizes


def write_shard(
    folder: str | Path, name: str, docs: Iterable[Document], *, vocab_size: int = 65536, vocab_hash: str = ""
) -> ShardManifest:
    """Write documents (ids, loss mask or None for all) as shard `name`, replacing one of that name.

    uint16 on disk while `vocab_size` <= 65536, else uint32.  Empty documents are left out.  Memory: a buffer
    of a million tokens, whatever the size of the shard.  Raises DataError for ids outside the vocabulary,
    a mask of another length, no documents at all, or a disk that cannot be written.
    """
    folder = Path(folder)
    if not name or Path(name).name != name or name.startswith("."):
        raise DataError(f"{name!r} cannot be the name of a shard; give a plain file name")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write(folder, name, docs, vocab_size, vocab_hash)
    except OSError as error:
        raise DataError(f"Cannot write shard {folder / name}: {error.strerror or error}") from error


def _write(folder: Path, name: str, docs: Iterable[Document], vocab_size: int, vocab_hash: str) -> ShardManifest:
    dtype = "<u2" if vocab_size <= 65536 else "<u4"
    offsets = [0]
    loss_tokens = longest = 0
    with (
        whole_file(folder / f"{name}.json") as manifest_file,  # the outermost: it gets its name last
        whole_file(folder / f"{name}.offsets") as offsets_file,
        whole_file(folder / f"{name}.mask") as mask_file,
        whole_file(folder / _token_file(name, dtype)) as tokens_file,
    ):
        buffer = _Buffer(tokens_file, mask_file, dtype)
        for number, (ids, mask) in enumerate(docs):
            ids_T, mask_T = _document(ids, mask, vocab_size, f"Document {number} of shard {name}")
            if not len(ids_T):
                continue
            buffer.add(ids_T, mask_T)
            offsets.append(offsets[-1] + len(ids_T))
            loss_tokens += int(np.count_nonzero(mask_T))
            longest = max(longest, len(ids_T))
        buffer.flush(last=True)
        if len(offsets) == 1:
            raise DataError(f"Shard {name} would be empty: there are no documents in it")
        manifest = ShardManifest(
            format=FORMAT,
            name=name,
            documents=len(offsets) - 1,
            tokens=offsets[-1],
            loss_tokens=loss_tokens,
            longest=longest,
            dtype=dtype,
            masked=loss_tokens < offsets[-1],
            vocab_size=vocab_size,
            vocab_hash=vocab_hash,
        )
        offsets_file.write(np.asarray(offsets, "<u8").tobytes())
        manifest_file.write((json.dumps(asdict(manifest), indent=1) + "\n").encode())
        for file in (tokens_file, mask_file, offsets_file, manifest_file):
            sync(file)  # before the old shard goes: the disk may be full
        for old in _files_of(folder, name):
            old.unlink()
    if not manifest.masked:
        (folder / f"{name}.mask").unlink()
    return manifest


def _token_file(name: str, dtype: str) -> str:
    return f"{name}.tokens.u{8 * np.dtype(dtype).itemsize}"


def _files_of(folder: Path, name: str) -> list[Path]:
    """A shard's files, the manifest first."""
    ends = (".json", ".tokens.u16", ".tokens.u32", ".mask", ".offsets")
    return [p for p in (folder / f"{name}{end}" for end in ends) if p.exists()]


def _document(ids: Ids, mask: object, vocab_size: int, where: str) -> tuple[np.ndarray, np.ndarray]:
    ids_T = np.asarray(ids, dtype=np.int64)
    if ids_T.ndim != 1:
        raise DataError(f"{where} is not a flat list of ids")
    mask_T = np.ones(len(ids_T), bool) if mask is None else np.asarray(mask, bool)
    if mask_T.shape != ids_T.shape:
        raise DataError(f"{where} has {len(ids_T)} ids but {mask_T.size} mask entries")
    if len(ids_T) and not 0 <= int(ids_T.min()) <= int(ids_T.max()) < vocab_size:
        raise DataError(f"{where} has ids outside the vocabulary of {vocab_size}")
    return ids_T, mask_T


class _Buffer:
    """Collects documents and writes them in multiples of eight tokens, so that mask bits stay aligned."""

    def __init__(self, tokens_file: BinaryIO, mask_file: BinaryIO, dtype: str) -> None:
        self._tokens_file, self._mask_file, self._dtype = tokens_file, mask_file, dtype
        self._ids: list[np.ndarray] = []
        self._masks: list[np.ndarray] = []
        self._held = 0

    def add(self, ids_T: np.ndarray, mask_T: np.ndarray) -> None:
        self._ids.append(ids_T.astype(self._dtype))
        self._masks.append(mask_T)
        self._held += len(ids_T)
        if self._held >= _BUFFER_TOKENS:
            self.flush()

    def flush(self, *, last: bool = False) -> None:
        if not self._ids:
            return
        ids, mask = np.concatenate(self._ids), np.concatenate(self._masks)
        cut = len(ids) if last else len(ids) // 8 * 8
        self._tokens_file.write(ids[:cut].tobytes())
        self._mask_file.write(np.packbits(mask[:cut], bitorder="little").tobytes())
        self._ids, self._masks, self._held = [ids[cut:]], [mask[cut:]], len(ids) - cut


class Shard:
    """A shard open for reading.  Arrays are memory maps: opening is cheap, whatever the size.

    `tokens_N` uint16|uint32, `offsets_D1` uint64; `mask_bits` packed, or None if every token counts.
    """

    def __init__(self, folder: str | Path, name: str) -> None:
        """Raises DataError if anything is missing, truncated or inconsistent."""
        self.folder, self.name = Path(folder), name
        self.manifest = _read_manifest(self.folder / f"{name}.json")
        for file, size in self.manifest.file_sizes().items():
            path = self.folder / file
            if not path.exists():
                raise DataError(f"{path} is missing; write this shard again")
            if path.stat().st_size != size:
                found = path.stat().st_size
                raise DataError(f"{path} has {found} bytes, not the {size} of its manifest; write this shard again")
        self.offsets_D1 = self._map(f"{name}.offsets", "<u8").astype(np.int64)
        ordered = self.offsets_D1[0] == 0 and self.offsets_D1[-1] == self.manifest.tokens
        if not ordered or bool(np.any(np.diff(self.offsets_D1) <= 0)):
            raise DataError(f"{self.folder / name}.offsets is damaged; write this shard again")
        self.tokens_N = self._map(self.manifest.token_file, self.manifest.dtype)
        self.mask_bits = self._map(f"{name}.mask", "u1") if self.manifest.masked else None

    def _map(self, file: str, dtype: str) -> npt.NDArray[Any]:
        # A plain array over the map: indexing a np.memmap object costs several times as much.
        return np.asarray(np.memmap(self.folder / file, dtype=dtype, mode="r"))

    @cached_property
    def lengths_D(self) -> npt.NDArray[np.int64]:
        """Tokens in each document."""
        return np.diff(self.offsets_D1)

    def mask_at(self, index_N: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """The loss mask of the tokens at these places."""
        if self.mask_bits is None:
            return np.ones(len(index_N), bool)
        bits_N: npt.NDArray[np.uint8] = self.mask_bits[index_N >> 3] >> (index_N & 7).astype(np.uint8)
        return (bits_N & 1).astype(bool)

    def document(self, number: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Ids and loss mask of one document."""
        start, end = self.offsets_D1[number], self.offsets_D1[number + 1]
        return self.tokens_N[start:end].astype(np.int64), self.mask_at(np.arange(start, end))


def _read_manifest(path: Path) -> ShardManifest:
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}; is the shard written to its end?") from error
    except ValueError as error:
        raise DataError(f"{path} is not complete, valid JSON; write this shard again") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise DataError(f"{path} is not the manifest of a token shard ({FORMAT})")
    kinds = {f.name: {"int": int, "str": str, "bool": bool}[str(f.type)] for f in fields(ShardManifest)}
    wrong = sorted(kinds.keys() ^ data.keys()) or [k for k in kinds if type(data[k]) is not kinds[k]]
    if wrong or data["dtype"] not in ("<u2", "<u4") or data["documents"] < 1 or data["name"] != path.stem:
        raise DataError(f"{path} is damaged (see {(wrong or ['dtype, documents or name'])[0]}); write this shard again")
    return ShardManifest(**data)


def open_shards(path: str | Path) -> list[Shard]:
    """The shards of a folder in the order of their names, or the one shard that `folder/name` names.

    Raises DataError if there are none, or if they belong to different vocabularies.
    """
    path = Path(path)
    if path.is_dir():
        names = sorted(p.stem for p in path.glob("*.json") if not p.name.startswith(".") and _is_manifest(p))
        shards = [Shard(path, name) for name in names]
    elif path.with_name(path.name + ".json").exists():
        shards = [Shard(path.parent, path.name)]
    else:
        shards = []
    if not shards:
        raise DataError(f"There are no token shards at {path}; write some with write_shard first")
    same_vocabulary(shards)
    return shards


def _is_manifest(path: Path) -> bool:
    """Other JSON may lie beside the shards; a manifest is what says so, or what has tokens beside it."""
    beside = any(path.with_name(f"{path.stem}.tokens.u{bits}").exists() for bits in (16, 32))
    return beside or FORMAT.encode() in path.read_bytes()[:200]


def same_vocabulary(shards: Sequence[Shard]) -> None:
    """DataError unless all shards were made with one tokenizer."""
    first = shards[0]
    for shard in shards[1:]:
        if shard.manifest.vocab_hash != first.manifest.vocab_hash:
            names = f"{first.folder / first.name} and {shard.folder / shard.name}"
            raise DataError(f"{names} were made with different tokenizers; write them again with one")
