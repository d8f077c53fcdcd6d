"""Does a server that runs for a long time hold more and more memory?

    python benchmarks/memory.py [MODEL] [--requests 10000] [--at-once 8] [-- options of huozhong serve]

Sends that many short chats of random text and differing length, sixteen tokens each, and compares the server's
own memory after the first tenth, when every buffer has been used, with that at the end.  Words for people go to
stderr; the last line, on stdout, is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
from benchlib.processes import StartError, free_port, memory_mb, our_server, running
from benchlib.streams import Server, StreamError, ask, body

LETTERS = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往abcdefghijklmnopqrstuvwxyz0123456789 "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("model", nargs="?", default="ember", help="name, folder or GGUF file (default: ember)")
    parser.add_argument("--requests", type=int, default=10000)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("serve", nargs="*", metavar="-- OPTION", help="after --: options of huozhong serve")
    options = parser.parse_args()
    try:
        result = measure(options)
    except (StartError, StreamError) as error:
        sys.exit(f"memory: {error}")
    print(json.dumps({"benchmark": "memory", "model": options.model, **result}))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    port = free_port()
    with running(our_server(options.model, port, *options.serve), port=port, ready="/health") as process:
        server = Server(port, httpx.get(f"http://127.0.0.1:{port}/v1/models").json()["data"][0]["id"])
        started = memory_mb(process.pid)
        first = max(options.requests // 10, 1)
        dice = random.Random(0)
        began = time.perf_counter()
        ask(server, chats(server, first, options.tokens, dice), options.at_once)
        warm = memory_mb(process.pid)
        ask(server, chats(server, options.requests - first, options.tokens, dice), options.at_once)
        end, seconds = memory_mb(process.pid), time.perf_counter() - began
    growth = end["RssAnon"] - warm["RssAnon"]
    print(
        f"own memory: {started['RssAnon']:.1f} MB at the start, {warm['RssAnon']:.1f} after {first} requests, "
        f"{end['RssAnon']:.1f} after {options.requests}: {growth:+.1f} MB; {seconds:.0f} s",
        file=sys.stderr,
    )
    return {
        "requests": options.requests, "start_mb": started["RssAnon"], "warm_mb": warm["RssAnon"],
        "end_mb": end["RssAnon"], "growth_mb": growth, "rss_start_mb": started["VmRSS"], "rss_end_mb": end["VmRSS"],
        "seconds": seconds,
    }  # fmt: skip


def chats(server: Server, count: int, tokens: int, dice: random.Random) -> Iterator[dict[str, Any]]:
    for _ in range(count):
        yield body(server, "".join(dice.choices(LETTERS, k=dice.randint(4, 120))), tokens)


if __name__ == "__main__":
    main()
