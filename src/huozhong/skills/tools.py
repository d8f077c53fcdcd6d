"""What an app may call, if its `allowed-tools` name it; none of it by default.

`ask`, `keep`, `tally` and `search` are the host's.  `tally` is lent only to apps that are
trusted, for it takes words to where others see them.  A trusted app may bring others in its `tools.py`, as a dict
`TOOLS`; they are everybody's then.  A tool takes and gives plain values, and reaches nothing that its person may not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huozhong.errors import SkillError
from huozhong.files import write_whole

MOST_KEPT = 64 * 1024  # bytes that an app may keep for a person


@dataclass(frozen=True)
class Tool:
    """call: the function.  chinese, english: what it means to whoever takes an app in that asks for it."""

    call: Callable[..., Any]
    chinese: str
    english: str


# The host's own, by what they mean; what they do depends on who runs the app.
HOST = {
    "ask": ("再问模型几次", "ask the model again, a few times"),
    "keep": ("在本机记住一点东西，只给这个应用自己用", "keep a little on this machine, for this app alone"),
    "tally": (
        "数一数哪一步容易错，给老师看（要你先同意；只记步骤，不记题目和你写的话）",
        "count which steps go wrong, for a teacher (only if you agree; steps alone, no problem and no words of yours)",
    ),
    "search": ("在你添加的文件里查找", "look things up in the documents that you added"),
}

TRUSTED_ONLY = frozenset({"tally"})


def keep_in(file: Path) -> Callable[..., Any]:
    """The tool `keep` for one app and one person: keep(key, value) keeps, keep(key) gives what was kept, or None."""

    def keep(key: str, *value: Any) -> Any:
        kept: dict[str, Any] = {}
        if file.exists():
            try:
                kept = json.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                raise SkillError(
                    f"这个应用记住的东西读不了：{file.name}。", f"What the app kept cannot be read: {file.name}."
                ) from None
        if not value:
            return kept.get(str(key))
        try:
            data = json.dumps(kept | {str(key): value[0]}, ensure_ascii=False)
        except (TypeError, ValueError):
            raise SkillError(
                "只能记住文字、数和它们的列表。", "Only texts, numbers and lists of them can be kept."
            ) from None
        if len(data.encode()) > MOST_KEPT:
            raise SkillError("这个应用要记住的东西太多。", "The app wants to keep too much.")
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, data)
        return value[0]

    return keep
