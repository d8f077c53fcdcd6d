"""A message as the rules read it: simplified, lower case, without what people put between the characters, and with
the usual slips of spelling set right.

    自 *杀*  自．殺  我，想，死  俺吥想活    ->    自杀  自杀  我想死  我不想活

Commas and stops stay, because a rule must know where a sentence ends; but not where every single character stands
apart.  Only the head and the tail of a long message are read: what somebody says of himself stands there, and
the time stays bounded.
"""

from __future__ import annotations

import itertools
import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"
HEAD, TAIL = 2000, 2000  # characters of a long message that are read

_HAN = "\u4e00-\u9fff"
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad\ufe00-\ufe0f]")
_BETWEEN = re.compile(rf"(?<=[{_HAN}])[ \t*._~/|+·•@#^…—\-=&%$`'\"“”‘’「」『』()\[\]<>]{{1,6}}(?=[{_HAN}])")
_APART = re.compile(rf"(?<![{_HAN}])(?:[{_HAN}][,。、.!?;:]){{2,}}[{_HAN}](?![{_HAN}])")
_APOSTROPHE = re.compile(r"(?<=[a-z])['’`´](?=[a-z])")
_IN_WORD = re.compile(r"(?<=[a-z])[*_](?=[a-z])")
_LETTER_BY_LETTER = re.compile(r"(?<![a-z])(?:[a-z][ .\-]){3,}[a-z](?![a-z])")
_REPEATED = re.compile(r"([^\W\d])\1{2,}")
_SPACE = re.compile(r"[ \t\u3000]+")
_LIST = re.compile(r"\{(\w+)\}")
_SIGNS = str.maketrans({"，": ",", "！": "!", "？": "?", "；": ";", "：": ":", "｡": "。", "\r": "\n"})


@cache
def simplified() -> dict[int, str]:
    """Traditional characters and other forms -> the simplified ones that the rules are written in."""
    with (DATA / "characters.toml").open("rb") as file:
        groups: list[str] = tomllib.load(file)["forms"].split()
    return {ord(form): group[0] for group in groups for form in group[1:]}


@cache
def spellings() -> dict[str, str]:
    """Words as they are typed wrong -> the word that was meant; a word to be kept stands for itself."""
    with (DATA / "spellings.toml").open("rb") as file:
        data = tomllib.load(file)
    lists: dict[str, list[str]] = {name: text.split() for name, text in data["lists"].items()}
    right: dict[str, str] = {}
    for word, forms in data["right"].items():
        for form in forms.split():
            right.update((wrong, word) for wrong in _spelled_out(form, lists) if wrong != word)
    return right | {word: word for word in data["kept"].split()}


def _spelled_out(form: str, lists: Mapping[str, list[str]]) -> Iterator[str]:
    pieces = _LIST.split(form)  # text, name, text, name, text
    return map("".join, itertools.product(*(lists[p] if i % 2 else [p] for i, p in enumerate(pieces))))


@cache
def _by_start() -> dict[str, list[str]]:
    """The wrong forms by their first two characters."""
    forms: dict[str, list[str]] = {}
    for wrong in spellings():
        forms.setdefault(wrong[:2], []).append(wrong)
    return forms


def _corrected(text: str) -> str:
    """The text with its slips of spelling set right; where two wrong forms begin alike, the longer one counts."""
    forms = _by_start()
    starts = {text[i : i + 2] for i in range(len(text) - 1)} & forms.keys()
    words = [word for start in starts for word in forms[start] if word in text]
    if not words:
        return text
    right = spellings()
    any_of_them = "|".join(map(re.escape, sorted(words, key=lambda word: (-len(word), word))))
    return re.sub(any_of_them, lambda found: right[found[0]], text)


def excerpt(text: str) -> str:
    """The head and the tail of a long text, on lines of their own; a short text as it is."""
    return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]}\n{text[-TAIL:]}"


def normal(text: str) -> str:
    """The text in the one form that rules are written for."""
    text = unicodedata.normalize("NFKC", excerpt(text)).lower().translate(simplified()).translate(_SIGNS)
    text = _INVISIBLE.sub("", text)
    text = _APART.sub(lambda found: re.sub(r"[,。、.!?;:]", "", found[0]), text)
    text = _BETWEEN.sub("", text)
    text = _IN_WORD.sub("", _APOSTROPHE.sub("", text))
    text = _LETTER_BY_LETTER.sub(lambda found: re.sub(r"[ .\-]", "", found[0]), text)
    text = _SPACE.sub(" ", _REPEATED.sub(r"\1", text)).strip()
    return _corrected(text)
