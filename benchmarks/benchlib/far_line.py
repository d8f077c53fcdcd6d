"""A line to a server far away, made on loopback: a proxy that lets bytes through no faster, and no sooner.

What a browser's own throttling leaves out is in it: a connection takes a round trip before it carries anything, all
connections share the line, and a service worker's requests take as long as a page's.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from queue import Queue

_PIECE = 1448  # of a packet: no answer waits until a larger part of another has passed


class _Line:
    def __init__(self, target: int, round_trip: float, kbit: float | None) -> None:
        self._target, self._half = target, round_trip / 2
        self._byte_s = 0.0 if kbit is None else 8 / (kbit * 1000)
        self._free_at = [0.0, 0.0]  # when each direction has sent what it was given
        self.accepted: list[tuple[asyncio.StreamWriter, asyncio.Task[None]]] = []

    def accept(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Remembered at once: who is cancelled before the first step closes nothing itself."""
        self.accepted.append((back, asyncio.get_running_loop().create_task(self.serve(near, back))))

    async def serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """Both ways of one connection, until both are over, or the line is taken down."""
        ends = [back]
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.sleep(2 * self._half)  # its first packets say nothing yet
            far, there = await asyncio.open_connection("127.0.0.1", self._target)
            ends.append(there)
            await asyncio.gather(self._carry(near, there, 0), self._carry(far, back, 1))
        for end in ends:
            end.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: int) -> None:
        loop, on_their_way = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()
        delivering = loop.create_task(_deliver(on_their_way, sink))
        try:
            piece = b"-"
            while piece:
                piece = await source.read(_PIECE)
                self._free_at[way] = max(loop.time(), self._free_at[way]) + len(piece) * self._byte_s
                on_their_way.put_nowait((self._free_at[way] + self._half, piece))
                await asyncio.sleep(self._free_at[way] - loop.time())
            await delivering
        except OSError:  # one end is gone: the other shall see it, too
            delivering.cancel()
            sink.close()


async def _deliver(on_their_way: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter) -> None:
    """Each piece when it has crossed the line; an empty one is the end."""
    while True:
        at, piece = await on_their_way.get()
        await asyncio.sleep(at - asyncio.get_running_loop().time())
        if not piece:
            sink.close()
            return
        sink.write(piece)


@contextlib.contextmanager
def far_line(port: int, *, round_trip: float, kbit: float | None = None) -> Iterator[int]:
    """The port of a line to `port` of this machine.  round_trip: in seconds.  kbit: a second, each way; None: any."""
    loop, over, found = asyncio.new_event_loop(), asyncio.Event(), Queue[int]()

    async def run() -> None:
        line = _Line(port, round_trip, kbit)
        server = await asyncio.start_server(line.accept, "127.0.0.1", 0)
        found.put(server.sockets[0].getsockname()[1])
        await over.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for back, _ in line.accepted:
            back.transport.abort()
        await asyncio.sleep(0)  # connections close in the loop's next turn

    def in_thread() -> None:
        loop.run_until_complete(run())
        loop.close()

    thread = threading.Thread(target=in_thread)
    thread.start()
    try:
        yield found.get(timeout=30)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(30)
