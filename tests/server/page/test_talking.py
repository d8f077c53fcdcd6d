"""Asking and answering in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from tests.server.page.standin import QUESTION, OpenPage, StandIn, ask, finished, last_answer

pytestmark = pytest.mark.slow  # each test is a second or two of a browser's life


def test_a_card_starts_the_conversation_with_thoughts_formulas_and_the_bill(open_page: OpenPage) -> None:
    page = open_page()
    assert page.locator(".card").count() == 6
    page.locator(".card").first.click()
    finished(page)
    assert page.locator("#welcome").is_hidden()
    assert "苹果" in page.locator(".bubble").inner_text()
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
    page = open_page()
    page.fill("#input", "等一等")
    page.keyboard.press("Enter")
    expect(page.locator(".thinking[open] .tail")).to_have_text("想一想")
    assert page.locator(".thinking summary").inner_text().strip() == "正在思考…"
    assert page.locator("#log").get_attribute("aria-busy") == "true"
    assert page.locator(".answer .tools").is_hidden()
    site.released = 1
    # The first paragraph is typeset while the rest is still coming.
    expect(page.locator(".live .body > p:not(.tail)")).to_have_text("第一段。")
    expect(page.locator(".live .body > .tail")).to_have_text("第二")
    assert page.locator(".thinking").get_attribute("open") is None
    site.released = 2
    finished(page)
    assert last_answer(page).split("\n\n") == ["第一段。", "第二段。"]
    assert page.locator(".thinking").get_attribute("open") is None


def test_thoughts_of_a_model_with_acts_stay_folded(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    model = '{"model": "ember", "max_context": 2048, "temperature": 0, "acts": true, "languages": ["zh", "en"]}'
    page.route("**/page/info", lambda route: route.fulfill(body=model, content_type="application/json"))
    page.reload()
    page.fill("#input", "等一等")
    page.keyboard.press("Enter")
    expect(page.locator(".thinking summary")).to_have_text("正在思考…")
    assert page.locator(".thinking").get_attribute("open") is None
    site.released = 2
    finished(page)
    assert page.locator(".thinking").get_attribute("open") is None


def test_thoughts_that_the_reader_opened_stay_open(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    site.released = 1
    page.fill("#input", "等一等")
    page.keyboard.press("Enter")
    page.wait_for_selector(".thinking:not([open]) + .body .tail:not(:empty)")
    page.locator(".thinking summary").click()
    site.released = 2
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
