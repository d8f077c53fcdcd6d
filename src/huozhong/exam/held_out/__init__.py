"""The text on which the exam measures perplexity: no model that is examined may have been trained on it.

`texts.jsonl` holds about 21 KB of public-domain text: 61 Tang poems (none of them in the usual school
anthologies), the opening of a novel's chapter, of Lu Xun's 故乡, and some of Aesop's fables in English.  A
training recipe asks `overlaps` about each of its documents and leaves out those that share a sentence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from huozhong.exam.lines import read_lines

_SENTENCE_END = re.compile(r"[。！？；!?;\n]+|\.\s")
_LETTER = re.compile(r"[^\w]|_")
_LONG_ENOUGH = 10  # bytes / 3: ten Han characters, or thirty Latin letters: shorter sentences are everyone's


@dataclass(frozen=True)
class HeldOutText:
    """One passage; `kind` is poem, novel, modern or english, `source` the file a recipe would find it in."""

    kind: str
    lang: str
    title: str
    author: str
    source: str
    licence: str
    text: str


@cache
def held_out_texts() -> tuple[HeldOutText, ...]:
    """All passages, in a fixed order."""
    file = files(__package__) / "texts.jsonl"
    return tuple(HeldOutText(**row) for row in read_lines(file.read_text(encoding="utf-8"), "texts.jsonl"))


def overlaps(text: str) -> bool:
    """Whether `text` shares a sentence with the passages.

    A sentence counts from ten Han characters (thirty Latin letters) on.  Spaces and punctuation do not
    count, so an edition with other commas is found too.
    """
    return not _held_out_sentences().isdisjoint(_sentences(text))


@cache
def _held_out_sentences() -> frozenset[str]:
    return frozenset(sentence for passage in held_out_texts() for sentence in _sentences(passage.text))


def _sentences(text: str) -> set[str]:
    pieces = (_LETTER.sub("", piece).lower() for piece in _SENTENCE_END.split(text))
    return {piece for piece in pieces if len(piece.encode()) >= 3 * _LONG_ENOUGH}
