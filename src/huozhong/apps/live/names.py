"""Names that have words of their own in each language: the seller's glossary, and brands that everybody calls so.

The list holds brands whose Chinese name is no ordinary word as well: 苹果 is fruit and 小米 millet unless the seller's
own glossary says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from huozhong.apps.live.facts import Fact
from huozhong.apps.live.forms import LANGUAGES
from huozhong.apps.live.grammar import named
from huozhong.errors import SkillError

MOST_WORDS, LONGEST = 300, 60  # entries of a glossary; characters of a name


@cache
def brands() -> dict[str, Fact]:
    lines = Path(__file__).with_name("brands.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line]
    return named((said, {"en": english}) for said, english in rows)


def names(glossary: list[dict[str, str]]) -> dict[str, Fact]:
    """The brands, and before them the seller's own words, the longest first."""
    own = {row["zh"]: {one: row[one] for one in LANGUAGES if row.get(one)} for row in glossary}
    return named({**{said: {"en": form_of(fact)} for said, fact in brands().items()}, **own}.items())


def form_of(fact: Fact) -> str:
    words: Mapping[str, str] = getattr(fact, "words", {})
    return words["en"]


def read_glossary(rows: Any) -> list[dict[str, str]]:
    """A glossary as the page sends it: a list of {"zh": said, "en": …}.  Raises SkillError, with what is wrong."""
    if not isinstance(rows, list) or len(rows) > MOST_WORDS:
        raise SkillError(
            f"词表是一列词，最多 {MOST_WORDS} 个。", f"The glossary is a list of at most {MOST_WORDS} words."
        )
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        good = isinstance(row, dict) and all(isinstance(value, str) for value in row.values())
        if not good or set(row) - {"zh", *LANGUAGES} or not str(row.get("zh", "")).strip():
            raise SkillError(
                "词表的每一行要有中文说法，和各语言的写法。",
                f"Each row of the glossary has 'zh', and words in: {', '.join(LANGUAGES)}.",
            )
        tidy = {key: " ".join(value.split()) for key, value in row.items() if value.strip()}
        if max(map(len, tidy.values())) > LONGEST or any("⟦" in one or "⟧" in one for one in tidy.values()):
            raise SkillError(
                f"“{tidy['zh'][:20]}”这一行太长（最多 {LONGEST} 个字），或者有 ⟦⟧。",
                f"The row of '{tidy['zh'][:20]}' is too long (at most {LONGEST} characters), or has ⟦⟧ in it.",
            )
        found[tidy["zh"]] = tidy
    return list(found.values())
