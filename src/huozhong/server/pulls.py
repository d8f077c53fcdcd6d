"""Models on their way to this machine: one at a time, seen, paused and taken up again, also by the next server.

What is wanted stands in a small file beside the models; what has come of it lies in hub/arrival's unfinished folder.  A
server that starts goes on with what ran when the one before it ended; what was paused stays paused.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from huozhong.errors import HuozhongError, RequestError
from huozhong.files import write_whole
from huozhong.formats.installed import checked_name, models_folder
from huozhong.hub.arrival import forget_unfinished, installed
from huozhong.hub.bring import bring
from huozhong.hub.names import parse_wanted
from huozhong.hub.pull import pull

log = logging.getLogger("huozhong.server")

State = Literal["waiting", "running", "paused", "done", "failed"]
_FILE = ".pulls.json"
_SPEED_SECONDS = 5.0  # over which the speed is told
_MOST = 50  # entries, the finished ones included


class _Stopped(Exception):
    """The owner, or the end of the server, stops a model on its way."""


@dataclass(eq=False)
class Pull:
    """A model on its way.  wanted: what the owner asked for: a name for `pull`, or a path to copy from.

    total, done: bytes; total is 0 until the hub has told it.  note, error: (Chinese, English).
    """

    name: str
    wanted: str
    kind: Literal["pull", "import"] = "pull"
    state: State = "waiting"
    total: int = 0
    done: int = 0
    file: str = ""
    note: tuple[str, str] | None = None
    error: tuple[str, str] | None = None
    _steps: deque[tuple[float, int]] = field(default_factory=deque)

    def count(self, number: int) -> None:
        self.done += number
        now = time.monotonic()
        self._steps.append((now, self.done))
        while self._steps[0][0] < now - _SPEED_SECONDS:
            self._steps.popleft()

    def begin(self) -> None:
        self.state, self.done, self.total, self.error, self.note = "running", 0, 0, None, None
        self._steps.clear()

    @property
    def speed(self) -> float | None:
        """Bytes a second now; None while too little has come to tell."""
        if self.state != "running" or len(self._steps) < 2:
            return None
        (began, first), (ended, last) = self._steps[0], self._steps[-1]
        return (last - first) / (ended - began) if ended > began and last > first else None

    def as_json(self) -> dict[str, Any]:
        speed = self.speed
        left = None if speed is None or not self.total else round((self.total - self.done) / speed)
        told: dict[str, Any] = {"name": self.name, "wanted": self.wanted, "kind": self.kind, "state": self.state}
        told |= {"done": self.done, "total": self.total, "file": self.file, "seconds_left": left}
        told["bytes_per_second"] = None if speed is None else round(speed)
        for key, pair in (("note", self.note), ("error", self.error)):
            if pair is not None:
                told[key] = {"zh": pair[0], "en": pair[1]}
        return told


class Pulls:
    """All of them.  Thread-safe; its own thread runs while there is work.  `close()` it."""

    def __init__(self, *, origin: Literal["auto", "huggingface", "modelscope"] = "auto") -> None:
        self._origin: Literal["auto", "huggingface", "modelscope"] = origin
        self._lock = threading.Condition()
        self._pulls: dict[str, Pull] = {}
        self._thread: threading.Thread | None = None
        self._running: str | None = None
        self._stop: State | Literal["cancelled"] | None = None  # what becomes of the running one
        self._closed = False
        self.version = 0  # counts changes that are worth telling

    # -- what the owner does -----------------------------------------------------------------------

    def take_up(self) -> None:
        """Go on with what an earlier server left."""
        for entry in _read():
            with self._lock:
                self._pulls.setdefault(entry.name, entry)
        self._work()

    def pull(self, wanted: str) -> Pull:
        """Bring a model by its short name or repository.  `HubError` or `ConfigError` for a name that means none."""
        return self._add(Pull(parse_wanted(wanted).name, wanted))

    def bring(self, path: Path, name: str) -> Pull:
        """Copy a model from a medium.  Raises as `hub.bring.bring` does, in the pull's own `error`."""
        return self._add(Pull(checked_name(name), str(path), "import"))

    def _add(self, new: Pull) -> Pull:
        with self._lock:
            known = self._pulls.get(new.name)
            if known is not None and known.state in ("waiting", "running"):
                return known
            if known is None and len(self._pulls) >= _MOST:
                self._pulls = {name: pull for name, pull in self._pulls.items() if pull.state not in ("done", "failed")}
            if len(self._pulls) >= _MOST:
                raise RequestError(f"{_MOST} models are on their way already.", code="conflict")
            self._pulls.pop(new.name, None)
            self._pulls[new.name] = new
        self._changed()
        self._work()
        return new

    def all(self) -> list[Pull]:
        """In the order in which they were asked for."""
        with self._lock:
            return list(self._pulls.values())

    def pause(self, name: str) -> Pull:
        """What has come stays.  `RequestError` for a model that is not on its way."""
        return self._leave(name, "paused")

    def resume(self, name: str) -> Pull:
        """Go on with one that was paused or failed."""
        with self._lock:
            entry = self._entry(name)
            if entry.state in ("paused", "failed"):
                entry.state = "waiting"
        self._changed()
        self._work()
        return entry

    def cancel(self, name: str) -> Pull:
        """Not wanted any more: what has come of it is deleted, and the entry with it."""
        entry = self._leave(name, "cancelled")
        with self._lock:
            if self._running == name:
                return entry  # the thread cleans up behind itself
            self._pulls.pop(name, None)
        if entry.state != "done":
            forget_unfinished(name)
        self._changed()
        return entry

    def _leave(self, name: str, outcome: Literal["paused", "cancelled"]) -> Pull:
        with self._lock:
            entry = self._entry(name)
            if self._running == name:
                self._stop = outcome
                self._lock.notify_all()
            elif entry.state == "waiting":
                entry.state = "paused"
        self._changed()
        return entry

    def _entry(self, name: str) -> Pull:
        if name not in self._pulls:
            raise RequestError(f"No model {name!r} is on its way here.", param="name", code="not_found")
        return self._pulls[name]

    @property
    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Stop where it is; the next server goes on."""
        with self._lock:
            self._closed = True
            self._stop = "waiting"
            self._lock.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    # -- the thread --------------------------------------------------------------------------------

    def _work(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed and self._next() is not None:
                self._thread = threading.Thread(target=self._run, name="huozhong-pulls", daemon=True)
                self._thread.start()

    def _next(self) -> Pull | None:
        return next((pull for pull in self._pulls.values() if pull.state == "waiting"), None)

    def _run(self) -> None:
        while True:
            with self._lock:
                entry = None if self._closed else self._next()
                if entry is None:
                    self._thread = None
                    return
                self._running, self._stop = entry.name, None
                entry.begin()
            self._changed()
            self._one(entry)
            with self._lock:
                self._running = None
            self._changed()

    def _one(self, entry: Pull) -> None:
        watcher = _Watching(self, entry)
        try:
            if entry.kind == "import":
                bring(Path(entry.wanted), watcher, name=entry.name)
            else:
                pull(parse_wanted(entry.wanted), watcher, origin=self._origin, sleep=self._wait)
            entry.state = "done"
        except _Stopped:
            with self._lock:
                outcome = self._stop
            if outcome == "cancelled":
                forget_unfinished(entry.name)
                with self._lock:
                    self._pulls.pop(entry.name, None)
            else:
                entry.state = outcome or "paused"
        except HuozhongError as error:
            entry.state, entry.error = "failed", (error.chinese or str(error), str(error))
        except Exception as error:
            log.exception("the model %s could not be brought", entry.name)
            sentence = f"{type(error).__name__}: {error}"
            entry.state, entry.error = "failed", (f"出错了（{sentence}）。", f"It failed ({sentence}).")

    def check(self) -> None:
        """Raises where the running one is to stop."""
        if self._stop is not None:
            raise _Stopped

    def _wait(self, seconds: float) -> None:
        """Between two attempts."""
        deadline = time.monotonic() + seconds
        with self._lock:
            while self._stop is None and (left := deadline - time.monotonic()) > 0:
                self._lock.wait(left)
        self.check()

    def _changed(self) -> None:
        with self._lock:
            self.version += 1
            kept = [
                {
                    "name": p.name,
                    "wanted": p.wanted,
                    "kind": p.kind,
                    "state": "paused" if p.state == "paused" else "waiting",
                }
                for p in self._pulls.values()
                if p.state in ("waiting", "running", "paused")
            ]
        _write(kept)


@dataclass
class _Watching:
    """A `hub.download.Watcher` that tells an entry how far it is."""

    pulls: Pulls
    entry: Pull

    def start(self, total: int) -> None:
        self.pulls.check()
        self.entry.total = total

    def file(self, name: str) -> None:
        self.pulls.check()
        self.entry.file, self.entry.note = name, None

    def advance(self, count: int) -> None:
        self.entry.count(count)
        self.pulls.check()

    def note(self, chinese: str, english: str) -> None:
        self.entry.note = (chinese, english)


# -- what the next server reads --------------------------------------------------------------------


def _read() -> list[Pull]:
    """What was on its way; nothing where the file is missing or damaged: the unfinished folders stay."""
    try:
        rows = json.loads((models_folder() / _FILE).read_text(encoding="utf-8"))
        found = [Pull(checked_name(row["name"]), row["wanted"], row["kind"], row["state"]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, HuozhongError):
        return []
    good = [one for one in found if one.kind in ("pull", "import") and one.state in ("waiting", "paused")]
    return [one for one in good if not (one.kind == "import" and installed(one.name) is not None)]


def _write(rows: list[dict[str, str]]) -> None:
    file = models_folder() / _FILE
    try:
        if rows:
            write_whole(file, json.dumps(rows, ensure_ascii=False))
        else:
            file.unlink(missing_ok=True)
    except OSError as error:  # the disk is full or not ours: the pull itself will say so
        log.warning("%s cannot be written (%s): an unfinished model must be asked for again", file, error.strerror)
