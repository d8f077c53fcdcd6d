"""A stand-in for the server: the real page routes over a scripted model, and the browser to look at it with.

The script follows the last question, so that a test says what it wants in the words that it types.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from playwright.sync_api import Browser, Page, expect, sync_playwright

from huozhong.server.app import answer_failures
from huozhong.server.routes import page as page_routes

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
CHROMIUM_ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip

PAUSE = "⏸"  # in a script: wait until the test releases the stream
THOUGHTS = "一共有 6 × 24 盒。\n6*24=144\n用去 50 盒，144-50=94"
WORD_PROBLEM = """学校买来的粉笔一共有

$$6\\times 24 = 144\\ \\text{（盒）}$$

用去 50 盒，还剩 $144 - 50 = 94$ 盒。

**答：** 还剩 **94** 盒。"""
POEM = "**春雨**\n\n细雨润新苗，\n东风过小桥。\n渔翁归去晚，\n灯火隔云摇。"
MARKDOWN = """## 小结

1. 先算括号
2. 再算乘除

| 项目 | 数量 |
|:--|--:|
| 苹果 | 12 |
| 一个很长很长的名字用来看看表格在手机上会不会撑破页面的宽度 | 3456789012345 |

分数 $\\frac{3}{4} + \\sqrt{16}$,坏公式 $\\frac{1}$。

```python
def area(width, height):
    return width * height  # a long comment that runs far past the edge of any telephone's screen
```

完。"""
ATTACK = """<script>window.hacked = 1</script>
<img src=x onerror="window.hacked = 2">
<svg onload="window.hacked = 3"></svg>
[点我](javascript:window.hacked=4) [数据](data:text/html,<script>window.hacked=5</script>)
![图](http://example.invalid/x.png) <iframe srcdoc="<script>parent.hacked = 6</script>"></iframe>
$\\text{<img src=x onerror=window.hacked=7>}$ $\\href{javascript:window.hacked=8}{x}$
```html"><script>window.hacked = 9</script>
</code></pre><script>window.hacked = 10</script>
```
[好链接](https://example.com/a)"""


@dataclass
class StandIn:
    """What the scripted server was asked, and how it is to fail."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    fail: int = 0  # the status of the next answer, once
    pace: float = 0.001  # seconds between pieces
    released: int = 0  # how many of the pauses in the present answer are over
    closed: threading.Event = field(default_factory=threading.Event)  # a client left in mid-answer
    url: str = ""

    def answer_to(self, question: str) -> tuple[str, str]:
        """(thoughts, answer) for a question."""
        if "粉笔" in question or "还剩几个" in question:
            return THOUGHTS, WORD_PROBLEM
        if "等一等" in question:
            return f"想一想{PAUSE}。", f"第一段。\n\n第二{PAUSE}段。"
        scripts = {"绝句": POEM, "排版": MARKDOWN, "攻击": ATTACK, "很长": "一句话。\n\n" * 400}
        for word, text in scripts.items():
            if word in question:
                return "", text
        return "", f"你说的是“{question}”。"


def create_standin() -> tuple[FastAPI, StandIn]:
    """The application and the handle to steer it."""
    standin = StandIn()
    app = FastAPI(openapi_url=None)
    app.state.llm = SimpleNamespace(name="ember", max_context=2048, acts=False)
    app.state.defaults = SimpleNamespace(temperature=0.0)
    app.include_router(page_routes.router)
    answer_failures(app)

    @app.post("/v1/chat/completions")
    async def completions(request: Request) -> Any:
        body = await request.json()
        standin.requests.append(body)
        question = body["messages"][-1]["content"]
        status, standin.fail = standin.fail, 0
        if status or "太长" in question:
            code = "context_length_exceeded" if "太长" in question else "busy"
            return JSONResponse({"error": {"message": "no", "code": code}}, status_code=status or 400)
        thoughts, answer = standin.answer_to(question)
        if body.get("thinking", {}).get("type") == "disabled":
            thoughts = ""
        if body["stream"]:
            assert body["stream_options"] == {"include_usage": True}
            cut = len(answer) // 2 if "断线" in question else None
            return StreamingResponse(_events(standin, thoughts, answer, cut), media_type="text/event-stream")
        message = {"role": "assistant", "content": answer, "reasoning_content": thoughts or None}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"choices": [choice], "usage": _usage(thoughts + answer)}

    return app, standin


async def _events(standin: StandIn, thoughts: str, answer: str, cut: int | None) -> AsyncIterator[str]:
    def event(delta: dict[str, Any], finish: str | None = None) -> str:
        return "data: " + json.dumps({"choices": [{"delta": delta, "finish_reason": finish}]}) + "\n\n"

    passed = 0
    yield ": hello\n\n" + event({"role": "assistant", "content": "", "reasoning_content": None})
    try:
        for name, text in (("reasoning_content", thoughts), ("content", answer[:cut])):
            for piece in re.findall(f"{PAUSE}|[^{PAUSE}]{{1,3}}", text or ""):
                if piece == PAUSE:
                    passed += 1
                    while standin.released < passed:
                        await asyncio.sleep(0.005)
                    continue
                yield event({name: piece})
                await asyncio.sleep(standin.pace)
    except (asyncio.CancelledError, GeneratorExit):
        standin.closed.set()
        raise
    if cut is not None:
        return
    yield event({}, "stop")
    yield "data: " + json.dumps({"choices": [], "usage": _usage(thoughts + answer)}) + "\n\ndata: [DONE]\n\n"


def _usage(text: str) -> dict[str, Any]:
    tokens = max(1, len(text) * 2 // 3)
    joules = tokens * 0.02
    cost = {
        "seconds": tokens / 410,
        "joules": joules,
        "money": joules / 3.6e6 * 0.6,
        "currency": "CNY",
        "source": "estimated",
    }
    return {
        "prompt_tokens": 31,
        "completion_tokens": tokens,
        "total_tokens": 31 + tokens,
        "tokens_per_second": 410.2,
        "cost": cost,
    }


@contextlib.contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Run an application on a free loopback port; yields its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(10)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A real browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        try:
            yield browser
        finally:
            browser.close()


# -- what the tests do with the page ---------------------------------------------------------------

OpenPage = Callable[..., Page]
DONE = "#log[aria-busy=false]"
QUESTION = "学校买来 6 箱粉笔,用去 50 盒,还剩多少盒?"


def ask(page: Page, question: str) -> None:
    """Type, send, and wait for the whole answer."""
    count = page.locator(".answer").count()
    page.fill("#input", question)
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_have_count(count + 1)
    finished(page)


def finished(page: Page) -> None:
    page.wait_for_selector(DONE)
    page.wait_for_function("() => !document.querySelector('.body .tail:not([hidden])')")


def last_answer(page: Page) -> str:
    return page.locator(".answer .body").last.inner_text()
