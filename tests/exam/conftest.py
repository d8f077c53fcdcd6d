"""A real HTTP server on loopback that answers as a test's script says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from huozhong.exam.sums import one_step, two_step

SUMS = {entry.question: entry for entry in one_step(100, 0) + two_step(300, 0)}


def solve(question: str) -> str:
    """Right for every generated sum whose value is whole, wrong by one for the others."""
    if question not in SUMS:
        return "我太小了，做不了这个。"
    entry = SUMS[question]
    shown = str(entry.value + (0 if entry.value.denominator == 1 else 1))
    return f"{entry.expression}={shown}\n答案：{shown}"


@dataclass
class Script:
    """What the server does (`failures`: statuses of the first replies) and what it was sent."""

    models: list[str] = field(default_factory=lambda: ["scripted"])
    failures: list[int] = field(default_factory=list)
    reply: Callable[[str], str] = lambda question: "我太小了，做不了这个。"
    raw: Any = None
    received: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    url: str = ""
    solve: Callable[[str], str] = solve


def build_app(script: Script) -> FastAPI:
    app = FastAPI()

    @app.get("/v1/models")
    def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": name, "object": "model"} for name in script.models]}

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> JSONResponse:
        body = await request.json()
        script.received.append(body)
        script.keys.append(request.headers.get("authorization"))
        if script.failures:
            status = script.failures.pop(0)
            error = {"error": {"message": f"scripted failure {status}", "type": "x"}}
            return JSONResponse(error, status_code=status, headers={"retry-after": "0"})
        if script.raw is not None:
            raw = (
                script.raw(body["messages"][0]["content"])
                if callable(script.raw) and not isinstance(script.raw, Response)
                else script.raw
            )
            return raw if isinstance(raw, Response) else JSONResponse(raw)
        message = {
            "role": "assistant",
            "content": script.reply(body["messages"][0]["content"]),
            "reasoning_content": "想一想",
        }
        usage = {"prompt_tokens": 7, "completion_tokens": 11, "total_tokens": 18}
        return JSONResponse({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage})

    return app


@pytest.fixture
def script() -> Iterator[Script]:
    """The script of a server that runs while the test does; its address is `script.url`."""
    wanted = Script()
    config = uvicorn.Config(build_app(wanted), host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    wanted.url = f"http://127.0.0.1:{port}"
    yield wanted
    server.should_exit = True
    thread.join(timeout=60)
    assert not thread.is_alive()
