"""A real HTTP application that answers as a test's script says; `conftest.script` serves it on loopback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from huozhong.exam.arithmetic import one_step, two_step


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


SUMS = {entry.question: entry for entry in one_step(100, 0) + two_step(300, 0)}


def solve(question: str) -> str:
    """Right for every generated sum whose value is whole, wrong by one for the others."""
    if question not in SUMS:
        return "我太小了，做不了这个。"
    entry = SUMS[question]
    shown = str(entry.value + (0 if entry.value.denominator == 1 else 1))
    return f"{entry.expression}={shown}\n答案：{shown}"


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
            return JSONResponse(script.raw)
        message = {
            "role": "assistant",
            "content": script.reply(body["messages"][0]["content"]),
            "reasoning_content": "想一想",
        }
        usage = {"prompt_tokens": 7, "completion_tokens": 11, "total_tokens": 18}
        return JSONResponse(
            {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
        )

    return app
