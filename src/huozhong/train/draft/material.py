"""What a drafter learns from, on the disk: tokens, the model's states at them, and what it finds likely to follow.

    out/material/index.jsonl     a line for each document: which item, tokens, from where it is learnt
                 tokens.i32  states.f16  likeliest.i32  chances.f16      one document after the other

A line of the index is written after its document, so that whatever ends the program, what the index names is whole and
what lies behind it is cut off at the next start.  The files are read through memory maps: memory stays small.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import ConfigError, TrainingError
from huozhong.train.draft.settings import COVERED, MOST_GUESSED, ROW, TOP, Base, DraftSettings, Item, Read, batches
from huozhong.train.state import disk_errors, write_file

AT_ONCE = 16  # questions answered side by side
BEGINNING = 48  # tokens of a text after which the model goes on by itself
BEFORE = 8  # tokens before an answer that are learnt, too
HELDOUT = 16  # one document in so many is kept to measure with


@dataclass(frozen=True)
class Document:
    """Where a document lies: its first row in the files, its tokens, and from which of them on it is learnt."""

    start: int
    tokens: int
    first: int


class Material:
    """The documents of a run that are on the disk.  width: of a state, at least.  key: what they come from.

    Raises ConfigError where something else lies there.
    """

    def __init__(self, folder: Path, width: int, key: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.width = folder, self._agreed(folder / "shape.json", width, dict(key))
        self._kinds: dict[str, tuple[np.dtype[Any], int]] = {
            "tokens.i32": (np.dtype("<i4"), 1),
            "states.f16": (np.dtype("<f2"), width),
            "likeliest.i32": (np.dtype("<i4"), TOP),
            "chances.f16": (np.dtype("<f2"), TOP),
        }
        self.documents: list[Document] = []
        self.items = 0  # items of the data that are done
        self.said = 0  # tokens of the model's own
        self._open()

    @staticmethod
    def _agreed(shape: Path, width: int, key: dict[str, Any]) -> int:
        """The width of what lies there; wider states hold the narrower ones, so other kinds may learn from them."""
        if not shape.exists():
            write_file(shape, json.dumps({"width": width, "key": key}).encode())
            return width
        there = json.loads(shape.read_text(encoding="utf-8"))
        other = sorted(name for name in key if there["key"].get(name) != key[name])
        if other or there["width"] < width:
            raise ConfigError(
                f"{shape.parent} holds what another run gathered ({', '.join(other) or 'fewer states'}); choose "
                "another --out, or start over with --fresh."
            )
        return int(there["width"])

    @property
    def tokens(self) -> int:
        return sum(document.tokens for document in self.documents)

    @property
    def token_bytes(self) -> int:
        """Of the disk, for each token."""
        return sum(dtype.itemsize * count for dtype, count in self._kinds.values())

    def _open(self) -> None:
        """Take what the index names; cut off what came after it."""
        index = self.folder / "index.jsonl"
        whole = 0
        for line in index.read_bytes().splitlines(keepends=True) if index.exists() else []:
            try:
                entry = json.loads(line)
                found = [Document(int(d["start"]), int(d["tokens"]), int(d["first"])) for d in entry["documents"]]
            except (ValueError, KeyError, TypeError):
                break  # the last line, half written
            if not line.endswith(b"\n"):
                break
            self.documents += found
            self.items, self.said, whole = int(entry["items"]), int(entry["said"]), whole + len(line)
        if index.exists():
            os.truncate(index, whole)
        for name, (dtype, count) in self._kinds.items():
            path, size = self.folder / name, self.tokens * dtype.itemsize * count
            path.touch()
            if path.stat().st_size < size:
                raise TrainingError(f"{path} is shorter than its index says; start over with --fresh.")
            os.truncate(path, size)

    def add(self, items: int, said: int, documents: Sequence[tuple[list[int], int, Read]]) -> None:
        """Some documents (ids, first learnt, what the model makes of them), which stand for so many items."""
        found, start = [], self.tokens
        with disk_errors(f"material in {self.folder}", "what was gathered before is whole"):
            files = {name: open(self.folder / name, "ab") for name in self._kinds}  # noqa: SIM115
            try:
                for ids, first, read in documents:
                    parts = (np.array(ids), read.states_TD, read.likeliest_TK, read.chances_TK)
                    for (name, file), values in zip(files.items(), parts, strict=True):
                        file.write(np.ascontiguousarray(values, self._kinds[name][0]).tobytes())
                    found.append(Document(start, len(ids), first))
                    start += len(ids)
            finally:
                for file in files.values():
                    file.close()
            self.items, self.said = self.items + items, self.said + said
            entry = {"items": self.items, "said": self.said, "documents": [vars(one) for one in found]}
            with open(self.folder / "index.jsonl", "ab") as index:
                index.write(json.dumps(entry).encode() + b"\n")
        self.documents += found

    def array(self, name: str) -> NDArray[Any]:
        """One of the files, mapped: [tokens] or [tokens, numbers]."""
        dtype, count = self._kinds[name]
        shape = (self.tokens,) if count == 1 else (self.tokens, count)
        return np.memmap(self.folder / name, dtype, "r", shape=shape)

    # -- for training ----------------------------------------------------------------------------

    def rows(self, heldout: bool) -> list[Document]:
        """Pieces of at most ROW tokens of the documents to learn from, or of those to measure with."""
        found = []
        several = len(self.documents) > 1
        for number, document in enumerate(self.documents):
            if several and (number % HELDOUT == min(HELDOUT, len(self.documents)) - 1) != heldout:
                continue
            for start in range(0, document.tokens, ROW):
                count = min(ROW, document.tokens - start)
                first = max(0, document.first - start)
                if first < count - 2:
                    found.append(Document(document.start + start, count, first))
        return found

    def most_said(self, vocab: int) -> NDArray[np.int32]:
        """The tokens that the model says most, rising: nearly all that it says (COVERED), but MOST_GUESSED at most."""
        likeliest = self.array("likeliest.i32")
        counts = np.zeros(vocab, np.int64)
        for document in self.documents:
            own = likeliest[document.start + document.first : document.start + document.tokens, 0]
            counts += np.bincount(own.astype(np.int64), minlength=vocab)
        order = np.argsort(-counts, kind="stable")
        enough = int(np.searchsorted(np.cumsum(counts[order]), COVERED * counts.sum())) + 1
        size = min(-(-enough // 16) * 16, MOST_GUESSED, vocab)
        return np.sort(order[:size]).astype(np.int32)


def gather(
    material: Material,
    base: Base,
    items: Sequence[Item],
    settings: DraftSettings,
    told: Callable[[Material], None],
    stop: Callable[[], bool],
) -> bool:
    """Ask the model and read, until there is enough; False when it was stopped before."""
    for some in batches(items[material.items :], AT_ONCE):
        if material.tokens >= settings.tokens:
            return True
        if stop():
            return False
        prompts = [base.prompt(item) for item in some]
        begun = [ids if item.messages else ids[:BEGINNING] for item, ids in zip(some, prompts, strict=True)]
        answers = list(base.answers(begun, settings.answer))
        documents, said = [], 0
        for item, ids, beginning, answer in zip(some, prompts, begun, answers, strict=True):
            said += len(answer)
            wholes = [(beginning + answer, max(0, len(beginning) - BEFORE))]
            if not item.messages:
                wholes.append((ids, 0))
            documents += [(whole, first, base.read(whole)) for whole, first in wholes if len(whole) > first + 2]
        material.add(len(some), said, documents)
        told(material)
    return True
