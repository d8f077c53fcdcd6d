"""The real server over a scripted model, and the browser to look at it with.

The script follows the last question, so that a test says what it wants in the words that it types.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import APIResponse, Browser, Page, Route, expect, sync_playwright
from tests.server.slowly import PATIENCE, patient, slow_app

from huozhong.cost import Bill
from huozhong.engine.queueing import Progress
from huozhong.engine.requests import Delta, FinishReason, SamplingParams, Usage
from huozhong.errors import ContextLengthError
from huozhong.formats.resolve import BUILT_IN
from huozhong.server.app import create_app
from huozhong.server.careful import Careful
from huozhong.store.conversations import Conversations
from huozhong.store.database import Store
from huozhong.store.people import HOUSE
from huozhong.text.template import Begun, ChatPrompt
from huozhong.text.tool_formats import HERMES
from huozhong.text.tools import Function

expect.set_options(timeout=PATIENCE)

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
ENDLESS = "一句话。\n\n" * 20_000  # it grows until somebody stops it, however slow whoever watches is
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
class Asked:
    """One answer that was asked of the model."""

    messages: list[dict[str, Any]]
    thinking: bool
    params: SamplingParams
    begun: Begun | None
    functions: tuple[Function, ...] = ()


@dataclass
class StandIn:
    """What the scripted model was asked, and how it is to answer."""

    requests: list[Asked] = field(default_factory=list)
    pace: float = 0.001  # seconds between pieces
    released: int = 0  # how many of the pauses in the present answer are over
    answers: dict[str, str] = field(default_factory=dict)  # further answers, by a word of the question
    waiting: Progress | None = None  # until this is None again, answers wait
    ended: threading.Event = field(default_factory=threading.Event)  # an answer was stopped
    app: FastAPI = field(default_factory=FastAPI)
    url: str = ""

    def answer_to(self, question: str) -> tuple[str, str]:
        """(thoughts, answer) for a question."""
        for word, text in self.answers.items():
            if word in question:
                return "", text
        if "粉笔" in question or "还剩几个" in question:
            return THOUGHTS, WORD_PROBLEM
        if "等一等" in question:
            return f"想一想{PAUSE}。", f"第一段。\n\n第二{PAUSE}段。"
        scripts = {"绝句": POEM, "排版": MARKDOWN, "攻击": ATTACK, "很长": "一句话。\n\n" * 400, "无尽": ENDLESS}
        for word, text in scripts.items():
            if word in question:
                return "", text
        return "", f"你说的是“{question}”。"

    def forget(self) -> None:
        """Everything anybody has said, for the next test."""
        self.requests.clear()
        self.ended.clear()
        self.answers.clear()
        self.pace, self.released, self.waiting = 0.001, 0, None
        conversations = Conversations(self.app.state.store)
        conversations.clear(HOUSE)


class ScriptedModel:
    """What the server needs of an LLM; its answers follow the last question."""

    name, max_context, acts, is_built_in = "ember", 2048, False, False
    defaults = SamplingParams(temperature=0.0)
    path, currency = BUILT_IN / "ember", "CNY"
    template, guides = SimpleNamespace(tool_format=HERMES), SimpleNamespace(prepare=lambda guide: None)

    def __init__(self, standin: StandIn) -> None:
        self._standin = standin
        self.tokenizer = SimpleNamespace(
            encode=lambda text, **_: list(range(len(text))), has=lambda _: False, split_specials=lambda text: [text]
        )

    def prompt(
        self,
        messages: list[dict[str, Any]],
        *,
        thinking: bool,
        begun: Begun | None = None,
        functions: Sequence[Function] = (),
        **_: Any,
    ) -> ChatPrompt:
        if sum(len(message["content"]) for message in messages) > self.max_context:
            raise ContextLengthError("The prompt is longer than the context.", tokens=9999, context=self.max_context)
        asked = {"messages": messages, "thinking": thinking, "begun": begun, "functions": tuple(functions)}
        return ChatPrompt([0] * 31, acts=(asked,))

    def stats(self) -> SimpleNamespace:
        return SimpleNamespace(running=0, waiting=0, preempted=0)

    def close(self) -> None:
        """There is nothing to end."""

    def submit(
        self,
        prompt: ChatPrompt,
        params: SamplingParams,
        on_delta: Callable[[Delta], None],
        *,
        user: str | None,
        watched: bool = False,
    ) -> ScriptedAnswer:
        assert prompt.acts is not None
        asked = Asked(params=params, **prompt.acts[0])
        self._standin.requests.append(asked)
        return ScriptedAnswer(self._standin, asked, on_delta)


class ScriptedAnswer:
    """An answer on its way; the handle to it."""

    def __init__(self, standin: StandIn, asked: Asked, on_delta: Callable[[Delta], None]) -> None:
        self._standin, self._asked, self._on_delta = standin, asked, on_delta
        self._stopped = False
        threading.Thread(target=self._write, daemon=True).start()

    def abort(self) -> None:
        self._stopped = True

    def progress(self) -> Progress:
        return self._standin.waiting or Progress(place=0, seconds=None, prompt_done=31, prompt_total=31)

    def _write(self) -> None:
        standin, asked = self._standin, self._asked
        while standin.waiting and not self._stopped:
            time.sleep(0.005)
        thoughts, answer = standin.answer_to(asked.messages[-1]["content"])
        if not asked.thinking:
            thoughts = ""
        if asked.begun:
            thoughts, answer = "", answer.removeprefix(asked.begun.content)
        passed, written = 0, 0
        for is_thought, text in ((True, thoughts), (False, answer)):
            for piece in re.findall(f"{PAUSE}|[^{PAUSE}]{{1,3}}", text):
                if piece == PAUSE:
                    passed += 1
                    while standin.released < passed and not self._stopped:
                        time.sleep(0.005)
                    continue
                if self._stopped:
                    standin.ended.set()
                    self._on_delta(Delta(finish_reason="abort", usage=_usage(written)))
                    return
                written += len(piece)
                self._on_delta(Delta(reasoning=piece) if is_thought else Delta(text=piece))
                time.sleep(standin.pace)
        finish: FinishReason = "length" if "断了" in asked.messages[-1]["content"] and not asked.begun else "stop"
        self._on_delta(Delta(finish_reason=finish, usage=_usage(written)))


def create_standin(store: Store | None = None) -> tuple[FastAPI, StandIn]:
    """The application and the handle to steer its model."""
    standin = StandIn()
    model: Any = ScriptedModel(standin)
    standin.app = create_app(model, store=store, careful=Careful(everybody=True))
    return standin.app, standin


def _usage(characters: int) -> Usage:
    tokens = max(1, characters * 2 // 3)
    joules = tokens * 0.02
    bill = Bill(
        tokens=31 + tokens,
        seconds=tokens / 410,
        joules=joules,
        money=joules / 3.6e6 * 0.6,
        currency="CNY",
        source="estimated",
        how="a stand-in",
    )
    return Usage(
        prompt_tokens=31,
        completion_tokens=tokens,
        reasoning_tokens=0,
        cache_hit_tokens=0,
        seconds_to_first_token=0.0,
        seconds=max(tokens - 1, 1) / 410.2,
        bill=bill,
    )


@contextlib.contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Run an application on a free loopback port; yields its address."""
    config = uvicorn.Config(slow_app(app), host="127.0.0.1", port=0, log_level="warning", ws="none", lifespan="off")
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
        thread.join(60)


@contextlib.contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """A real browser.  more: of its arguments."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGS, *more])
        try:
            yield patient(browser)
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


def open_settings(page: Page) -> None:
    """Its script is fetched when it is first wanted: until then a switch that looks off already is not pressed."""
    page.click("#settings-button")
    page.wait_for_selector("#settings")


def finished(page: Page) -> None:
    page.wait_for_selector(DONE)
    page.wait_for_function("() => !document.querySelector('.body .tail:not([hidden])')")


def at_rest(page: Page) -> None:
    """Nothing moves any more."""
    page.wait_for_function("() => document.getAnimations().every((one) => one.playState !== 'running')")


def copied(page: Page, beginning: str) -> None:
    """The clipboard, which takes a moment, has what begins so."""
    page.wait_for_function(
        "(beginning) => navigator.clipboard.readText().then((text) => text.startsWith(beginning))", arg=beginning
    )


def last_answer(page: Page) -> str:
    return page.locator(".answer .body").last.inner_text()


# Chromium keeps streams open that were there before it went offline: so the page's own are broken.
CUT = """
const real = window.fetch;
const cutters = [];
window.fetch = (path, options) => {
  if (!/events$/.test(path)) return real(path, options);
  const cutter = new AbortController();
  cutters.push(cutter);
  return real(path, Object.assign({}, options, { signal: cutter.signal }));
};
window.cut = () => cutters.splice(0).forEach((cutter) => cutter.abort());
"""


class Late:
    """Looks at the server that have begun, with what they saw, and that come when the test lets them."""

    def __init__(self, page: Page, path: str) -> None:
        self._page, self._open = page, False
        self._held: list[tuple[Route, APIResponse]] = []
        page.route(re.compile(path), self._take)

    def _take(self, route: Route) -> None:
        if route.request.method == "GET" and not self._open:
            self._held.append((route, route.fetch()))
        else:
            route.continue_()

    def wait(self) -> None:
        """Until one has begun."""
        for _ in range(6000):
            if self._held:
                return
            self._page.wait_for_timeout(50)
        raise AssertionError("the page never looked")

    def come(self) -> None:
        """All that are held; and the page has taken notice."""
        assert self._held
        self._open = True
        for route, response in self._held:
            route.fulfill(response=response)
        self._page.wait_for_timeout(300)


def look_late(page: Page) -> Late:
    """The page (opened with the script CUT) looks at its conversation again; come() tells it what it saw."""
    late = Late(page, r"/house/conversations/[\w-]+$")
    page.evaluate("window.cut()")
    late.wait()
    return late
