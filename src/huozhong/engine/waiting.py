"""Who is next: requests that wait, in turn between users.

Someone with fifty queued requests does not keep another user's first one waiting: users take turns, and each
user's own requests stay in their order.  What was preempted for lack of memory goes first, oldest first, as it
holds work that is done already.
"""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict, deque
from collections.abc import Iterator

from huozhong.engine.sequence import Sequence


class WaitingRoom:
    """Waiting requests.  Iterating goes over all of them in the order in which they would be admitted."""

    def __init__(self) -> None:
        self._preempted: list[Sequence] = []
        self._users: OrderedDict[str | None, deque[Sequence]] = OrderedDict()  # the next user first

    def __len__(self) -> int:
        return len(self._preempted) + sum(len(queue) for queue in self._users.values())

    def __bool__(self) -> bool:
        return bool(self._preempted or self._users)

    def __iter__(self) -> Iterator[Sequence]:
        yield from self._preempted
        queues = list(self._users.values())
        for turn in range(max(map(len, queues), default=0)):
            yield from (queue[turn] for queue in queues if turn < len(queue))

    def add(self, sequence: Sequence) -> None:
        """A new request, behind its user's others."""
        self._users.setdefault(sequence.user, deque()).append(sequence)

    def requeue(self, sequence: Sequence) -> None:
        """A preempted request: it goes before all new ones."""
        insort(self._preempted, sequence, key=lambda s: s.order)

    def first(self) -> Sequence:
        """Whose turn it is.  The room must not be empty."""
        return self._preempted[0] if self._preempted else next(iter(self._users.values()))[0]

    def pop(self) -> Sequence:
        """Take `first()` out; its user's next request waits for all other users' turns."""
        if self._preempted:
            return self._preempted.pop(0)
        user, queue = self._users.popitem(last=False)
        sequence = queue.popleft()
        if queue:
            self._users[user] = queue
        return sequence

    def remove(self, sequence: Sequence) -> bool:
        """Take a request out, wherever it waits; False if it does not wait here."""
        if sequence in self._preempted:
            self._preempted.remove(sequence)
            return True
        queue = self._users.get(sequence.user)
        if queue is None or sequence not in queue:
            return False
        queue.remove(sequence)
        if not queue:
            del self._users[sequence.user]
        return True
