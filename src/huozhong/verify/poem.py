"""A classical poem's form: how many lines, how long, and whether they rhyme in modern Mandarin.

Rhyme is judged by the thirteen rhyme tracks (十三辙) of modern Mandarin, which is what a reader hears today.
Tang poems follow older rhyme books, so a real one may fail here (花/斜 in a modern reading, for one), and
tones are not looked at.  Readings stand in rhymes.txt, which recipes/rhymes.py writes.  Of the regulated poems in
the Complete Tang Poems, 80% rhyme by this rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from huozhong.errors import ConfigError


@dataclass(frozen=True)
class Form:
    """`lines` lines of `length` Han characters each."""

    lines: int
    length: int


FORMS = MappingProxyType(
    {
        "五言绝句": Form(4, 5),
        "七言绝句": Form(4, 7),
        "五言律诗": Form(8, 5),
        "七言律诗": Form(8, 7),
    }
)

_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_HAN_CHARACTER = re.compile(f"[{_HAN}]")
_BREAK = re.compile(r"[，。！？；、：,.!?;:\n]+")
_HEADING = re.compile(r"^\s*#|[《》【】]|[：:]\s*$|^\s*(?:题目|标题|作者)")


def extract_poem(text: str) -> str:
    """The poem inside an answer: without headings, a title in 《》, an introduction that ends in a colon, or
    paragraphs of prose around it.  A bad line inside the poem's own paragraph stays, so it still counts.
    """
    lines = [line.strip().strip("*").strip("> ") for line in text.replace("\r", "").split("\n")]
    kept = "\n".join("" if _HEADING.search(line) else line for line in lines)
    paragraphs = [part for part in re.split(r"\n\s*\n", kept) if part.strip()]
    verse: list[str] = []
    lengths: set[int] = set()
    for paragraph in paragraphs:
        shape = set(poem_shape(paragraph))
        if len(shape) == 1 and shape <= {4, 5, 6, 7} and (not verse or shape == lengths):
            verse.append(paragraph)
            lengths = shape
        elif verse:
            break
    return "\n".join(verse) if verse else "\n".join(paragraphs)


def poem_lines(text: str) -> list[str]:
    """The lines of a poem: split at Chinese or Western punctuation and line breaks, empty ones left out."""
    return [line.strip() for line in _BREAK.split(text) if line.strip()]


def poem_shape(text: str) -> list[int]:
    """Han characters per line, in order: [5, 5, 5, 5] for a 五言绝句."""
    return [len(_HAN_CHARACTER.findall(line)) for line in poem_lines(text)]


def matches_form(text: str, form: str) -> bool:
    """Whether `text` is a poem of the named form (see `FORMS`): the right number of lines of the right
    length, and nothing in them but Han characters.  Raises `ConfigError` for an unknown form.
    """
    wanted = _form(form)
    lines = poem_lines(text)
    pure = re.compile(f"[{_HAN}]{{{wanted.length}}}")
    return len(lines) == wanted.lines and all(pure.fullmatch(line) for line in lines)


def rhymes(text: str, form: str) -> bool:
    """Whether the even lines of `text` end in different characters of one rhyme group.

    Any reading of a character with several may carry the rhyme.  False when `text` has not the number of
    lines of the form; the lines' lengths are `matches_form`'s business.  Raises `ConfigError` for an unknown form.
    """
    wanted = _form(form)
    lines = poem_lines(text)
    if len(lines) != wanted.lines:
        return False
    ends = [line[-1] for line in lines[1::2]]
    shared = frozenset.intersection(*(rhyme_groups(character) for character in ends))
    return len(set(ends)) == len(ends) and bool(shared)


def _form(name: str) -> Form:
    if name not in FORMS:
        raise ConfigError(f"'{name}' is not a poem form that is known here; choose one of {', '.join(FORMS)}.")
    return FORMS[name]


@cache
def _tracks() -> dict[str, tuple[str, ...]]:
    """The tracks of every character that has a reading, the most usual reading's first."""
    text = (files("huozhong.verify") / "rhymes.txt").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {character: tuple(names.split()) for names, characters in lines for character in characters}


def rhyme_groups(character: str) -> frozenset[str]:
    """The rhyme tracks of all readings of one character; empty for what has no reading."""
    return frozenset(_tracks().get(character, ()))


def rhyme_group(character: str) -> str | None:
    """The rhyme track of a character's first, most usual reading, or None when it has none."""
    return next(iter(_tracks().get(character, ())), None)
