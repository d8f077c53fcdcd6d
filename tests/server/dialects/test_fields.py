"""Fields are read strictly, whatever the dialect."""

from __future__ import annotations

from typing import Any

import pytest

from huozhong.errors import RequestError
from huozhong.server.dialects.fields import Strict, without_unsupported


class Inner(Strict):
    depth: int


class Outer(Strict):
    heat: float | None = None
    inner: list[Inner] | None = None


@pytest.mark.parametrize(
    ("raw", "param", "code", "words"),
    [
        ({"heta": 1}, "heta", "unknown_parameter", "Unknown field 'heta'; did you mean 'heat'?"),
        ({"zzz": 1}, "zzz", "unknown_parameter", "Unknown field 'zzz'; leave it out."),
        ({f"z{i}": 1 for i in range(600)}, "z0", "unknown_parameter", "Unknown field 'z0'; leave it out."),
        ({"heat": "0.5"}, "heat", "invalid_value", "'heat' is wrong: "),
        ({"inner": [{"depth": 1}, {}]}, "inner[1].depth", "missing_required_parameter", "'inner[1].depth' is missing."),
    ],
)
def test_the_first_problem_is_one_sentence(raw: dict[str, Any], param: str, code: str, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        Outer.parse(raw)
    assert (caught.value.param, caught.value.code) == (param, code)
    assert words in str(caught.value)
    assert Outer.parse({"heat": 1.5}) == Outer(heat=1.5)


def test_what_is_not_served_yet_may_only_ask_for_nothing() -> None:
    table = {"n": (1,), "audio": ()}
    assert without_unsupported({"n": 1, "audio": None, "x": 2}, table) == {"x": 2}
    for raw in ({"n": 2}, {"n": True}, {"audio": {}}):
        with pytest.raises(RequestError, match="not supported yet") as caught:
            without_unsupported(raw, table, "choices[0].")
        assert caught.value.param == f"choices[0].{next(iter(raw))}"
