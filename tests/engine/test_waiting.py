"""Users take turns; what was preempted goes first."""

from __future__ import annotations

import numpy as np

from huozhong.engine.sequence import Sequence
from huozhong.engine.tasks import Task
from huozhong.engine.waiting import WaitingRoom

NO_TASK: Task = None  # type: ignore[assignment]  # what is done with numbers plays no part in waiting


def request(number: int, user: str | None) -> Sequence:
    return Sequence(number, np.array([1], np.int32), 4, NO_TASK, print, user)


def drain(room: WaitingRoom) -> list[int]:
    out = []
    while room:
        assert room.first() is next(iter(room))
        out.append(room.pop().request_id)
    assert len(room) == 0
    return out


def test_fifty_requests_of_one_user_do_not_keep_another_waiting() -> None:
    room = WaitingRoom()
    for number in range(50):
        room.add(request(number, "many"))
    room.add(request(100, "few"))
    room.add(request(101, "few"))
    room.add(request(200, None))
    assert len(room) == 53
    listed = [s.request_id for s in room]
    order = drain(room)
    assert order[:6] == [0, 100, 200, 1, 101, 2]
    assert order == listed


def test_a_user_who_just_had_a_turn_waits_for_the_others() -> None:
    room = WaitingRoom()
    for number in range(3):
        room.add(request(number, "a"))
    assert room.pop().request_id == 0
    room.add(request(10, "b"))
    assert drain(room) == [1, 10, 2]


def test_what_was_preempted_goes_first_oldest_first() -> None:
    room = WaitingRoom()
    room.add(request(1, "a"))
    for number, order in ((2, 8), (3, 5)):
        back = request(number, "b")
        back.order = order
        room.requeue(back)
    assert [s.request_id for s in room] == [3, 2, 1]
    assert drain(room) == [3, 2, 1]


def test_removing() -> None:
    room = WaitingRoom()
    waiting, back, stranger = request(1, "a"), request(2, "b"), request(3, "a")
    room.add(waiting)
    room.requeue(back)
    assert not room.remove(stranger)
    assert room.remove(back)
    assert not room.remove(back)
    assert room.remove(waiting)
    assert not room
