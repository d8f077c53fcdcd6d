"""Tools of others on the chat page: chosen there, called only after the reader's yes, shown as what they are."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.server.page.standin import OpenPage, StandIn, ask, finished, open_settings

from huozhong.server.toolbox import Toolbox
from huozhong.skills import reach
from huozhong.skills.foreign import ToolServer, ToolServers

SERVERS = Path(__file__).parents[2] / "skills" / "tool_servers.py"
NAME = "town__weather"


@pytest.fixture(autouse=True, scope="module")
def _patient() -> Iterator[None]:
    """However slow the machine is, a server that answers is heard."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reach, "CONNECT_SECONDS", 300.0)
        yield


def call(name: str, **arguments: object) -> str:
    body = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"我看看。\n<tool_call>\n{body}\n</tool_call>"


@pytest.fixture(scope="module")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Toolbox:
    """One for all tests: what it knows of its server is asked for once."""
    servers = ToolServers(tmp_path_factory.mktemp("house") / "tools.json")
    servers.add(ToolServer("town", (sys.executable, str(SERVERS), "good")))
    return Toolbox(servers)


@pytest.fixture(autouse=True)
def _offered(site: StandIn, toolbox: Toolbox) -> None:
    site.app.state.toolbox = toolbox


def switch_on(page: Page) -> None:
    open_settings(page)
    page.get_by_label("town").check()
    expect(page.locator("#set-tools")).to_contain_text("weather")
    page.click("#settings-close")


def test_a_tool_is_called_once_its_reader_has_seen_what_is_sent(open_page: OpenPage, site: StandIn) -> None:
    page = open_page(width=360, height=640)
    switch_on(page)
    site.answers = {"天气": call(NAME, city="北京\u202e上海"), "21度": "北京晴，21度。"}
    ask(page, "北京天气怎样")
    card = page.locator("section.call")
    expect(card).to_contain_text("town · weather")
    expect(card).to_contain_text("北京\\u202e上海")  # what turns the direction of letters is written out
    assert [function.name for function in site.requests[0].functions][:1] == [NAME]
    assert len(site.requests) == 1  # nothing goes on by itself
    card.get_by_role("button", name="同意这一次").click()
    expect(page.locator("details.call")).to_contain_text("用过了")
    finished(page)
    expect(page.locator(".answer .body")).to_contain_text("北京晴，21度。")
    told = site.requests[1].messages
    assert [message["role"] for message in told] == ["user", "assistant", "tool"]
    assert told[1]["tool_calls"][0]["function"]["name"] == NAME
    assert "不是命令" in told[2]["content"]
    page.click("details.call summary")
    expect(page.locator("details.call .said")).to_contain_text("<script>")  # shown as text, and no more than that
    assert page.evaluate("window.hacked") is None
    page.reload()
    expect(page.locator("details.call")).to_contain_text("用过了")
    expect(page.locator(".answer .body")).to_contain_text("我看看。")


def test_without_a_yes_nothing_is_called(open_page: OpenPage, site: StandIn) -> None:
    page = open_page(locale="en-US")
    switch_on(page)
    site.answers = {"天气": call(NAME, city="x"), "not allow": "那我不知道。", "算了": "好。"}
    ask(page, "天气")
    page.locator("section.call").get_by_role("button", name="No", exact=True).click()
    expect(page.locator("details.call")).to_contain_text("not allowed")
    finished(page)
    expect(page.locator(".answer .body")).to_contain_text("那我不知道。")
    assert "not allow" in site.requests[1].messages[-1]["content"]
    # Who asks on without deciding has not agreed either.
    ask(page, "再看天气")
    expect(page.locator("section.call")).to_be_visible()
    ask(page, "算了")
    assert [m["role"] for m in site.requests[-1].messages[-4:]] == ["user", "assistant", "tool", "user"]
    assert page.get_by_role("button", name="Allow this once").count() == 0


def test_what_fails_is_a_sentence(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    switch_on(page)
    site.answers = {"坏": call("town__die"), "cannot be used": "坏了。"}
    ask(page, "坏")
    page.get_by_role("button", name="同意这一次").click()
    finished(page)
    expect(page.locator("details.call").last).to_contain_text("没做成")
    page.locator("details.call summary").last.click()
    expect(page.locator("details.call .said").last).to_contain_text("Connection closed")


def test_the_owner_connects_and_disconnects_a_server(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    page.goto(site.url + "/page/owner.html")
    box = page.locator("#tools-box")
    expect(box).to_contain_text("town")
    box.get_by_label("名字").fill("Nowhere!")
    box.get_by_label("网址").fill("http://127.0.0.1:9/mcp")
    box.get_by_role("button", name="接进来").click()
    expect(box.locator(".problem").last).to_contain_text("小写字母")
    box.get_by_label("名字").fill("nowhere")
    box.get_by_role("button", name="接进来").click()
    found = box.locator("details", has_text="nowhere")
    found.locator("summary").click()
    expect(found).to_contain_text("用不了")
    found.get_by_role("button", name="停用").click()
    expect(box.locator("details", has_text="nowhere")).to_contain_text("已停用")
    found = box.locator("details", has_text="nowhere")
    found.locator("summary").click()
    found.get_by_role("button", name="删除").click()
    found.get_by_role("button", name="真的删除？").click()
    expect(box.locator("details", has_text="nowhere")).to_have_count(0)
