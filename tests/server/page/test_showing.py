"""How the page shows and remembers, in a real browser: Markdown, safety, languages, themes, phones."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.server.page.standin import ATTACK, QUESTION, OpenPage, StandIn, ask, finished, last_answer

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
        fits = "[document.documentElement, document.querySelector('main')].every(n => n.scrollWidth <= 360)"
        assert page.evaluate(fits)
        ask(page, "排版")
        ask(page, QUESTION)
        assert page.evaluate(fits)
        composer = page.locator("#composer").bounding_box()
        assert composer is not None
        assert composer["y"] + composer["height"] <= 640
        page.click("#settings-button")
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, summary, .switch, textarea')].filter((node) => {
                 const box = node.getBoundingClientRect();
                 return box.width > 0 && (box.height < 44 || box.width < 44);
               }).map((node) => node.outerHTML)"""
        )
        assert small == []
        panel = page.locator("#settings").bounding_box()
        assert panel is not None
        assert panel["x"] >= 0
        assert panel["x"] + panel["width"] <= 360
