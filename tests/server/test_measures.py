"""The last hour by minutes, first tokens, and how they are counted."""

from __future__ import annotations

from huozhong.engine.llm import Usage
from huozhong.server.measures import FIRST_TOKEN_BUCKETS, Measures


class Clock:
    now = 60_000.0

    def __call__(self) -> float:
        return self.now


def usage(first: float | None, tokens: int = 10) -> Usage:
    return Usage(
        prompt_tokens=5, completion_tokens=tokens, reasoning_tokens=0, cache_hit_tokens=0,
        seconds_to_first_token=first, seconds=1.0,
    )  # fmt: skip


def test_minutes_in_which_nothing_happened_are_there_too() -> None:
    clock = Clock()
    measures = Measures(clock)
    measures.answered(usage(0.2))
    clock.now += 120
    measures.answered(usage(0.4))
    measures.answered(usage(None))
    minutes = measures.minutes()
    assert [minute["tokens"] for minute in minutes[-3:]] == [10, 0, 20]
    assert [minute["firsts"] for minute in minutes[-3:]] == [1, 0, 1]
    assert len(minutes) == 60
    clock.now += 3600
    assert sum(minute["tokens"] for minute in measures.minutes()) == 0


def test_percentiles_are_of_the_last_hour() -> None:
    clock = Clock()
    measures = Measures(clock)
    assert measures.first_token_percentiles() == {"p50": None, "p95": None}
    for number in range(100):
        measures.answered(usage(number / 100))
    assert measures.first_token_percentiles() == {"p50": 0.5, "p95": 0.95}
    clock.now += 3601
    measures.answered(usage(7.0))
    assert measures.first_token_percentiles() == {"p50": 7.0, "p95": 7.0}


def test_a_bucket_holds_its_bound() -> None:
    measures = Measures()
    for bound in FIRST_TOKEN_BUCKETS:
        measures.answered(usage(bound))
    measures.answered(usage(1000.0))
    assert measures.first_token.counts == [1] * (len(FIRST_TOKEN_BUCKETS) + 1)
    measures.responded(200)
    measures.responded(200)
    assert measures.responses == {200: 2}
