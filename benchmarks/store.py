"""What keeping conversations costs: searching many messages, opening a long chat, streaming through the store.

    python benchmarks/store.py [--messages 100000] [--postgresql URL] [--streams 16]

Search: random conversations of one person (the worst case: nobody else's words narrow anything down), in a SQLite file
and, where a URL of an empty database is given, in PostgreSQL.  Streams: `huozhong serve` answers the same questions
through /house, where answers are kept, and through /v1/chat/completions, where they are not, by turns; the store's
cost is the difference of the server's own processor time per token.  The last line, on stdout, is one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from benchlib.processes import free_port, memory_mb, our_server, running
from benchlib.streams import percentile

from huozhong.store.database import Store
from huozhong.store.exchange.keep import add_chat
from huozhong.store.exchange.shape import Chat, Said
from huozhong.store.people import HOUSE
from huozhong.store.search import search
from huozhong.store.tables.base import now

TEXT = """
我们 学生 老师 问题 什么 怎么 为什么 可以 因为 所以 数学 语文 英语 历史 地理 物理 化学 植物 动物 光合作用 水 空气 太阳
月亮 春天 苹果 故事 诗歌 作文 机器 学习 计算 程序 函数 变量 python code error model transformer water energy answer
question 图书馆 火车站 中华人民共和国 长江 黄河 三角形 面积 体积 方程 分数 小数 百分比 健康 感冒 医生 天气 下雨
"""
WORDS = TEXT.split()
RARE = ["蒲公英", "tardigrade", "哥白尼", "kaleidoscope", "鲸落"]
# From words in every second message to words in none.
QUERIES = [
    *("什么", "我们", "作用", "光合作用", "的", "python", "pyt", "机器 学习", "model error"),
    *("蒲公英", "tardigrade", "没有的词组", "鲸落 water", "zzz"),
]
QUESTIONS = ["写一首关于{}的诗", "{}是什么？", "讲一个{}的故事", "为什么{}重要？"]
BATCH = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--postgresql", help="the URL of an empty database")
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3, help="of streams, each way (default: 3)")
    options = parser.parse_args()
    result: dict[str, Any] = {"benchmark": "store", "messages": options.messages}
    with tempfile.TemporaryDirectory() as folder:
        result["search_ms"] = {"sqlite": searching(f"sqlite:///{folder}/search.db", options.messages)}
        if options.postgresql:
            result["search_ms"]["postgresql"] = searching(options.postgresql, options.messages)
        result |= serving(Path(folder), options.streams, options.rounds)
    print(json.dumps(result))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# -- search --------------------------------------------------------------------------------------------


def conversations(messages: int, dice: random.Random) -> Iterator[Chat]:
    """Of twenty messages each, 30 to 200 characters a message; a rare word stands in one of two thousand."""
    weights = [1 / (rank + 1) for rank in range(len(WORDS))]
    at = now()
    for number in range(messages // 20):
        said = []
        for place in range(20):
            words = dice.choices(WORDS, weights, k=dice.randrange(10, 60))
            if dice.random() < 1 / 2000:
                words.append(dice.choice(RARE))
            role = "assistant" if place % 2 else "user"
            said.append(
                Said(key=str(place), parent=str(place - 1) if place else None, role=role, content="，".join(words))
            )  # type: ignore[arg-type]
        yield Chat(source=f"{number}", created=at, updated=at + number, leaf="19", said=said)


def searching(url: str, messages: int) -> dict[str, float]:
    """Milliseconds of each query: the median of five, after one that warms up."""
    with Store.open(url) as store:
        began = time.perf_counter()
        chats = list(conversations(messages, random.Random(1)))
        for start in range(0, len(chats), BATCH):
            with store.begin() as session:
                for chat in chats[start : start + BATCH]:
                    add_chat(session, HOUSE, chat)
        say(f"{url.partition(':')[0]}: {messages} messages written in {time.perf_counter() - began:.0f} s")
        took = {}
        for query in QUERIES:
            times, hits = zip(*(timed(partial(find, store, query)) for _ in range(6)), strict=True)
            took[query] = round(statistics.median(times[1:]) * 1000, 1)
            say(f"  {query}: {took[query]} ms, {hits[0]} conversations, the first time {times[0] * 1000:.1f} ms")
        return took | {"slowest": max(took.values())}


def find(store: Store, query: str) -> int:
    with store.read() as session:
        return len(search(session, HOUSE, query, 50))


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = action()
    return time.perf_counter() - began, found


# -- over HTTP -----------------------------------------------------------------------------------------


def serving(folder: Path, streams: int, rounds: int) -> dict[str, Any]:
    port = free_port()
    command = our_server("ember", port, "--database", f"sqlite:///{folder}/house.db")
    with (
        running(command, port=port, ready="/health") as server,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client,
    ):
        opening = open_long_chat(client)
        return {"open_400_messages_ms": opening, "streams": streaming(client, server.pid, streams, rounds)}


def open_long_chat(client: httpx.Client) -> dict[str, float]:
    """Milliseconds of the GET of a chat of 400 messages: the first, which renders them, and the median of the next."""
    words = "好的，我们来看**光合作用**。\n\n1. 植物\n2. 水变成糖\n\n```python\nprint('hi')\n```\n\n$6CO_2$\n\n"
    said = [
        {"id": str(n), "parent": str(n - 1) if n else None, "role": "assistant" if n % 2 else "user",
         "content": f"{n} {words * 2 if n % 2 else '为什么？'}"}
        for n in range(400)
    ]  # fmt: skip
    chat = {"format": "huozhong-conversation", "version": 1, "id": "long", "title": "长", "messages": said}
    client.post("/house/import", json=[chat]).raise_for_status()
    id = client.get("/house/conversations").json()["conversations"][0]["id"]
    times = [timed(lambda: client.get(f"/house/conversations/{id}").raise_for_status())[0] * 1000 for _ in range(8)]
    result = {"first": round(times[0], 1), "then": round(statistics.median(times[1:]), 1)}
    say(f"a chat of 400 messages: {result}")
    return result


def streaming(client: httpx.Client, pid: int, streams: int, rounds: int) -> dict[str, Any]:
    """Both ways by turns, the same questions; what the house's way takes more."""
    results: dict[str, list[dict[str, float]]] = {"house": [], "api": []}
    for turn in range(rounds + 1):
        questions = [QUESTIONS[n % 4].format(WORDS[(n + turn) % len(WORDS)]) for n in range(streams)]
        for way, ask in (("api", ask_api), ("house", ask_house)):
            measured = crowd(client, pid, questions, ask)
            if turn:  # the first round reads the prompts' common beginning
                results[way].append(measured)
                say(f"  {way}: {measured}")
    total = {
        way: {name: sum(one[name] for one in rows) for name in ("seconds", "cpu_seconds", "tokens")}
        for way, rows in results.items()
    }
    cpu = {way: sums["cpu_seconds"] / sums["tokens"] * 1000 for way, sums in total.items()}
    rate = {way: sums["tokens"] / sums["seconds"] for way, sums in total.items()}
    return {
        "streams": streams,
        "cpu_ms_per_token": {way: round(value, 3) for way, value in cpu.items()},
        "added_cpu_ms_per_token": round(cpu["house"] - cpu["api"], 3),
        "tokens_per_s": {way: round(value, 1) for way, value in rate.items()},
        "share_of_the_apis_rate": round(rate["house"] / rate["api"], 3),
        "first_s_p95": {
            way: round(percentile([row["first_s_p95"] for row in rows], 0.95), 3) for way, rows in results.items()
        },
        "memory_mb": round(memory_mb(pid)["VmRSS"], 1),
    }


Asked = tuple[int, float]  # tokens of an answer, seconds to its first piece


def crowd(
    client: httpx.Client, pid: int, questions: list[str], ask: Callable[[httpx.Client, str], Asked]
) -> dict[str, float]:
    answers: list[Asked] = []
    threads = [threading.Thread(target=lambda q=q: answers.append(ask(client, q))) for q in questions]  # type: ignore[misc]
    cpu, began = processor_seconds(pid), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "seconds": round(time.perf_counter() - began, 3),
        "cpu_seconds": round(processor_seconds(pid) - cpu, 3),
        "tokens": sum(tokens for tokens, _ in answers),
        "first_s_p95": round(percentile([first for _, first in answers], 0.95), 3),
    }


def ask_api(client: httpx.Client, question: str) -> Asked:
    body = {"model": "ember", "messages": [{"role": "user", "content": question}], "temperature": 0, "stream": True,
            "stream_options": {"include_usage": True}}  # fmt: skip
    tokens, first, began = 0, 0.0, time.perf_counter()
    with client.stream("POST", "/v1/chat/completions", json=body) as response:
        for line in response.iter_lines():
            if line.startswith("data: {"):
                data = json.loads(line[6:])
                first = first or time.perf_counter() - began
                tokens = (data.get("usage") or {}).get("completion_tokens", tokens)
    return tokens, first


def ask_house(client: httpx.Client, question: str) -> Asked:
    began = time.perf_counter()
    id = client.post("/house/conversations", json={"settings": {"temperature": 0.0}}).json()["id"]
    asked = client.post(f"/house/conversations/{id}/ask", json={"parent": None, "content": question}).json()
    first, tokens, name = 0.0, 0, ""
    with client.stream("GET", f"/house/messages/{asked['answer']['id']}/events") as response:
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                first = first or (time.perf_counter() - began if name == "delta" else 0.0)
                if name == "done":
                    tokens = json.loads(line[6:])["message"]["usage"]["completion_tokens"]
    return tokens, first


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
