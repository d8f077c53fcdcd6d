"""The shelf: every model that this server can serve, each loaded when it is first asked for.

A model is loaded in a thread of its own kind, one at a time; however many ask for it meanwhile, it is loaded once and
all of them get it.  Who takes a model holds it, and gives it back when the answer is complete.  A model that nobody
holds and that computes nothing is put away

- when it has not been used for as long as the operator keeps models (`keep`), or a client that used it said, and
- when another one needs its memory: the one that was used longest ago first.

So an answer never loses its model.  Before a model is handed out its files are looked at: where they have changed since
it was loaded, the next request gets the new ones, while answers that run are completed by the old; where they are
gone, the request is told what else there is.  The first model, which `serve MODEL` names, is kept like the others; when
its files are gone, what is there instead is the first.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from huozhong.engine.llm import LLM, SamplingParams
from huozhong.engine.machine import available_memory
from huozhong.errors import RequestError
from huozhong.formats.resolve import BUILT_IN
from huozhong.server.opening import About, Opening, Signature, no_room, on_this_machine, signature_of
from huozhong.server.upstream.engines import Engines

KEEP_SECONDS = 30 * 60.0
_LOOK_AGAIN = 5.0  # seconds until a model that is due but busy is looked at again

State = Literal["resting", "loading", "loaded"]


@dataclass(eq=False)
class Loaded:
    """A model in memory.  holds: how many answers need it.  memory: bytes.  used: when somebody last had it.

    keep: seconds that it stays when nobody uses it, infinite for ever.
    """

    llm: LLM
    signature: Signature
    memory: int
    used: float
    keep: float
    holds: int = 0
    leaving: bool = False  # closed as soon as nobody holds it

    @property
    def due_in(self) -> float:
        return self.used + self.keep - time.monotonic()

    @property
    def is_busy(self) -> bool:
        stats = self.llm.stats()
        return self.holds > 0 or stats.running + stats.waiting > 0


@dataclass(frozen=True, kw_only=True)
class ModelState:
    """What can be told of a model.  size: bytes on disk.  progress: of its weights, done and in all, while loading.

    idle: seconds since it was used.  left: seconds until it is put away; None for a model that stays.  error: why it
    could not be loaded the last time.
    """

    name: str
    state: State
    size: int
    built_in: bool
    progress: tuple[int, int] = (0, 0)
    running: int = 0
    waiting: int = 0
    memory: int = 0
    context: int | None = None
    idle: float | None = None
    left: float | None = None
    error: str | None = None
    llm: LLM | None = None
    is_elsewhere: bool = False


@dataclass(eq=False)
class _Place:
    """A model's place on the shelf.  signature: of its files, when they were last looked at.

    waiters: requests for which it is being loaded.
    """

    name: str
    path: Path
    signature: Signature = ()
    loaded: Loaded | None = None
    loading: Future[Loaded] | None = None
    progress: tuple[int, int] = (0, 0)
    waiters: int = 0
    error: str | None = None


class Shelf:
    """Thread-safe.  `close()` it, or use it as a context manager: every model on it is closed.

    first: the model that is served where a request names none; it is loaded already.
    everything: also what came with the program and what was brought to this machine; otherwise the first model alone.
    keep: seconds that a model stays in memory when nobody uses it; None for ever.
    memory: bytes that programs may still take on this machine, None where nobody knows.
    """

    def __init__(
        self,
        first: LLM,
        *,
        opening: Opening | None = None,
        everything: bool = False,
        keep: float | None = KEEP_SECONDS,
        memory: Callable[[], int | None] = available_memory,
    ) -> None:
        self.opening = opening or Opening()
        self.keep = math.inf if keep is None else keep
        self.everything = everything
        self.at_close: list[Callable[[], None]] = []  # called first
        self.engines: Engines | None = None  # that are elsewhere; what they serve can be asked for here
        self._free = memory
        self._lock = threading.Condition()
        self._places: dict[str, _Place] = {}
        self._leaving: list[Loaded] = []
        self._closed = False
        self._first = first.name
        memory_taken = self.opening.memory(first.path) if everything else 0  # alone it makes room for nobody
        loaded = Loaded(first, signature_of(first.path) or (), memory_taken, time.monotonic(), self.keep)
        self._places[first.name] = _Place(first.name, first.path, loaded=loaded)
        self._loader = ThreadPoolExecutor(1, "huozhong-shelf")
        self._tidier = threading.Thread(target=self._tidy, name="huozhong-tidy", daemon=True)
        if everything or keep is not None:
            self._tidier.start()

    # -- which there are -------------------------------------------------------------------------

    @property
    def default(self) -> str:
        """The model that answers where none is named: the first one, or what is left when its files are gone."""
        names = self.names()
        return self._first if not names or self._first in names else names[0]

    def names(self) -> list[str]:
        """Every model that can be asked for now, the first one first."""
        with self._lock:
            first = self._places[self._first]
            names = [first.name] if signature_of(first.path) is not None else []
        if self.everything:
            names += [name for name, _ in on_this_machine() if name not in names]
        if self.engines is not None:
            names += [name for name in self.engines.names() if name not in names]
        return names

    def elsewhere(self, name: str) -> Engines | None:
        """The engines that are to be asked for a model that is not on this machine; None for one that is."""
        if self.engines is None or not self.engines.serves(name):
            return None
        with self._lock:
            return None if self._lies(name) is not None else self.engines

    def find(self, asked: str) -> str | None:
        """The full name of a model that can be asked for, of one as clients write it; None where there is none."""
        if asked in self._places:
            return asked
        names = self.names()
        for name in (asked, asked.removesuffix(":latest")):
            if name in names:
                return name
            if ":" not in name and len(tagged := [n for n in names if n.partition(":")[0] == name.lower()]) == 1:
                return tagged[0]
        return None

    def check(self, name: str) -> str:
        """The name of a model that can be asked for now.  Raises `RequestError` where there is none."""
        if self.elsewhere(name) is None:
            with self._lock:
                self._place(name)
        return name

    def states(self) -> list[ModelState]:
        """Every model and how it is, in the order of `names`."""
        return [self.state(name) for name in self.names()]

    def state(self, name: str) -> ModelState:
        """One model and how it is.  Raises `RequestError` where there is none."""
        if self.elsewhere(name) is not None:
            return ModelState(name=name, state="loaded", size=0, built_in=False, is_elsewhere=True)
        with self._lock:
            place = self._place(name)
            size = sum(entry[1] for entry in place.signature)
            told: dict[str, Any] = {"name": name, "size": size, "built_in": place.path.parent == BUILT_IN}
            if place.loading is not None:
                return ModelState(state="loading", progress=place.progress, **told)
            if (loaded := place.loaded) is None:
                return ModelState(state="resting", error=place.error, **told)
            stats, idle = loaded.llm.stats(), time.monotonic() - loaded.used
            left = max(0.0, loaded.keep - (0 if loaded.is_busy else idle))
            return ModelState(
                state="loaded",
                running=stats.running,
                waiting=stats.waiting,
                memory=loaded.memory,
                context=loaded.llm.max_context,
                idle=idle,
                left=None if left == math.inf else left,
                llm=loaded.llm,
                **told,
            )

    def about(self, name: str) -> About:
        """What a model is, read from its files: for a thread that may wait.  Raises what opening it does."""
        with self._lock:
            path = self._place(name).path
        return self.opening.about(path)

    def defaults(self, name: str | None) -> SamplingParams | None:
        """How the model of exactly this name (None: the first one) is sampled, as far as it is loaded."""
        with self._lock:
            place = self._places.get(self._first if name is None else name)
            return None if place is None or place.loaded is None else place.loaded.llm.defaults

    # -- having one ------------------------------------------------------------------------------

    async def take(self, name: str) -> Loaded:
        """The model, loaded, and held until `give_back`.

        Raises `RequestError` for a model that is not here (any more) or does not fit into memory, and what loading it
        raises.
        """
        got = self._reach(name)
        return got if isinstance(got, Loaded) else await self._waited(got, name)

    def take_now(self, name: str) -> Loaded:
        """The same for a thread that may wait."""
        got = self._reach(name)
        return got if isinstance(got, Loaded) else got.result()

    def give_back(self, loaded: Loaded) -> None:
        """An answer is complete."""
        with self._lock:
            loaded.holds -= 1
            loaded.used = time.monotonic()
            self._lock.notify_all()

    def load(self, name: str) -> None:
        """Begin to load a model; nobody holds it.  Raises `RequestError` where there is none."""
        with self._lock:
            place = self._fresh(name)
            if place.loaded is None and place.loading is None:
                self._begin(place)

    def keep_for(self, llm: LLM, seconds: float) -> None:
        """From now on keep a loaded model so long, infinite for ever; a shelf of one model alone keeps that anyway."""
        with self._lock:
            for place in self._places.values() if self.everything else ():
                if place.loaded is not None and place.loaded.llm is llm:
                    place.loaded.keep = seconds
            self._lock.notify_all()

    def unload(self, name: str) -> bool:
        """Put a model away now, or as soon as its answers are complete; whether it was loaded."""
        with self._lock:
            place = self._place(name)
            return self._retire(place)

    def close(self) -> None:
        """Close every model; answers that run are aborted.  Closing twice is allowed."""
        while self.at_close:
            self.at_close.pop()()
        with self._lock:
            self._closed = True
            leaving = [place.loaded for place in self._places.values() if place.loaded is not None] + self._leaving
            self._leaving = []
            self._lock.notify_all()
        for loaded in leaving:
            loaded.llm.close()
        self._loader.shutdown(wait=True, cancel_futures=True)
        if self._tidier.is_alive():
            self._tidier.join()

    def __enter__(self) -> Shelf:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # -- inside ----------------------------------------------------------------------------------

    def _place(self, name: str) -> _Place:
        """The place of a model whose files are there, just looked at (the lock is held)."""
        place, lies = self._places.get(name), self._lies(name)
        if lies is None:
            if place is not None:
                self._retire(place)
            raise self._missing(name, was_here=place is not None)
        if place is None:
            place = self._places[name] = _Place(name, lies[0])
        place.path, place.signature = lies
        return place

    def _lies(self, name: str) -> tuple[Path, Signature] | None:
        """Where a model lies now, and what of; None for one that is not (or no longer) on this machine."""
        place = self._places.get(name)
        if place is not None and (signature := signature_of(place.path)) is not None:
            return place.path, signature
        # New here, gone, or brought again to another place.
        path = dict(on_this_machine()).get(name) if self.everything else None
        signature = None if path is None else signature_of(path)
        return None if path is None or signature is None else (path, signature)

    def _missing(self, name: str, *, was_here: bool) -> RequestError:
        if self.engines is not None and self.engines.serves(name):
            return RequestError(
                f"Model {name!r} is served elsewhere: chats, completions and vectors can be asked of it; for this "
                "name a model on this machine.",
                param="model",
                code="unsupported_value",
            )
        here = ", ".join(repr(one) for one in self.names()) or "none"
        problem = "is no longer on this machine" if was_here else "is not served here"
        return RequestError(f"Model {name!r} {problem}; this server has {here}.", param="model", code="model_not_found")

    def _fresh(self, name: str) -> _Place:
        """The place of a model; what is loaded of it is as its files are now."""
        place = self._place(name)
        if place.loaded is not None and place.loaded.signature != place.signature:
            self._retire(place)
        return place

    def _reach(self, name: str) -> Loaded | Future[Loaded]:
        """The model, held; or what it will come from, held for who waits for it."""
        with self._lock:
            place = self._fresh(name)
            if place.loaded is not None:
                place.loaded.holds += 1
                place.loaded.used = time.monotonic()
                return place.loaded
            place.waiters += 1
            return place.loading or self._begin(place)

    async def _waited(self, future: Future[Loaded], name: str) -> Loaded:
        try:
            # Shielded: who goes away takes the model from nobody else.
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            future.add_done_callback(self._nobody_waits)
            raise

    def _nobody_waits(self, future: Future[Loaded]) -> None:
        if not future.cancelled() and future.exception() is None:
            self.give_back(future.result())

    def _begin(self, place: _Place) -> Future[Loaded]:
        if self._closed:
            raise RequestError("The server is being stopped; ask again.", code="aborted")
        place.progress, place.error = (0, 0), None
        place.loading = self._loader.submit(self._load, place)
        return place.loading

    def _load(self, place: _Place) -> Loaded:
        """Load a model (in the loader's thread); those who wait for it hold it from its first moment."""
        loaded: Loaded | None = None
        try:
            signature, memory = signature_of(place.path) or (), self.opening.memory(place.path)
            self._make_room(place.name, memory)
            llm = self.opening.open(place.path, lambda done, total: setattr(place, "progress", (done, total)))
            loaded = Loaded(llm, signature, memory, time.monotonic(), self.keep)
            return loaded
        except Exception as error:
            place.error = str(error) or type(error).__name__
            raise
        finally:
            with self._lock:
                place.loading, place.loaded = None, loaded
                waiters, place.waiters = place.waiters, 0
                if loaded is not None:
                    loaded.holds = waiters
                if loaded is not None and self._closed:
                    loaded.llm.close()
                self._lock.notify_all()

    # -- putting away ----------------------------------------------------------------------------

    def _retire(self, place: _Place) -> bool:
        """Take a model off its place; it is closed when nobody needs it (the lock is held)."""
        loaded, place.loaded = place.loaded, None
        if loaded is None:
            return False
        loaded.leaving = True
        self._leaving.append(loaded)
        self._lock.notify_all()
        return True

    def _make_room(self, name: str, wanted: int) -> None:
        """Put models away until `wanted` bytes are free; `RequestError` where that cannot be."""
        while (free := self._free()) is not None:
            with self._lock:
                # The system calls a mapped file's pages free; those that a loaded model computes with are not.
                taken = [place for place in self._places.values() if place.loaded is not None]
                free -= sum(place.loaded.memory for place in taken if place.loaded is not None)
                if wanted <= free:
                    return
                idle = [(p.loaded.used, p) for p in taken if p.loaded is not None and not p.loaded.is_busy]
                if not idle:
                    raise no_room(name, wanted, free, [place.name for place in taken])
                self._retire(min(idle, key=lambda pair: pair[0])[1])
            self._close_leaving()

    def _close_leaving(self) -> None:
        with self._lock:
            gone = [loaded for loaded in self._leaving if not loaded.is_busy]
            self._leaving = [loaded for loaded in self._leaving if loaded not in gone]
        for loaded in gone:
            loaded.llm.close()

    def _tidy(self) -> None:
        """Put away what is due, until the shelf is closed (in a thread of its own)."""
        while True:
            with self._lock:
                if self._closed:
                    return
                for place in self._places.values():
                    if place.loaded is not None and place.loaded.due_in <= 0 and not place.loaded.is_busy:
                        self._retire(place)
            self._close_leaving()
            with self._lock:
                if self._closed:
                    return
                self._lock.wait(min(self._waits()))

    def _waits(self) -> Iterator[float]:
        """Seconds until something is to be done."""
        yield threading.TIMEOUT_MAX
        for place in self._places.values():
            if place.loaded is not None:
                due = place.loaded.due_in
                yield due if due > 0 else _LOOK_AGAIN
        if self._leaving:
            yield _LOOK_AGAIN
