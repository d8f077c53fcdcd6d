"""What a user of the server feels: start to the first answer, first token, tokens per second, memory, all over HTTP.

    python benchmarks/serve.py [MODEL] [--streams 8] [--answers 20]

Starts `huozhong serve MODEL` (default: ember) on a free port and talks to it as any client would.  Words for people
go to stderr; the last line, on stdout, is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

QUESTION = "学校买来 {} 箱粉笔，每箱 24 盒，用去 50 盒，还剩多少盒？"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("model", nargs="?", default="ember", help="folder or built-in name (default: ember)")
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--answers", type=int, default=20, help="answers that the first-token time is taken of")
    options = parser.parse_args()
    with serving(options.model):  # the first start packs the weights; users see the second kind from then on
        pass
    with serving(options.model) as server:
        first = [server.stream(QUESTION.format(number))[0] for number in range(3, 3 + options.answers)]
        poems = [server.stream(f"写一首七言律诗，主题是{theme}") for theme in ("月亮", "春天", "雪", "山", "送别")]
        alone = sum(tokens for _, tokens, _ in poems) / sum(seconds for *_, seconds in poems)
        questions = [QUESTION.format(number) for number in range(3, 3 + 4 * options.streams)]
        began = time.perf_counter()
        with ThreadPoolExecutor(options.streams) as pool:
            together = sum(tokens for _, tokens, _ in pool.map(server.stream, questions))
        rate = together / (time.perf_counter() - began)
        memory = peak_mb(server.pid)
    p50, p95 = statistics.median(first) * 1e3, sorted(first)[int(0.95 * len(first))] * 1e3
    result: dict[str, Any] = {
        "benchmark": "serve", "model": options.model, "start_to_first_answer_s": server.start_seconds,
        "first_token_ms_p50": p50, "first_token_ms_p95": p95,
        "stream_tokens_per_s": alone, "streams": options.streams, "streams_tokens_per_s": rate,
        "peak_memory_mb": memory, "cpus": os.cpu_count(),
    }  # fmt: skip
    say(f"start of the program to the first answer: {server.start_seconds:.2f} s")
    say(f"first token: {p50:.0f} ms (median), {p95:.0f} ms (95%)")
    say(f"one stream: {alone:.0f} tokens/s, prompts included; {options.streams} streams: {rate:.0f} tokens/s together")
    say(f"memory at its highest: {memory:.0f} MB")
    print(json.dumps(result))


@dataclass(frozen=True)
class Server:
    """A running server, the name of its model, and the seconds from its start to the end of a first short answer."""

    client: httpx.Client
    model: str
    pid: int
    start_seconds: float

    def stream(self, question: str) -> tuple[float, int, float]:
        """Seconds to the first piece of text, tokens of the answer, seconds until its end."""
        body = {
            "messages": [{"role": "user", "content": question}], "temperature": 0, "stream": True,
            "model": self.model, "stream_options": {"include_usage": True},
        }  # fmt: skip
        began = time.perf_counter()
        first, tokens = 0.0, 0
        with self.client.stream("POST", "/v1/chat/completions", json=body) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                if not line.startswith("data: {"):
                    continue
                event = json.loads(line[6:])
                if event.get("usage"):
                    tokens = event["usage"]["completion_tokens"]
                delta = event["choices"][0]["delta"] if event["choices"] else {}
                if not first and (delta.get("content") or delta.get("reasoning_content")):
                    first = time.perf_counter() - began
        return first, tokens, time.perf_counter() - began


@contextmanager
def serving(model: str) -> Iterator[Server]:
    """Start `huozhong serve model`, wait for its first answer, and stop it at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "huozhong.cli.main", "serve", model, "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            name = served_model(client, process)
            body = {"model": name, "messages": [{"role": "user", "content": "3+4"}], "max_tokens": 16}
            client.post("/v1/chat/completions", json=body).raise_for_status()
            yield Server(client, name, process.pid, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait()


def served_model(client: httpx.Client, process: subprocess.Popen[bytes]) -> str:
    """The name of the served model, as soon as the server listens."""
    while True:
        try:
            return client.get("/v1/models").json()["data"][0]["id"]
        except httpx.ConnectError:
            if process.poll() is not None:
                sys.exit(f"huozhong serve ended with status {process.returncode}")
            time.sleep(0.01)


def peak_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
