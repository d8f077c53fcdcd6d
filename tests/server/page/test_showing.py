"""How the page shows and remembers, in a real browser: Markdown, safety, languages, themes, phones."""

from __future__ import annotations

import io
import json
import re
import unicodedata

import httpx
import pytest
from playwright.sync_api import Browser, expect
from pypdf import PdfReader
from tests.server.page.standin import (
    ATTACK,
    MARKDOWN,
    QUESTION,
    OpenPage,
    StandIn,
    ask,
    copied,
    finished,
    last_answer,
    open_settings,
)

SMALL = """() => [...document.querySelectorAll('button, summary, .switch, textarea, select, #find')].filter((node) => {
    const box = node.getBoundingClientRect();
    return box.width > 0 && getComputedStyle(node).visibility === 'visible' && (box.height < 44 || box.width < 44);
  }).map((node) => node.outerHTML)"""

pytestmark = pytest.mark.slow  # each test is a second or two of a browser's life


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
    copied(page, "def area(width, height):\n    return")
    page.click("button[aria-label=复制回答]")
    copied(page, "## 小结")


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
    page.fill("#input", "还没写完")
    page.reload()
    finished(page)
    expect(page.locator(".bubble")).to_have_text(QUESTION)
    expect(page.locator(".body math")).to_have_count(2)
    expect(page.locator(".thinking summary")).to_contain_text(re.compile(r"^\s*思考过程 · "))
    expect(page.locator("#input")).to_have_value("还没写完")
    expect(page).to_have_title(page.locator("#title").inner_text())


def test_a_broken_memory_does_not_break_the_page(open_page: OpenPage) -> None:
    page = open_page(
        script="localStorage.setItem('huozhong.conversation', '{\"messages\": [1, null, {}], \"spent\": 3}');"
        "localStorage.setItem('huozhong.settings', 'x'); localStorage.setItem('huozhong.shelf', '{}')"
    )
    ask(page, "你好")
    assert last_answer(page) == "你说的是“你好”。"


def test_the_conversation_that_the_browser_kept_moves_into_the_house_once(open_page: OpenPage) -> None:
    old = {
        "messages": [
            {"role": "user", "content": "从前的问题"},
            {"role": "assistant", "content": "从前的**回答**", "reasoning": "想过", "thinkMs": 900, "state": "done"},
        ],
        "spent": {"answers": 1},
        "draft": "",
    }
    kept = f"localStorage.setItem('huozhong.conversation', {json.dumps(json.dumps(old))})"
    page = open_page(script=f"if (!sessionStorage.moved) {{ sessionStorage.moved = 1; {kept} }}")
    page.locator(".item .open", has_text="从前的问题").click()
    expect(page.locator(".body strong")).to_have_text("回答")
    expect(page.locator(".thinking summary")).to_have_text("思考过程 · 0.9 秒")
    page.reload()
    expect(page.locator(".body strong")).to_have_text("回答")
    expect(page.locator(".item .open")).to_have_count(1)


def test_languages_switch_and_are_remembered(open_page: OpenPage) -> None:
    page = open_page(locale="en-US")
    assert page.locator("#welcome h2").inner_text() == "What shall we work out today?"
    assert page.locator("html").get_attribute("lang") == "en"
    ask(page, QUESTION)
    page.click("[data-t-label=bill]")
    assert "Cost of power" in page.locator(".bill").inner_text()
    page.select_option("#language", "zh")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.locator(".bill")).to_contain_text("焦耳")
    expect(page.locator(".thinking summary")).to_contain_text(re.compile(r"^\s*思考过程"))
    expect(page.locator("#input")).to_have_attribute("placeholder", "问一个问题…")
    page.select_option("#language", "zh-Hant")
    expect(page.locator("#new")).to_have_text("新對話")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hant")
    expect(page.locator("#find")).to_have_attribute("placeholder", "搜尋對話")


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
        fits = "[document.documentElement, document.querySelector('main')].every(n => n.scrollWidth <= 360)"
        assert page.evaluate(fits)
        ask(page, "排版")
        ask(page, QUESTION)
        page.locator("[data-t-label=bill]").last.click()
        assert page.evaluate(fits)
        composer = page.locator("#composer").bounding_box()
        assert composer is not None
        assert composer["y"] + composer["height"] <= 640
        open_settings(page)
        expect(page.locator("#set-thinking")).to_be_focused()
        assert page.evaluate(SMALL) == []
        panel = page.locator("#settings").bounding_box()
        assert panel is not None
        assert panel["x"] >= 0
        assert panel["x"] + panel["width"] <= 360
        page.keyboard.press("Escape")
        page.click("#side-open")
        expect(page.locator("#new")).to_be_visible()
        assert page.evaluate(SMALL) == []
        expect(page.locator("#side-close")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator("#new")).to_be_hidden()
        expect(page.locator("#side-open")).to_be_focused()


def test_magnified_four_times_everything_can_be_used(open_page: OpenPage) -> None:
    page = open_page(width=320, height=256)  # 1280 × 1024 at 400 %
    ask(page, "排版")
    assert page.evaluate("document.documentElement.scrollWidth <= 320")
    box = page.locator("#scroll").bounding_box()
    assert box is not None
    assert box["height"] > 110, "room to read"
    page.click("#side-open")
    page.locator("#house-menu").scroll_into_view_if_needed()
    page.click("#house-menu")
    page.locator("[role=menuitem]").last.scroll_into_view_if_needed()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    open_settings(page)
    page.locator("#set-reset").click()


def test_nothing_moves_while_the_page_loads(open_page: OpenPage, browser: Browser, site: StandIn) -> None:
    page = open_page()
    ask(page, "你好")
    watch = (
        "new PerformanceObserver(l => l.getEntries().forEach(e => { window.shift = (window.shift || 0) + e.value }))"
    )
    page.add_init_script(f"{watch}.observe({{type: 'layout-shift', buffered: true}})")
    page.goto(site.url)
    page.wait_for_selector(".item")
    page.wait_for_timeout(300)
    assert page.evaluate("window.shift || 0") < 0.01


def test_a_printed_chat_is_whole(open_page: OpenPage) -> None:
    page = open_page()
    for _ in range(3):
        ask(page, "排版")
    ask(page, "很长")
    screen = page.evaluate("document.body.scrollHeight")
    assert screen <= 800
    pages = PdfReader(io.BytesIO(page.pdf(format="A4"))).pages
    text = unicodedata.normalize("NFKC", "".join(one.extract_text() for one in pages)).replace("\n", "")
    assert text.count("一句话。") == 400
    assert text.count("def area(width, height)") == 3
    assert "新对话" not in text
    page.emulate_media(media="print")
    assert page.locator("#composer").is_hidden()
    assert page.locator(".tools:visible").count() == 0


def test_a_chat_of_four_hundred_messages_is_two_requests_at_most(open_page: OpenPage, site: StandIn) -> None:
    said = []
    for number in range(200):
        said += [
            {"id": f"q{number}", "parent": said[-1]["id"] if said else None, "role": "user", "content": f"问{number}"}
        ]
        said += [
            {"id": f"a{number}", "parent": f"q{number}", "role": "assistant", "content": MARKDOWN, "state": "done"}
        ]
    chat = [{"format": "huozhong-conversation", "version": 1, "title": "长谈", "messages": said}]
    assert httpx.post(f"{site.url}/house/import", json=chat).json()["imported"] == 1
    page = open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator(".item .open").click()
    # What the server had not made ready yet comes with the second.
    page.wait_for_function("() => document.querySelectorAll('.answer .body table').length === 200")
    left = "const it = document.getElementById('scroll'); return it.scrollHeight - it.scrollTop - it.clientHeight"
    page.wait_for_function(f"() => {{ {left} < 5; }}")  # it stands at its end
    chats = [url for url in asked if "/house/conversations/" in url]
    assert chats in (chats[:1], [chats[0], f"{chats[0]}/html"])
