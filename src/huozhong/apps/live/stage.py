"""One live stream of this house: what was said, in each language what stands of it, and who listens.

The seller's page sends the sentence at hand as it grows; whoever watches is told as soon as something stands.  Lines
that stand are written to a file, so a server that was killed goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huozhong.apps.live.agree import Agreement, sentences
from huozhong.apps.live.forms import LANGUAGES
from huozhong.apps.live.names import names
from huozhong.apps.live.translator import Translator
from huozhong.apps.live.vtt import Cue
from huozhong.errors import SkillError
from huozhong.files import write_whole

SHOWN = 30  # lines that a late comer sees
KEPT = 5000  # lines of a stream
LONGEST = 500  # characters of a sentence
ALL = ("zh", *LANGUAGES)
SETTINGS = "settings.json"


@dataclass
class Settings:
    """What the seller chose.  secret: of the viewers' link, "" before the first start."""

    languages: list[str] = field(default_factory=lambda: ["en"])
    glossary: list[dict[str, str]] = field(default_factory=list)
    secret: str = ""
    started: float = 0.0  # seconds since the epoch; 0: not live
    seller: int = 0


@dataclass
class Line:
    """A sentence.  at: seconds since the start; texts: by language what stands, guesses: what may follow."""

    number: int
    at: float
    texts: dict[str, str]
    guesses: dict[str, str] = field(default_factory=dict)
    final: bool = False

    def told(self, language: str) -> dict[str, Any]:
        shown = language if language in self.texts or language in self.guesses else "zh"
        return {
            "line": self.number, "at": round(self.at, 2), "stands": self.texts.get(shown, ""),
            "guess": self.guesses.get(shown, ""), "final": self.final, "language": shown,
        }  # fmt: skip


def read_settings(folder: Path) -> Settings:
    try:
        return Settings(**json.loads((folder / SETTINGS).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Settings()
    except (ValueError, TypeError):
        raise SkillError(
            f"{folder / SETTINGS} 坏了，删掉它就能重新开始。",
            f"{folder / SETTINGS} is damaged; delete it to begin anew.",
        ) from None


def link_is_good(folder: Path, secret: str) -> bool:
    """Whether the secret of a viewers' link is the present one; compared in constant time."""
    try:
        wanted = read_settings(folder).secret
    except SkillError:
        return False
    return bool(wanted) and secrets.compare_digest(wanted.encode(), secret.encode("utf-8", "replace"))


class Stage:
    """Safe to use from several threads.

    can: whether the model can translate, as far as it was tried since the start.  Where it cannot, viewers read what
    was said, and not what such a model makes of it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = read_settings(folder)
        self.can: bool | None = None
        self.lines: list[Line] = self._kept()
        self._growing: dict[str, Agreement] = {}
        self._turn = threading.Lock()  # one sentence after another
        self._state = threading.Lock()
        self._listeners: set[_Listener] = set()
        self._pool = ThreadPoolExecutor(len(LANGUAGES), "captions")

    # -- the seller ------------------------------------------------------------------------------------

    def start(self, seller: int) -> None:
        """A new stream, with a new link.  Raises SkillError while somebody else is live."""
        if self.settings.started and self.settings.seller != seller:
            raise SkillError("家里已经有人在直播。", "Somebody of this house is live already.")
        with self._turn:
            self.settings.secret = secrets.token_urlsafe(16)
            self.settings.started, self.settings.seller = time.time(), seller
            self.can = None
            self.lines, self._growing = [], {}
            write_whole(self.folder / "lines.jsonl", b"")
            self._save()
        self._tell({"restart": True, "live": True})

    def stop(self) -> None:
        """The stream is over; the link still shows its captions until the next start."""
        with self._turn:
            self.settings.started = 0.0
            self._save()
        self._tell({"live": False})

    def choose(self, languages: list[str], glossary: list[dict[str, str]]) -> None:
        with self._turn:
            self.settings.languages, self.settings.glossary = languages, glossary
            self._save()
        self._tell({"languages": ["zh", *languages]})

    def move(self, level: float) -> None:
        """The drawn head's mouth, 0 shut to 1 open."""
        self._tell({"mouth": round(level, 2)})

    def say(self, text: str, translator: Translator, *, final: bool) -> dict[str, Any]:
        """What is being said, the sentence at hand from its beginning.  Whole sentences in it are ended.

        Returns the rest that has no end yet as {"rest"}, and {"lines"} of what was told.  Raises SkillError for one
        that is too long, or before the start, and what the translator raises.
        """
        if not self.settings.started:
            raise SkillError("还没有开播。", "The stream has not begun.")
        if len(text) > LONGEST:
            raise SkillError(f"一句话最多 {LONGEST} 个字。", f"A sentence has at most {LONGEST} characters.")
        whole, rest = sentences(text)
        if final and rest.strip():
            whole, rest = [*whole, rest], ""
        with self._turn:
            told = [self._grow(one, translator, final=True) for one in whole]
            if rest.strip():
                told.append(self._grow(rest, translator, final=False))
        return {"rest": rest, "lines": told}

    def _grow(self, source: str, translator: Translator, *, final: bool) -> int:
        words = names(self.settings.glossary)
        if not self.lines or self.lines[-1].final:
            at = time.time() - self.settings.started
            with self._state:
                self.lines = [*self.lines[-KEPT:], Line(self.lines[-1].number + 1 if self.lines else 1, at, {})]
            self._growing = {one: Agreement(one) for one in self.settings.languages}
        line = self.lines[-1]
        line.guesses["zh"] = "" if final else source
        if final:
            line.texts["zh"] = source
        self._tell_line(line, "zh")
        growing = {} if self.can is False else self._growing
        jobs = {
            language: self._pool.submit(one.grow, source, words, translator, final=final)
            for language, one in growing.items()
        }
        try:
            for language, job in jobs.items():
                if job.result() or final:
                    line.texts[language] = self._growing[language].stands
                    line.guesses[language] = self._growing[language].guess
                    self._tell_line(line, language)
        finally:
            if final:
                line.final = True
                self._keep(line)
                self._tell({"ended": line.number, "at": round(line.at, 2)})
        return line.number

    # -- viewers ---------------------------------------------------------------------------------------

    async def watch(self, language: str, *, counted: bool) -> AsyncIterator[dict[str, Any]]:
        """What a viewer is told: first the last lines, then every change in this language.  counted: as a viewer."""
        listener = _Listener(language, asyncio.get_running_loop(), counted)
        self._listeners.add(listener)
        try:
            yield self.greeting(language)
            while True:
                event = await listener.queue.get()
                yield self.greeting(language) if event.get("restart") else event
        finally:
            self._listeners.discard(listener)

    def greeting(self, language: str) -> dict[str, Any]:
        with self._state:
            lines = self.lines[-SHOWN:]
        return {
            "hello": [line.told(language) for line in lines],
            "languages": ["zh", *self.settings.languages],
            "live": bool(self.settings.started),
        }

    @property
    def viewers(self) -> int:
        return sum(listener.counted for listener in list(self._listeners))

    def cues(self, language: str) -> list[Cue]:
        with self._state:
            lines = list(self.lines)
        return [Cue(line.at, line.texts[language]) for line in lines if line.final and line.texts.get(language)]

    def _tell_line(self, line: Line, language: str) -> None:
        known = {"zh"} if self.can is False else {"zh", *self.settings.languages}
        for listener in list(self._listeners):
            if listener.language == language or (language == "zh" and listener.language not in known):
                listener.tell(line.told(listener.language))

    def _tell(self, event: dict[str, Any]) -> None:
        for listener in list(self._listeners):
            listener.tell(event)

    # -- the disk --------------------------------------------------------------------------------------

    def _save(self) -> None:
        write_whole(self.folder / SETTINGS, (json.dumps(vars(self.settings), ensure_ascii=False) + "\n").encode())

    def _keep(self, line: Line) -> None:
        record = {"number": line.number, "at": line.at, "texts": line.texts}
        with (self.folder / "lines.jsonl").open("ab") as file:
            file.write((json.dumps(record, ensure_ascii=False) + "\n").encode())

    def _kept(self) -> list[Line]:
        """Lines of before; one that a killed server left half-written is no line."""
        found: list[Line] = []
        path = self.folder / "lines.jsonl"
        for row in path.read_bytes().splitlines() if path.exists() else []:
            with contextlib.suppress(ValueError, TypeError, UnicodeDecodeError):
                found.append(Line(**json.loads(row), final=True))
        return found[-KEPT:]


class _Listener:
    def __init__(self, language: str, loop: asyncio.AbstractEventLoop, counted: bool) -> None:
        self.language, self._loop, self.counted = language, loop, counted
        self.queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def tell(self, event: dict[str, Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the server is on its way out
            self._loop.call_soon_threadsafe(self.queue.put_nowait, event)
