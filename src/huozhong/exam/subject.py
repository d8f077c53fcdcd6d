"""Who is examined: a local model through the engine, or any OpenAI-compatible URL.

Both answer one question at a time and are asked from several threads at once (`concurrency`); a local
model's engine batches what runs together.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import urlsplit, urlunsplit

from huozhong.cost import Bill, Meter
from huozhong.errors import ConfigError, ExamError, RequestError
from huozhong.text.wire import whole_message

if TYPE_CHECKING:
    import httpx

    from huozhong.engine.llm import LLM

API_KEY_VARIABLE = "HUOZHONG_API_KEY"


@dataclass(frozen=True)
class Asking:
    """How every question is put: the longest answer in tokens, and whether the model may think first
    (None leaves that to the model: a local one thinks, a URL is not told anything).
    """

    max_tokens: int = 2048
    thinking: bool | None = None

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ConfigError(f"max_tokens is {self.max_tokens}; give at least 1.")


@dataclass(frozen=True)
class Answer:
    """What came back.  `error` is the sentence of a question that was not answered, though others are: too long for
    this model, refused by the server, answered with something that is no answer.
    """

    text: str
    reasoning: str = ""
    finish_reason: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    error: str | None = None


class Subject(Protocol):
    """A model under examination.  `answer` is called from `concurrency` threads."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> Literal["local", "url"]: ...

    @property
    def concurrency(self) -> int: ...

    @property
    def quantization(self) -> str | None:
        """How the weights are kept, as far as we know."""
        ...

    def answer(self, question: str, asking: Asking, *, temperature: float, seed: int) -> Answer:
        """Answer one question; raises `ExamError` when no question can be answered any more."""
        ...

    def negative_log_likelihood(self, text: str) -> float | None:
        """Nats that `text` costs this model, or None when that cannot be asked."""
        ...

    def bill(self) -> Bill | None:
        """What has been used since this subject was opened; None when that happens elsewhere."""
        ...

    def close(self) -> None:
        """Give back what is held and end the answers that are under way."""
        ...


class LocalSubject:
    """A model in this process."""

    kind: Literal["local"] = "local"
    window = 1024  # tokens scored together, or the model's context if that is shorter

    def __init__(self, llm: LLM, *, quantization: str | None = None, concurrency: int = 16) -> None:
        self._llm = llm
        self.quantization = quantization
        self.concurrency = concurrency
        self._meter = Meter().start()

    @property
    def name(self) -> str:
        return self._llm.name

    def answer(self, question: str, asking: Asking, *, temperature: float, seed: int) -> Answer:
        from huozhong.engine.llm import SamplingParams

        params = SamplingParams(temperature=temperature, max_tokens=asking.max_tokens, seed=seed)
        thinking = asking.thinking is not False
        started = time.perf_counter()
        try:
            done = self._llm.chat([{"role": "user", "content": question}], params, thinking=thinking)
        except RequestError as error:  # this one question cannot be asked; the next one may
            return Answer(text="", seconds=time.perf_counter() - started, error=str(error))
        self._meter.add_tokens(prompt=done.usage.prompt_tokens, completion=done.usage.completion_tokens)
        return Answer(
            text=done.text,
            reasoning=done.reasoning,
            finish_reason=done.finish_reason,
            prompt_tokens=done.usage.prompt_tokens,
            completion_tokens=done.usage.completion_tokens,
            seconds=time.perf_counter() - started,
        )

    def negative_log_likelihood(self, text: str) -> float | None:
        """Each window is read on its own, after a begin-of-text token that is not scored itself."""
        tokenizer = self._llm.tokenizer
        ids = tokenizer.encode(text)
        begin = tokenizer.begin
        step = min(self.window, self._llm.max_context) - len(begin)
        total = 0.0
        for start in range(0, len(ids), step):
            piece = begin + ids[start : start + step]
            if len(piece) > 1:
                total -= float(self._llm.score(piece).sum())
                self._meter.add_tokens(prompt=len(piece))
        return total

    def bill(self) -> Bill | None:
        return self._meter.snapshot()

    def close(self) -> None:
        self._llm.close()


class UrlSubject:
    """Any server that speaks OpenAI's chat completions.

    url: the server, with or without /v1 and /chat/completions.  model: its name there; None when the server
    has only one.  api_key: None reads HUOZHONG_API_KEY.  What fails for a passing reason (no connection, 429,
    5xx) is tried `tries` times with growing pauses, `patience` seconds before the first.  A question that is refused
    (400), or that nothing sensible comes back for, is that question's error; after `forgives` of them in a row it is
    the server's.
    """

    kind: Literal["url"] = "url"
    quantization = None

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        api_key: str | None = None,
        concurrency: int = 4,
        tries: int = 5,
        patience: float = 1.0,
        timeout: float = 600.0,
        forgives: int = 4,
    ) -> None:
        import httpx

        self.url = base_url(url)
        self.concurrency = concurrency
        self._tries, self._patience, self._forgives = tries, patience, forgives
        self._failed_in_a_row, self._lock = 0, threading.Lock()
        key = api_key if api_key is not None else os.environ.get(API_KEY_VARIABLE)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(headers=headers, timeout=httpx.Timeout(timeout, connect=10.0))
        self._closed = threading.Event()
        try:
            self.model = model if model is not None else self._only_model()
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        return self.model

    def answer(self, question: str, asking: Asking, *, temperature: float, seed: int) -> Answer:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": "user", "content": question}],
            "temperature": temperature,
            "seed": seed,
            "max_tokens": asking.max_tokens,
        }
        if asking.thinking is not None:
            body["thinking"] = {"type": "enabled" if asking.thinking else "disabled"}
        started = time.perf_counter()
        try:
            answer = self._read(self._request("POST", "/chat/completions", body))
        except _OneFailed as error:
            with self._lock:
                self._failed_in_a_row += 1
                if self._failed_in_a_row > self._forgives:
                    raise ExamError(f"{error} ({self._failed_in_a_row} questions in a row failed).") from None
            return Answer(text="", seconds=time.perf_counter() - started, error=f"{error}.")
        with self._lock:
            self._failed_in_a_row = 0
        return replace(answer, seconds=time.perf_counter() - started)

    def _read(self, reply: Any) -> Answer:
        said = whole_message(reply)
        if said is None:
            raise _OneFailed(
                f"{self.url} answers with something that is no chat completion; does it speak OpenAI's API?"
            )
        usage = reply.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        return Answer(
            text=said.text,
            reasoning=said.reasoning,
            finish_reason=said.finish_reason,
            prompt_tokens=_count(usage.get("prompt_tokens")),
            completion_tokens=_count(usage.get("completion_tokens")),
        )

    def negative_log_likelihood(self, text: str) -> float | None:
        return None

    def bill(self) -> Bill | None:
        return None

    def close(self) -> None:
        self._closed.set()
        self._http.close()

    def _only_model(self) -> str:
        reply = self._request("GET", "/models", None)
        try:
            names = [str(entry["id"]) for entry in reply["data"]]
        except (KeyError, TypeError):
            raise ExamError(f"{self.url}/models gives no list of models; name one with --model.") from None
        if len(names) != 1:
            shown = ", ".join(names[:8]) or "none"
            raise ConfigError(f"{self.url} serves {len(names)} models ({shown}); name one with --model.")
        return names[0]

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        import httpx

        for attempt in range(1, self._tries + 1):
            wait = self._patience * 2 ** (attempt - 1)
            try:
                response = self._http.request(method, self.url + path, json=body)
            except httpx.HTTPError as error:
                problem = f"cannot be reached ({error or type(error).__name__})"
                answered = False
            else:
                answered = True
                if response.is_success:
                    try:
                        return response.json()
                    except ValueError:  # a page of something that stands before the server, which may pass
                        problem = "answers with something that is not JSON; check the URL"
                else:
                    problem = f"answers {response.status_code}: {_message(response)}"
                    if response.status_code in _REFUSED:
                        raise _OneFailed(f"{self.url}{path} {problem}")
                    if response.status_code not in (408, 409, 429) and response.status_code < 500:
                        raise ExamError(f"{self.url}{path} {problem}")
                wait = _retry_after(response) or wait
            if attempt == self._tries or self._closed.wait(min(wait, 60.0)):
                break
        kind = _OneFailed if answered else ExamError
        raise kind(f"{self.url}{path} {problem} (tried {attempt} times)")


class _OneFailed(ExamError):
    """A question that was not answered; others may be."""


_REFUSED = (400, 413, 414, 422)  # this question, not all of them


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _message(response: httpx.Response) -> str:
    """The server's own sentence, from OpenAI's error form if it is one."""
    try:
        error = response.json()["error"]
        text = error["message"] if isinstance(error, dict) else error
    except (ValueError, KeyError, TypeError):
        text = response.text
    return " ".join(str(text).split())[:300] or response.reason_phrase


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return max(0.0, float(response.headers["retry-after"]))
    except (KeyError, ValueError):  # absent, or a date, which hardly anybody sends
        return None


def is_url(target: str) -> bool:
    return target.startswith(("http://", "https://"))


def base_url(url: str) -> str:
    """`http://host:8000`, `…/v1` and `…/v1/chat/completions` all mean `http://host:8000/v1`."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigError(f"'{url}' is not a URL; it must look like http://host:8000/v1.")
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return urlunsplit((parts.scheme, parts.netloc, path or "/v1", "", ""))


def open_local(
    path: str | Path,
    *,
    quantization: Literal["q8", "q4", "none"] | None = None,
    acts: bool = True,
    concurrency: int | None = None,
) -> LocalSubject:
    """Load a local model for examination; errors are the engine's.  quantization, acts: as for `LLM`."""
    from huozhong.engine.llm import LLM

    llm = LLM(path, quantization=quantization, acts=acts)
    return LocalSubject(llm, quantization=llm.quantization, concurrency=concurrency or 16)
