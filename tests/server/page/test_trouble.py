"""When things go wrong, in a real browser; old browsers; and once the real server."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Route, expect
from tests.server.conftest import Running
from tests.server.page.standin import QUESTION, OpenPage, StandIn, ask, finished, last_answer

pytestmark = pytest.mark.slow  # each test is a second or two of a browser's life


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
    finished(page)  # the first answer is typeset now, too
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


@pytest.mark.parametrize(("status", "text"), [(500, "没能回答"), (503, "正忙"), (429, "正忙")])
def test_a_refusal_can_be_tried_again(open_page: OpenPage, site: StandIn, status: int, text: str) -> None:
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


def test_the_real_server_and_engine(open_page: OpenPage, server: Running) -> None:
    """A random model says nonsense without end; everything around it is real."""
    page = open_page(url=server.url)
    assert page.locator("#model").inner_text() == server.llm.name
    page.click("#settings-button")
    page.locator("#set-thinking").uncheck()
    page.locator("#set-temperature").fill("0")  # greedy, this model never ends
    page.keyboard.press("Escape")
    page.fill("#input", "你好")
    page.keyboard.press("Enter")
    page.wait_for_function("() => (document.querySelector('.body') || {innerText: ''}).innerText.length > 20")
    page.click("#send")
    page.wait_for_selector(".note:has-text('已停止')")
    assert server.is_idle()
    # The page has no limit on an answer's length; the test's patience has.
    page.route(
        "**/v1/**",
        lambda route: route.continue_(
            post_data=json.dumps(json.loads(route.request.post_data or "") | {"max_tokens": 12})
        ),
    )
    ask(page, "再来")
    assert page.locator(".note").last.inner_text() == "回答到了长度上限,没有写完。".replace(",", "\uff0c")
    assert re.search(r"tokens/s · [\d.]+ 焦耳.* · ¥", page.locator(".meter").last.inner_text())
    page.locator("#input").fill("长" * 9000)
    page.keyboard.press("Enter")
    page.wait_for_selector(".problem:has-text('记不下了')")
