"""Text of any kind -> a tokenizer, a shard to train on and one that is held out.

Read are .txt and .md (cut between paragraphs into documents of about 4 kB, so that a held-out part can be split off)
and .jsonl with a `text` field, plain or compressed (.xz, .gz).  A document is held out by the hash of its beginning, so
that the split does not depend on the order of files.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from huozhong.errors import DataError
from huozhong.files import whole_folder, write_whole
from huozhong.text.data import read_jsonl, write_text_shard
from huozhong.text.tokenizer import Tokenizer

KINDS = (".txt", ".md", ".jsonl")
PIECE_BYTES = 4096  # of a long plain text
HELD_OUT_SHARE = 50  # one document in so many
TOKENIZER_BYTES = 8_000_000  # a vocabulary of some thousand tokens does not change with more text


@dataclass(frozen=True)
class Corpus:
    """What `prepare` wrote: folders of the tokenizer and of the shards, and how much there is."""

    tokenizer: str
    train: str
    heldout: str
    train_tokens: int
    heldout_tokens: int
    train_bytes: int
    vocab_size: int
    files: dict[str, int]  # bytes taken from each


def prepare(paths: Iterable[Path], folder: Path, *, vocab_size: int, megabytes_per_file: float | None = None) -> Corpus:
    """Tokenizer and shards under `folder`; made once, and again only when the question changes.

    megabytes_per_file: no more than that from any one file, so that a big one does not drown the others (None: all).
    Raises DataError if the texts are missing or too few.
    """
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise DataError(f"the text is in no file that ends in {', '.join(KINDS)} (also .xz, .gz)")
    asked = _asked(files, vocab_size, megabytes_per_file)
    done = folder / "corpus.json"
    if done.exists():
        stored = json.loads(done.read_text())
        if stored["asked"] == asked:
            return Corpus(**stored["corpus"])
    done.unlink(missing_ok=True)  # a run that is cut off must not leave it beside another tokenizer or other shards
    corpus = _write(files, folder, vocab_size, None if megabytes_per_file is None else int(megabytes_per_file * 1e6))
    write_whole(done, json.dumps({"asked": asked, "corpus": asdict(corpus)}, ensure_ascii=False, indent=1))
    return corpus


def is_prepared(paths: Iterable[Path], folder: Path, *, vocab_size: int) -> bool:
    """Whether `prepare` would find its work done there, and so change nothing."""
    done = folder / "corpus.json"
    files = [file for path in paths for file in _files(path)]
    return done.exists() and json.loads(done.read_text())["asked"] == _asked(files, vocab_size, None)


def _asked(files: list[Path], vocab_size: int, megabytes_per_file: float | None) -> dict[str, Any]:
    return {
        "files": [[str(file), file.stat().st_size] for file in files],
        "vocab_size": vocab_size,
        "megabytes": megabytes_per_file,
    }


def _write(files: list[Path], folder: Path, vocab_size: int, limit: int | None) -> Corpus:
    train: list[str] = []
    heldout: list[str] = []
    taken: dict[str, int] = {}
    for file in files:
        taken[str(file)] = 0
        for text in documents(file):
            size = len(text.encode())
            if limit is not None and taken[str(file)] + size > limit:
                continue
            taken[str(file)] += size
            (heldout if is_held_out(text) else train).append(text)
    if not train or not heldout:
        raise DataError(f"{sum(taken.values())} bytes of text are too few to hold some out; give some megabytes")
    share = max(1, sum(taken.values()) // TOKENIZER_BYTES)
    sample = train[::share]
    tokenizer = Tokenizer.train(sample, vocab_size)
    with whole_folder(folder / "tokenizer") as partial:
        for name, content in tokenizer.files().items():
            (partial / name).write_bytes(content)
    learned = write_text_shard(folder / "train", "text", tokenizer, train)
    kept = write_text_shard(folder / "heldout", "text", tokenizer, heldout)
    size = sum(len(text.encode()) for text in train)
    return Corpus(
        str(folder / "tokenizer"),
        str(folder / "train"),
        str(folder / "heldout"),
        learned.tokens,
        kept.tokens,
        size,
        tokenizer.vocab_size,
        taken,
    )


def is_held_out(text: str) -> bool:
    digest = hashlib.sha256(text[:4096].encode()).digest()
    return int.from_bytes(digest[:4], "big") % HELD_OUT_SHARE == 0


def documents(file: Path) -> Iterator[str]:
    """The documents of one file.  Raises DataError for JSON lines without a text."""
    if _kind(file) == ".jsonl":
        for number, record in enumerate(read_jsonl(file), 1):
            text: Any = record.get("text")
            if not isinstance(text, str):
                raise DataError(f"{file}, line {number} has no field `text` with a text in it")
            if text.strip():
                yield text
        return
    opener: Any = {".xz": lzma.open, ".gz": gzip.open}.get(file.suffix, open)
    try:
        with opener(file, "rt", encoding="utf-8") as stream:
            yield from pieces(stream.read())
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read as UTF-8 text: {error}") from error


def pieces(text: str) -> Iterator[str]:
    """Paragraphs joined to documents of about PIECE_BYTES."""
    held: list[str] = []
    size = 0
    for paragraph in text.split("\n\n"):
        if not paragraph.strip():
            continue
        held.append(paragraph.strip("\n"))
        size += len(paragraph.encode())
        if size >= PIECE_BYTES:
            yield "\n\n".join(held)
            held, size = [], 0
    if held:
        yield "\n\n".join(held)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file() and _kind(file) in KINDS)
    if not path.exists():
        raise DataError(f"the text {path} does not exist")
    return [path]


def _kind(file: Path) -> str:
    return Path(file.stem).suffix if file.suffix in (".xz", ".gz") else file.suffix
