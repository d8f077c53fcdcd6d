"""BM25 over the passages of a document (Robertson and Zaragoza 2009, section 3): what answers a question best.

An `Index` is one document's, is made once, and lies beside it as bytes; a search takes as many of them as a question is
put to, as if they were one.  It takes about a millisecond for a thousand pages.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from huozhong.errors import DataError
from huozhong.memory.terms import terms

# A term's weight grows with its count up to 1 + K1 times; B: how much a long passage is held to be long for nothing.
K1, B = 1.2, 0.6
_FORMAT = 1

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Index:
    """The terms of a document's passages.

    keys [T]: the terms, ascending.  starts [T + 1]: where each one's postings begin.  passages, counts [P]: in which
    passage, how often.  lengths [N]: terms of each passage.
    """

    keys: Array
    starts: Array
    passages: Array
    counts: Array
    lengths: Array

    @classmethod
    def of(cls, texts: Sequence[str]) -> Index:
        """The index of passages, which are known by their number from then on."""
        keys: list[int] = []
        passages: list[int] = []
        counts: list[int] = []
        lengths = np.zeros(len(texts), np.uint32)
        for number, text in enumerate(texts):
            of_one = Counter(terms(text))
            lengths[number] = of_one.total()
            keys += of_one.keys()
            counts += of_one.values()
            passages += [number] * len(of_one)
        all_keys = np.array(keys, np.uint64)
        order = np.argsort(all_keys, kind="stable")
        unique, starts = np.unique(all_keys[order], return_index=True)
        return cls(
            unique,
            np.append(starts, len(keys)).astype(np.uint32),
            np.array(passages, np.uint32)[order],
            np.minimum(np.array(counts, np.uint32)[order], 65535).astype(np.uint16),
            lengths,
        )

    def postings(self, key: int) -> tuple[Array, Array]:
        """The passages that have a term, and how often; empty where none has it."""
        place = int(np.searchsorted(self.keys, np.uint64(key)))
        if place == len(self.keys) or int(self.keys[place]) != key:
            return self.passages[:0], self.counts[:0]
        one = slice(int(self.starts[place]), int(self.starts[place + 1]))
        return self.passages[one], self.counts[one]

    def to_bytes(self) -> bytes:
        out = io.BytesIO()
        np.savez_compressed(
            out,
            format=np.uint32(_FORMAT),
            keys=self.keys,
            starts=self.starts,
            passages=self.passages,
            counts=self.counts,
            lengths=self.lengths,
        )
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Index:
        """What `to_bytes` gave; DataError for anything else."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                if int(arrays["format"]) != _FORMAT:
                    raise DataError("The index of a document was written by another version; add the document again.")
                return cls(*(arrays[name] for name in ("keys", "starts", "passages", "counts", "lengths")))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"The index of a document is damaged ({error}); add the document again.") from None


@dataclass(frozen=True)
class Hit:
    """A passage that answers: which of the indexes that were searched, its number there, how well."""

    index: int
    passage: int
    score: float


def search(indexes: Sequence[Index], question: str, most: int) -> list[Hit]:
    """The passages that share most with a question, best first; fewer than `most` where fewer share anything."""
    asked = Counter(terms(question))
    number = sum(len(index.lengths) for index in indexes)
    if not asked or not number:
        return []
    mean = max(sum(int(index.lengths.sum()) for index in indexes) / number, 1.0)
    scores = [np.zeros(len(index.lengths)) for index in indexes]
    for key, times in asked.items():
        found = [index.postings(key) for index in indexes]
        weight = times * idf(number, sum(len(passages) for passages, _ in found))
        for index, score, (passages, counts) in zip(indexes, scores, found, strict=True):
            long = K1 * (1 - B + B * index.lengths[passages] / mean)
            score[passages] += weight * counts * (K1 + 1) / (counts + long)
    hits = [
        Hit(which, int(passage), float(score[passage]))
        for which, score in enumerate(scores)
        for passage in np.argsort(-score, kind="stable")[:most]
        if score[passage] > 0
    ]
    return sorted(hits, key=lambda hit: (-hit.score, hit.index, hit.passage))[:most]


def idf(number: int, having: int) -> float:
    """How much a term tells that so many of `number` passages have; never below zero."""
    return math.log(1 + (number - having + 0.5) / (having + 0.5))
