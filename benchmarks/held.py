"""How long a large request holds the server's loop, in seconds of a processor: a busy machine changes nothing.

    python benchmarks/held.py [MODEL]

The server runs in this process.  Every millisecond a task of its loop looks at the clocks of all threads: what the
loop's own thread has worked between two looks is what everybody else waited for at least, and what another thread has
worked between them is what it may have held the interpreter for.  3 MB as one text, and as many small parts, to every
address that takes them.  The last line is one JSON object: the worst of each, in ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import uvicorn

from huozhong.cli.serve import listen, load, server_config
from huozhong.cost import Meter
from huozhong.server.app import create_app
from huozhong.server.memory import set_aside

BYTES = 3_000_000
PARTS = 15_000  # messages of a conversation, parts of a text: more are refused before they are read
TEXTS = {
    "mixed": "今天天气很好，我们去公园玩。The quick brown fox jumps over the lazy dog. 12345 + 678 = 13023\n",
    "letters": "a",
    "sums": "3+5=",
    "quotes": '"é ',
}


def bodies(name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(path, what it is, body)."""
    for kind, line in TEXTS.items():
        text = line * (BYTES // len(line.encode()))
        turns = {"model": name, "messages": [{"role": "user", "content": text}]}
        yield "/v1/chat/completions", kind, turns
        yield "/v1/messages", kind, turns | {"max_tokens": 8}
        yield "/v1/responses", kind, {"model": name, "input": text}
        yield "/api/chat", kind, turns
        yield "/v1/completions", kind, {"model": name, "prompt": text}
        yield "/v1/embeddings", kind, {"model": name, "input": text}
        yield "/tokenize", kind, {"content": text}
    many = [{"role": "assistant" if i % 2 else "user", "content": "a"} for i in range(PARTS // 2 + 1)]
    parts: dict[str, Any] = {"role": "user", "content": [{"type": "text", "text": "a"}] * PARTS}
    for kind, turns in (("messages", {"messages": many}), ("parts", {"messages": [parts]})):
        yield "/v1/chat/completions", kind, {"model": name} | turns
        yield "/v1/messages", kind, {"model": name, "max_tokens": 8} | turns
    yield "/v1/responses", "items", {"model": name, "input": many}
    yield "/api/chat", "messages", {"model": name, "messages": many}
    yield "/v1/completions", "ids", {"model": name, "prompt": [1] * 900_000}
    yield "/completion", "ids", {"prompt": [1] * 900_000}
    yield "/detokenize", "ids", {"tokens": [50] * 900_000}
    fields = {f"f{i}": {"type": "string"} for i in range(PARTS)}
    schema = {"name": "a", "schema": {"type": "object", "properties": fields}}
    form = {"type": "json_schema", "json_schema": schema}
    yield "/v1/chat/completions", "schema", {"model": name, "messages": many[:1], "response_format": form}
    yield "/v1/chat/completions", "unknown", {"model": name, "messages": many[:1]} | dict.fromkeys(fields, 1)


class Held:
    """A server in this process whose loop is looked at.  url: where it answers."""

    def __init__(self, app: Any, listener: Any) -> None:
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._server = uvicorn.Server(server_config(app))
        self._listener = listener
        self._worst: dict[str, float] = {}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="loop")

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            while not self._server.started:
                time.sleep(0.01)
            yield
        finally:
            self._server.should_exit = True
            self._thread.join()

    def since(self) -> tuple[float, float]:
        """ms that the loop, and that the worst other thread, worked between two looks since this was asked last."""
        worst, self._worst = self._worst, {}
        others = [value for name, value in worst.items() if name not in ("loop", "MainThread")]
        return worst.get("loop", 0.0) * 1e3, max(others, default=0.0) * 1e3

    async def _run(self) -> None:
        looking = asyncio.create_task(self._look())
        await self._server.serve(sockets=[self._listener])
        looking.cancel()

    async def _look(self) -> None:
        before = clocks()
        while True:
            await asyncio.sleep(0.001)
            now = clocks()
            for name, seconds in now.items():
                self._worst[name] = max(self._worst.get(name, 0.0), seconds - before.get(name, seconds))
            before = now


def clocks() -> dict[str, float]:
    """Seconds that each of Python's threads has worked."""
    found = {}
    for thread in threading.enumerate():
        try:
            found[thread.name] = time.clock_gettime(time.pthread_getcpuclockid(thread.ident or 0))
        except OSError:  # it has just ended
            continue
    return found


ASK = """
import json, sys, httpx
for line in sys.stdin:
    url, body = json.loads(line)
    print(httpx.post(url, json=body, timeout=600).status_code, flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("model", nargs="?", default="ember")
    options = parser.parse_args()
    set_aside()
    found = {}
    with load(options.model, {"num_threads": 1}, Meter(0.6, "CNY")) as llm, listen("127.0.0.1", 0) as listener:
        held = Held(create_app(llm), listener)
        # Whoever asks is a process of its own: what it works is not this one's.
        with (
            held.running(),
            subprocess.Popen(
                [sys.executable, "-c", ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as asker,
        ):
            assert asker.stdin is not None
            assert asker.stdout is not None
            hello = {"model": llm.name, "messages": [{"role": "user", "content": "a"}]}
            httpx.post(f"{held.url}/v1/chat/completions", json=hello, timeout=60)  # what is made once is made
            for path, kind, body in bodies(llm.name):
                line = json.dumps([held.url + path, body])
                held.since()
                asker.stdin.write(line + "\n")
                asker.stdin.flush()
                status = asker.stdout.readline().strip()
                loop, other = held.since()
                found[f"{path} {kind}"] = [round(loop, 1), round(other, 1)]
                print(f"{path} {kind}: {status}, the loop {loop:.1f} ms, another {other:.1f} ms", file=sys.stderr)
            asker.stdin.close()
    print(
        json.dumps(
            {"benchmark": "held", "model": options.model, "worst_ms": max(one[0] for one in found.values()), **found}
        )
    )


if __name__ == "__main__":
    main()
