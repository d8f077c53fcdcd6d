"""What happens in the house, a line a request: for the operator's log, and the day's for the owner's page.

A line says who asked for which path, when, with which status and how long it took.  It never holds a query, a header,
a body or an answer, so neither keys nor passwords nor what people write can come into a log.  Values are escaped as
JSON, so nobody can forge a line.
"""

from __future__ import annotations

import datetime
import json
import logging
import sys
import threading
import time
from collections import deque
from typing import Any, TextIO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from huozhong.server.identity import SCOPE_KEY, Visitor
from huozhong.server.measures import Measures

access_log = logging.getLogger("huozhong.access")

_DAY_LINES = 1_000  # of the last day: half a megabyte
_LONGEST_PATH = 200
_LONGEST_MESSAGE = 2000
# Asked all the time by the page itself and by probes; they would hide what matters.
_SILENT = ("/health", "/ready", "/metrics", "/page/")


class Journal:
    """ASGI middleware, the outermost: sees every request's end.  nobody: who asks where the door let nobody in."""

    def __init__(self, app: ASGIApp, *, measures: Measures, nobody: int | None) -> None:
        self._app = app
        self._measures = measures
        self._nobody = nobody

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            # No status: the client went away before there was one, as nginx says it; or we failed, and 500 follows.
            status = status or (500 if sys.exception() is not None else 499)
            self._measures.responded(status)
            if status >= 400 or not scope["path"].startswith(_SILENT):
                self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        visitor: Visitor | None = scope.get(SCOPE_KEY)
        client = scope.get("client")
        fields = {
            "method": scope["method"],
            "path": scope["path"][:_LONGEST_PATH],
            "status": status,
            "ms": round(seconds * 1e3, 1),
            "person": self._nobody if visitor is None else visitor.person.id,
            "address": client[0] if client else None,
        }
        access_log.info("%s %s %d", fields["method"], fields["path"], status, extra={"fields": fields})


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time (ISO 8601, UTC), level, logger, message, and a request's fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = as_dict(record)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True)


def as_dict(record: logging.LogRecord) -> dict[str, Any]:
    """A record's values."""
    moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    line = {
        "time": moment.isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage()[:_LONGEST_MESSAGE],
    }
    return line | getattr(record, "fields", {})


class DayLog(logging.Handler):
    """Keeps today's lines in memory, the newest few thousand of them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[dict[str, Any]] = deque(maxlen=_DAY_LINES)
        self._guard = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        with self._guard:
            self._lines.append(as_dict(record))

    def lines(self, limit: int) -> list[dict[str, Any]]:
        """The newest first; only those of the server's own day."""
        midnight = datetime.datetime.combine(datetime.date.today(), datetime.time()).astimezone(datetime.UTC)
        since = midnight.isoformat(timespec="milliseconds")
        with self._guard:
            found = [line for line in self._lines if line["time"] >= since]
        return found[::-1][:limit]


_DAY = DayLog()


def keep_the_day() -> DayLog:
    """The process's day log, listening from now on."""
    house = logging.getLogger("huozhong")
    if _DAY not in house.handlers:
        house.addHandler(_DAY)
        access_log.setLevel(logging.INFO)
        if not logging.getLogger().handlers:
            house.addHandler(_LastResort(sys.stderr))
    return _DAY


class _LastResort(logging.StreamHandler[TextIO]):
    """Warnings on stderr, as Python prints them where nobody has set logging up (any handler would switch that off)."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.setLevel(logging.WARNING)


def log_as_json(stream: TextIO) -> None:
    """Every line of the process as JSON on `stream`, requests included."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("huozhong").setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True
