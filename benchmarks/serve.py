"""What a user of the server feels: start to the first answer, first token, tokens per second, memory, all over HTTP.

    python benchmarks/serve.py [MODEL] [--streams 1,4,8,16] [--depths 4096,16384] [-- options of huozhong serve]

Starts `huozhong serve MODEL` (default: ember) on a free port and talks to it as any client would.  Questions give
the first-token time of short prompts; texts of random letters, which no cache knows, give the rest: prefill,
decode, both with a long prompt and behind one (where the context allows it), and crowds of streams whose prompts
share a prefix.  Words for people go to stderr; the last line, on stdout, is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from benchlib.processes import StartError, free_port, memory_mb, our_server, running
from benchlib.streams import Answer, Crowd, Prompts, Server, StreamError, ask, body, percentile

QUESTION = "学校买来 {} 箱粉笔，每箱 24 盒，用去 50 盒，还剩多少盒？"
POEMS = ("月亮", "春天", "雪", "山", "送别")
BEHIND = 512  # tokens that are read after a long prompt
MARGIN = 24  # tokens that a prompt's length may be off, and room for the answer's end


@dataclass(frozen=True)
class Started:
    """A running server, its process, its context, and the seconds from its start to the end of a first answer."""

    server: Server
    pid: int
    context: int
    start_seconds: float


def main() -> None:
    options = parse()
    try:
        with serving(options.model, options.serve):  # the first start packs the weights; users see the second kind
            pass
        with serving(options.model, options.serve) as started:
            result = measure(started, options)
    except (StartError, StreamError) as error:
        sys.exit(f"serve: {error}")
    print(json.dumps({"benchmark": "serve", "model": options.model, **result}))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("model", nargs="?", default="ember", help="name, folder or GGUF file (default: ember)")
    parser.add_argument("--answers", type=int, default=20, help="answers that the first-token time is taken of")
    parser.add_argument("--streams", type=whole_numbers, default=(1, 4, 8, 16), help="default: 1,4,8,16")
    parser.add_argument("--depths", type=whole_numbers, default=(4096, 16384), help="default: 4096,16384")
    parser.add_argument("--prefix", type=int, default=200, help="tokens that the prompts of a crowd share")
    parser.add_argument("--prompt", type=int, default=256, help="tokens of a crowd's prompts")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each answer")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of each figure; medians are shown")
    parser.add_argument("serve", nargs="*", metavar="-- OPTION", help="after --: options of huozhong serve")
    return parser.parse_args()


def whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


def measure(started: Started, options: argparse.Namespace) -> dict[str, Any]:
    server = started.server
    say(f"{server.model}: start of the program to the first answer {started.start_seconds:.2f} s")
    result: dict[str, Any] = {"start_to_first_answer_s": started.start_seconds, "context": started.context}
    result |= real_questions(server, options)
    prompts = Prompts.measure(server)
    result |= alone(server, prompts, min(512, started.context - options.tokens - MARGIN), options, "")
    deep = [d for d in options.depths if d + BEHIND + options.tokens + MARGIN <= started.context]
    for depth in deep:
        result |= alone(server, prompts, depth, options, f"_at_{depth}") | behind(server, prompts, depth, options)
    result["depths_beyond_context"] = [d for d in options.depths if d not in deep]
    for depth in result["depths_beyond_context"]:
        say(f"{depth} tokens deep: longer than the context of {started.context}")
    result["streams"] = {str(count): crowd(server, prompts, count, options) for count in options.streams}
    memory = memory_mb(started.pid)
    say(f"memory at its highest {memory['VmHWM']:.0f} MB, now {memory['RssAnon']:.0f} MB of its own")
    return result | {"peak_memory_mb": memory["VmHWM"], "own_memory_mb": memory["RssAnon"], "cpus": os.cpu_count()}


def real_questions(server: Server, options: argparse.Namespace) -> dict[str, Any]:
    """Short questions and poems, ended by the model itself (but for endless models: at 256 tokens)."""

    def one(text: str) -> Answer:
        return ask(server, [body(server, text, 256, ignore_eos=False)], 1)[0]

    first = [one(QUESTION.format(number)).first_s for number in range(3, 3 + options.answers)]
    poems = [one(f"写一首七言律诗，主题是{theme}") for theme in POEMS]
    rate = sum(poem.tokens for poem in poems) / sum(poem.end_s for poem in poems)
    p50, p95 = statistics.median(first) * 1e3, percentile(first, 0.95) * 1e3
    say(f"first token of a short question: {p50:.0f} ms (median), {p95:.0f} ms (95%)")
    say(f"one stream of real questions: {rate:.0f} tokens/s, prompts included")
    return {"first_token_ms_p50": p50, "first_token_ms_p95": p95, "stream_tokens_per_s": rate}


def alone(server: Server, prompts: Prompts, depth: int, options: argparse.Namespace, suffix: str) -> dict[str, Any]:
    """Prefill and decode of one stream whose prompt has `depth` tokens; medians of the rounds."""
    answers = [_one(server, prompts.text(depth - prompts.overhead), options) for _ in range(options.rounds)]
    prefill = statistics.median(a.computed_tokens / a.first_s for a in answers)
    decode = statistics.median(a.decode_per_s for a in answers)
    first = statistics.median(a.first_s for a in answers) * 1e3
    say(f"alone, a prompt of {depth}: prefill {prefill:.1f}, decode {decode:.1f} tokens/s, first token {first:.0f} ms")
    return {
        f"prompt{suffix}_tokens": answers[0].prompt_tokens,
        f"prefill{suffix}_tokens_per_s": prefill,
        f"decode{suffix}_tokens_per_s": decode,
        f"first_token{suffix}_ms": first,
    }


def behind(server: Server, prompts: Prompts, depth: int, options: argparse.Namespace) -> dict[str, Any]:
    """Prefill of more text after a prompt of `depth` tokens that the server has just read, as a conversation grows."""
    rates = []
    for _ in range(options.rounds):
        text = prompts.text(depth - prompts.overhead)
        _one(server, text, options)
        again = _one(server, text + prompts.text(BEHIND), options)
        rates.append(again.computed_tokens / again.first_s)
    rate = statistics.median(rates)
    say(f"alone, {BEHIND} more tokens behind {depth}: prefill {rate:.1f} tokens/s")
    return {f"prefill_behind_{depth}_tokens_per_s": rate}


def _one(server: Server, text: str, options: argparse.Namespace) -> Answer:
    return ask(server, [body(server, text, options.tokens)], 1)[0]


def crowd(server: Server, prompts: Prompts, count: int, options: argparse.Namespace) -> dict[str, Any]:
    """`count` streams at once whose prompts share a prefix; a new prefix each round."""
    rounds = [
        Crowd.of(server, prompts.sharing(count, options.prefix, options.prompt), options.tokens)
        for _ in range(options.rounds)
    ]
    first = [second for one in rounds for second in one.first_s]
    rates = [one.tokens_per_s for one in rounds]
    p50, p95 = statistics.median(first) * 1e3, percentile(first, 0.95) * 1e3
    rate = statistics.median(rates)
    say(f"{count} streams: {rate:.1f} tokens/s together, first token {p50:.0f} ms, 95% {p95:.0f} ms")
    return {
        "tokens_per_s": rate,
        "min": min(rates),
        "max": max(rates),
        "first_token_ms_p50": p50,
        "first_token_ms_p95": p95,
        "prompt_tokens": statistics.mean(one.prompt_tokens for one in rounds),
        "tokens": statistics.mean(one.tokens for one in rounds),
    }


@contextmanager
def serving(model: str, options: list[str]) -> Iterator[Started]:
    """Start `huozhong serve model`, wait for its first answer, and stop it at the end."""
    port = free_port()
    began = time.perf_counter()
    with running(our_server(model, port, *options), port=port, ready="/health") as process:
        name = httpx.get(f"http://127.0.0.1:{port}/v1/models").json()["data"][0]["id"]
        server = Server(port, name)
        ask(server, [body(server, "3+4", 16, ignore_eos=False)], 1)
        seconds = time.perf_counter() - began
        context = httpx.get(f"http://127.0.0.1:{port}/page/info").json()["max_context"]
        yield Started(server, process.pid, context, seconds)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
