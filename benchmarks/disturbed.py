"""What others feel when somebody pastes a book or sends monstrous schemas: the same streams, alone and beside that.

    python benchmarks/disturbed.py [MODEL] [--streams 50] [--pastes 15] [--schemas 20] [-- options of huozhong serve]

First some streams alone, then one 3 MB paste alone, then the same streams beside heavy schemas and beside 3 MB pastes;
meanwhile `/health` is asked every 5 ms.  The disturbers and the one who asks `/health` are processes of their own.  The
last line, on stdout, is one JSON object: 99th percentiles, the ratio to the undisturbed, and memory before and after.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import queue
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from multiprocessing.pool import Pool
from typing import Any

import httpx
from benchlib.processes import StartError, free_port, memory_mb, our_server, running
from benchlib.streams import Crowd, Server, StreamError, percentile

QUESTION = "学校买来 {} 箱粉笔，每箱 24 盒，用去 50 盒，还剩多少盒？"
TOKENS = 60  # of each answer
SETTLED = 2.0  # seconds until memory is measured
HEALTH_SECONDS = 60.0  # that /health may take
DISTURBERS_SECONDS = 300.0  # that a paste or a schema may take, in all
# Forked, a child would hold the locks of this process's threads as they were at that moment, and wait for ever.
SPAWN = multiprocessing.get_context("spawn")

Disturb = Callable[[str], bytes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("model", nargs="?", default="ember")
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--pastes", type=int, default=15)
    parser.add_argument("--schemas", type=int, default=20)
    parser.add_argument("serve", nargs="*", help="after --: options for huozhong serve")
    options = parser.parse_args()
    port = free_port()
    try:
        with running(our_server(options.model, port, *options.serve), port=port, ready="/health") as process:
            name = httpx.get(f"http://127.0.0.1:{port}/v1/models").json()["data"][0]["id"]
            server = Server(port, name)
            Crowd.of(server, questions(options.streams, 0), TOKENS)  # warm
            before = memory_mb(process.pid)["VmRSS"]
            result = {"alone": measured(server, options.streams, 1, [])}
            tell("alone", result["alone"])
            result["paste_alone"] = {"health_max_ms": health_beside(server, paste)}
            tell("paste_alone", result["paste_alone"])
            schemas = [heavy_schema] * (options.schemas // 2) + [wide_schema] * (options.schemas - options.schemas // 2)
            result["schemas"] = measured(server, options.streams, 2, schemas)
            tell("schemas", result["schemas"])
            for number, key in ((1, "one_paste"), (options.pastes, "pastes")):
                result[key] = measured(server, options.streams, 2 + number, [paste] * number)
                tell(key, result[key])
            time.sleep(SETTLED)
            after = memory_mb(process.pid)["VmRSS"]
    except (StartError, StreamError) as error:
        sys.exit(f"disturbed: {error}")
    for key in ("schemas", "one_paste", "pastes"):
        result[key]["first_p99_ratio"] = round(result[key]["first_p99_s"] / result["alone"]["first_p99_s"], 2)
    memory = {"before_mb": round(before), "after_mb": round(after)}
    print(json.dumps({"benchmark": "disturbed", "model": options.model, **result, **memory}))


def tell(part: str, found: dict[str, Any]) -> None:
    """Each part as it is known, on stderr: who stops the run has that much."""
    print(f"{part}: {json.dumps(found)}", file=sys.stderr, flush=True)


def measured(server: Server, streams: int, seed: int, disturbers: list[Disturb]) -> dict[str, Any]:
    """First tokens of so many streams that begin beside these, and the worst answers of /health."""
    bodies = [one(server.model) for one in disturbers]
    with asked_health(server.port) as waits, pool_of(len(disturbers)) as pool:
        time.sleep(0.2)
        begun = [pool.apply_async(post, (server.port, body)) for body in bodies]
        time.sleep(0.1 if disturbers else 0)
        crowd = Crowd.of(server, questions(streams, seed), TOKENS)
        try:
            statuses = sorted({one.get(DISTURBERS_SECONDS) for one in begun})
        except (multiprocessing.TimeoutError, OSError, HTTPException) as error:
            raise StreamError("a disturber nothing", f"{type(error).__name__}: {error}") from None
    return {
        "first_p99_s": round(percentile(crowd.first_s, 0.99), 3),
        "tokens_per_s": round(crowd.tokens_per_s),
        "health_p99_ms": round(percentile(waits, 0.99) * 1e3, 1),
        "health_max_ms": round(max(waits) * 1e3, 1),
        "statuses": statuses,
    }


def health_beside(server: Server, disturber: Disturb) -> float:
    """The worst answer of /health, in ms, while one disturbs and nobody else asks anything."""
    with asked_health(server.port) as waits, pool_of(1) as pool:
        pool.apply_async(post, (server.port, disturber(server.model))).get(DISTURBERS_SECONDS)
    return round(max(waits) * 1e3, 1)


def pool_of(number: int) -> Pool:
    """Processes that are there: their start is no part of what is measured."""
    pool = SPAWN.Pool(max(1, number))
    pool.map(abs, range(4 * number))
    return pool


@contextmanager
def asked_health(port: int) -> Iterator[list[float]]:
    """Seconds that /health took, asked from another process; filled when the block ends."""
    waits: list[float] = []
    begins, ends, results = SPAWN.Event(), SPAWN.Event(), SPAWN.Queue()  # type: ignore[var-annotated]
    asker = SPAWN.Process(target=ask_health, args=(port, begins, ends, results))
    asker.start()
    try:
        if not begins.wait(HEALTH_SECONDS):
            raise StreamError("nobody", "the process that asks for /health does not start")
        yield waits
    finally:
        ends.set()
        try:
            waits += results.get(timeout=HEALTH_SECONDS + 10)
        except queue.Empty:  # it would wait for ever for one that is gone
            asker.terminate()
            raise StreamError("nobody", "the process that asks for /health has died") from None
        asker.join()


def ask_health(port: int, begins: Any, ends: Any, results: Any) -> None:
    """With what costs little: whoever asks has a share of the same processor."""
    waits: list[float] = []
    client = HTTPConnection("127.0.0.1", port, timeout=HEALTH_SECONDS)
    while not ends.wait(0.005) or not waits:
        began = time.perf_counter()
        try:
            client.request("GET", "/health")
            client.getresponse().read()
        except (OSError, HTTPException):  # one that never came has taken as long as was waited
            client.close()
        waits.append(time.perf_counter() - began)
        begins.set()
    client.close()
    results.put(waits)


def questions(number: int, seed: int) -> list[str]:
    return [QUESTION.format(seed * 100 + i) for i in range(number)]


# -- who disturbs ----------------------------------------------------------------------------------


def paste(model: str) -> bytes:
    """3 MB of text in one message."""
    line = "今天天气很好，我们去公园玩。The quick brown fox jumps over the lazy dog. 12345 + 678 = 13023\n"
    return _body(model, line * (3_000_000 // len(line.encode())))


def heavy_schema(model: str) -> bytes:
    """Forty patterns that are to match at once: the compiler would take minutes."""
    all_of = [{"type": "string", "pattern": f"(a|b){{{i},{i + 90}}}c"} for i in range(40)]
    return _body(model, "?", {"allOf": all_of})


def wide_schema(model: str) -> bytes:
    """Many objects of many fields that may be left out: a second of the compiler's time."""
    fields = {f"f{i}": {"type": "string"} for i in range(900)}
    return _body(model, "?", {"anyOf": [{"properties": {f"g{j}": {"const": j}} | fields} for j in range(9)]})


def _body(model: str, text: str, schema: dict[str, Any] | None = None) -> bytes:
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 8}
    if schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    return json.dumps(body, ensure_ascii=False).encode()


def post(port: int, body: bytes) -> int:
    """The status of the answer.  In a process of a pool."""
    client = HTTPConnection("127.0.0.1", port, timeout=DISTURBERS_SECONDS)
    try:
        client.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
        return client.getresponse().status
    finally:
        client.close()


if __name__ == "__main__":
    main()
