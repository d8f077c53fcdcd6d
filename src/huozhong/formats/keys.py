"""Values out of a model file's keys, checked: what is missing or of the wrong kind is an error that names the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from huozhong.errors import HuozhongError

REQUIRED = object()  # as a default: without the key there is no model


class Keys:
    """The keys of one file.  `words` says which one is meant, for the beginning of a sentence."""

    error: type[HuozhongError]

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def words(self, key: str) -> str:
        """Where the key stands and its name."""
        raise NotImplementedError

    def value(self, key: str, default: Any = REQUIRED) -> Any:
        """Whatever is there; a null counts as absent."""
        found = self._values.get(key)
        if found is not None:
            return found
        if default is REQUIRED:
            raise self.error(f"{self.words(key)} is missing.")
        return default

    def whole(self, key: str, default: Any = REQUIRED, minimum: int = 1) -> int:
        """A whole number from `minimum` to 2**31 - 1."""
        found = self.value(key, default)
        if type(found) is not int or not minimum <= found < 2**31:
            raise self.error(f"{self.words(key)} is {found!r}; it must be a whole number of at least {minimum}.")
        return found

    def number(self, key: str, default: Any = REQUIRED) -> float:
        """A number above 0, or the default itself."""
        found = self.value(key, default)
        is_default = not isinstance(found, bool) and isinstance(found, int | float) and found == default
        return float(found) if is_default else positive(found, self.words(key), self.error)


def positive(value: Any, words: str, error: type[HuozhongError]) -> float:
    """`value`, which must be a number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e30:
        raise error(f"{words} is {value!r}; it must be a number above 0.")
    return float(value)
