"""Asking, answering and branching in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from tests.server.page.standin import QUESTION, OpenPage, StandIn, ask, finished, last_answer, open_settings

from huozhong.engine.queueing import Progress
from huozhong.engine.requests import SamplingParams

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
    expect(thinking.locator(".text")).to_contain_text("6*24=144")
    assert thinking.locator(".text").inner_text().split("\n")[1] == "6*24=144"
    assert page.locator(".bill").is_hidden()
    page.click("[data-t-label=bill]")
    lines = page.locator(".bill").inner_text().split("\n")
    assert lines[:2] == ["模型", "ember"]
    assert "410 tokens/s" in lines
    assert re.search(r"用电\n[\d.]+ 焦耳\(估\)\n电费\n¥0\.0000\d+\n一度电够这样回答\n约 [\d.]+ 万 次", "\n".join(lines))
    assert page.locator("[data-t-label=bill]").get_attribute("aria-expanded") == "true"


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
    expect(page.locator("#model")).to_have_text("ember")  # what the page knows of the model is there
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
    assert first.messages == [{"role": "user", "content": QUESTION}]
    assert first.thinking
    assert first.params.temperature == 0  # the model's own
    assert [message["role"] for message in second.messages] == ["user", "assistant", "user"]
    assert second.messages[1]["content"].startswith("学校买来的粉笔一共有\n\n$$6")
    assert set(second.messages[1]) == {"role", "content"}
    page.locator("[data-t-label=bill]").last.click()
    expect(page.locator(".bill").last).to_contain_text("本次对话 2 答")


def test_stop_keeps_what_was_written_and_tells_the_server(open_page: OpenPage, site: StandIn) -> None:
    site.pace = 0.02
    page = open_page()
    page.fill("#input", "无尽")
    page.keyboard.press("Enter")
    page.wait_for_selector(".body:has-text('一句话。')")
    assert page.locator("#send").get_attribute("aria-label") == "停止回答"
    page.click("#send")
    page.wait_for_selector(".note:has-text('已停止')")
    assert site.ended.wait(60)
    finished(page)
    assert last_answer(page).startswith("一句话。")
    ask(page, "你好")
    assert site.requests[-1].messages[1]["content"].startswith("一句话。")


def test_answer_again_makes_a_branch_and_the_arrows_walk_it(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    ask(page, "一")
    ask(page, "二")
    again(page)
    assert page.locator(".answer").count() == 2
    assert site.requests[2].messages == site.requests[1].messages
    assert site.requests[2].params.temperature == 0.7
    walk = page.locator(".answer .walk:visible")
    expect(walk).to_have_text("2/2")
    walk.locator("button").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".answer .walk:visible")).to_have_text("1/2")
    expect(page.locator("[aria-label=下一个版本]:focus")).to_have_count(1)
    page.reload()
    finished(page)
    expect(page.locator(".answer .walk:visible")).to_have_text("1/2")


def test_what_is_found_beside_a_growing_answer_frees_the_page(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    site.answers["甲"] = "独一无二的话。"
    ask(page, "甲")
    site.pace = 0.02
    site.answers["甲"] = "一句话。\n\n" * 2000
    page.click(".answer [data-t-label=again]")
    page.wait_for_selector(".live .body:has-text('一句话。')")
    expect(page.locator("#send")).to_have_attribute("aria-label", "停止回答")
    page.fill("#find", "独一无二")
    page.locator(".item .snippet:has-text('独一无二')").click()
    expect(page.locator(".answer .walk")).to_have_text("1/2")
    expect(page.locator("#send")).to_have_attribute("aria-label", "发送")
    expect(page.locator("#log")).to_have_attribute("aria-busy", "false")
    page.click(".answer [data-t-label=walkOn]")
    expect(page.locator("#send")).to_have_attribute("aria-label", "停止回答")
    page.locator("#input").press("Escape")
    page.wait_for_selector(".note:has-text('已停止')")


def test_a_changed_question_keeps_the_old_one(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    ask(page, "一")
    ask(page, "二")
    page.locator(".user").last.hover()
    page.locator("button[aria-label=修改这个问题]:visible").last.click()
    page.keyboard.press("Escape")
    assert page.locator(".editor").count() == 0
    page.locator("button[aria-label=修改这个问题]:visible").last.click()
    page.keyboard.press("End")
    page.keyboard.type("改成三")
    page.keyboard.press("Enter")
    expect(page.locator(".bubble").last).to_have_text("二改成三")
    finished(page)
    assert page.locator(".bubble").all_inner_texts() == ["一", "二改成三"]
    assert last_answer(page) == "你说的是“二改成三”。"
    assert len(site.requests[-1].messages) == 3
    page.locator(".user .walk:visible button").first.click()
    assert page.locator(".bubble").all_inner_texts() == ["一", "二"]
    expect(page.locator(".answer .body").last).to_have_text("你说的是“二”。")


def test_the_first_question_of_all_can_be_changed(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    ask(page, "一")
    ask(page, "二")
    page.keyboard.press("Alt+e")
    page.keyboard.press("Escape")
    page.locator(".user").first.hover()
    page.locator(".user").first.locator("button[aria-label=修改这个问题]").click()
    page.keyboard.type("甲")
    page.keyboard.press("Enter")
    expect(page.locator(".bubble")).to_have_count(1)
    finished(page)
    assert len(site.requests[-1].messages) == 1
    page.locator(".user .walk:visible button").first.click()
    expect(page.locator(".bubble")).to_have_text(["一", "二"])


def test_a_new_chat_amid_an_answer_lets_it_go_on(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    page.fill("#input", "等一等")
    page.keyboard.press("Enter")
    expect(page.locator(".thinking .tail")).to_have_text("想一想")
    page.click("#new")
    assert page.locator(".message").count() == 0
    ask(page, "你好")
    assert len(site.requests[-1].messages) == 1
    expect(page.locator(".item .waiting")).to_have_count(1)
    site.released = 2
    expect(page.locator(".item .waiting")).to_have_count(0)
    page.locator(".item .open", has_text="等一等").click()
    expect(page.locator(".answer .body p")).to_have_text(["第一段。", "第二段。"])


def test_an_answer_at_its_limit_goes_on(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    ask(page, "断了")
    expect(page.locator(".answer .note")).to_contain_text("没有写完")
    page.click("button:has-text('接着写')")
    expect(page.locator(".answer .note")).to_have_count(0)
    finished(page)
    begun = site.requests[-1].begun
    assert begun is not None
    assert begun.content.startswith("你说的是")
    assert page.locator(".answer").count() == 1


def test_who_waits_sees_the_place_and_how_far_the_prompt_is(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    site.waiting = Progress(place=3, seconds=12.2, prompt_done=0, prompt_total=900)
    page.fill("#input", "你好")
    page.keyboard.press("Enter")
    expect(page.locator(".live .extra .note")).to_have_text("前面还有 3 人，大约等 13 秒。")
    site.waiting = Progress(place=0, seconds=None, prompt_done=450, prompt_total=900)
    expect(page.locator(".live .extra .note")).to_have_text("正在读你的话 50%")
    site.waiting = None
    finished(page)
    assert last_answer(page) == "你说的是“你好”。"


def test_the_live_speed_is_shown_while_an_answer_grows(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    site.pace = 0.02
    page.fill("#input", "无尽")
    page.keyboard.press("Enter")
    expect(page.locator(".live .speed")).to_have_text(re.compile(r"^\d+ 字/秒$"))
    page.keyboard.press("Escape")
    expect(page.locator(".speed")).to_have_count(0)


def test_settings_belong_to_a_conversation(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    open_settings(page)
    expect(page.locator("#temperature-value")).to_have_text("0.0 · 模型自带")
    expect(page.locator("#top-p-value")).to_have_text("模型自带")
    page.locator("#set-thinking").uncheck()
    page.locator("#set-temperature").fill("0.8")
    page.locator("#set-top-p").fill("0.9")
    page.fill("#set-length", "300")
    page.fill("#set-system", "你是老师。")
    page.keyboard.press("Escape")
    assert page.locator("#settings").is_hidden()
    ask(page, QUESTION)
    page.reload()
    finished(page)
    ask(page, QUESTION)
    for request in site.requests:
        assert not request.thinking
        assert (request.params.temperature, request.params.top_p, request.params.max_tokens) == (0.8, 0.9, 300)
        assert request.messages[0] == {"role": "system", "content": "你是老师。"}
    assert page.locator(".thinking").last.is_hidden()
    open_settings(page)
    with page.expect_response(lambda response: response.request.method == "PATCH"):
        page.click("#set-reset")
    ask(page, QUESTION)
    assert site.requests[-1].params == SamplingParams(temperature=0.0)
    assert site.requests[-1].messages[0]["role"] == "user"


def test_settings_can_be_kept_for_all_new_chats(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    open_settings(page)
    page.fill("#set-system", "你是老师。")
    page.click("#set-default")
    page.fill("#set-system", "你是海盗。")
    page.keyboard.press("Escape")
    ask(page, "一")
    page.click("#new")
    ask(page, "二")
    assert [request.messages[0]["content"] for request in site.requests] == ["你是海盗。", "你是老师。"]


def test_a_fixed_text_says_so_and_its_numbers_can_be_rung(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    ask(page, "我不想活了")
    links = page.locator(".answer .body a.ring")
    assert links.count() > 2
    assert all((link.get_attribute("href") or "").startswith("tel:") for link in links.all())
    assert "不是模型写的" in page.locator(".answer .fixed").inner_text()
    assert page.locator("[data-t-label=bill]:visible").count() == 0  # no model, no bill
    assert site.requests == []
    page.click("#new")
    ask(page, "你好")
    expect(page.locator(".answer .fixed")).to_have_count(0)
    page.locator(".item .open", has_text="我不想活了").click()
    expect(page.locator(".answer .body a.ring").first).to_be_visible()
    page.select_option("#language", "en")
    expect(page.locator(".answer .fixed")).to_contain_text("not by the model")


def again(page: Page) -> None:
    """Ask for another answer to the last question, and wait for it."""
    count = page.locator(".answer .walk:visible").count()
    page.locator("button[aria-label=重新回答]:visible").last.click()
    expect(page.locator(".answer .walk:visible")).to_have_count(count + 1)
    finished(page)
