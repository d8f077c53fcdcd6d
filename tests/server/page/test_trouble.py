"""When things go wrong, in a real browser; old browsers; and once the real server."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, Route, expect
from tests.server.conftest import Running
from tests.server.page.standin import CUT, QUESTION, OpenPage, StandIn, ask, finished, last_answer, open_settings

pytestmark = pytest.mark.slow  # each test is a second or two of a browser's life


def refuse(page: Page, status: int = 0) -> None:
    """Questions do not reach the server, or are refused, until page.unroute_all()."""

    def answer(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
        elif status:
            route.fulfill(status=status, body='{"error": {"message": "no"}}', content_type="application/json")
        else:
            route.abort("connectionrefused")

    page.route("**/house/conversations**", answer)


def test_a_question_that_does_not_reach_the_server_can_be_sent_again(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    ask(page, "一")
    refuse(page)
    page.fill("#input", "二")
    page.keyboard.press("Enter")
    page.wait_for_selector(".problem:has-text('联系不上服务器')")
    assert page.locator(".problem").get_attribute("role") == "alert"
    page.unroute_all()
    page.click(".problem button")
    expect(page.locator(".answer .body").last).to_have_text("你说的是“二”。")
    finished(page)
    expect(page.locator(".problem")).to_have_count(0)
    assert [m["content"] for m in site.requests[-1].messages] == ["一", "你说的是“一”。", "二"]


def test_a_question_that_was_not_sent_is_not_lost_by_a_reload(open_page: OpenPage) -> None:
    page = open_page()
    refuse(page)
    page.fill("#input", "二")
    page.keyboard.press("Enter")
    page.wait_for_selector(".problem")
    page.reload()
    expect(page.locator("#input")).to_have_value("二")


def test_a_page_opened_before_the_server_was_ready(open_page: OpenPage) -> None:
    page = open_page()
    page.route("**/page/info", lambda route: route.abort())
    refuse(page)
    page.reload()
    page.fill("#input", "你好")
    page.keyboard.press("Enter")
    page.wait_for_selector(".problem:has-text('联系不上服务器')")
    page.unroute_all()
    page.click(".problem button")
    finished(page)
    assert last_answer(page) == "你说的是“你好”。"


@pytest.mark.parametrize(("status", "text"), [(500, "没能回答"), (503, "正忙"), (429, "正忙")])
def test_a_refusal_can_be_tried_again(open_page: OpenPage, site: StandIn, status: int, text: str) -> None:
    page = open_page()
    refuse(page, status)
    page.fill("#input", "你好")
    page.keyboard.press("Enter")
    page.wait_for_selector(f".problem:has-text('{text}')")
    page.unroute_all()
    page.click(".problem button")
    finished(page)
    assert last_answer(page) == "你说的是“你好”。"


def test_another_question_takes_the_place_of_one_that_was_not_sent(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    refuse(page, 500)
    page.fill("#input", "一")
    page.keyboard.press("Enter")
    page.wait_for_selector(".problem")
    page.unroute_all()
    page.fill("#input", "二")
    page.keyboard.press("Enter")
    expect(page.locator(".answer .body")).to_have_text("你说的是“二”。")
    assert page.locator(".bubble").all_inner_texts() == ["二"]
    assert site.requests[-1].messages == [{"role": "user", "content": "二"}]


def test_a_lost_connection_is_made_again_and_nothing_is_missing(open_page: OpenPage, site: StandIn) -> None:
    page = open_page(script=CUT)
    page.fill("#input", "等一等")
    page.keyboard.press("Enter")
    expect(page.locator(".thinking .tail")).to_have_text("想一想")
    page.route("**/events", lambda route: route.abort("connectionrefused"))
    page.evaluate("window.cut()")
    expect(page.locator(".live .note")).to_contain_text("正在重连")
    expect(page.locator("#banner")).to_be_visible()
    site.released = 2
    time.sleep(0.3)
    page.unroute_all()
    expect(page.locator(".answer .body p")).to_have_text(["第一段。", "第二段。"])
    expect(page.locator("#banner")).to_be_hidden()


def test_too_long_a_conversation_offers_a_new_one(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, "一" * 900)
    page.fill("#input", "二" * 1000)
    page.keyboard.press("Enter")
    page.wait_for_selector(".problem:has-text('记不下了')")
    page.click(".problem button:has-text('新对话')")
    expect(page.locator("#welcome")).to_be_visible()


def test_too_long_a_question_is_sent_without_its_middle(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    text = "开头" + "长" * 5000 + "问题在最后？"
    page.fill("#input", text)
    page.keyboard.press("Enter")
    expect(page.locator("#too-long")).to_contain_text("这段话有 5008 字")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")  # no, thank you
    expect(page.locator("#input")).to_have_value(text)
    page.click("#send")
    page.click("#too-long button:has-text('略去中间再发')")
    finished(page)
    sent = site.requests[-1].messages[-1]["content"]
    assert sent.startswith("开头长")
    assert sent.endswith("长问题在最后？")
    assert re.search(r"\[……中间略去 \d+ 字……\]", sent)
    assert len(sent) < 2048


def test_a_browser_that_cannot_stream(open_page: OpenPage, site: StandIn) -> None:
    page = open_page(script="delete window.ReadableStream; delete window.AbortController")
    ask(page, QUESTION)
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
    expect(page.locator("#model")).to_have_text(server.llm.name)
    open_settings(page)
    page.locator("#set-thinking").uncheck()
    page.locator("#set-temperature").fill("0")  # greedy, this model never ends
    page.keyboard.press("Escape")
    page.fill("#input", "你好")
    page.keyboard.press("Enter")
    page.wait_for_function("() => (document.querySelector('.body') || {innerText: ''}).innerText.length > 20")
    page.click("#send")
    page.wait_for_selector(".answer .note:has-text('已停止')")
    assert server.is_idle()
    page.click("[data-t-label=bill]")
    assert re.search(r"tokens/s[\s\S]+ 焦耳[\s\S]+¥", page.locator(".bill").inner_text())
    page.click("#new")
    page.locator("#input").fill("长" * 9000)
    page.keyboard.press("Enter")
    page.wait_for_selector("#too-long:has-text('这段话有 9000 字')")
