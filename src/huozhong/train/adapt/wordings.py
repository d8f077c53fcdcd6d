"""A question in other words, made by leaving some of them out.

Who asks a model later uses other words than the file.  A small model that has always read the same ones learns to
answer these and no others; one that has had to do with some of them missing goes by those that matter (word dropout,
Iyyer et al. 2015, "Deep Unordered Composition Rivals Syntactic Methods for Text Classification").
"""

from __future__ import annotations

import random
import re

DROPPED = 0.3
# A character of a script that is written without blanks, or a word; each with the blanks after it.
_WORDS = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]\s*|[^\s\u2e80-\u9fff]+\s*")


def wordings(text: str, count: int, seed: int) -> list[str]:
    """At most `count` different versions of a text, each with some words left out; none of a text of one word.

    Numbers stay: another one would ask for another answer.
    """
    rng, words = random.Random(f"wordings {seed} {text}"), _WORDS.findall(text)
    found: dict[str, None] = {}
    for _ in range(2 * count):
        left = "".join(word for word in words if rng.random() >= DROPPED or any(map(str.isdigit, word))).strip()
        if left and left != text and len(found) < count:
            found.setdefault(left)
    return list(found) if len(words) > 1 else []
