"""How far what a recogniser wrote is from what somebody may have said.

A recogniser that only knows Mandarin writes a dialect's syllables as the characters that sound nearest to it.  So
characters are read back as Mandarin syllables, and compared by sound with how the words are said at the place where the
speaker comes from.  `sounds.npz` holds the readings of 2,221 characters at 25 points and the distances of onsets and
rimes; it was made by recipes/callhome/build.py from a lexicon under CC BY 4.0 (see credits in SKILL.md).  Tones are
left out: a recogniser that does not know the dialect hears them as others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ONSET_WEIGHT, RIME_WEIGHT = 0.42, 0.58
HOMOPHONE = 0.16  # another character of the same sound
FAREST = 1.0
# An ear that errs writes one of a dozen like syllables, the likest no oftener than the others, and seldom the very
# character: so where one is wrong at all, its likeness says little about what was said.
MISHEARD = 0.4

# characters that mean the same word in writing, however they are written
VARIANTS = str.maketrans(
    {"搵": "揾", "俾": "畀", "囝": "仔", "個": "个", "隻": "只", "媽": "妈", "嬤": "嫲", "嬷": "嫲", "咗": "左",
     "妳": "你", "您": "你", "喎": "喔", "囉": "啰", "啫": "啧", "擺": "摆"}
)  # fmt: skip


@dataclass(frozen=True)
class Token:
    """A syllable that may be said: as it is written, and its number in the table of sounds (0: as Mandarin)."""

    written: str
    sound: int = 0


@cache
def table() -> dict[str, Any]:
    with np.load(Path(__file__).with_name("sounds.npz")) as file:
        arrays = {name: file[name] for name in file.files}
    for name in ("points", "sounds", "pinyin", "onset_names", "rime_names"):
        arrays[name] = arrays[name].tobytes().decode().split("\n")
    for name in ("characters", "hanzi", "traditional", "simplified"):
        arrays[name] = arrays[name].tobytes().decode()
    return arrays


@cache
def _simplified() -> dict[int, int]:
    return str.maketrans(table()["traditional"], table()["simplified"])


def plain(text: str) -> str:
    """Simplified, and one form of each word that is written in several ways."""
    return text.translate(VARIANTS).translate(_simplified()).translate(VARIANTS)


@cache
def _readings() -> dict[str, int]:
    return dict(zip(table()["hanzi"], (int(one) for one in table()["hanzi_pinyin"]), strict=True))


@cache
def _columns() -> dict[str, int]:
    return {character: i for i, character in enumerate(table()["characters"])}


@cache
def sound_numbers() -> dict[str, int]:
    """A syllable in IPA, without its tone -> its number."""
    return {sound: i for i, sound in enumerate(table()["sounds"])}


@cache
def points() -> tuple[str, ...]:
    """The 25 places."""
    return tuple(table()["points"])


def pinyin_of(character: str) -> str:
    """A character's usual syllable in Mandarin, without its tone, ü as v; "" for one that has none."""
    return str(table()["pinyin"][_readings().get(character, 0)])


def token(character: str, point: int | None) -> Token:
    """How a character is said at a point; where that is unknown, as in Mandarin."""
    column = _columns().get(character)
    return Token(character, int(table()["read"][point, column]) if point is not None and column is not None else 0)


@cache
def _from_sound() -> NDArray[np.float32]:
    """[sounds, pinyin]: 0 to 1, how far a syllable of the lexicon is from one of Mandarin's."""
    t = table()
    onset = t["onset_far"][np.ix_(t["sound_onset"], t["pinyin_onset"])].astype(np.float32)
    rime = t["rime_far"][np.ix_(t["sound_rime"], t["pinyin_rime"])].astype(np.float32)
    return np.asarray((ONSET_WEIGHT * onset + RIME_WEIGHT * rime) / 255, np.float32)


@cache
def _from_pinyin() -> NDArray[np.float32]:
    """[pinyin, pinyin]: the same between Mandarin's own."""
    t = table()
    onset = t["onset_onset"][np.ix_(t["pinyin_onset"], t["pinyin_onset"])].astype(np.float32)
    rime = t["rime_rime"][np.ix_(t["pinyin_rime"], t["pinyin_rime"])].astype(np.float32)
    return np.asarray((ONSET_WEIGHT * onset + RIME_WEIGHT * rime) / 255, np.float32)


class Sayings:
    """Syllables that may be said, made ready once to be compared with what is heard."""

    def __init__(self, said: Sequence[Token]) -> None:
        self.sounds = np.array([one.sound for one in said])
        self.readings = np.array([_readings().get(one.written, 0) for one in said])
        self.written = np.array([one.written for one in said])


def unlikeness(said: Sayings, heard: str, misheard: bool = False) -> NDArray[np.float32]:
    """[said, heard] float32, 0 (the same) to 1 (nothing in common): characters that were written, beside syllables that
    may have been said.

    misheard: what is not written the same costs nearly the same, however like it sounds (see `MISHEARD`)."""
    readings = np.array([_readings().get(c, 0) for c in heard])
    sounds, others = said.sounds, said.readings
    by_sound = np.where(sounds[:, None] > 0, _from_sound()[np.ix_(sounds, readings)], FAREST)
    by_reading = np.where(others[:, None] > 0, _from_pinyin()[np.ix_(others, readings)], FAREST)
    found = np.minimum(1.0, SHARPNESS * np.minimum(by_sound, by_reading))
    found = HOMOPHONE + (1 - HOMOPHONE) * found
    if misheard:
        found = MISHEARD + (1 - MISHEARD) * found
    found[:, readings == 0] = FAREST
    found[said.written[:, None] == np.array(list(heard))[None, :]] = 0.0
    return np.asarray(found, np.float32)


def far(heard: str, said: Token) -> float:
    """The same for one of each."""
    return float(unlikeness(Sayings((said,)), heard)[0, 0])


SHARPNESS = 1.6  # so that two unlike syllables cost nearly 1, and a slight accent little


def nearest(sound: int, how_many: int) -> list[tuple[str, float]]:
    """The syllables of Mandarin that a sound of the lexicon is most like, with their distances."""
    row = _from_sound()[sound]
    return [(str(table()["pinyin"][i]), float(row[i])) for i in np.argsort(row)[: how_many + 1] if i][:how_many]
