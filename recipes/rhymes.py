"""The rhymes that `huozhong.verify.poem` knows: `python recipes/rhymes.py` writes src/huozhong/verify/rhymes.txt.

Readings are pypinyin's, whose data (MIT) comes from Unihan's.  They stand in a file so that nobody needs the package
to mark a poem.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from pypinyin import Style, pinyin

from huozhong.files import write_whole
from huozhong.verify import poem

# Han characters of the Basic Multilingual Plane; in the others there is hardly one that a poem ends with.
BLOCKS = ((0x3007, 0x3008), (0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00))
CHARACTERS = tuple(chr(code) for start, stop in BLOCKS for code in range(start, stop))
# The thirteen tracks; keys are pinyin finals as pypinyin spells them with strict=True (v is ü, the apical
# vowels of zhi and zi are written i).
TRACKS = {
    "发花": "a ia ua",
    "梭坡": "o e uo",
    "乜斜": "ie ve ê",
    "一七": "i v er",
    "姑苏": "u",
    "怀来": "ai uai",
    "灰堆": "ei uei",
    "遥条": "ao iao",
    "油求": "ou iou",
    "言前": "an ian uan van",
    "人辰": "en in uen vn",
    "江阳": "ang iang uang",
    "中东": "eng ing ueng ong iong",
}
_TRACK_OF = {final: track for track, finals in TRACKS.items() for final in finals.split()}


def tracks_of(character: str) -> tuple[str, ...]:
    """The tracks of all readings of a character, the most usual first."""
    found = pinyin(character, style=Style.FINALS, heteronym=True, strict=True, errors="ignore")
    return tuple(dict.fromkeys(_TRACK_OF[final] for final in (found[0] if found else []) if final in _TRACK_OF))


def table() -> str:
    """One line for each set of tracks: their names, then the characters that have them."""
    lines: defaultdict[tuple[str, ...], str] = defaultdict(str)
    for character in CHARACTERS:
        if tracks := tracks_of(character):
            lines[tracks] += character
    head = "# Rhyme tracks, the usual reading's first, and who has them: by recipes/rhymes.py, pypinyin's data (MIT)\n"
    return head + "".join(f"{' '.join(tracks)}\t{characters}\n" for tracks, characters in sorted(lines.items()))


if __name__ == "__main__":
    write_whole(Path(poem.__file__).with_name("rhymes.txt"), table())
