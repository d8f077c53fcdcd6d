"""How long a connection may keep us waiting, and how many there may be.

uvicorn waits for ever for the rest of a request's head or body: who opens a connection, sends half of a head and
leaves it so holds a file descriptor, and nine hundred of them hold them all.  Three rules, none of which a client
meets that is merely slow:

- the head of a request has to be there `head_seconds` after the connection was opened, or after its last answer;
- its body has to come at `body_rate` bytes a second at least, once `body_seconds` have passed;
- of connections that have not asked anything yet only the newest `max_silent` are kept.  New ones are always taken:
  it is the oldest that is closed, so that those who say nothing shut nobody out.

Answers may take as long as they take.  Their pieces go out by a shorter way than h11's own (`Straight`).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState


@dataclass(frozen=True)
class Limits:
    """Seconds, bytes a second and numbers of connections; see above."""

    head_seconds: float = 20.0
    body_seconds: float = 20.0
    body_rate: float = 10_000.0
    max_silent: int = 256


def protocol_class(limits: Limits) -> type[H11Protocol]:
    """What uvicorn makes one of for each connection of a server with these limits."""
    silent: OrderedDict[PatientProtocol, None] = OrderedDict()

    class Limited(PatientProtocol):
        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(config, server_state, app_state, _loop, limits=limits, silent=silent)

    return Limited


class Straight(h11.Connection):
    """h11's connection, whose pieces of a body without a length skip h11's checks and lists.

    Those cost as much as making the event that is sent, for each piece of each stream.  The bytes are h11's own.
    """

    _in_chunks = False

    def send(self, event: h11.Event) -> bytes | None:  # type: ignore[override]
        if type(event) is h11.Data and self._in_chunks and event.data and self.our_state is h11.SEND_BODY:
            return b"%x\r\n%b\r\n" % (len(event.data), event.data)
        sent: bytes | None = super().send(event)
        if type(event) is h11.Response and sent is not None:
            self._in_chunks = b"\r\ntransfer-encoding: chunked\r\n" in sent.lower()
        return sent


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with an end to its patience.  silent: all connections whose next head is not there."""

    def __init__(self, *args: Any, limits: Limits, silent: OrderedDict[PatientProtocol, None]) -> None:
        super().__init__(*args)
        longest = self.config.h11_max_incomplete_event_size
        self.conn = Straight(h11.SERVER) if longest is None else Straight(h11.SERVER, longest)
        self._limits, self._silent = limits, silent
        self._waits_for: Literal["head", "body", None] = None
        self._timer: asyncio.TimerHandle | None = None
        self._body_began = 0.0
        self._body_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look()
        while len(self._silent) > self._limits.max_silent:
            next(iter(self._silent))._hang_up()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_for(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()
        self._body_bytes += len(data)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def _look(self) -> None:
        """Wait for what is to come next from the client, if anything is."""
        state = None if self.transport.is_closing() else self.conn.their_state
        self._wait_for("head" if state is h11.IDLE else "body" if state is h11.SEND_BODY else None)

    def _wait_for(self, what: Literal["head", "body", None]) -> None:
        if what == self._waits_for:
            return
        self._waits_for = what
        self._silent.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if what == "head":
            self._silent[self] = None
            self._timer = self.loop.call_later(self._limits.head_seconds, self._hang_up)
        elif what == "body":
            self._body_began, self._body_bytes = self.loop.time(), 0
            self._timer = self.loop.call_later(self._limits.body_seconds, self._check_body)

    def _check_body(self) -> None:
        """A body that is not there yet has come fast enough, or the connection is closed."""
        seconds = self.loop.time() - self._body_began
        # What we do not read at the moment cannot come.
        if self._body_bytes < seconds * self._limits.body_rate and not self.flow.read_paused:
            self._hang_up()
        else:
            self._timer = self.loop.call_later(self._limits.body_seconds, self._check_body)

    def _hang_up(self) -> None:
        self._wait_for(None)
        if not self.transport.is_closing():
            self.transport.abort()
