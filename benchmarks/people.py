"""Many people at once, through HTTPS: is every answer the asker's own, whole and in order, and does memory stay flat?

    python benchmarks/people.py [MODEL] [--clients 200] [--accounts 40] [--seconds 600] [--database URL]
                                  [--questions 5] [--lesson]

Starts `huozhong serve MODEL --lan --https` with a home of its own, makes the accounts, and asks every client's
questions once, alone: greedy answers are the same bits alone and in a crowd, so these are what must come back.  Then
all clients ask at once, over and over, half with a session's cookie and half with an API key; each compares what it
receives with its own known answer.  429 and 503 with Retry-After are waited for and counted; anything else is an
error.  At last the store's account of every person is compared with what its clients received.

Words for people go to stderr; the last line, on stdout, is one JSON object.  Exit status 1 when anything was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import ssl
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from benchlib.processes import StartError, free_port, memory_mb, our_server, running
from benchlib.streams import FIRST_PIECE, percentile

from huozhong.store.database import Store
from huozhong.store.keys import make_key
from huozhong.store.people import Person, add_person, list_people
from huozhong.store.sessions import open_session
from huozhong.store.usage import usage_since

PATIENCE = 120.0  # seconds without a byte
LESSON = (
    "今天的课：水在零度结冰，在一百度沸腾；太阳从东边升起，月亮绕着地球转；一年有四季，春天花开，夏天炎热，秋天收获，"
    "冬天下雪。请记住这些，然后回答问题。"
)
MARKS = ("箱", "筐", "袋", "盒")


@dataclass
class Seen:
    """What the clients saw.  used: completion tokens by person.  retries: orderly refusals by status."""

    answers: int = 0
    tokens: int = 0
    first_s: list[float] = field(default_factory=list)
    used: Counter[int] = field(default_factory=Counter)
    retries: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    first_s: float | None
    text: str
    tokens: int | None


@dataclass(frozen=True)
class Visitor:
    person: int
    header: str


class House:
    """Where to ask.  context: trusts the house's authority and no other."""

    def __init__(self, port: int, model: str, authority: Path) -> None:
        self.port, self.model = port, model
        self.context = ssl.create_default_context(cafile=authority)

    async def ask(self, visitor: Visitor, question: str) -> Reply:
        """One streamed answer over a connection of its own, read to its end."""
        body = json.dumps(
            {
                "model": self.model,
                "messages": [{"role": "user", "content": question}],
                "temperature": 0,
                "max_tokens": 96,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
        ).encode()
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context)
        try:
            head = (
                f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: close\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{visitor.header}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            first, raw = None, bytearray()
            while piece := await asyncio.wait_for(reader.read(65536), PATIENCE):
                raw += piece
                if first is None and FIRST_PIECE.search(raw):
                    first = time.perf_counter() - began
        finally:
            writer.close()
        return reply_of(bytes(raw), first)


def reply_of(raw: bytes, first: float | None) -> Reply:
    head, _, rest = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    body = dechunked(rest) if headers.get("transfer-encoding") == "chunked" else rest
    text, tokens, ended = "", None, False
    for line in body.decode().split("\n"):
        if not line.startswith("data: "):
            continue
        if line == "data: [DONE]":
            ended = True
            continue
        event = json.loads(line[6:])
        if "error" in event:
            text += f"<error {event['error']['message']}>"
        tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
        for choice in event.get("choices", ()):
            delta = choice["delta"]
            text += (delta.get("reasoning_content") or "") + "|" + (delta.get("content") or "")
    status = int(lines[0].split()[1]) if len(lines[0].split()) > 1 else 0
    # Where pieces end is chance; what they hold is not.
    told = re.sub(r"\|+", "", text)
    return Reply(status, headers, first, told if ended else told + "<cut>", tokens)


def dechunked(raw: bytes) -> bytes:
    out = bytearray()
    while raw:
        size, _, rest = raw.partition(b"\r\n")
        count = int(size or b"0", 16)
        out += rest[:count]
        raw = rest[count + 2 :]
        if count == 0:
            break
    return bytes(out)


async def client(house: House, visitor: Visitor, known: dict[str, Reply], until: float, seen: Seen, seed: int) -> None:
    """Ask one's own questions until the time is over."""
    chance = random.Random(seed)
    while time.monotonic() < until:
        question = chance.choice(list(known))
        try:
            reply = await house.ask(visitor, question)
        except (OSError, TimeoutError, ValueError) as error:
            seen.problems.append(f"{type(error).__name__}: {error}")
            continue
        if reply.status in (429, 503) and "retry-after" in reply.headers:
            seen.retries[reply.status] += 1
            await asyncio.sleep(float(reply.headers["retry-after"]))
            continue
        expected = known[question]
        if reply.status != 200:
            seen.problems.append(f"status {reply.status}")
        elif (reply.text, reply.tokens) != (expected.text, expected.tokens):
            seen.problems.append(f"{question!r}: {reply.text!r} ({reply.tokens}), not {expected.text!r}")
        else:
            seen.answers += 1
            seen.first_s.append(reply.first_s or 0.0)
        seen.tokens += reply.tokens or 0
        seen.used[visitor.person] += reply.tokens or 0


def questions_of(number: int, count: int, lesson: bool) -> list[str]:
    """Nobody else's: the numbers in them are the client's own."""
    start = LESSON if lesson else ""
    questions = []
    for n in range(count):
        mark = MARKS[n % len(MARKS)]
        questions.append(f"{start}仓库里有 {number * 7 + 20 + n} {mark}苹果，运走 {n + 3} {mark}，还剩多少？")
    return questions


def open_accounts(store: Store, accounts: int, clients: int) -> list[Visitor]:
    """An owner, members, and a cookie or a key for every client."""
    visitors = []
    with store.begin() as session:
        add_person(session, "owner", "owner", "the owner's word 42")
        people: list[Person] = [add_person(session, f"p{n}", "member", f"password of {n}") for n in range(accounts)]
        for number in range(clients):
            person = people[number % accounts]
            if number % 2:
                key, _ = make_key(session, person, f"k{number}", ["chat"])
                header = f"Authorization: Bearer {key}"
            else:
                token, _ = open_session(session, person.id, agent="load", address="127.0.0.1")
                header = f"Cookie: __Host-huozhong={token}"
            visitors.append(Visitor(person.id, header))
    return visitors


async def crowd(house: House, visitors: list[Visitor], options: argparse.Namespace, pid: int) -> dict[str, Any]:
    seen, known = Seen(), []
    began = time.monotonic()
    for number, visitor in enumerate(visitors):
        answers: dict[str, Reply] = {}
        for question in questions_of(number, options.questions, options.lesson):
            answers[question] = await house.ask(visitor, question)
            assert answers[question].status == 200, answers[question]
            seen.used[visitor.person] += answers[question].tokens or 0
        known.append(answers)
    say(f"{len(visitors) * options.questions} answers known after {time.monotonic() - began:.0f} s; now all at once")
    memory = [memory_mb(pid)["VmRSS"]]
    began = time.monotonic()
    until = began + options.seconds
    tasks = [
        asyncio.create_task(client(house, visitor, answers, until, seen, number))
        for number, (visitor, answers) in enumerate(zip(visitors, known, strict=True))
    ]
    while not all(task.done() for task in tasks):
        await asyncio.wait(tasks, timeout=options.seconds / 10)
        memory.append(memory_mb(pid)["VmRSS"])
        passed = time.monotonic() - began
        wrong = f"{len(seen.problems)} wrong" + (f" ({seen.problems[-1][:100]})" if seen.problems else "")
        say(f"{passed:5.0f} s  {seen.answers} answers, {wrong}, {memory[-1]:.0f} MB")
    took = time.monotonic() - began
    for task in tasks:
        task.result()
    return {
        "answers": seen.answers,
        "tokens_per_s": seen.tokens / took,
        "first_token_ms_p50": percentile(seen.first_s, 0.5) * 1e3,
        "first_token_ms_p95": percentile(seen.first_s, 0.95) * 1e3,
        "refused_in_order": dict(seen.retries),
        "problems": seen.problems[:20],
        "wrong": len(seen.problems),
        "memory_mb": [round(value, 1) for value in memory],
        "_used": seen.used,
    }


def accounts_differ(store: Store, used: Counter[int]) -> list[str]:
    """Whose account in the store is not what their clients received."""
    kept: Counter[int] = Counter()
    with store.read() as session:
        names = {person.id: person.name for person in list_people(session)}
        for key, amount in usage_since(session, ""):
            kept[key.person_id] += amount.completion_tokens
    return [
        f"{names.get(number, number)}: {kept[number]}, not {used[number]}"
        for number in {*kept, *used}
        if kept[number] != used[number]
    ]


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        url = options.database or f"sqlite:///{home / 'house.db'}"
        port = free_port()
        os.environ["HUOZHONG_HOME"] = str(home)
        command = our_server(options.model, port, "--lan", "--https", "--database", url, *options.serve)
        with Store.open(url) as store:
            visitors = open_accounts(store, options.accounts, options.clients)
            try:
                with running(command, port=port, ready="/page/trust") as process:
                    wait_for_model(port, home)
                    house = House(port, Path(options.model).name, home / "authority" / "authority.pem")
                    result = asyncio.run(crowd(house, visitors, options, process.pid))
            except StartError as error:
                sys.exit(f"people: {error}")
            differing = accounts_differ(store, result.pop("_used"))
    result |= {"accounts_that_differ": differing, "database": url.partition(":")[0]}
    options_told = {"clients": options.clients, "accounts": options.accounts, "seconds": options.seconds}
    print(json.dumps({"benchmark": "people", "model": options.model, **options_told, **result}, ensure_ascii=False))
    sys.exit(1 if result["wrong"] or differing else 0)


def wait_for_model(port: int, home: Path) -> None:
    context = ssl.create_default_context(cafile=home / "authority" / "authority.pem")
    answer = httpx.get(f"https://127.0.0.1:{port}/ready", verify=context, timeout=30)
    answer.raise_for_status()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("model", nargs="?", default="ember", help="name, folder or GGUF file (default: ember)")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--accounts", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--questions", type=int, default=5, help="of each client (default: 5)")
    parser.add_argument("--database", help="an empty database's URL; default: SQLite in a folder of its own")
    parser.add_argument("--lesson", action="store_true", help="all questions begin with the same lesson")
    parser.add_argument("serve", nargs="*", metavar="-- OPTION", help="after --: options of huozhong serve")
    return parser.parse_args()


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
