"""How much of what the engine makes arrives at the clients, and what bringing it there costs.

    python benchmarks/delivery.py [MODEL] [--streams 16,200] [--tokens 256] [--rounds 3]

The same questions, with the same answers of so many tokens each, by turns: to the engine alone (in this process, each
token counted in its callback), to `huozhong serve`, and to `huozhong serve --lan --https` with an API key.  Connections
stand before the clock starts.  The clients share the machine with the server, so two ratios are told: `share` of the
engine's tokens per second that arrived, clients' work included, and `share_of_processor`, what of the server's own
processor time per token the engine alone would take.  `loop_us` and `client_us` are the processor time per token of the
server's event loop and of the clients.  Words for people go to stderr; the last line, on stdout, is one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import selectors
import socket
import ssl
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchlib.processes import free_port, our_server, running

from huozhong.engine.llm import LLM, Delta, SamplingParams
from huozhong.store.database import Store
from huozhong.store.keys import make_key
from huozhong.store.people import add_person

WAYS = ("http", "https")
QUESTION = "仓库里有 {} 箱苹果，运走 {} 箱，还剩多少？"
PATIENCE = 300.0


@dataclass(frozen=True)
class Round:
    """tokens: of all answers.  seconds: until the last has ended.  The rest is processor time in seconds."""

    tokens: int
    seconds: float
    processor: float
    loop: float = 0.0
    clients: float = 0.0
    pieces: int = 0


@dataclass(frozen=True)
class Served:
    port: int
    pid: int
    headers: str
    context: ssl.SSLContext | None

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.context is not None:
            connection = self.context.wrap_socket(connection, server_hostname="127.0.0.1")
        return connection


def main() -> None:
    options = parse()
    result: dict[str, Any] = {"benchmark": "delivery", "model": options.model, "tokens": options.tokens}
    with tempfile.TemporaryDirectory() as folder, LLM(options.model) as llm, contextlib.ExitStack() as stack:
        servers = {way: stack.enter_context(serving(options.model, way, Path(folder) / way)) for way in WAYS}
        for streams in options.streams:
            rounds: dict[str, list[Round]] = {"engine": [], **{way: [] for way in WAYS}}
            for turn in range(options.rounds + 1):
                questions = [QUESTION.format(100 + n, 3 + turn) for n in range(streams)]
                measured = {"engine": alone(llm, questions, options.tokens)}
                for way, server in servers.items():
                    measured[way] = arriving(server, llm.name, questions, options.tokens)
                if turn:  # the first round reads the prompts' common beginning
                    for way, one in measured.items():
                        rounds[way].append(one)
            result[str(streams)] = told(rounds)
            say(f"{streams} streams: {result[str(streams)]}")
    print(json.dumps(result))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("model", nargs="?", default="ember", help="name, folder or GGUF file (default: ember)")
    parser.add_argument("--streams", type=lambda text: [int(one) for one in text.split(",")], default=[16, 200])
    parser.add_argument("--tokens", type=int, default=256, help="of each answer")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def told(rounds: dict[str, list[Round]]) -> dict[str, Any]:
    """Medians of the rounds; ratios are taken within a round."""
    result: dict[str, Any] = {}
    for way, own in rounds.items():
        pairs = list(zip(rounds["engine"], own, strict=True))
        figures = {
            "tokens_per_s": [one.tokens / one.seconds for one in own],
            "processor_us": [one.processor / one.tokens * 1e6 for one in own],
        }
        if way != "engine":
            figures |= {
                "share": [one.tokens / one.seconds / (raw.tokens / raw.seconds) for raw, one in pairs],
                "share_of_processor": [raw.processor / raw.tokens / (one.processor / one.tokens) for raw, one in pairs],
                "loop_us": [one.loop / one.tokens * 1e6 for one in own],
                "client_us": [one.clients / one.tokens * 1e6 for one in own],
                "tokens_a_piece": [one.tokens / one.pieces for one in own],
            }
        result[way] = {name: round(statistics.median(values), 3) for name, values in figures.items()}
    return result


# -- the engine alone ----------------------------------------------------------------------------------


def alone(llm: LLM, questions: list[str], tokens: int) -> Round:
    params = SamplingParams(temperature=0.0, max_tokens=tokens, ignore_eos=True)
    prompts = [llm.prompt([{"role": "user", "content": question}], acts=False) for question in questions]
    lock, over, counts = threading.Lock(), threading.Event(), [0, len(questions)]  # tokens, and answers to come

    def on_delta(delta: Delta) -> None:
        counts[0] += len(delta.token_ids)
        if delta.is_last:
            with lock:
                counts[1] -= 1
                if counts[1] == 0:
                    over.set()

    used, began = time.process_time(), time.perf_counter()
    for prompt in prompts:
        llm.submit(prompt, params, on_delta)
    assert over.wait(PATIENCE), "the engine hangs"
    return Round(counts[0], time.perf_counter() - began, time.process_time() - used)


# -- served --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(model: str, way: str, home: Path) -> Iterator[Served]:
    home.mkdir()
    port, url = free_port(), f"sqlite:///{home / 'house.db'}"
    environment = os.environ | {"HUOZHONG_HOME": str(home)}
    options, headers, ready = ["--database", url], "", "/ready"
    if way == "https":
        options += ["--lan", "--https"]
        with Store.open(url) as store, store.begin() as session:
            add_person(session, "owner", "owner", "the owner's word 42")
            key, _ = make_key(session, add_person(session, "reader", "member", "the reader's word 42"), "k", ["chat"])
        headers, ready = f"Authorization: Bearer {key}\r\n", "/page/trust"
    with running(our_server(model, port, *options), port=port, ready=ready, env=environment) as process:
        trusted = home / "authority" / "authority.pem"
        yield Served(port, process.pid, headers, ssl.create_default_context(cafile=trusted) if way == "https" else None)


def arriving(server: Served, model: str, questions: list[str], tokens: int) -> Round:
    """All questions at once, each over a connection that stands already."""
    connections = [server.connect() for _ in questions]
    bodies = [body(server, model, question, tokens) for question in questions]
    before = processor(server.pid)
    used, began = time.process_time(), time.perf_counter()
    read, pieces = read_all(connections, bodies)
    seconds, clients = time.perf_counter() - began, time.process_time() - used
    after = processor(server.pid)
    counts = [re.findall(rb'"completion_tokens": ?(\d+)', data[-4096:]) for data in read]
    assert all(counts), next(data for data, count in zip(read, counts, strict=True) if not count)[:500]
    return Round(
        sum(int(count[-1]) for count in counts),
        seconds,
        after[0] - before[0],
        loop=after[1] - before[1],
        clients=clients,
        pieces=pieces,
    )


def body(server: Served, model: str, question: str, tokens: int) -> bytes:
    wanted = {
        "model": model,
        "messages": [{"role": "user", "content": question}],
        "temperature": 0,
        "max_tokens": tokens,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    content = json.dumps(wanted).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n"
        f"{server.headers}Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + content


def read_all(connections: list[socket.socket], bodies: list[bytes]) -> tuple[list[bytearray], int]:
    """Every answer as it came, and how often something came."""
    read, pieces = [bytearray() for _ in connections], 0
    with selectors.DefaultSelector() as selector:
        for connection, content, data in zip(connections, bodies, read, strict=True):
            connection.sendall(content)
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_READ, data)
        while selector.get_map():
            ready = selector.select(PATIENCE)
            assert ready, "the server hangs"
            for key, _ in ready:
                connection = key.fileobj  # type: ignore[assignment]
                is_open, more = drained(connection.recv, key.data)
                pieces += more
                if not is_open:
                    selector.unregister(connection)
                    connection.close()
    return read, pieces


def drained(recv: Callable[[int], bytes], data: bytearray) -> tuple[bool, int]:
    """Take all that is there: TLS may hold more than the system knows of.  Whether more may come, and reads."""
    pieces = 0
    while True:
        try:
            piece = recv(1 << 16)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True, pieces
        if not piece:
            return False, pieces
        data += piece
        pieces += 1


def processor(pid: int) -> tuple[float, float]:
    """Processor seconds of a process, and of its first thread, where the event loop runs."""
    return seconds_of(Path(f"/proc/{pid}/stat")), seconds_of(Path(f"/proc/{pid}/task/{pid}/stat"))


def seconds_of(stat: Path) -> float:
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
