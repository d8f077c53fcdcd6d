"""Streams that wait for the same beat go on together, each in its own loop."""

from __future__ import annotations

import asyncio

import pytest

from huozhong.server import beat


def test_who_waits_goes_on_at_the_same_beat_and_the_next_one_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beat, "BEAT_SECONDS", 0.02)

    async def run() -> tuple[list[int], int]:
        own = beat.beat_of(asyncio.get_running_loop())
        order: list[int] = []

        async def stream(number: int) -> None:
            for _ in range(3):
                await own.next()
                order.append(number)

        await asyncio.gather(*(stream(number) for number in range(4)))
        return order, len(own._waiting)

    order, left = asyncio.run(run())
    assert order == [0, 1, 2, 3] * 3
    assert left == 0


@pytest.mark.parametrize(("waiting", "seconds"), [(0, 0.04), (1, 0.04), (8, 0.04), (16, 0.08), (20, 0.1), (500, 0.1)])
def test_the_more_wait_the_longer_it_is(waiting: int, seconds: float) -> None:
    assert beat.seconds_between(waiting) == pytest.approx(seconds)


def test_a_beat_is_as_long_as_the_last_ones_guests_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(beat, "seconds_between", lambda waiting: asked.append(waiting) or 0.001)

    async def run() -> None:
        own = beat.beat_of(asyncio.get_running_loop())
        for guests in (3, 2, 1):
            await asyncio.gather(*(own.next() for _ in range(guests)))

    asyncio.run(run())
    assert asked == [0, 3, 2]


def test_each_loop_has_a_beat_of_its_own() -> None:
    async def own() -> beat.Beat:
        loop = asyncio.get_running_loop()
        assert beat.beat_of(loop) is beat.beat_of(loop)
        return beat.beat_of(loop)

    assert asyncio.run(own()) is not asyncio.run(own())


def test_who_is_ended_before_and_who_leaves_disturb_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beat, "BEAT_SECONDS", 0.02)

    async def run() -> None:
        own = beat.beat_of(asyncio.get_running_loop())
        ended, left, stays = own.next(), own.next(), own.next()
        ended.set_result(None)
        left.cancel()
        await asyncio.wait_for(stays, 30)

    asyncio.run(run())
