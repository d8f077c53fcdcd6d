"""The list of conversations, in a real browser: search, names, pins, deletion, files, and other tabs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.server.page.standin import OpenPage, StandIn, ask, finished, last_answer, open_settings

pytestmark = pytest.mark.slow  # each test is a second or two of a browser's life


def talk(page: Page, *questions: str) -> None:
    """A conversation of its own for each question."""
    for question in questions:
        page.click("#new")
        ask(page, question)


def choose(page: Page, title: str, item: str) -> None:
    """An entry of a conversation's menu."""
    row = page.locator(".item", has_text=title)
    row.hover()
    row.locator(".icon").click()
    page.click(f"[role=menuitem]:has-text('{item}')")


def test_search_as_you_type_leads_to_the_message(open_page: OpenPage) -> None:
    page = open_page()
    talk(page, "苹果多少钱", "香蕉在哪里")
    ask(page, "还有橘子和苹果")
    page.keyboard.press("Alt+k")
    page.keyboard.type("橘子")
    expect(page.locator(".snippet mark").first).to_have_text("橘子")
    expect(page.locator(".item")).to_have_count(1)
    page.locator(".item .open").click()
    expect(page.locator(".found")).to_have_count(1)
    page.fill("#find", "没有的词")
    expect(page.locator("#list")).to_contain_text("没有找到")
    page.focus("#find")
    page.keyboard.press("Escape")
    expect(page.locator(".item")).to_have_count(2)


def test_rename_pin_and_delete_with_undo_by_keyboard(open_page: OpenPage) -> None:
    page = open_page()
    talk(page, "一", "二", "三")
    expect(page.locator(".item .name")).to_have_text(["三", "二", "一"])
    page.locator(".item", has_text="一").locator(".icon").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # rename, the first entry
    page.keyboard.type("第一课")
    page.keyboard.press("Enter")
    expect(page.locator(".item .name").last).to_have_text("第一课")
    page.locator(".item", has_text="第一课").locator(".icon").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#list h2").first).to_have_text("置顶")
    expect(page.locator(".item .name")).to_have_text(["第一课", "三", "二"])
    page.locator(".item", has_text="三").locator(".icon").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator(".item")).to_have_count(2)
    expect(page.locator("#welcome")).to_be_visible()
    page.click("#toast button")
    expect(page.locator(".item")).to_have_count(3)
    expect(page.locator(".bubble")).to_have_text("三")
    page.reload()
    expect(page.locator(".item .name")).to_have_text(["第一课", "三", "二"])


def test_a_title_and_a_snippet_are_only_text(open_page: OpenPage) -> None:
    page = open_page()
    talk(page, "<img src=x onerror='window.hacked=1'>攻打")
    page.fill("#find", "攻打")
    expect(page.locator(".snippet mark")).to_have_text("攻打")
    choose(page, "攻打", "改名")
    page.keyboard.type("<script>window.hacked=2</script>")
    page.keyboard.press("Enter")
    expect(page.locator("#title")).to_have_text("<script>window.hacked=2</script>")
    assert page.evaluate("window.hacked") is None
    assert page.locator("#side img[src=x], #side script").count() == 0


def test_export_and_import(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    talk(page, "写一首绝句")
    with page.expect_download() as download:
        choose(page, "写一首绝句", "Markdown")
    assert download.value.suggested_filename == "写一首绝句.md"
    download.value.save_as(tmp_path / "chat.md")
    assert "细雨润新苗" in (tmp_path / "chat.md").read_text(encoding="utf-8")
    page.click("#house-menu")
    with page.expect_download() as download:
        page.click("[role=menuitem]:has-text('导出全部')")
    download.value.save_as(tmp_path / "all.json")
    assert len(json.loads((tmp_path / "all.json").read_bytes())) == 1
    page.click("#house-menu")
    with page.expect_file_chooser() as chooser:
        page.click("[role=menuitem]:has-text('导入')")
    chooser.value.set_files(tmp_path / "all.json")
    expect(page.locator("#toast")).to_contain_text("写一首绝句: 已经有了。")
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    page.set_input_files("#import-file", tmp_path / "bad.json")
    expect(page.locator("#toast")).to_contain_text("文件坏了")
    with (tmp_path / "chatgpt.zip").open("wb") as file:
        file.truncate(65 * 2**20)
    page.set_input_files("#import-file", tmp_path / "chatgpt.zip")
    expect(page.locator("#toast")).to_contain_text("chatgpt.zip 有 65 MB，最多能导入 64 MB")
    expect(page.locator("#toast")).to_contain_text("导入里面的 conversations.json")


def test_each_of_several_deletions_can_be_taken_back(open_page: OpenPage) -> None:
    page = open_page()
    talk(page, "一", "二", "三")
    for title in ("一", "二"):
        page.click(f"[aria-label='“{title}”的菜单']")
        page.click("[role=menuitem]:has-text('删除')")
        expect(page.locator(f".item .name:text-is('{title}')")).to_have_count(0)
    page.locator("#toast button").first.click()
    expect(page.locator(".item .name")).to_have_text(["三", "一"])
    page.locator("#toast button").click()
    expect(page.locator(".item .name")).to_have_text(["三", "二", "一"])


def test_a_deletion_can_be_taken_back_after_a_reload_but_not_by_the_next_pupil(open_page: OpenPage) -> None:
    page = open_page()
    talk(page, "一", "二")
    page.click("#chat-menu")
    page.click("[role=menuitem]:has-text('删除')")
    expect(page.locator(".item .name")).to_have_text(["一"])
    page.reload()
    page.click("#toast button:has-text('撤销')")
    expect(page.locator(".item .name")).to_have_text(["二", "一"])
    expect(page.locator(".bubble")).to_contain_text("二")
    page.reload()
    expect(page.locator(".item .name")).to_have_text(["二", "一"])
    page.wait_for_timeout(300)
    expect(page.locator("#toast button")).to_have_count(0)
    page.click("#chat-menu")
    page.click("[role=menuitem]:has-text('删除')")
    expect(page.locator("#toast button")).to_have_count(1)
    page.click("#house-menu")
    page.click("[role=menuitem]:has-text('清空')")
    expect(page.locator("#toast")).to_contain_text("已清空 1 段")
    expect(page.locator("#toast button")).to_have_count(1)
    page.reload()
    page.wait_for_selector("#model:not(:empty)")
    page.wait_for_timeout(300)
    expect(page.locator("#toast button")).to_have_count(0)


def test_for_the_next_pupil(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    talk(page, "一", "二")
    page.fill("#input", "我的常用话")
    page.click("#shelf-button")
    page.click("#shelf-save")
    open_settings(page)
    page.fill("#set-system", "我叫小明。")
    page.click("#set-default")
    page.keyboard.press("Escape")
    file = {"name": "作文.txt", "mimeType": "text/plain", "buffer": "我的家".encode()}
    page.set_input_files("#attach-file", file)  # type: ignore[arg-type]
    expect(page.locator("#attached .chip:not(.reading)")).to_have_text("作文.txt")
    page.click("#house-menu")
    page.click("[role=menuitem]:has-text('清空')")
    expect(page.locator(".item")).to_have_count(0)
    expect(page.locator("#attached")).to_be_hidden()
    expect(page.locator(".message")).to_have_count(0)
    expect(page.locator("#input")).to_have_value("")
    page.click("#shelf-button")
    expect(page.locator("#shelf-empty")).to_be_visible()
    page.keyboard.press("Escape")
    ask(page, "三")
    assert [message["role"] for message in site.requests[-1].messages] == ["user"], "nobody's system prompt"
    page.click("#house-menu")
    page.click("[role=menuitem]:has-text('清空')")
    expect(page.locator(".item")).to_have_count(0)
    page.click("#toast button")
    expect(page.locator(".item .name")).to_have_text(["三"])


def test_clearing_is_taken_back_with_what_the_browser_kept(open_page: OpenPage) -> None:
    page = open_page()
    talk(page, "一", "二")
    page.fill("#input", "我的常用话")
    page.click("#shelf-button")
    page.click("#shelf-save")
    page.click("#house-menu")
    page.click("[role=menuitem]:has-text('清空')")
    expect(page.locator(".item")).to_have_count(0)
    page.click("#toast button")
    expect(page.locator(".item")).to_have_count(2)
    page.click("#shelf-button")
    expect(page.locator("#saved .take")).to_have_text("我的常用话")


def test_two_tabs_show_the_same(open_page: OpenPage, site: StandIn) -> None:
    first = open_page()
    talk(first, "你好")
    second = first.context.new_page()
    second.goto(first.url)
    expect(second.locator(".body")).to_have_text("你说的是“你好”。")
    first.fill("#input", "等一等")
    first.keyboard.press("Enter")
    expect(second.locator(".thinking .tail")).to_have_text("想一想")
    site.released = 1
    expect(second.locator(".live .body > .tail")).to_have_text("第二")
    second.reload()
    expect(second.locator(".live .body > .tail")).to_have_text("第二")
    second.keyboard.press("Escape")  # either may stop it
    for page in (first, second):
        expect(page.locator(".answer .note")).to_contain_text("已停止")
        expect(page.locator(".message")).to_have_count(4)
    choose(second, "你好", "删除")
    expect(first.locator(".item")).to_have_count(0)
    expect(first.locator("#welcome")).to_be_visible()


def test_a_closed_tab_ends_no_answer(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    page.fill("#input", "等一等")
    page.keyboard.press("Enter")
    expect(page.locator(".thinking .tail")).to_have_text("想一想")
    address, context = page.url, page.context
    page.close()
    site.released = 2
    again = context.new_page()
    again.goto(address)
    expect(again.locator(".answer .body p")).to_have_text(["第一段。", "第二段。"])


def test_back_and_forward_walk_through_the_conversations(open_page: OpenPage) -> None:
    page = open_page()
    talk(page, "一", "二")
    page.go_back()
    page.go_back()
    expect(page.locator(".bubble")).to_have_text("一")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator(".bubble")).to_have_text("二")
    finished(page)
    assert last_answer(page) == "你说的是“二”。"


def test_saved_prompts(open_page: OpenPage) -> None:
    page = open_page()
    page.fill("#input", "请用小学生能懂的话解释：")
    page.click("#shelf-button")
    page.click("#shelf-save")
    page.keyboard.press("Escape")
    page.fill("#input", "")
    page.reload()
    page.keyboard.press("Alt+p")
    expect(page.locator("#saved .take")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#input")).to_have_value("请用小学生能懂的话解释：")
    page.keyboard.press("Alt+p")
    page.click("#saved .icon")
    expect(page.locator("#shelf-empty")).to_be_visible()


def test_every_shortcut_of_the_list_is_told_in_it(open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.locator("#keys dl div")).to_have_count(16)
    page.keyboard.press("Tab")
    expect(page.locator("#keys-close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("Alt+b")
    expect(page.locator("#new")).to_be_hidden()
    page.reload()
    expect(page.locator("#new")).to_be_hidden()
    page.keyboard.press("Alt+b")
    expect(page.locator("#new")).to_be_visible()
