"""What the apps may call: the fitted model's offers, in words."""

from __future__ import annotations

from typing import Any

from huozhong.apps.rank.offers import offers
from huozhong.apps.rank.report import field_words
from huozhong.apps.rank.services import fitted_in
from huozhong.files import app_folder
from huozhong.skills.tools import Tool


def rank(who: str, what: str, top: int = 10, language: str = "zh") -> list[dict[str, Any]]:
    """The best offers for somebody, or people for something; the other of the two is empty.

    language: of the reasons, "zh" or "en"; names are those of the table.
    """
    folder = app_folder("rank")
    fitted = fitted_in(folder)
    found = offers(fitted, who=who or None, what=what or None, top=int(top))
    return [
        {
            "name": one.name,
            "chance": one.chance if fitted.task.target is not None else None,
            "why": [[field_words(field, english=language == "en"), value, by] for field, value, by in one.reasons],
        }
        for one in found
    ]


TOOLS = {"rank": Tool(rank, "用从你的表格学来的推荐", "use the recommendations learnt from your table")}
