"""What of a seller's sentence is locked, for apps: the text with slots, and what stands in each language for them."""

from __future__ import annotations

from typing import Any

from huozhong.apps.live.forms import LANGUAGES, form
from huozhong.apps.live.grammar import locks
from huozhong.apps.live.names import brands
from huozhong.errors import SkillError
from huozhong.skills.tools import Tool

LONGEST = 500


def locked(text: str, language: str) -> dict[str, Any]:
    """{"masked": the text with ⟦1⟧ …, "forms": [{"said", "form"}]}: prices, sizes, brands in `language`."""
    if not isinstance(text, str) or len(text) > LONGEST or language not in LANGUAGES:
        raise SkillError(
            f"这个工具要一句话（最多 {LONGEST} 个字）和一种语言：{'、'.join(LANGUAGES)}。",
            f"This takes a sentence of at most {LONGEST} characters and a language: {', '.join(LANGUAGES)}.",
        )
    text = text.replace("⟦", "[").replace("⟧", "]")
    found = locks(text, brands())
    masked, last = "", 0
    for number, lock in enumerate(found, 1):
        masked += f"{text[last : lock.start]}⟦{number}⟧"
        last = lock.end
    forms = [{"said": text[one.start : one.end], "form": form(one.fact, language)} for one in found]
    return {"masked": masked + text[last:], "forms": forms}


TOOLS = {"locked": Tool(locked, "把价格、牌子、尺码换成记号", "lock prices, brands and sizes of a sentence")}
