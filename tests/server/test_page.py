"""The chat page in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, expect
from tests.server.conftest import Running
from tests.server.page_standin import ATTACK, StandIn, chromium, create_standin, serving

OpenPage = Callable[..., Page]

DONE = "#log[aria-busy=false]"
QUESTION = "学校买来 6 箱粉笔,用去 50 盒,还剩多少盒?"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def shared_site() -> Iterator[StandIn]:
    app, standin = create_standin()
    with serving(app) as url:
        standin.url = url
        yield standin


@pytest.fixture
def site(shared_site: StandIn) -> StandIn:
    shared_site.requests.clear()
    shared_site.closed.clear()
    shared_site.fail, shared_site.pace = 0, 0.001
    return shared_site


@pytest.fixture
def open_page(browser: Browser, site: StandIn) -> Iterator[OpenPage]:
    """Opens the page as a new visitor; in the end, no script may have failed and nothing come from elsewhere."""
    contexts, problems, addresses = [], [], []

    def listen(message: ConsoleMessage, reports: str) -> None:
        # A refused request is reported by the browser itself; the tests look at what the page makes of it.
        if message.type == "error" and reports not in message.text:
            problems.append(message.text)

    def opened(*, width: int = 1100, height: int = 800, locale: str = "zh-CN", url: str = site.url,
               script: str | None = None, reports: str = "Failed to load resource",
               **options: Any) -> Page:  # fmt: skip
        context = browser.new_context(
            viewport={"width": width, "height": height}, locale=locale, reduced_motion="reduce", **options
        )
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: listen(message, reports))
        page.on("request", lambda request: addresses.append((url, request.url)))
        if script:
            page.add_init_script(script)
        page.goto(url)
        page.wait_for_selector("#model:not(:empty)")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []
    assert all(address.startswith(home) for home, address in addresses)


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


# -- talking -------------------------------------------------------------------------------------


def test_a_card_starts_the_conversation_with_thoughts_formulas_and_the_bill(open_page: OpenPage) -> None:
    page = open_page()
    assert page.locator(".card").count() == 6
    page.locator(".card").first.click()
    finished(page)
    assert page.locator("#welcome").is_hidden()
    assert "粉笔" in page.locator(".bubble").inner_text()
    assert page.locator(".body math").count() == 2
    assert page.locator(".body math[display=block]").bounding_box()["height"] > 15  # type: ignore[index]
    thinking = page.locator(".thinking")
    assert re.fullmatch(r"思考过程 · \d\.\d 秒", thinking.locator("summary").inner_text().strip())
    assert thinking.get_attribute("open") is None
    thinking.locator("summary").click()
    assert thinking.locator(".text").inner_text().split("\n")[1] == "6*24=144"
    meter = page.locator(".meter").inner_text()
    assert re.fullmatch(r"\d+ 字 · 410 tokens/s · [\d.]+ 焦耳\(估\) · ¥0\.0000\d+", meter)
    assert re.match(r"本次对话 1 答 · [\d.]+ 焦耳\(估\) · ¥0\.0000\d+", page.locator("#total").inner_text())
    assert "一度电" in (page.locator(".meter").get_attribute("title") or "")


def test_thoughts_stream_open_and_fold_when_the_answer_begins(open_page: OpenPage, site: StandIn) -> None:
    site.pace = 0.04
    page = open_page()
    page.fill("#input", QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_selector(".thinking[open] .tail:not(:empty)")
    assert page.locator(".thinking summary").inner_text().strip() == "正在思考…"
    assert page.locator("#log").get_attribute("aria-busy") == "true"
    page.wait_for_selector(".thinking:not([open])")
    page.wait_for_selector(".body .tail:not(:empty)")
    # The first paragraph is typeset while the rest is still coming.
    page.wait_for_selector(".live .body > p:not(.tail)")
    page.click("#send")


def test_thoughts_that_the_reader_opened_stay_open(open_page: OpenPage, site: StandIn) -> None:
    site.pace = 0.02
    page = open_page()
    page.fill("#input", QUESTION)
    page.keyboard.press("Enter")
    page.wait_for_selector(".thinking:not([open]) + .body .tail:not(:empty)")
    page.locator(".thinking summary").click()
    finished(page)
    assert page.locator(".thinking").get_attribute("open") is not None


def test_several_turns_send_the_history_without_thoughts(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    ask(page, QUESTION)
    ask(page, "你好")
    first, second = site.requests
    assert first["messages"] == [{"role": "user", "content": QUESTION}]
    assert first["model"] == "ember"
    assert first["thinking"] == {"type": "enabled"}
    assert "temperature" not in first  # the model's own
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "user"]
    assert second["messages"][1]["content"].startswith("学校买来的粉笔一共有\n\n$$6")
    assert set(second["messages"][1]) == {"role", "content"}
    assert page.locator("#total").inner_text().startswith("本次对话 2 答")


def test_stop_keeps_what_was_written_and_tells_the_server(open_page: OpenPage, site: StandIn) -> None:
    site.pace = 0.02
    page = open_page()
    page.fill("#input", "很长")
    page.keyboard.press("Enter")
    page.wait_for_selector(".body:has-text('一句话。')")
    assert page.locator("#send").get_attribute("aria-label") == "停止回答"
    page.click("#send")
    page.wait_for_selector(".note:has-text('已停止')")
    assert site.closed.wait(5)
    finished(page)
    assert last_answer(page).startswith("一句话。")
    ask(page, "你好")
    assert site.requests[-1]["messages"][1]["content"].startswith("一句话。")


def test_answer_again_replaces_the_last_answer(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    ask(page, "一")
    ask(page, "二")
    assert page.locator("button[aria-label=重新回答]:visible").count() == 1
    page.click("button[aria-label=重新回答]:visible")
    finished(page)
    assert page.locator(".answer").count() == 2
    assert site.requests[2]["messages"] == site.requests[1]["messages"]
    assert site.requests[2]["temperature"] == 0.7
    assert page.locator("#total").inner_text().startswith("本次对话 3 答")


def test_the_last_question_can_be_changed(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    ask(page, "一")
    ask(page, "二")
    assert page.locator("button[aria-label=修改这个问题]:visible").count() == 1
    page.click("button[aria-label=修改这个问题]:visible")
    page.keyboard.press("Escape")
    assert page.locator(".editor").count() == 0
    page.click("button[aria-label=修改这个问题]:visible")
    page.keyboard.press("End")
    page.keyboard.type("改成三")
    page.keyboard.press("Enter")
    finished(page)
    assert page.locator(".bubble").all_inner_texts() == ["一", "二改成三"]
    assert last_answer(page) == "你说的是“二改成三”。"
    assert len(site.requests[-1]["messages"]) == 3


def test_a_new_conversation_can_be_taken_back(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, "一")
    page.click("#new")
    assert page.locator("#welcome").is_visible()
    assert page.locator(".message").count() == 0
    assert page.locator("#total").inner_text() == ""
    page.click("#toast button")
    assert page.locator(".bubble").all_inner_texts() == ["一"]
    assert last_answer(page) == "你说的是“一”。"


def test_a_new_conversation_amid_an_answer(open_page: OpenPage, site: StandIn) -> None:
    site.pace = 0.02
    page = open_page()
    page.fill("#input", "很长")
    page.keyboard.press("Enter")
    page.wait_for_selector(".body:has-text('一句话。')")
    page.click("#new")
    assert site.closed.wait(5)
    assert page.locator(".message").count() == 0
    site.pace = 0.001
    ask(page, "你好")
    assert page.locator(".message").count() == 2
    assert len(site.requests[-1]["messages"]) == 1


def test_settings_change_the_request(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    page.click("#settings-button")
    assert page.locator("#temperature-value").inner_text() == "0.0 · 模型自带"
    page.locator("#set-thinking").uncheck()
    page.locator("#set-temperature").fill("0.8")
    page.fill("#set-system", "你是老师。")
    page.keyboard.press("Escape")
    assert page.locator("#settings").is_hidden()
    page.reload()
    ask(page, QUESTION)
    request = site.requests[-1]
    assert request["thinking"] == {"type": "disabled"}
    assert request["temperature"] == 0.8
    assert request["messages"][0] == {"role": "system", "content": "你是老师。"}
    assert page.locator(".thinking").is_hidden()
    page.click("#settings-button")
    page.click("#set-reset")
    ask(page, QUESTION)
    assert "temperature" not in site.requests[-1]
    assert site.requests[-1]["messages"][0]["role"] == "user"


# -- showing -------------------------------------------------------------------------------------


def test_markdown_and_code_with_copy_buttons(open_page: OpenPage) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    ask(page, "排版")
    body = page.locator(".body")
    assert body.locator("ol li").count() == 2
    assert body.locator("td[align=right]").first.inner_text() == "12"
    assert body.locator("math").count() == 1
    assert body.locator("code.tex").inner_text() == "\\frac{1}"
    assert body.locator(".block header span").inner_text() == "python"
    body.locator(".block button").click()
    assert page.evaluate("navigator.clipboard.readText()").startswith("def area(width, height):\n    return")
    page.click("button[aria-label=复制回答]")
    assert page.evaluate("navigator.clipboard.readText()").startswith("## 小结")


def test_copying_without_a_secure_connection(open_page: OpenPage) -> None:
    """A school's server is plain http: no navigator.clipboard there."""
    page = open_page(
        permissions=["clipboard-read"],
        script="Object.defineProperty(window, 'isSecureContext', {value: false})",
    )
    ask(page, "你好")
    page.click("button[aria-label=复制回答]")
    expect(page.locator("#toast")).to_have_text("已复制")
    assert page.evaluate("navigator.clipboard.readText()") == "你说的是“你好”。"


def test_nothing_from_the_model_is_run(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    ask(page, "攻击")
    page.click("button[aria-label=复制回答]")
    page.reload()
    finished(page)
    ask(page, "<img src=x onerror='window.hacked=11'><script>window.hacked=12</script>")
    assert page.evaluate("window.hacked") is None
    assert "<script>window.hacked = 1</script>" in page.locator(".body").first.inner_text()
    assert page.locator(".message script, .message img, .message iframe, .message svg[onload]").count() == 0
    links = page.locator(".body a")
    assert links.evaluate_all("all => all.map(a => a.protocol)") == ["http:", "https:"]
    assert links.evaluate_all("all => all.every(a => a.target === '_blank' && a.rel.includes('noopener'))")
    assert "hacked" in ATTACK


def test_the_policy_stops_scripts_even_if_one_got_in(open_page: OpenPage) -> None:
    page = open_page(reports="Content Security Policy")
    page.evaluate(
        "() => { addEventListener('securitypolicyviolation', e => { window.stopped = e.violatedDirective });"
        " const s = document.createElement('script'); s.textContent = 'window.hacked = 1';"
        " document.body.append(s) }"
    )
    page.wait_for_function("() => window.stopped")
    assert page.evaluate("window.hacked") is None


def test_reload_keeps_the_conversation_and_the_draft(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, QUESTION)
    meter, total = page.locator(".meter").inner_text(), page.locator("#total").inner_text()
    page.fill("#input", "还没写完")
    page.reload()
    finished(page)
    assert page.locator(".bubble").inner_text() == QUESTION
    assert page.locator(".body math").count() == 2
    assert page.locator(".thinking summary").inner_text().startswith("思考过程 · ")
    assert (page.locator(".meter").inner_text(), page.locator("#total").inner_text()) == (meter, total)
    assert page.input_value("#input") == "还没写完"


def test_a_reload_amid_an_answer_keeps_what_was_written(open_page: OpenPage, site: StandIn) -> None:
    site.pace = 0.02
    page = open_page()
    page.fill("#input", "很长")
    page.keyboard.press("Enter")
    page.wait_for_selector(".body:has-text('一句话。')")
    page.reload()
    finished(page)
    assert page.locator(".note").inner_text() == "页面刷新时回答还没写完。"
    assert last_answer(page).startswith("一句话。")
    site.pace = 0.001
    page.evaluate("1")
    assert page.locator("button[aria-label=重新回答]:visible").count() == 1


def test_a_broken_memory_does_not_break_the_page(open_page: OpenPage) -> None:
    page = open_page(
        script="localStorage.setItem('huozhong.conversation', '{\"messages\": [1, null, {}], \"spent\": 3}');"
        "localStorage.setItem('huozhong.settings', 'x')"
    )
    ask(page, "你好")
    assert last_answer(page) == "你说的是“你好”。"


def test_language_switches_and_is_remembered(open_page: OpenPage) -> None:
    page = open_page(locale="en-US")
    assert page.locator("#welcome h2").inner_text() == "What shall we work out today?"
    assert page.locator("html").get_attribute("lang") == "en"
    ask(page, QUESTION)
    assert " tokens · 410 tokens/s" in page.locator(".meter").inner_text()
    page.click("#language")
    assert page.get_attribute("html", "lang") == "zh-CN"
    assert "焦耳" in page.locator(".meter").inner_text()
    assert page.locator(".thinking summary").inner_text().startswith("思考过程")
    assert page.get_attribute("#input", "placeholder") == "问一个问题…"
    page.reload()
    assert page.get_attribute("#new", "aria-label") == "新对话"


def test_dark_and_light(open_page: OpenPage) -> None:
    page = open_page(color_scheme="dark")
    assert page.get_attribute("html", "data-theme") == "dark"
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(25, 23, 20)"
    page.click("#theme")
    assert page.evaluate(ground) == "rgb(251, 249, 245)"
    page.reload()
    assert page.get_attribute("html", "data-theme") == "light"
    page.click("#theme")  # back to what the system says: it is followed again
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")


def test_a_phone_of_360_pixels(open_page: OpenPage) -> None:
    for locale in ("zh-CN", "en-GB"):
        page = open_page(width=360, height=640, locale=locale, has_touch=True, is_mobile=True)
        fits = "document.documentElement.scrollWidth <= 360 && document.getElementById('scroll').scrollWidth <= 360"
        assert page.evaluate(fits)
        ask(page, "排版")
        ask(page, QUESTION)
        assert page.evaluate(fits)
        composer = page.locator("#composer").bounding_box()
        assert composer is not None
        assert composer["y"] + composer["height"] <= 640
        page.click("#settings-button")
        small = page.evaluate(
            """() => Array.from(document.querySelectorAll('button, summary, .switch, textarea')).filter((node) => {
                 const box = node.getBoundingClientRect();
                 return box.width > 0 && (box.height < 44 || box.width < 44);
               }).map((node) => node.outerHTML)"""
        )
        assert small == []
        panel = page.locator("#settings").bounding_box()
        assert panel is not None
        assert panel["x"] >= 0
        assert panel["x"] + panel["width"] <= 360


# -- hands ---------------------------------------------------------------------------------------


def test_everything_by_keyboard(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    page.locator("body").press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "input"
    page.keyboard.type("一行")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("1/2")
    assert page.input_value("#input") == "一行\n1/2"
    page.keyboard.press("Enter")
    finished(page)
    assert site.requests[-1]["messages"][-1]["content"] == "一行\n1/2"
    assert page.evaluate("document.activeElement.id") == "input"
    site.pace = 0.02
    page.keyboard.type("很长")
    page.keyboard.press("Enter")
    page.wait_for_selector(".live .body:has-text('一句话。')")
    page.keyboard.press("Escape")
    page.wait_for_selector(".note:has-text('已停止')")
    # Backwards from the input: answer again, copy, and so on; each one with a visible ring.
    names = []
    for _ in range(3):
        page.keyboard.press("Shift+Tab")
        names.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert names == ["重新回答", "复制回答", "修改这个问题"]
    page.focus("#settings-button")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "set-thinking"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "settings-button"


def test_enter_that_picks_a_word_in_an_input_method_does_not_send(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    page.fill("#input", "ni hao")
    for detail in ("isComposing: true", "keyCode: 229"):
        page.evaluate(
            "document.getElementById('input').dispatchEvent(new KeyboardEvent('keydown',"
            f"{{key: 'Enter', bubbles: true, cancelable: true, {detail}}}))"
        )
    assert site.requests == []
    assert page.input_value("#input") == "ni hao"


def test_every_control_has_a_name(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, QUESTION)
    page.click("#settings-button")
    nameless = page.evaluate(
        """() => Array.from(document.querySelectorAll('button, textarea, input')).filter((node) =>
             !(node.getAttribute('aria-label') || node.textContent.trim() || (node.labels && node.labels.length)))
             .map((node) => node.outerHTML)"""
    )
    assert nameless == []
    assert page.get_attribute("#log", "aria-live") == "polite"


def test_scrolling_up_is_left_alone_and_a_button_leads_back(open_page: OpenPage, site: StandIn) -> None:
    page = open_page(height=500)
    site.pace = 0.005
    page.fill("#input", "很长")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('scroll').scrollTop > 300")
    page.mouse.move(500, 200)
    page.mouse.wheel(0, -5000)
    page.wait_for_function("() => document.getElementById('scroll').scrollTop === 0")
    page.wait_for_selector("#to-end:not([hidden])")
    before = page.locator(".body").inner_text()
    page.wait_for_function("length => document.querySelector('.body').innerText.length > length", arg=len(before))
    assert page.evaluate("document.getElementById('scroll').scrollTop") == 0
    page.click("#to-end")
    page.wait_for_function("() => document.getElementById('scroll').scrollTop > 300")
    page.keyboard.press("Escape")


# -- when things go wrong ------------------------------------------------------------------------


def test_a_server_that_is_gone_and_comes_back(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    ask(page, "一")

    def gone(route: Route) -> None:
        route.abort("connectionrefused")

    page.route("**/v1/**", gone)
    page.route("**/page/render", gone)
    page.fill("#input", "二")
    page.keyboard.press("Enter")
    page.wait_for_selector(".problem:has-text('联系不上服务器')")
    assert page.locator(".problem").get_attribute("role") == "alert"
    page.reload()
    page.wait_for_selector(".problem:has-text('联系不上服务器')")
    assert page.locator(".body").first.inner_text() == "你说的是“一”。"  # plain, as it cannot be typeset
    page.unroute_all()
    page.click(".problem button")
    expect(page.locator(".answer .body").last).to_have_text("你说的是“二”。")
    page.wait_for_selector(DONE)
    assert page.locator(".problem").count() == 0
    assert [m["content"] for m in site.requests[-1]["messages"]] == ["一", "你说的是“一”。", "二"]


def test_a_page_opened_before_the_server_was_ready(open_page: OpenPage) -> None:
    page = open_page()
    page.route("**/page/info", lambda route: route.abort())
    page.reload()
    page.fill("#input", "你好")
    page.keyboard.press("Enter")
    page.wait_for_selector(".problem:has-text('联系不上服务器')")
    page.unroute_all()
    page.click(".problem button")
    finished(page)
    assert last_answer(page) == "你说的是“你好”。"
    assert page.locator("#model").inner_text() == "ember"


@pytest.mark.parametrize(("status", "text"), [(500, "服务器没能回答"), (503, "服务器正忙"), (429, "服务器正忙")])
def test_a_refusal_is_shown_and_can_be_tried_again(
    open_page: OpenPage, site: StandIn, status: int, text: str
) -> None:
    page = open_page()
    site.fail = status
    page.fill("#input", "你好")
    page.keyboard.press("Enter")
    page.wait_for_selector(f".problem:has-text('{text}')")
    page.click(".problem button")
    finished(page)
    assert last_answer(page) == "你说的是“你好”。"


def test_a_broken_connection_keeps_the_beginning(open_page: OpenPage) -> None:
    page = open_page()
    page.fill("#input", "断线")
    page.keyboard.press("Enter")
    page.wait_for_selector(".problem:has-text('连接断了')")
    assert last_answer(page).startswith("你说的")


def test_too_long_a_conversation_offers_a_new_one(open_page: OpenPage) -> None:
    page = open_page()
    page.fill("#input", "这个太长了")
    page.keyboard.press("Enter")
    page.wait_for_selector(".problem:has-text('记不下了')")
    page.click(".problem button:has-text('新对话')")
    assert page.locator("#welcome").is_visible()


def test_a_failed_question_is_not_part_of_the_history(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    site.fail = 500
    page.fill("#input", "一")
    page.keyboard.press("Enter")
    page.wait_for_selector(".problem")
    ask(page, "二")
    assert site.requests[-1]["messages"] == [{"role": "user", "content": "二"}]


def test_a_browser_that_cannot_stream(open_page: OpenPage, site: StandIn) -> None:
    page = open_page(script="delete window.ReadableStream; delete window.AbortController")
    ask(page, QUESTION)
    assert site.requests[-1]["stream"] is False
    assert "stream_options" not in site.requests[-1]
    assert page.locator(".body math").count() == 2
    assert page.locator(".thinking summary").inner_text().startswith("思考过程")


def test_a_browser_without_mathml_draws_fractions(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, "排版")
    page.evaluate("document.documentElement.classList.add('no-mathml')")
    top, bottom = page.locator(".body mfrac > *").all()
    first, second = top.bounding_box(), bottom.bounding_box()
    assert first is not None
    assert second is not None
    assert first["y"] + first["height"] <= second["y"] + 1


# -- the real server -----------------------------------------------------------------------------


def test_the_real_server_and_engine(open_page: OpenPage, server: Running) -> None:
    """A random model says nonsense without end; everything around it is real."""
    page = open_page(url=server.url)
    assert page.locator("#model").inner_text() == server.llm.name
    page.click("#settings-button")
    page.locator("#set-thinking").uncheck()
    page.keyboard.press("Escape")
    page.fill("#input", "你好")
    page.keyboard.press("Enter")
    page.wait_for_function("() => (document.querySelector('.body') || {innerText: ''}).innerText.length > 20")
    page.click("#send")
    page.wait_for_selector(".note:has-text('已停止')")
    assert server.is_idle()
    page.evaluate(
        "() => { const plain = window.fetch; window.fetch = (path, options) => plain(path, options && options.body"
        " && path.startsWith('/v1/') ? Object.assign({}, options, {body: JSON.stringify("
        "Object.assign(JSON.parse(options.body), {max_tokens: 12}))}) : options) }"
    )
    ask(page, "再来")
    assert page.locator(".note").last.inner_text() == "回答到了长度上限,没有写完。".replace(",", "\uff0c")
    assert re.search(r"tokens/s · [\d.]+ 焦耳.* · ¥", page.locator(".meter").last.inner_text())
    page.locator("#input").fill("长" * 9000)
    page.keyboard.press("Enter")
    page.wait_for_selector(".problem:has-text('记不下了')")
