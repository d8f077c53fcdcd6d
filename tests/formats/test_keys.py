"""Values out of a file's keys: what is missing or of another kind is an error that names the key."""

from __future__ import annotations

from typing import Any

import pytest

from huozhong.errors import ConfigError
from huozhong.formats.keys import Keys


class Some(Keys):
    error = ConfigError

    def words(self, key: str) -> str:
        return f"some file: {key}"


KEYS = Some({"width": 32, "scale": 0.5, "null": None, "yes": True, "text": "7", "huge": 2**31, "nan": float("nan")})


def test_what_is_there_and_what_is_not() -> None:
    assert KEYS.whole("width") == 32
    assert KEYS.number("scale") == 0.5
    assert KEYS.number("width") == 32.0
    assert KEYS.value("text") == "7"
    assert KEYS.whole("missing", 3) == KEYS.whole("null", 3) == 3
    assert KEYS.number("missing", 0.0) == 0.0, "a default needs not be above 0"


@pytest.mark.parametrize(
    ("kind", "key", "words"),
    [
        ("value", "missing", "some file: missing is missing"),
        ("value", "null", "some file: null is missing"),
        ("whole", "yes", "yes is True; it must be a whole number of at least 1"),
        ("whole", "text", "text is '7'"),
        ("whole", "scale", "scale is 0.5"),
        ("whole", "huge", "huge is 2147483648"),
        ("number", "yes", "yes is True; it must be a number above 0"),
        ("number", "nan", "nan is nan"),
        ("number", "text", "text is '7'"),
    ],
)
def test_what_is_refused(kind: str, key: str, words: str) -> None:
    read: Any = getattr(KEYS, kind)
    with pytest.raises(ConfigError, match=words):
        read(key)


def test_a_minimum_of_its_own() -> None:
    assert KEYS.whole("missing", 0, 0) == 0
    with pytest.raises(ConfigError, match="at least 33"):
        KEYS.whole("width", minimum=33)
