"""A line of so many Mbit/s, made on loopback: a proxy that forwards bytes no faster, and counts them.

For gloo, whose processes tell one another their addresses through a store, `SlowStore` hands out the proxy's address in
place of the process's own.  No rights are needed, as `tc netem` would.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
import time

import torch.distributed as dist

_PIECE = 16384


class SlowLine:
    """Forwards connections at its own port to `target`, `mbit` each way, as a line is shared by all that use it.

    carried: bytes so far, both ways.  busy: seconds that each direction took for them.
    """

    def __init__(self, target: tuple[str, int], mbit: float, port: int = 0) -> None:
        """port: of its own; 0 is any."""
        self._target, self._bytes_per_second = target, mbit * 1e6 / 8
        self.carried = 0
        self.busy = [0.0, 0.0]
        self._free_at = [0.0, 0.0]  # when each direction has sent what it was given
        self._locks = (threading.Lock(), threading.Lock())
        self._socket = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        """Both ways of one connection, until both are over."""
        with near, contextlib.suppress(OSError), socket.create_connection(self._target, timeout=30) as far:
            far.settimeout(None)
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self._carry, args=(far, near, 1), daemon=True)
            back.start()
            self._carry(near, far, 0)
            back.join()

    def _carry(self, source: socket.socket, sink: socket.socket, way: int) -> None:
        try:
            while piece := source.recv(_PIECE):
                with self._locks[way]:
                    begins = max(time.monotonic(), self._free_at[way])
                    took = len(piece) / self._bytes_per_second
                    self._free_at[way] = ends = begins + took
                    self.busy[way] += took
                    self.carried += len(piece)
                time.sleep(max(0.0, ends - time.monotonic()))
                sink.sendall(piece)
            with contextlib.suppress(OSError):  # what comes back may still be on its way
                sink.shutdown(socket.SHUT_WR)
        except OSError:  # one end is gone: the other direction shall end too
            for one in (source, sink):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def in_gloo_order(port: int) -> int:
    """A port as gloo compares it: as it lies in an address, high byte first, read as a number of this machine.

    So 0x1234 comes before 0x0135 on most machines; the same call turns it back.  (gloo, transport/tcp/device.cc.)
    """
    return int.from_bytes(port.to_bytes(2, "big"), sys.byteorder)


def beside(port: int, mbit: float) -> SlowLine:
    """A line to a port of this machine, at the nearest free one in gloo's order.

    Of two processes of gloo the one with the lower address waits for the other to call.  Each compares its own port
    with the other's line, so lines must lie in the order of what they lead to, or both wait, or both call: above it,
    and below it where the other process has the very next port.
    """
    place = in_gloo_order(port)
    for away in range(1, 50):
        for other in (place + away, place - away):
            if 0 <= other < 65536 and (own := in_gloo_order(other)) >= 1024:
                try:
                    return SlowLine(("127.0.0.1", port), mbit, own)
                except OSError:
                    continue  # somebody listens there
    raise OSError(f"no port beside {port} is free")


class SlowStore(dist.Store):  # type: ignore[misc]  # torch's stubs do not say that it may be subclassed
    """A store that says of every IPv4 listener which a value names: call its slow line instead."""

    def __init__(self, store: dist.Store, mbit: float) -> None:
        super().__init__()
        self._store, self._mbit = store, mbit
        self.lines: dict[int, SlowLine] = {}

    def set(self, key: str, value: str | bytes) -> None:
        self._store.set(key, self._slowed(value) if isinstance(value, bytes) else value)

    def _slowed(self, value: bytes) -> bytes:
        """sockaddr_in is the family (2, in the machine's order), the port (network order) and the address."""
        family, here = struct.pack("=H", socket.AF_INET), socket.inet_aton("127.0.0.1")
        at = value.find(family)
        while at >= 0:
            if value[at + 4 : at + 8] == here:
                port = int.from_bytes(value[at + 2 : at + 4], "big")
                if port and port not in self.lines:
                    self.lines[port] = beside(port, self._mbit)
                if port:
                    value = value[: at + 2] + self.lines[port].port.to_bytes(2, "big") + value[at + 4 :]
                at += 8
            else:
                at += 1
            at = value.find(family, at)
        return value

    def get(self, key: str) -> bytes:
        return self._store.get(key)

    def add(self, key: str, amount: int) -> int:
        return self._store.add(key, amount)

    def wait(self, keys: list[str], timeout: object = None) -> None:
        if timeout is None:
            self._store.wait(keys)
        else:
            self._store.wait(keys, timeout)

    def check(self, keys: list[str]) -> bool:
        return self._store.check(keys)

    def delete_key(self, key: str) -> bool:
        return self._store.delete_key(key)

    @property
    def carried(self) -> int:
        return sum(line.carried for line in self.lines.values())

    @property
    def busy(self) -> float:
        """Seconds of the busiest direction of the busiest line."""
        return max((max(line.busy) for line in self.lines.values()), default=0.0)
