"""A late look at the server undoes nothing that was done on the page since it began."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.server.household import PASSWORD, House, household
from tests.server.page.standin import CUT, QUESTION, Late, OpenPage, StandIn, ask, finished, look_late, open_settings

from huozhong.engine.llm import LLM

pytestmark = pytest.mark.slow  # each test is a second or two of a browser's life

CHAT = r"/house/conversations/[\w-]+$"


def test_a_question_that_could_not_be_sent_stays_with_its_button(open_page: OpenPage) -> None:
    page = open_page(script=CUT)
    ask(page, "一")
    late = look_late(page)
    page.route("**/ask", lambda route: route.abort("connectionrefused"))
    page.fill("#input", "二")
    page.keyboard.press("Enter")
    expect(page.locator(".problem")).to_be_visible()
    late.come()
    expect(page.locator(".bubble")).to_have_text(["一", "二"])
    page.unroute("**/ask")
    page.click(".problem button")
    expect(page.locator(".answer .body").last).to_have_text("你说的是“二”。")
    expect(page.locator(".problem")).to_have_count(0)


def test_a_question_on_its_way_stays(open_page: OpenPage, site: StandIn) -> None:
    page = open_page(script=CUT)
    ask(page, "一")
    late = look_late(page)
    held: list[Route] = []
    page.route("**/ask", lambda route: held.append(route))
    page.fill("#input", "二")
    page.keyboard.press("Enter")
    expect(page.locator(".bubble")).to_have_text(["一", "二"])
    late.come()
    expect(page.locator(".bubble")).to_have_text(["一", "二"])
    held[0].continue_()
    expect(page.locator(".answer .body").last).to_have_text("你说的是“二”。")
    finished(page)
    expect(page.locator(".message")).to_have_count(4)


def test_an_answer_that_has_ended_is_not_growing_again(open_page: OpenPage, site: StandIn) -> None:
    page = open_page(script=CUT)
    page.fill("#input", "等一等")
    page.keyboard.press("Enter")
    expect(page.locator(".thinking .tail")).to_have_text("想一想")
    late = look_late(page)
    page.locator(".thinking summary").click()
    page.locator(".thinking summary").click()  # it stays as the reader wants it
    site.released = 2
    expect(page.locator(".answer .body p")).to_have_text(["第一段。", "第二段。"])
    finished(page)
    page.click("[data-t-label=bill]")
    page.evaluate("document.querySelector('.answer').mark = 1")
    late.come()
    expect(page.locator(".live")).to_have_count(0)
    expect(page.locator(".bill")).to_be_visible()
    assert page.locator(".thinking").get_attribute("open") is not None
    assert page.evaluate("document.querySelector('.answer').mark") == 1, "the same piece of the page"


def test_a_step_between_versions_stays(open_page: OpenPage, site: StandIn) -> None:
    page = open_page(script=CUT)
    ask(page, "一")
    page.locator("button[aria-label=重新回答]").click()
    expect(page.locator(".answer .walk")).to_have_text("2/2")
    finished(page)
    late = look_late(page)
    page.locator(".answer .walk button").first.click()
    late.come()
    expect(page.locator(".answer .walk")).to_have_text("1/2")


def test_a_question_that_is_being_changed_stays_open(open_page: OpenPage, site: StandIn) -> None:
    """Another device asks elsewhere in the conversation meanwhile: this page would go along, but not now."""
    page = open_page(script=CUT)
    ask(page, "一")
    ask(page, "二")
    page.locator("button[aria-label=修改这个问题]").last.click()
    page.keyboard.type("改成")
    chat = page.evaluate("location.hash.slice(3)")
    asked = {"parent": None, "content": "别处问的"}
    httpx.post(f"{site.url}/house/conversations/{chat}/ask", json=asked).raise_for_status()
    expect(page.locator(".user .walk:visible")).to_have_text("1/2")
    page.keyboard.type("三")
    expect(page.locator(".editor textarea")).to_have_value(re.compile("改成三"))
    page.keyboard.press("Enter")
    expect(page.locator(".bubble")).to_have_text(["一", re.compile("改成三")])
    finished(page)


def test_a_setting_stays_and_is_told(open_page: OpenPage, site: StandIn) -> None:
    page = open_page(script=CUT)
    ask(page, "一")
    late = look_late(page)
    open_settings(page)
    page.locator("#set-system").press_sequentially("你是海盗。")
    late.come()
    page.keyboard.press("Escape")
    ask(page, "二")
    assert site.requests[-1].messages[0] == {"role": "system", "content": "你是海盗。"}
    open_settings(page)
    expect(page.locator("#set-system")).to_have_value("你是海盗。")


def test_a_setting_that_could_not_be_told_is_told_later(open_page: OpenPage, site: StandIn) -> None:
    page = open_page(script=CUT)
    ask(page, "一")
    page.route(re.compile(CHAT), lambda route: route.abort("connectionrefused"))
    open_settings(page)
    page.locator("#set-thinking").uncheck()
    expect(page.locator("#toast")).to_contain_text("联系不上服务器")
    page.keyboard.press("Escape")
    page.unroute(re.compile(CHAT))
    ask(page, QUESTION)
    assert not site.requests[-1].thinking


def test_a_setting_that_waited_behind_what_could_not_be_told_is_said_too(open_page: OpenPage, site: StandIn) -> None:
    """Which version is shown is told without a word; what is set while that is on its way is not to be lost with it."""
    page = open_page(script=CUT)
    ask(page, "一")
    page.locator("button[aria-label=重新回答]").click()
    expect(page.locator(".answer .walk")).to_have_text("2/2")
    finished(page)
    held: list[Route] = []
    page.route(re.compile(CHAT), lambda route: held.append(route))
    with page.expect_request(lambda request: request.method == "PATCH"):
        page.locator(".answer .walk button").first.click()
    open_settings(page)
    page.locator("#set-thinking").uncheck()
    page.wait_for_timeout(50)  # it is to be told at once, and waits
    for route in held:
        route.abort("connectionrefused")
    expect(page.locator("#toast")).to_contain_text("联系不上服务器")
    page.keyboard.press("Escape")
    page.unroute(re.compile(CHAT))
    ask(page, QUESTION)
    assert not site.requests[-1].thinking


def test_who_reads_further_up_is_not_pulled_away(open_page: OpenPage) -> None:
    page = open_page(script=CUT, height=500)
    ask(page, "很长")
    late = look_late(page)
    page.evaluate("document.getElementById('scroll').scrollTop = 700")
    late.come()
    assert page.evaluate("document.getElementById('scroll').scrollTop") == 700


def test_names_pins_and_deletions_stay_in_the_list(open_page: OpenPage) -> None:
    page = open_page(script=CUT)
    for question in ("一", "二", "三"):
        page.click("#new")
        ask(page, question)
    late = Late(page, r"/house/conversations\?limit")
    page.evaluate("window.cut()")
    late.wait()
    page.locator(".item", has_text="一").locator(".icon").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.keyboard.type("第一课")
    page.keyboard.press("Enter")
    page.locator(".item", has_text="二").locator(".icon").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator(".item")).to_have_count(2)
    page.locator(".item", has_text="第一课").locator(".icon").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#list h2").first).to_have_text("置顶")
    expect(page.locator(".item .icon").first).to_be_focused()
    late.come()
    expect(page.locator(".item .name")).to_have_text(["第一课", "三"])
    expect(page.locator(".item .icon").first).to_be_focused()


def test_what_is_asked_while_a_chat_opens_is_asked_there(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    ask(page, "一")
    late = Late(page, CHAT)
    page.reload()
    late.wait()
    expect(page.locator("#welcome")).to_be_hidden()
    page.fill("#input", "二")
    page.keyboard.press("Enter")
    late.come()
    expect(page.locator(".answer .body")).to_have_text(["你说的是“一”。", "你说的是“二”。"])
    assert len(site.requests[-1].messages) == 3
    expect(page.locator(".item")).to_have_count(1)


def test_a_question_that_was_left_unsent_goes_back_to_where_it_was_written(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, "一")
    page.route("**/ask", lambda route: route.abort("connectionrefused"))
    page.fill("#input", "二")
    page.keyboard.press("Enter")
    expect(page.locator(".problem")).to_be_visible()
    page.click("#new")
    expect(page.locator("#input")).to_have_value("二")
    held: list[Route] = []
    page.unroute_all()
    page.route("**/ask", lambda route: held.append(route))
    page.keyboard.press("Enter")
    expect(page.locator(".bubble")).to_have_text("二")
    page.locator(".item .open", has_text="一").click()
    expect(page.locator(".answer .body")).to_have_text("你说的是“一”。")
    held[0].abort("connectionrefused")
    expect(page.locator("#input")).to_have_value("二")


def test_a_new_chat_while_the_first_question_is_on_its_way_gets_none_of_it(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    held: list[Route] = []
    page.route("**/house/conversations", lambda route: held.append(route))
    page.fill("#input", "一")
    page.keyboard.press("Enter")
    expect(page.locator(".bubble")).to_have_text("一")
    page.click("#new")
    held[0].continue_()
    page.unroute_all()
    expect(page.locator(".item .name")).to_have_text("一")
    ask(page, "二")
    expect(page.locator(".item .name")).to_have_text(["二", "一"])
    assert [len(request.messages) for request in site.requests] == [1, 1]


@pytest.fixture(scope="module")
def house(llm: LLM) -> Iterator[House]:
    with household(llm) as running:
        yield running


def test_the_owner_goes_on_filling_in_one_box_while_another_is_saved(browser: Browser, house: House) -> None:
    context = browser.new_context(locale="zh-CN")
    page: Page = context.new_page()
    page.goto(f"{house.url}/page/login.html")
    page.fill("#name", "Ann")
    page.fill("#password", PASSWORD)
    page.click("#go")
    page.wait_for_url(f"{house.url}/")
    page.goto(f"{house.url}/page/owner.html")
    bob, kid = (page.locator("details.person").filter(has_text=name) for name in ("Bob", "Kid"))
    bob.locator("summary").click()
    bob.get_by_label("每天词元").fill("777")
    kid.locator("summary").first.click()
    kid.get_by_label("每天词元").fill("5")
    with page.expect_response(lambda response: response.request.method == "PATCH"):
        kid.get_by_text("保存").click()
    expect(kid.get_by_label("每天词元")).to_have_value("5")
    expect(bob.get_by_label("每天词元")).to_have_value("777")
    expect(bob.get_by_label("每天词元")).to_be_visible()
    expect(kid.get_by_label("每天词元")).to_be_visible()
    context.close()
