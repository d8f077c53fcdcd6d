"""A line of a data file as columns: each is read by somebody, or the line is refused by that column's name.

A column that was silently left out would teach something else than its author wrote down, and nobody would notice.
Empty columns (null, "", [], {}) say nothing: files written from tables have every column in every line.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, NoReturn

from huozhong.errors import DataError

# Where a line comes from, what kind it is and how good others found it; nothing that anybody says.
LABELS = frozenset({
    "id", "idx", "index", "uuid", "uid", "prompt_id", "conversation_id", "source", "dataset", "url", "category", "lang",
    "language", "序号", "编号", "分类", "类别", "来源",
    "kind", "task", "task_type", "domain", "metadata", "answer_from", "human_verified", "copyright",  # Firefly, COIG
    "repo_name", "score", "prompt_tokens_len", "reasoning_content_tokens_len", "content_tokens_len",  # R1-Distill-110k
    "score_chosen", "score_rejected", "chosen_rating", "rejected_rating", "chosen_model", "rejected_model",
})  # fmt: skip


class Columns:
    """The columns of one object; `finish` refuses those that nobody took.

    where: file, line and place in it, for errors.  known: other names that the form has, to guess what was meant.
    """

    def __init__(self, values: Mapping[str, Any], where: str, known: frozenset[str] = frozenset()) -> None:
        self.where, self._known = where, set(known)
        self._left = {name: value for name, value in values.items() if not _says_nothing(value)}
        self._written = list(values)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def take(self, *names: str) -> Any:
        """The value under one of these names, None when there is none.  Raises DataError when there are two."""
        self._known |= {*names}
        found = [name for name in names if name in self._left]
        if len(found) > 1:
            self.refuse(f"{found[0]!r} and {found[1]!r} mean the same; leave one of them out")
        return self._left.pop(found[0]) if found else None

    def text(self, *names: str) -> str | None:
        """Like `take`, of a text.  Raises DataError for anything else."""
        name = next((name for name in names if name in self._left), names[0])
        value = self.take(*names)
        if value is not None and not isinstance(value, str):
            self.refuse(f"{name!r} must be text, not {kind(value)}")
        return value

    def needed(self, *names: str) -> str:
        """Like `text`, of a text that must be there."""
        value = self.text(*names)
        if value is not None:
            return value
        if empty := [name for name in names if name in self._written]:
            self.refuse(f"{empty[0]!r} must be text that is not empty")
        has = ", ".join(map(repr, self._written[:5])) or "nothing"
        self.refuse(f"{names[0]!r} is missing (it has {has}); a line needs question and answer, or messages")

    def finish(self) -> frozenset[str]:
        """Labels that were there.  Raises DataError for any other column that nobody took."""
        for name in self._left.keys() - LABELS:
            near = difflib.get_close_matches(name, sorted(self._known), n=1, cutoff=0.75)
            hint = f"did you mean {near[0]!r}?" if near else "nothing would be learnt from it, so leave it out"
            self.refuse(f"the field {name!r} is not known here; {hint}")
        return frozenset(self._left)

    def refuse(self, what: str) -> NoReturn:
        """Raise DataError for this line."""
        end = "" if what.endswith("?") else "."
        raise DataError(f"{self.where}: {what}{end}")


def small_names(row: Mapping[str, Any]) -> dict[str, Any]:
    """A line with its columns' names as they are known: `Question` and " ANSWER " are, where no two become one."""
    names = [name.strip().lower() for name in row]
    return dict(zip(names, row.values(), strict=True)) if len(set(names)) == len(names) else dict(row)


def kind(value: Any) -> str:
    """What JSON calls it."""
    if isinstance(value, bool):
        return "true or false"
    names = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "null")


def _says_nothing(value: Any) -> bool:
    return value is None or value == [] or value == {} or (isinstance(value, str) and not value.strip())
