"""Lines between the machines of a team: one TCP connection between each member and the machine that leads.

A star, not a ring: a village has one line to the town, and a member that goes must not take the others' lines along.
Who does not know the key does not get in: both ends prove it (HMAC-SHA256 over the other's fresh number) before
anything else is read.  What is sent afterwards is not encrypted; over the open internet put it into a VPN or ssh.

A frame:  length of the header (4 bytes), length of the payload (8 bytes), header (JSON), payload.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import queue
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

from huozhong.errors import ConfigError, TrainingError

_LENGTHS = struct.Struct("<IQ")
_HEADER_LIMIT = 1 << 20
_PAYLOAD_LIMIT = 1 << 36
_NONCE = 32
_GREETING_SECONDS = 10.0
_BEAT_SECONDS = 2.0
_AT_THE_DOOR = 32  # who have not proved anything yet

Frame = tuple[dict[str, Any], bytes]  # what arrives has "at" in its header: time.monotonic() when it was whole


class LineLost(TrainingError):
    """The other end is gone, or has not been heard of for too long."""


class Line:
    """One end of a connection on which both ends have proved that they know the key.

    A thread reads and one writes, so that bytes move while the processor trains; a sign of life goes out every two
    seconds.  sent, received: bytes so far, all of them counted.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.settimeout(None)
        with contextlib.suppress(OSError):  # a pipe in place of TCP has no such option
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent = self.received = 0
        self._heard = time.monotonic()
        self._arrived: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._leaving: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._gone = threading.Event()
        self._threads = [
            threading.Thread(target=work, daemon=True, name=f"line-{work.__name__}")
            for work in (self._read, self._write)
        ]
        for thread in self._threads:
            thread.start()

    def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """Hand a frame to the writing thread; what cannot be sent is found out by `receive`."""
        said = json.dumps(header).encode()
        self._leaving.put(_LENGTHS.pack(len(said), len(payload)) + said + payload)

    def receive(self, patience: float) -> Frame:
        """The next frame.  Raises LineLost when the other end is gone, or silent for `patience` seconds."""
        while True:
            left = patience - (time.monotonic() - self._heard)
            try:
                frame = self._arrived.get(timeout=max(0.01, left))
            except queue.Empty:
                if time.monotonic() - self._heard < patience:
                    continue  # part of a long frame came meanwhile
                self.close()
                raise LineLost(f"the other end has been silent for {patience:.0f} seconds.") from None
            if frame is None:
                self._arrived.put(None)
                raise LineLost("the line is cut.")
            return frame

    @property
    def gone(self) -> bool:
        return self._gone.is_set()

    def close(self, flush_seconds: float = 0.0) -> None:
        """Hang up; what was handed to `send` has so long to leave."""
        self._leaving.put(None)
        if flush_seconds:
            self._threads[1].join(flush_seconds)
        self._hang_up()

    def _hang_up(self) -> None:
        self._gone.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _read(self) -> None:
        try:
            while True:
                header_length, payload_length = _LENGTHS.unpack(self._exactly(_LENGTHS.size))
                if header_length > _HEADER_LIMIT or payload_length > _PAYLOAD_LIMIT:
                    break
                header = json.loads(self._exactly(header_length))
                payload = self._exactly(payload_length)
                if header:  # an empty one is a sign of life
                    self._arrived.put(({**header, "at": time.monotonic()}, payload))
        except (OSError, ValueError):
            pass  # told by the None that follows
        self._arrived.put(None)
        self._hang_up()

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self._socket.recv(min(count - len(data), 1 << 16))
            if not piece:
                raise OSError("closed")
            data += piece
            self.received += len(piece)
            self._heard = time.monotonic()
        return bytes(data)

    def _write(self) -> None:
        beat = _LENGTHS.pack(2, 0) + b"{}"
        try:
            while True:
                try:
                    data = self._leaving.get(timeout=_BEAT_SECONDS)
                except queue.Empty:
                    data = beat
                if data is None:
                    break
                self._socket.sendall(data)
                self.sent += len(data)
        except OSError:
            self._hang_up()


# -- who may come in -------------------------------------------------------------------------------------


def _proof(key: str, who: bytes, nonce: bytes) -> bytes:
    return hmac.new(key.encode(), who + nonce, hashlib.sha256).digest()


def _read_exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise OSError("closed")
        data += piece
    return data


def _greet(connection: socket.socket, key: str, mine: bytes, theirs: bytes) -> bool:
    """Prove the key to the other end and have it proved; whether it was."""
    connection.settimeout(_GREETING_SECONDS)
    nonce = secrets.token_bytes(_NONCE)
    connection.sendall(nonce)
    connection.sendall(_proof(key, mine, _read_exactly(connection, _NONCE)))
    return hmac.compare_digest(_proof(key, theirs, nonce), _read_exactly(connection, _NONCE))


class Hub:
    """Where members come in: a listening socket, and a thread that lets in who knows the key."""

    def __init__(self, key: str, port: int = 0, host: str = "") -> None:
        """host: the address to listen at; "" is all of the machine's."""
        self._key = key
        try:
            self._socket = socket.create_server((host, port), backlog=32)
        except OSError as error:
            raise ConfigError(
                f"port {port} cannot be listened at ({error.strerror}); choose another with --port."
            ) from None
        self.port: int = self._socket.getsockname()[1]
        self.arrived: queue.SimpleQueue[Line] = queue.SimpleQueue()
        self._doors = threading.BoundedSemaphore(_AT_THE_DOOR)
        self._thread = threading.Thread(target=self._accept, daemon=True, name="hub")
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return  # closed
            if self._doors.acquire(blocking=False):
                threading.Thread(target=self._admit, args=(connection,), daemon=True, name="hub-door").start()
            else:  # strangers who hold all doors are shown out in ten seconds; a member calls again
                connection.close()

    def _admit(self, connection: socket.socket) -> None:
        try:
            known = _greet(connection, self._key, b"leader", b"member")
        except OSError:
            known = False
        finally:
            self._doors.release()
        if known:
            self.arrived.put(Line(connection))
        else:
            connection.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def call(
    address: tuple[str, int], key: str, *, seconds: float, given_up: Callable[[], bool] = lambda: False
) -> Line | None:
    """A line to the machine that leads; tried again until `seconds` have passed, or None once `given_up` says so.

    Raises ConfigError when nobody answers or the key is another.
    """
    until, wait = time.monotonic() + seconds, 0.2
    while not given_up():
        try:
            connection = socket.create_connection(address, timeout=_GREETING_SECONDS)
            connection.settimeout(_GREETING_SECONDS)
            if _greet(connection, key, b"member", b"leader"):
                return Line(connection)
            connection.close()
            raise ConfigError(f"{address[0]}:{address[1]} leads another team: its key is not ours; check the key.")
        except OSError as error:
            if time.monotonic() > until:
                reason = error.strerror or str(error)
                raise ConfigError(
                    f"nobody who leads this run answers at {address[0]}:{address[1]} ({reason}); start it there first, "
                    "and check address, port and key."
                ) from None
            time.sleep(wait)
            wait = min(5.0, wait * 1.5)
    return None
