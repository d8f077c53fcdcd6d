"""A question in other words, made by rules: some left out, another order, another beginning and end.

Who asks a model later uses other words than the file.  A small model that has always read the same ones learns to
answer these and no others; one that has had to do with some of them missing goes by those that matter (word dropout,
Iyyer et al. 2015, "Deep Unordered Composition Rivals Syntactic Methods for Text Classification").  Words that say what
is asked about are kept more often than those that only ask.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

DROPPED, DROPPED_SMALL = 0.2, 0.5  # of words that say something, and of those that ask
TURNED = 0.25  # of the versions begin with what stood behind
FRAMED = 0.4  # get a beginning, and as many an end
# A character of a script that is written without blanks, or a word; each with the blanks after it.
_WORDS = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]\s*|[^\s\u2e80-\u9fff]+\s*")
_SMALL = frozenset(
    "的是在有了吗呢呀啊吧么什多少几哪里个谁怎样为请问要能会可以和与就到得着过？?，。！、：；"
    "一叫说"
)  # fmt: skip
_SMALL_WORDS = frozenset(
    (
        "a", "an", "the", "is", "are", "was", "were", "does", "do", "did", "has", "have", "had", "of", "in", "on", "at",
        "to", "for", "by", "with", "from", "what", "which", "who", "when", "where", "how", "many", "much", "can",
        "could", "would", "will", "please", "tell", "me", "it", "its", "there", "that", "this",
    )
)  # fmt: skip
_ASKING = frozenset("什么几多哪谁怎吗呢何？")
_ASKING_WORDS = frozenset(
    ("what", "which", "who", "when", "where", "how", "why", "whose", "is", "are", "does", "do", "did", "can")
)
_BEGINS = ("请问", "你知道", "我想知道", "告诉我", "说说", "问一下，", "帮我查查", "那个", "关于")
_ENDS = ("？", "呢？", "吗", "是什么", "是多少", "怎么说", "，你知道吗", "。", "呀")
_ENGLISH_BEGINS = ("Tell me: ", "Do you know: ", "I'd like to know ", "Please say ", "Question: ", "So, ")
_ENGLISH_ENDS = ("", "?", " please", " then?", ", do you know?")


def wordings(text: str, count: int, seed: int) -> list[str]:
    """At most `count` different versions of a text; none of a text of one word.

    Numbers stay: another one would ask for another answer.
    """
    rng, words = random.Random(f"wordings {seed} {text}"), words_of(text)
    found: dict[str, None] = {}
    for _ in range(2 * count):
        left = _framed(_turned([word for word in words if _stays(word, rng)], rng), text.isascii(), rng)
        if left and left != text and len(found) < count:
            found.setdefault(left)
    return list(found) if len(words) > 1 else []


def words_of(text: str) -> list[str]:
    """The words of a text, each with the blanks behind it; every character where there are no blanks."""
    return _WORDS.findall(text)


def asks(words: Sequence[str]) -> bool:
    """Whether one of them is a word that asks."""
    return any(word.strip() in _ASKING or word.strip(" ?").lower() in _ASKING_WORDS for word in words)


def _stays(word: str, rng: random.Random) -> bool:
    bare = word.strip().lower()
    small = bare in _SMALL or bare.strip(".,;:!?\"'") in _SMALL_WORDS
    return any(map(str.isdigit, word)) or rng.random() >= (DROPPED_SMALL if small else DROPPED)


def _turned(words: list[str], rng: random.Random) -> str:
    """Most often as they are; else what stood behind comes first."""
    if len(words) > 3 and rng.random() < TURNED:
        at = rng.randint(len(words) // 3, len(words) - 1)
        words = [*words[at:], *words[:at]]
        return "".join(word if word.isspace() or not word.isascii() else f"{word.strip()} " for word in words).strip()
    return "".join(words).strip()


def _framed(text: str, english: bool, rng: random.Random) -> str:
    begins, ends = (_ENGLISH_BEGINS, _ENGLISH_ENDS) if english else (_BEGINS, _ENDS)
    if text and rng.random() < FRAMED:
        text = rng.choice(begins) + text
    return text.rstrip("？?。.") + rng.choice(ends) if text and rng.random() < FRAMED else text
