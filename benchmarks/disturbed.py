"""What others feel when somebody pastes a book or sends monstrous schemas: the same streams, alone and beside that.

    python benchmarks/disturbed.py [MODEL] [--streams 50] [--pastes 15] [--schemas 20] [-- options of huozhong serve]

First some streams alone, then the same number beside heavy schemas, then beside 3 MB pastes; meanwhile `/health` is
asked every 5 ms.  The disturbers and the one who asks `/health` are processes of their own.  The last line, on stdout,
is one JSON object: 99th percentiles and the ratio to the undisturbed, and memory before and after.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import queue
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

Disturb = Callable[[str, str], int]


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
    url = f"http://127.0.0.1:{server.port}"
    with asked_health(url) as waits, pool_of(len(disturbers)) as pool:
        time.sleep(0.2)
        begun = [pool.apply_async(one, (url, server.model)) for one in disturbers]
        time.sleep(0.1 if disturbers else 0)
        crowd = Crowd.of(server, questions(streams, seed), TOKENS)
        try:
            statuses = sorted({one.get(DISTURBERS_SECONDS) for one in begun})
        except (multiprocessing.TimeoutError, httpx.HTTPError) as error:
            raise StreamError(f"a disturber got no answer ({type(error).__name__}: {error})") from None
    return {
        "first_p99_s": round(percentile(crowd.first_s, 0.99), 3),
        "tokens_per_s": round(crowd.tokens_per_s),
        "health_p99_ms": round(percentile(waits, 0.99) * 1e3, 1),
        "health_max_ms": round(max(waits) * 1e3, 1),
        "statuses": statuses,
    }


def pool_of(number: int) -> Pool:
    """Processes that are there: their start is no part of what is measured."""
    pool = SPAWN.Pool(max(1, number))
    pool.map(abs, range(4 * number))
    return pool


@contextmanager
def asked_health(url: str) -> Iterator[list[float]]:
    """Seconds that /health took, asked from another process; filled when the block ends."""
    waits: list[float] = []
    begins, ends, results = SPAWN.Event(), SPAWN.Event(), SPAWN.Queue()  # type: ignore[var-annotated]
    asker = SPAWN.Process(target=ask_health, args=(url, begins, ends, results))
    asker.start()
    try:
        if not begins.wait(HEALTH_SECONDS):
            raise StreamError("nobody could be asked for /health: the process that asks it does not start")
        yield waits
    finally:
        ends.set()
        try:
            waits += results.get(timeout=HEALTH_SECONDS + 10)
        except queue.Empty:  # it would wait for ever for one that is gone
            asker.terminate()
            raise StreamError("nobody could be asked for /health: the process that asks it has died") from None
        asker.join()


def ask_health(url: str, begins: Any, ends: Any, results: Any) -> None:
    waits: list[float] = []
    with httpx.Client(timeout=HEALTH_SECONDS) as client:
        while not ends.wait(0.005) or not waits:
            began = time.perf_counter()
            with contextlib.suppress(httpx.HTTPError):  # one that never came has taken as long as was waited
                client.get(f"{url}/health")
            waits.append(time.perf_counter() - began)
            begins.set()
    results.put(waits)


def questions(number: int, seed: int) -> list[str]:
    return [QUESTION.format(seed * 100 + i) for i in range(number)]


# -- who disturbs ----------------------------------------------------------------------------------


def paste(url: str, model: str) -> int:
    """3 MB of text in one message."""
    line = "今天天气很好，我们去公园玩。The quick brown fox jumps over the lazy dog. 12345 + 678 = 13023\n"
    return _post(url, model, line * (3_000_000 // len(line.encode())))


def heavy_schema(url: str, model: str) -> int:
    """Forty patterns that are to match at once: the compiler would take minutes."""
    all_of = [{"type": "string", "pattern": f"(a|b){{{i},{i + 90}}}c"} for i in range(40)]
    return _post(url, model, "?", {"allOf": all_of})


def wide_schema(url: str, model: str) -> int:
    """Many objects of many fields that may be left out: a second of the compiler's time."""
    fields = {f"f{i}": {"type": "string"} for i in range(900)}
    return _post(url, model, "?", {"anyOf": [{"properties": {f"g{j}": {"const": j}} | fields} for j in range(9)]})


def _post(url: str, model: str, text: str, schema: dict[str, Any] | None = None) -> int:
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 8}
    if schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=300).status_code


if __name__ == "__main__":
    main()
