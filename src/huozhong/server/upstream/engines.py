"""Which engines are there, what they serve, and which is asked next."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from huozhong.errors import ConfigError, RequestError

if TYPE_CHECKING:
    import httpx  # which takes 8 MB: where nothing is fetched, it is not imported

log = logging.getLogger("huozhong.server")

CHECK_SECONDS = 10.0
CONNECT_SECONDS = 5.0
_LONGEST_REST = 60.0  # seconds that an engine which failed is asked last


@dataclass(eq=False)
class Engine:
    """One of them.  models: what it serves, as it said last; none while it is out of reach.

    busy: how many answers it is giving us now.  rests_until: after a failure (`time.monotonic`).
    """

    url: str
    key: str = ""
    models: list[str] = field(default_factory=list)
    busy: int = 0
    failures: int = 0
    rests_until: float = 0.0

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def failed(self, seconds: float | None = None) -> None:
        """It is asked last for a while: seconds that it asked for, or longer with every failure."""
        self.failures += 1
        rest = min(_LONGEST_REST, 2.0**self.failures) if seconds is None else min(_LONGEST_REST, seconds)
        self.rests_until = time.monotonic() + rest

    def answered(self) -> None:
        self.failures, self.rests_until = 0, 0.0


class Roughly:
    """Of a tokenizer that is not here: about as many tokens as a text has."""

    def encode(self, text: str) -> list[int]:
        return [0] * (sum(1 if ord(character) > 0x2E7F else 0 for character in text) + len(text) // 3)


@dataclass(frozen=True)
class Elsewhere:
    """A model of theirs, as those see it who ask what a model is.  max_context: tokens that are surely there."""

    name: str
    is_built_in: bool = False
    acts: bool = False
    max_context: int = 8192
    tokenizer: Roughly = field(default_factory=Roughly)


class Engines:
    """All of them, looked at every few seconds in a thread of its own.  `close()` it.

    urls: with or without "/v1".  keys: one for each, one for all, or none.  patience: seconds until the
    first sign of an answer; one that is silent so long has failed.
    """

    def __init__(self, urls: Sequence[str], keys: Sequence[str] = (), *, patience: float = 120.0) -> None:
        import httpx

        if len(keys) not in (0, 1, len(urls)):
            raise ConfigError(
                f"There are {len(urls)} upstreams and {len(keys)} keys: give one key for all, or one each."
            ).in_chinese(f"有 {len(urls)} 个 --upstream，却有 {len(keys)} 个密钥：请给一个共用的，或者每个一个。")
        given = list(keys) * len(urls) if len(keys) == 1 else list(keys) or [""] * len(urls)
        self.engines = [Engine(_checked(url), key) for url, key in zip(urls, given, strict=True)]
        self.patience = patience
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._client = httpx.Client(timeout=httpx.Timeout(CONNECT_SECONDS))
        self.check()
        self._checker = threading.Thread(target=self._watch, name="huozhong-upstream", daemon=True)
        self._checker.start()

    def names(self) -> list[str]:
        """What they serve together, in the order of the engines."""
        return list(dict.fromkeys(name for engine in self.engines for name in engine.models))

    def serves(self, name: str) -> bool:
        return any(name in engine.models for engine in self.engines)

    def candidates(self, name: str) -> Iterator[Engine]:
        """Who has the model: those that are well first, of them the least busy.

        `RequestError` when the last of them was taken and still there is no answer is the asker's to raise.
        """
        now = time.monotonic()
        having = [engine for engine in self.engines if name in engine.models]
        yield from sorted(having, key=lambda engine: (engine.rests_until > now, engine.busy))

    def check(self) -> None:
        """Ask each what it serves; one that does not answer serves nothing until it does."""
        import httpx

        for engine in self.engines:
            try:
                answer = self._client.get(f"{engine.url}/v1/models", headers=engine.headers)
                answer.raise_for_status()
                engine.models = [str(entry["id"]) for entry in answer.json()["data"]]
            except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                if engine.models or not self._stop.is_set():
                    log.warning("upstream %s does not answer: %s", engine.url, error)
                engine.models = []

    def _watch(self) -> None:
        while not self._stop.wait(CHECK_SECONDS):
            self.check()

    def begin(self, engine: Engine) -> None:
        with self._lock:
            engine.busy += 1

    def end(self, engine: Engine) -> None:
        with self._lock:
            engine.busy -= 1

    def close(self) -> None:
        self._stop.set()
        self._checker.join()
        self._client.close()


def none_left(name: str, reasons: Sequence[str], retry_after: float | None) -> RequestError:
    """What is said when nobody who has the model could take a request."""
    told = "; ".join(reasons) or "none of them has it any more"
    if retry_after is not None:
        return RequestError(
            f"All engines that have {name!r} are busy ({told}); ask again.",
            code="upstream_busy",
            retry_after=retry_after,
        )
    return RequestError(f"No engine that has {name!r} answers ({told}); ask again later.", code="upstream_failed")


def retry_after(answer: httpx.Response) -> float | None:
    """Seconds that an engine asks to wait."""
    text = answer.headers.get("retry-after", "").strip()
    return float(text) if text.isdecimal() else None


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(f"--upstream is {url!r}; write an address such as http://192.168.1.9:8000.").in_chinese(
            f"--upstream 写的是 {url!r}；请写网址，例如 http://192.168.1.9:8000。"
        )
    return url.rstrip("/").removesuffix("/v1")
