"""Ollama's `keep_alive`: how long a model stays, as its programs write it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from huozhong.errors import RequestError
from huozhong.server.dialects.ollama.requests import kept_seconds


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None), (0, 0), ("0", 0), (60, 60), (1.5, 1.5), ("60", 60), ("5m", 300), ("1h30m", 5400), ("90s", 90),
        ("500ms", 0.5), ("1.5h", 5400), (-1, math.inf), ("-1", math.inf), ("-1m", math.inf), ("0s", 0),
        (1e300, math.inf), ("99999999h", math.inf),
    ],
)  # fmt: skip
def test_lengths_of_time(given: Any, seconds: float | None) -> None:
    assert kept_seconds({"keep_alive": given}) == seconds


@pytest.mark.parametrize("given", ["", "soon", "5 m", "m", True, [], {}, "5m!", math.nan])
def test_what_is_none(given: Any) -> None:
    with pytest.raises(RequestError, match="'keep_alive' is") as error:
        kept_seconds({"keep_alive": given})
    assert error.value.param == "keep_alive"
