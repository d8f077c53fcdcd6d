"""Deltas from another thread, until the last."""

from __future__ import annotations

import threading

import pytest

from huozhong.engine.collector import Collector
from huozhong.engine.requests import Delta

DELTAS = [Delta(text=str(i)) for i in range(50)] + [Delta(finish_reason="stop")]


@pytest.mark.parametrize("each", [False, True])
def test_all_deltas_come_in_order(each: bool) -> None:
    collector = Collector(each=each)
    thread = threading.Thread(target=lambda: [collector.put(delta) for delta in DELTAS])
    thread.start()
    assert list(collector) == DELTAS
    thread.join()


def test_each_delta_can_be_had_before_the_next() -> None:
    collector = Collector(each=True)
    deltas = iter(collector)
    for delta in DELTAS:
        collector.put(delta)
        assert next(deltas) is delta
    assert next(deltas, None) is None
