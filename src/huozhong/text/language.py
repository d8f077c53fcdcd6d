"""Which of the two languages an answer is given in: that of the last question."""

from __future__ import annotations

import re

_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN_WORD = re.compile(r"[A-Za-z]{2,}")


def is_english(text: str) -> bool:
    """True for a question with a Latin word and without any Chinese character."""
    return _HAN.search(text) is None and _LATIN_WORD.search(text) is not None
