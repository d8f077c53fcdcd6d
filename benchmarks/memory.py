"""Does a server that runs for a long time hold more and more memory?

    python benchmarks/memory.py [MODEL] [--requests 10000] [--at-once 8] [-- options of huozhong serve]

Sends that many short chats of random text and differing length, sixteen tokens each, and looks at the server's own
memory (private, not the mapped weights) every `--every` requests; once with the disk cache of prompts, in a new
folder, and once without.  Growth is the slope of a straight line through what was seen after the first fifth.
Words for people go to stderr; the last line, on stdout, is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import httpx
from benchlib.processes import StartError, free_port, memory_mb, our_server, running
from benchlib.streams import Server, StreamError, ask, body

LETTERS = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往abcdefghijklmnopqrstuvwxyz0123456789 "
WARM_UP = 5  # this part of the requests (a fifth) comes before growth is counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("model", nargs="?", default="ember", help="name, folder or GGUF file (default: ember)")
    parser.add_argument("--requests", type=int, default=10000)
    parser.add_argument("--every", type=int, default=1000, help="requests between two looks")
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("serve", nargs="*", metavar="-- OPTION", help="after --: options of huozhong serve")
    options = parser.parse_args()
    if options.requests < 3 * options.every:
        parser.error("--requests must be at least three times --every")
    try:
        result = {
            "with_disk_cache": measure(options, []),
            "without_disk_cache": measure(options, ["--disk-cache", "0"]),
        }
    except (StartError, StreamError) as error:
        sys.exit(f"memory: {error}")
    print(json.dumps({"benchmark": "memory", "model": options.model, "requests": options.requests, **result}))


def measure(options: argparse.Namespace, more: list[str]) -> dict[str, Any]:
    """One server from its start to the last request."""
    port = free_port()
    command = our_server(options.model, port, *more, *options.serve)
    with tempfile.TemporaryDirectory() as cache:
        env = os.environ | {"XDG_CACHE_HOME": cache}
        with running(command, port=port, ready="/health", env=env) as process:
            server = Server(port, httpx.get(f"http://127.0.0.1:{port}/v1/models").json()["data"][0]["id"])
            own = [memory_mb(process.pid)["RssAnon"]]
            dice = random.Random(0)
            began = time.perf_counter()
            for _ in range(options.requests // options.every):
                ask(server, chats(server, options.every, options.tokens, dice), options.at_once)
                own.append(memory_mb(process.pid)["RssAnon"])
            seconds, end = time.perf_counter() - began, memory_mb(process.pid)
    growth = per_thousand(own, options.every)
    print(
        f"{' '.join(more) or 'with the disk cache'}: own memory in MB at the start and after every {options.every} "
        f"requests: {', '.join(f'{mb:.1f}' for mb in own)}; {growth:+.2f} MB per 1000 requests; {seconds:.0f} s",
        file=sys.stderr,
    )
    return {
        "own_mb": own,
        "every": options.every,
        "growth_mb_per_1000": growth,
        "rss_end_mb": end["VmRSS"],
        "seconds": seconds,
    }


def per_thousand(own: list[float], every: int) -> float:
    """MB per 1,000 requests after the warm-up, by least squares; `own` has a value per `every` requests."""
    warm = own[max(len(own) // WARM_UP, 1) :]
    return statistics.linear_regression(range(len(warm)), warm).slope * 1000 / every


def chats(server: Server, count: int, tokens: int, dice: random.Random) -> Iterator[dict[str, Any]]:
    for _ in range(count):
        yield body(server, "".join(dice.choices(LETTERS, k=dice.randint(4, 120))), tokens)


if __name__ == "__main__":
    main()
