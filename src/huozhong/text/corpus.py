"""Text of any kind -> a tokenizer, a shard to train on and one that is held out.

Read are .txt and .md (cut between paragraphs, or else lines, or else sentences, into documents of about 4 kB, so that a
held-out part can be split off) and .jsonl with a `text` field, plain or compressed (.xz, .gz); hidden files are not.  A
document is held out by the hash of its beginning, so that the split does not depend on the order of files.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from huozhong.errors import DataError
from huozhong.files import whole_folder, write_whole
from huozhong.text.data import read_jsonl, write_text_shard
from huozhong.text.plain import files_below, kind, read_text
from huozhong.text.tokenizer import Tokenizer

KINDS = (".txt", ".md", ".jsonl")
PIECE_BYTES = 4096  # of a long plain text
LEAST_PIECES = 10  # of which one is held out
HELD_OUT_SHARE = 50  # one document in so many
TOKENIZER_BYTES = 8_000_000  # a vocabulary of some thousand tokens does not change with more text


@dataclass(frozen=True)
class Corpus:
    """What `prepare` wrote: folders of the tokenizer and of the shards, and how much there is.

    files: bytes taken from each.  skipped: what was passed over, and why.
    """

    tokenizer: str
    train: str
    heldout: str
    train_tokens: int
    heldout_tokens: int
    train_bytes: int
    vocab_size: int
    files: dict[str, int]
    skipped: list[str] = field(default_factory=list)


def prepare(paths: Iterable[Path], folder: Path, *, vocab_size: int, megabytes_per_file: float | None = None) -> Corpus:
    """Tokenizer and shards under `folder`; made once, and again only when the question changes.

    megabytes_per_file: no more than that from any one file, so that a big one does not drown the others (None: all).
    Raises DataError if the texts are missing or too few.
    """
    files, skipped = _files(paths)
    if not files:
        passed = f"; passed over: {'; '.join(skipped)}" if skipped else ""
        raise DataError(f"there is no file that ends in {', '.join(KINDS)} (also .xz, .gz){passed}")
    asked = _asked(files, vocab_size, megabytes_per_file)
    done = folder / "corpus.json"
    if done.exists():
        stored = json.loads(done.read_text())
        if stored["asked"] == asked:
            return Corpus(**stored["corpus"])
    done.unlink(missing_ok=True)  # a run that is cut off must not leave it beside another tokenizer or other shards
    limit = None if megabytes_per_file is None else int(megabytes_per_file * 1e6)
    train, heldout, taken = _divided(files, limit, skipped)
    corpus = _write(train, heldout, folder, vocab_size, taken, skipped)
    write_whole(done, json.dumps({"asked": asked, "corpus": asdict(corpus)}, ensure_ascii=False, indent=1))
    return corpus


def is_prepared(paths: Iterable[Path], folder: Path, *, vocab_size: int) -> bool:
    """Whether `prepare` would find its work done there, and so change nothing."""
    done = folder / "corpus.json"
    files, _ = _files(paths)
    return done.exists() and json.loads(done.read_text())["asked"] == _asked(files, vocab_size, None)


def _asked(files: list[Path], vocab_size: int, megabytes_per_file: float | None) -> dict[str, Any]:
    return {
        "files": [[str(file), file.stat().st_size] for file in files],
        "vocab_size": vocab_size,
        "megabytes": megabytes_per_file,
    }


def _divided(files: list[Path], limit: int | None, skipped: list[str]) -> tuple[list[str], list[str], dict[str, int]]:
    """(training, held-out, bytes taken from each file)."""
    texts: list[str] = []
    taken: dict[str, int] = {}
    for file in files:
        size = 0
        try:
            for text in documents(file):
                bytes_ = len(text.encode())
                if limit is not None and size + bytes_ > limit:
                    continue
                size += bytes_
                texts.append(text)
        except DataError as error:
            if len(files) == 1 or kind(file) == ".jsonl":  # a line of it is wrong, and can be mended
                raise
            skipped.append(str(error))
            continue
        taken[str(file)] = size
    if not texts:
        raise DataError(f"there is no text in {len(files)} files; passed over: {'; '.join(skipped) or 'nothing'}")
    held = [text for text in texts if is_held_out(text)]
    if not held or len(held) == len(texts):  # few long documents
        texts = [piece for text in texts for piece in pieces(text)]
        if len(texts) < LEAST_PIECES:
            raise DataError(
                f"{sum(taken.values()):,} bytes of text make {len(texts)} pieces of about {PIECE_BYTES:,} bytes, and "
                f"at least {LEAST_PIECES} are needed to hold one out; give more text"
            )
        if len(set(texts)) < LEAST_PIECES:
            raise DataError(
                f"the text says the same over and over: {len(texts)} pieces of about {PIECE_BYTES:,} bytes, of which "
                f"{len(set(texts))} differ; give text that says more"
            )
        held = sorted(texts, key=_digest)[: math.ceil(len(texts) / HELD_OUT_SHARE)]
    kept = set(held)
    return [text for text in texts if text not in kept], held, taken


def _write(
    train: list[str], heldout: list[str], folder: Path, vocab_size: int, taken: dict[str, int], skipped: list[str]
) -> Corpus:
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
        skipped,
    )


def is_held_out(text: str) -> bool:
    return _digest(text) % HELD_OUT_SHARE == 0


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text[:4096].encode()).digest()[:4], "big")


def documents(file: Path) -> Iterator[str]:
    """The documents of one file.  Raises DataError for JSON lines without a text."""
    if kind(file) == ".jsonl":
        for number, record in enumerate(read_jsonl(file), 1):
            text: Any = record.get("text")
            if not isinstance(text, str):
                raise DataError(f"{file}, line {number} has no field `text` with a text in it")
            if text.strip():
                yield text
        return
    yield from pieces(read_text(file))


# Where a text may be cut, best places first: between paragraphs (blanks may stand between them), lines, sentences.
_CUTS = (re.compile(r"\n(?:[^\S\n]*\n)+"), re.compile(r"\n"), re.compile(r"(?<=[。！？])|(?<=[.!?] )"))
_JOINTS = ("\n\n", "\n", "")


def pieces(text: str) -> Iterator[str]:
    """Paragraphs joined to documents of about PIECE_BYTES; longer ones are cut at lines, sentences, or anywhere."""
    yield from _pieces(text, 0)


def _pieces(text: str, level: int) -> Iterator[str]:
    if level == len(_CUTS):
        step = PIECE_BYTES // 3  # characters, of at most four bytes and mostly three
        yield from (text[start : start + step] for start in range(0, len(text), step))
        return
    held: list[str] = []
    size = 0
    for part in _CUTS[level].split(text):
        if not part.strip():
            continue
        part, length = part.strip("\n"), len(part.encode())
        if length >= 2 * PIECE_BYTES:
            if held:
                yield _JOINTS[level].join(held)
                held, size = [], 0
            yield from _pieces(part, level + 1)
            continue
        held.append(part)
        size += length
        if size >= PIECE_BYTES:
            yield _JOINTS[level].join(held)
            held, size = [], 0
    if held:
        yield _JOINTS[level].join(held)


def _files(paths: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """The files to be read, and what was passed over."""
    files: list[Path] = []
    skipped: list[str] = []
    for path in paths:
        if path.is_dir():
            found, passed = files_below(path, KINDS)
            files, skipped = files + found, skipped + passed
        elif path.exists():
            files.append(path)
        else:
            raise DataError(f"the text {path} does not exist")
    return files, skipped
