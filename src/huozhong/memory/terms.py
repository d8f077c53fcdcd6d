"""What a text is looked up by: pairs of characters where words have no spaces between them, words elsewhere.

Chinese, Japanese and Korean are cut into overlapping pairs of characters, which finds words of any length and needs no
dictionary; all other scripts are cut into words, folded, an English plural brought to its singular.  A term is a number
of 64 bits, so that an index is arrays and nothing else: a pair is the two characters themselves, a word its hash.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from functools import lru_cache

_PAIRED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff々〇"
_RUNS = re.compile(f"([{_PAIRED}]+)|((?:(?![{_PAIRED}])[^\\W_])+)")
_BITS = 21  # of a character
_WORD = 1 << 63


def terms(text: str) -> list[int]:
    """The terms of a text, in its order, repeated as they are there.  A character that stands alone is a term too."""
    found: list[int] = []
    for run in _RUNS.finditer(unicodedata.normalize("NFKC", text).casefold()):
        paired = run[1]
        if paired is None:
            found.append(_word(run[2]))
        elif len(paired) == 1:
            found.append(ord(paired) << _BITS)
        else:
            points = [ord(character) for character in paired]
            found += [first << _BITS | second for first, second in itertools.pairwise(points)]
    return found


@lru_cache(maxsize=1 << 14)
def _word(word: str) -> int:
    digest = hashlib.blake2b(_singular(word).encode(), digest_size=8).digest()
    return _WORD | int.from_bytes(digest, "little") >> 1


def _singular(word: str) -> str:
    """Harman's S-stemmer (1991), which changes plurals and nothing else."""
    if len(word) < 4 or not word.isascii():
        return word
    if word.endswith("ies") and word[-4] not in "ae":
        return word[:-3] + "y"
    if word.endswith("es") and word[-3] not in "aeo":
        return word[:-1]
    if word.endswith("s") and word[-2] not in "us":
        return word[:-1]
    return word
