"""What was filled into an app, looked at for distress once, before anything else is said of it.

An app may wait in a queue, for a model, or refuse a form that is filled in badly; an emergency must not.  Where that
matters (a page's route, the protocol's tools) the look comes first, and `run` does not look again at a `Given`; what
comes to `run` as it is, from the command or an example, becomes one there.  Nothing else makes one, so that there is no
way into an app past the look.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from huozhong.skills.fields import LONGEST
from huozhong.verify.distress import CHINA, check, language_of

_READ = max(LONGEST.values())  # characters of a field that are looked at, which is as many as one may hold


class Given(Mapping[str, Any]):
    """A copy of what was filled in that nobody changes after the look.  rule: the fixed text of an emergency, or None.

    Looked at is every text, also one that stands where a number or a date belongs, is too long, or is in a field that
    nobody asked for: who writes it is not told to fill the form in properly.
    """

    def __init__(self, filled_in: Mapping[str, Any], numbers: Mapping[str, str] = CHINA) -> None:
        """numbers: to ring in an emergency."""
        self._values = copy.deepcopy(dict(filled_in))
        self.rule = _rule(_texts(self._values.values()), numbers)

    def __getitem__(self, key: str) -> Any:
        return copy.deepcopy(self._values[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def without(self, key: str) -> Given:
        """The same with one field less; what was found in it stays found."""
        less = copy.copy(self)
        less._values = {other: value for other, value in self._values.items() if other != key}
        return less


def _rule(texts: Iterable[str], numbers: Mapping[str, str]) -> str | None:
    """What must not be left to a model is not left to an app either."""
    for text in texts:
        if (finding := check([{"role": "user", "content": text[:_READ]}])) is not None:
            return finding.reply(language_of(text), numbers=numbers)
    return None


def _texts(values: Iterable[Any]) -> Iterator[str]:
    """Every text that stands in what was sent, however deep."""
    todo = list(values)
    while todo:
        value = todo.pop(0)
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            todo[:0] = list(value.values())
        elif isinstance(value, list | tuple):
            todo[:0] = list(value)
