"""Documents in a real browser: attached, asked about, and opened where an answer quotes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect
from tests.server.page.standin import OpenPage, StandIn, ask, finished

from huozhong.server.routes import exchange, files
from huozhong.server.words import FOLDER

pytestmark = pytest.mark.slow

LINES = [f"第{number}号灯塔是用{'石头' if number == 77 else '木头'}造的，高{number}米。" for number in range(200)]


@pytest.fixture
def lighthouses(tmp_path: Path) -> Path:
    path = tmp_path / "灯塔.txt"
    path.write_text("\n\n".join(LINES), encoding="utf-8")
    return path


def test_a_file_is_asked_about_and_an_answer_leads_to_its_passage(
    open_page: OpenPage, site: StandIn, lighthouses: Path
) -> None:
    page = open_page()
    page.set_input_files("#attach-file", lighthouses)
    expect(page.locator("#attached .chip:not(.reading)")).to_have_text("灯塔.txt")
    site.answers["第77号"] = "是石头造的 [1]。也有[99]这样的。"
    ask(page, "第77号灯塔是什么造的？")
    assert "第77号灯塔是用石头造的" in site.requests[-1].messages[-1]["content"]
    expect(page.locator(".bubble .chip")).to_have_text("灯塔.txt")
    expect(page.locator("#attached")).to_be_hidden()
    quote = page.locator(".body > p:first-child .source")
    expect(quote).to_have_count(1)
    assert "[99]" in page.locator(".body").inner_text()
    quote.click()
    expect(page.locator("#passage")).to_contain_text("号灯塔是用")
    page.keyboard.press("Escape")
    expect(page.locator("#passage")).to_be_hidden()
    page.reload()
    finished(page)
    expect(page.locator(".body > p:first-child .source")).to_have_count(1)


def test_a_file_can_be_taken_off_again_dropped_and_refused(
    open_page: OpenPage, site: StandIn, lighthouses: Path, tmp_path: Path
) -> None:
    page = open_page()
    page.set_input_files("#attach-file", lighthouses)
    page.click("#attached [aria-label='不要 灯塔.txt']")
    expect(page.locator("#attached")).to_be_hidden()
    broken = tmp_path / "x.pdf"
    broken.write_bytes(b"%PDF-1.7 nothing")
    page.set_input_files("#attach-file", broken)
    expect(page.locator("#toast")).not_to_be_empty()
    expect(page.locator(".chip")).to_have_count(0)
    page.evaluate(
        "() => { const data = new DataTransfer(); data.items.add(new File(['一二三'], '拖.txt'));"
        " document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true})) }"
    )
    expect(page.locator("#attached .chip:not(.reading)")).to_have_text("拖.txt")


LET_GO = """([files, folder]) => { const data = new DataTransfer();
  files.forEach(([name, size]) => data.items.add(new File([new Uint8Array(size).fill(97)], name)));
  const items = Array.from(data.items);
  if (folder) items[0] = {kind: 'file', webkitGetAsEntry: () => ({isDirectory: true})};
  const event = new DragEvent('drop', {bubbles: true, cancelable: true});
  Object.defineProperty(event, 'dataTransfer', {value: {files: data.files, items, types: ['Files']}});
  document.body.dispatchEvent(event); }"""


def test_files_that_are_not_taken_are_told_each(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    page.evaluate(LET_GO, [[[f"{number}.txt", 9] for number in range(23)], False])
    expect(page.locator("#toast")).to_contain_text("一次最多添加 20 份文件；有 3 份没有添加，从 20.txt 起。")
    expect(page.locator("#attached .chip:not(.reading)")).to_have_count(20)
    page.evaluate(LET_GO, [[["21.txt", 9]], False])
    expect(page.locator("#toast")).to_contain_text("有 1 份没有添加，从 21.txt 起。")
    ask(page, "问")
    assert len(site.requests) == 1
    page.evaluate(LET_GO, [[["长片.mp4", 51 * 2**20], ["坏.rtf", 0], ["好.txt", 9]], False])
    expect(page.locator("#toast")).to_contain_text("长片.mp4 有 51 MB，一份文件最多 50 MB")
    expect(page.locator("#attached .chip:not(.reading)")).to_have_text("好.txt")
    page.evaluate(LET_GO, [[["夹子", 0]], True])
    expect(page.locator("#toast")).to_contain_text("文件夹不能直接放进来")
    expect(page.locator("#attached .chip")).to_have_count(1)


def test_the_page_knows_how_large_a_file_may_be() -> None:
    assert f"const LARGEST = {files.MAX_BYTES // 2**20};" in (FOLDER / "attach.js").read_text(encoding="utf-8")
    assert f"const LARGEST_IMPORT = {exchange.MAX_IMPORT_BYTES // 2**20};" in (FOLDER / "menus.js").read_text(
        encoding="utf-8"
    )


def test_a_text_that_is_too_long_can_become_a_file(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    page.fill("#input", "\n\n".join(LINES))
    page.keyboard.press("Enter")
    page.click("#too-long button:has-text('变成文件')")
    expect(page.locator("#attached .chip:not(.reading)")).to_have_text("我的文字.txt")
    ask(page, "第77号灯塔？")
    assert "第77号灯塔是用石头造的" in site.requests[-1].messages[-1]["content"]
