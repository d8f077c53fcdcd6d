"""POST /v1/rank: what to offer somebody, or the chances of rows."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from huozhong.apps.rank.kept import Fitted, load
from huozhong.apps.rank.offers import offers, score_rows
from huozhong.errors import SkillError
from huozhong.skills.trusted import Service


def rank(body: dict[str, Any], folder: Path) -> dict[str, Any]:
    """{"who"} or {"what"} or {"rows"}, and "top" -> {"model", "offers"}."""
    who, what, rows, top = body.get("who"), body.get("what"), body.get("rows"), body.get("top", 10)
    if not isinstance(top, int) or isinstance(top, bool) or not 1 <= top <= 1000:
        raise SkillError("'top' 要在 1 到 1000 之间。", "'top' must be a whole number between 1 and 1000.")
    for name, value in (("who", who), ("what", what)):
        if value is not None and not isinstance(value, str):
            raise SkillError(f"'{name}' 要是文字。", f"'{name}' must be a text.")
    fitted = fitted_in(folder)
    if rows is None:
        found = offers(fitted, who=who, what=what, top=top)
    else:
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise SkillError("'rows' 要是对象的列表。", "'rows' must be a list of objects.")
        found = score_rows(fitted, rows, top)
    return {"model": fitted.name, "offers": [one.as_json() for one in found]}


def fitted_in(folder: Path) -> Fitted:
    """The model of a folder, read again when it has changed."""
    file = folder / "about.json.gz"
    return _loaded(folder, file.stat().st_mtime_ns if file.exists() else 0)


@lru_cache(maxsize=2)
def _loaded(folder: Path, stamp: int) -> Fitted:
    return load(folder)


_TEXT = {"type": "string"}
SERVICES = {
    "rank": Service(
        rank,
        "What to offer somebody, whom to offer something, or the chances of rows.",
        {
            "who": _TEXT,
            "what": _TEXT,
            "rows": {"type": "array", "items": {"type": "object"}},
            "top": {"type": "integer", "minimum": 1, "maximum": 1000},
        },
    )
}
