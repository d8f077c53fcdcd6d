"""Every kind of request to a running `huozhong serve`: status, headers that matter, JSON, events."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
from tests.same_outputs.requests import REQUESTS, SERVERS, Request
from tests.same_outputs.tools import Place, digest

Values = dict[str, Any]
HEADERS = (
    "content-type", "content-encoding", "content-security-policy", "x-content-type-options", "referrer-policy", "etag",
    "cache-control", "vary", "allow", "access-control-allow-origin", "x-accel-buffering", "server",
)  # fmt: skip
VARYING = {"tokens_per_second", "seconds_to_first_token", "seconds", "joules", "money", "created", "wh"}
SHOWN = 2000  # bytes of JSON that are kept as they are; of more there is the hash


def scenarios(place: Place) -> Iterator[tuple[str, Callable[[], Values]]]:
    for name in SERVERS:
        yield name, partial(asked, place, name)


def asked(place: Place, name: str) -> Values:
    """All requests of one server, one after the other; at last eight at once."""
    values: Values = {}
    with serving(place, name) as (url, said):
        with httpx.Client(base_url=url, timeout=120) as client:
            for request in REQUESTS:
                if name in request.servers:
                    values[request.name] = shown(told(client, name, request))
        values["eight at once"] = digest(eight(url, name))
    first = [re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", line) for line in said]
    return values | {"said": [line.replace(str(place.models), "MODELS") for line in first]}


@contextmanager
def serving(place: Place, name: str) -> Iterator[tuple[str, list[str]]]:
    """`huozhong serve` on a free port: its address, and the lines it prints, complete when it has ended."""
    model, options = SERVERS[name]
    path = model if model == "ember" else str(place.models / model)
    words = ["serve", path, "--port", "0", "--threads", "2", "--disk-cache", "0", *options]
    said: list[str] = []
    with (place.work / f"{name}.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-u", "-m", "huozhong.cli.main", *words], stdout=subprocess.PIPE, stderr=log, text=True,
            cwd=place.work, env=os.environ | {"HUOZHONG_LANG": "zh"},
        )  # fmt: skip
        assert server.stdout is not None
        try:
            said.append(server.stdout.readline().rstrip())
            found = re.search(r"http://127\.0\.0\.1:\d+", said[0])
            if found is None:
                raise RuntimeError(f"no server: {said[0]} {(place.work / f'{name}.log').read_text()[-500:]}")
            yield found[0], said
        finally:
            server.terminate()
            said += [line.rstrip() for line in server.stdout]
            server.wait()


def told(client: httpx.Client, server: str, request: Request) -> Values:
    """One answer.  A refused body may be cut off in the middle of sending it; then there is no answer to look at."""
    body = request.content(model_name(server))
    answer = client.request(request.method, request.path, headers=request.headers, content=body)
    headers = {name: answer.headers[name] for name in HEADERS if name in answer.headers}
    values: Values = {"status": answer.status_code, "headers": headers}
    kind = headers.get("content-type", "")
    if kind.startswith("text/event-stream"):
        return values | {"events": events(answer.text)}
    if kind.startswith("application/json"):
        return values | {"json": normal(answer.json())}
    return values | {"bytes": digest(answer.content)}


def model_name(server: str) -> str:
    return SERVERS[server][0].rpartition("/")[2]


def eight(url: str, server: str) -> list[Values]:
    requests = [
        Request("", {"messages": [{"role": "user", "content": f"{n} + {n} = ?"}], "max_tokens": 20}) for n in range(8)
    ]
    with httpx.Client(base_url=url, timeout=120) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(partial(told, client, server), requests))
    for answer in answers:  # who came first has nothing from the cache
        for key in ("prompt_cache_hit_tokens", "prompt_cache_miss_tokens"):
            answer["json"]["usage"].pop(key)
    return answers


def shown(values: Values) -> Values:
    """The values themselves where they are short, so that a difference can be read."""
    return {
        key: value if len(json.dumps(value)) <= SHOWN else [json.dumps(value, ensure_ascii=False)[:200], digest(value)]
        for key, value in values.items()
    }


def normal(value: Any) -> Any:
    """JSON without what is new each time: ids, times, and what they cost."""
    if isinstance(value, dict):
        return {key: "..." if key in VARYING and item is not None else normal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [normal(item) for item in value]
    if isinstance(value, str):
        return re.sub(r"\b(chatcmpl-|call_)[0-9a-f]{24}\b", r"\1ID", value)
    return value


def events(text: str) -> Values:
    """A stream as what it adds up to: how deltas are cut into events depends on how fast they came."""
    *whole, last = [event for event in text.split("\n\n") if event and not event.startswith(":")]
    chunks = [normal(json.loads(event.removeprefix("data: "))) for event in whole]
    heads = [{key: item for key, item in chunk.items() if key not in ("choices", "usage")} for chunk in chunks]
    found: Values = {
        "first": chunks[0], "heads alike": heads == heads[:1] * len(heads), "last": last,
        "usage": chunks[-1].get("usage", "(no key)"), "usages before": [c.get("usage", "(no key)") for c in chunks[:2]],
        "order": [], "content": "", "reasoning_content": "", "tool_calls": {},
        "logprobs": {"content": [], "reasoning_content": []},
    }  # fmt: skip
    for choice in (choice for chunk in chunks for choice in chunk.get("choices", [])):
        delta = choice["delta"]
        kinds = [key for key in ("content", "reasoning_content", "tool_calls") if delta.get(key)]
        if choice["finish_reason"]:
            kinds.append(choice["finish_reason"])
        found["order"] += [kind for kind in kinds if found["order"][-1:] != [kind]]
        for key in ("content", "reasoning_content"):
            found[key] += delta.get(key) or ""
            found["logprobs"][key] += (choice["logprobs"] or {}).get(key) or []
        for part in delta.get("tool_calls") or []:
            call = found["tool_calls"].setdefault(str(part["index"]), {"arguments": ""})
            call["arguments"] += part["function"].get("arguments") or ""
            call |= {key: item for key, item in part.items() if key not in ("function", "index")}
            call |= {key: item for key, item in part["function"].items() if key == "name"}
    return found
