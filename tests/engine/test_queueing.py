"""Who waits is told the place and the seconds, and a long prompt how much of it is read."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
from tests.engine.test_waiting import NO_TASK

from huozhong.engine.llm import LLM, Delta, Handle, SamplingParams
from huozhong.engine.queueing import TELL_SECONDS, Queueing
from huozhong.engine.sequence import Sequence
from huozhong.text.template import ChatPrompt


def request(tokens: int) -> Sequence:
    return Sequence(1, np.ones(tokens, np.int32), 4, NO_TASK, print)


def test_seconds_follow_from_how_long_others_took() -> None:
    queueing = Queueing()
    assert queueing.progress(request(10), None).seconds is None  # nothing is known yet
    waiting = [request(10) for _ in range(6)]
    queueing.tell(waiting, running=2)
    assert [one.place for one in waiting] == [1, 2, 3, 4, 5, 6]
    done = request(10)
    queueing.begun(done)
    assert done.begun_at is not None
    done.begun_at -= 3.0  # it took three seconds
    queueing.ended(done)
    told = queueing.progress(waiting[3], None)
    assert told.place == 4
    assert told.seconds is not None
    assert abs(told.seconds - 4 * 3.0 / 2) < 0.1


def test_a_running_prompt_says_how_much_is_read() -> None:
    queueing, one = Queueing(), request(100)
    queueing.begun(one)
    one.num_computed = 40
    told = queueing.progress(one, 20.0)
    assert (told.place, told.seconds, told.prompt_done, told.prompt_total) == (0, 3.0, 40, 100)
    one.num_computed = 103  # it writes its answer
    assert queueing.progress(one, 20.0).prompt_done == 100


def test_more_requests_than_run_at_once_have_places_that_shrink(tiny_folder: Path, tmp_path: Path) -> None:
    with LLM(tiny_folder, num_threads=1, cache_dir=tmp_path) as llm:
        _crowd(llm)


def _crowd(llm: LLM) -> None:
    prompt, params = ChatPrompt(llm.text_tokens("你好")), SamplingParams(temperature=0, max_tokens=120, ignore_eos=True)
    ended: list[int] = []  # list.append is one step: no lock is needed
    all_ended = threading.Semaphore(0)

    def on_delta(delta: Delta) -> None:
        if delta.is_last:
            ended.append(1)
            all_ended.release()

    handles: list[Handle] = [llm.submit(prompt, params, on_delta, user=str(n % 5)) for n in range(90)]
    before = _when_many_run(handles, ended)
    for _ in handles:
        assert all_ended.acquire(timeout=120)
    assert handles[-1].progress().place == 0 < before


def _when_many_run(handles: list[Handle], ended: list[int]) -> int:
    """Waits until 32 run beside each other and the last one is still told a place: that place.

    Places are told now and then and the engine takes requests while we look, so the state is waited for: it is
    there long before the first answers end, as none of them may be by then.
    """
    deadline = time.monotonic() + 60
    while True:
        last = handles[-1].progress().place
        waiting = sum(one.progress().place > 0 for one in handles)
        if last > 0 and 0 < waiting <= 58:
            assert len(ended) < 32, "the places shrank only because answers ended: 32 did not run at once"
            assert handles[0].progress().place == 0
            return last
        assert time.monotonic() < deadline, f"{waiting} of 90 wait, {len(ended)} ended, the last has place {last}"
        time.sleep(TELL_SECONDS / 10)
