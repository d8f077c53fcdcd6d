"""Chat completions over raw sockets, many at once, in one thread.

The client shares the machine with the server it measures.  So a stream's bytes are read and searched only until
the first piece of the answer; what comes after is kept as it is, and the server's own count of tokens is taken
from the end of it.
"""

from __future__ import annotations

import json
import random
import re
import selectors
import socket
import statistics
import string
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

FIRST_PIECE = re.compile(rb'"(?:reasoning_)?content": ?"[^"]')
TAIL = 4096  # bytes at the end of an answer that hold its usage
PATIENCE = 900.0  # seconds without a byte from anyone until the server counts as hung


class StreamError(Exception):
    """The server refused a request, or its answer ended early.  `body` is what it said."""

    def __init__(self, status: str, body: str) -> None:
        super().__init__(f"the server answered {status}: {body[:300]}")
        self.body = body


@dataclass(frozen=True)
class Server:
    """Where to ask, and the name of the model there."""

    port: int
    model: str


@dataclass(frozen=True)
class Answer:
    """Seconds from sending the request to the first piece of text and to the end; tokens as the server counts.

    computed_tokens: those of the prompt that no cache had, where the server says so.
    """

    first_s: float
    end_s: float
    prompt_tokens: int
    computed_tokens: int
    tokens: int

    @property
    def decode_per_s(self) -> float:
        """Tokens per second after the first."""
        return (self.tokens - 1) / max(self.end_s - self.first_s, 1e-9)


@dataclass
class _Open:
    began: float
    first: float | None = None
    data: bytearray = field(default_factory=bytearray)


def body(server: Server, text: str, max_tokens: int, *, ignore_eos: bool = True) -> dict[str, Any]:
    """A greedy streaming request.  ignore_eos: the answer has max_tokens tokens, whatever the model says."""
    wanted: dict[str, Any] = {
        "model": server.model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": max_tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return wanted | ({"ignore_eos": True} if ignore_eos else {})


def ask(server: Server, bodies: Iterable[dict[str, Any]], at_once: int) -> list[Answer]:
    """Send every body, never more than `at_once` unanswered; answers come in the order in which they end."""
    waiting = iter(bodies)
    answers: list[Answer] = []
    with selectors.DefaultSelector() as selector:
        try:
            for _ in range(at_once):
                _send_next(server, waiting, selector)
            while selector.get_map():
                ready = selector.select(PATIENCE)
                if not ready:
                    raise StreamError("nothing", f"no byte for {PATIENCE:.0f} seconds")
                for key, _ in ready:
                    answer = _receive(key.fileobj, key.data)  # type: ignore[arg-type]
                    if answer is not None:
                        answers.append(answer)
                        selector.unregister(key.fileobj)
                        key.fileobj.close()  # type: ignore[union-attr]
                        _send_next(server, waiting, selector)
        finally:
            for key in list(selector.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]
    return answers


def _send_next(server: Server, waiting: Iterable[dict[str, Any]], selector: selectors.BaseSelector) -> None:
    wanted = next(iter(waiting), None)
    if wanted is None:
        return
    content = json.dumps(wanted).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    began = time.perf_counter()
    connection.sendall(head.encode() + content)
    connection.setblocking(False)
    selector.register(connection, selectors.EVENT_READ, _Open(began))


def _receive(connection: socket.socket, stream: _Open) -> Answer | None:
    """Take what has come.  The answer, once the server has closed the connection."""
    try:
        piece = connection.recv(1 << 16)
    except BlockingIOError:
        return None
    now = time.perf_counter()
    stream.data += piece
    if stream.first is None and FIRST_PIECE.search(stream.data):
        stream.first = now
    if piece:
        return None
    status, _, rest = bytes(stream.data).partition(b"\r\n")
    if b" 200" not in status:
        raise StreamError(status.decode(errors="replace"), rest.partition(b"\r\n\r\n")[2].decode(errors="replace"))
    tail = rest[-TAIL:]
    counts = [re.findall(rb'"%s_tokens": ?(\d+)' % name, tail) for name in (b"prompt", b"completion")]
    if not all(counts) or b"[DONE]" not in tail:
        raise StreamError("with a stream that ends early", tail.decode(errors="replace"))
    prompt, tokens = (int(found[-1]) for found in counts)
    missed = re.findall(rb'"prompt_cache_miss_tokens": ?(\d+)', tail)
    computed = int(missed[-1]) if missed else prompt
    first = now if stream.first is None else stream.first  # all of it was empty text
    return Answer(first - stream.began, now - stream.began, prompt, computed, tokens)


# -- prompts of so many tokens -------------------------------------------------------------------


@dataclass(frozen=True)
class Prompts:
    """Texts of about so many tokens in a server's own count: random letters and digits, never seen before.

    overhead: tokens of the template around a text.  per_character: tokens of one of its characters.
    """

    overhead: float
    per_character: float
    dice: random.Random

    @classmethod
    def measure(cls, server: Server, seed: int | None = None) -> Prompts:
        """Without a seed no text was ever sent before, so that no cache, not even one on disk, knows it."""
        dice = random.Random(seed)
        lengths = (20, 120, 220)
        counts = [ask(server, [body(server, _letters(dice, length), 1)], 1)[0].prompt_tokens for length in lengths]
        slope, base = statistics.linear_regression(lengths, counts)
        return cls(base, slope, dice)

    def text(self, tokens: float) -> str:
        """A text that takes `tokens` tokens without the template around it."""
        return _letters(self.dice, max(1, round(tokens / self.per_character)))

    def sharing(self, count: int, prefix: int, total: int) -> list[str]:
        """Prompts of `total` tokens, template included, the first `prefix` of which are the same in all."""
        begin = self.text(prefix - self.overhead)
        return [begin + self.text(total - prefix) for _ in range(count)]


def _letters(dice: random.Random, length: int) -> str:
    return "".join(dice.choices(string.ascii_letters + string.digits, k=length))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass(frozen=True)
class Crowd:
    """What some streams at once got together."""

    tokens_per_s: float
    first_s: tuple[float, ...]
    prompt_tokens: float
    tokens: float

    @classmethod
    def of(cls, server: Server, texts: Sequence[str], max_tokens: int, *, ignore_eos: bool = True) -> Crowd:
        """All texts at once.  Tokens per second are those of the answers, over the time until the last one ends."""
        bodies = [body(server, text, max_tokens, ignore_eos=ignore_eos) for text in texts]
        began = time.perf_counter()
        answers = ask(server, bodies, len(bodies))
        seconds = time.perf_counter() - began
        return cls(
            sum(a.tokens for a in answers) / seconds,
            tuple(a.first_s for a in answers),
            statistics.mean(a.prompt_tokens for a in answers),
            statistics.mean(a.tokens for a in answers),
        )
