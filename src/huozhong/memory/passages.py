"""A document cut into passages: short enough to be read at a glance and put before a model, whole sentences, and each
knows its page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# How long a passage is meant to be and may be, in Chinese characters; three letters of other scripts count as one.
MEANT, MOST = 260, 400
_LETTER = 0.33

_SENTENCE = re.compile(r"[^。！？；!?\n]*?(?:[。！？；!?]+[”’」』）)\"']*|\.(?=\s|$)|\n|$)", re.S)
_WIDE = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")


@dataclass(frozen=True)
class Passage:
    """A piece of a document.  page: counted from 1; None where the document has no pages."""

    text: str
    page: int | None


def width(text: str) -> float:
    """How long a text is to a reader, in Chinese characters."""
    wide = len(_WIDE.findall(text))
    return wide + _LETTER * (len(text) - wide)


def cut(pages: Sequence[str], *, paged: bool = True) -> list[Passage]:
    """The passages of a document's pages, in order; a passage never spans two pages.  paged: False: it has no pages."""
    return [
        Passage(text, number if paged else None)
        for number, page in enumerate(pages, start=1)
        for text in _passages(page)
    ]


def _passages(page: str) -> Iterator[str]:
    gathered = ""
    for paragraph in _paragraphs(page):
        so_far, with_it = width(gathered), width(gathered) + width(paragraph)
        is_full = so_far >= MEANT and not _is_heading(gathered.rpartition("\n")[2])
        if is_full or (with_it > MOST and so_far >= MEANT / 2):
            yield gathered
            gathered = ""
        gathered += ("\n" if gathered else "") + paragraph
        if width(gathered) > MOST:
            *whole, gathered = _split(gathered)
            yield from whole
    if gathered:
        yield gathered


def _paragraphs(page: str) -> Iterator[str]:
    for block in re.split(
        r"\n\s*\n|\n(?=\s*(?:#|[-*•]\s|\d+[.、)）]|[（(]?[一二三四五六七八九十]+[)）、]|第.{1,6}[章节条課课]))", page
    ):
        lines = [line.strip() for line in block.split("\n")]
        text = "\n".join(line for line in lines if line)
        if text:
            yield text


def _is_heading(line: str) -> bool:
    """A line that says what comes, and should not be left behind by it."""
    return line.startswith("#") or (width(line) < 25 and not re.search(r"[。！？!?.；;，,]$", line))


def _split(text: str) -> list[str]:
    """A long paragraph between sentences, and a sentence without end anywhere; pieces of about equal length."""
    pieces = max(2, round(width(text) / MEANT))
    meant = width(text) / pieces
    out, gathered = [], ""
    for sentence in _sentences(text):
        if gathered and width(gathered) + width(sentence) / 2 > meant:
            out.append(gathered.strip())
            gathered = ""
        gathered += sentence
    if gathered.strip():
        out.append(gathered.strip())
    return [piece for piece in out if piece] or [text]


def _sentences(text: str) -> Iterator[str]:
    for found in _SENTENCE.finditer(text):
        sentence = found[0]
        while width(sentence) > MOST:
            most = MOST if _WIDE.search(sentence) else int(MOST / _LETTER)
            at = sentence.rfind(" ", most // 2, most) + 1 or most
            yield sentence[:at]
            sentence = sentence[at:]
        if sentence:
            yield sentence


def unwrapped(page: str) -> str:
    """A page whose lines end where the paper does, as PDF files give it, with its paragraphs as lines.

    A line goes on in the next one where it is about as long as the longest and no sentence ends; between Chinese
    characters nothing is put in, elsewhere a space, and a hyphen at a line's end goes.
    """
    lines = [line.strip() for line in page.split("\n")]
    longest = max((width(line) for line in lines), default=0.0)
    out = ""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        out += line
        if not line or not following or width(line) < 0.75 * longest or re.search(r"[。！？!?：:]$", line):
            out += "\n"
        elif re.search(r"[a-z]-$", line) and re.match(r"[a-z]", following):
            out = out[:-1]
        elif not (_WIDE.match(line[-1]) and _WIDE.match(following[0])):
            out += " "
    return out.strip()
