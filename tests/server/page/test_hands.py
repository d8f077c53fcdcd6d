"""Keyboard, input methods, screen readers and scrolling, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.server.page.standin import QUESTION, OpenPage, StandIn, ask, finished, open_settings

pytestmark = pytest.mark.slow  # each test is a second or two of a browser's life


def test_everything_by_keyboard(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    page.locator("body").press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    expect(page.locator("#input")).to_be_focused()
    page.keyboard.type("一行")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("1/2")
    assert page.input_value("#input") == "一行\n1/2"
    page.keyboard.press("Enter")
    finished(page)
    assert site.requests[-1].messages[-1]["content"] == "一行\n1/2"
    assert page.evaluate("document.activeElement.id") == "input"
    site.pace = 0.02
    page.keyboard.type("无尽")
    page.keyboard.press("Enter")
    page.wait_for_selector(".live .body:has-text('一句话。')")
    page.keyboard.press("Escape")
    page.wait_for_selector(".note:has-text('已停止')")
    # Backwards from the input: answer again, copy, and so on; each one with a visible ring.
    names = []
    for _ in range(2):
        page.keyboard.press("Shift+Tab")
    for _ in range(4):
        page.keyboard.press("Shift+Tab")
        names.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert names == ["这个回答用了多少", "重新回答", "复制回答", None]
    page.focus("#settings-button")
    page.keyboard.press("Enter")
    expect(page.locator("#set-thinking")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#settings-button")).to_be_focused()


def test_enter_that_picks_a_word_in_an_input_method_does_not_send(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    page.fill("#input", "ni hao")
    for detail in ("isComposing: true", "keyCode: 229"):
        page.evaluate(
            "document.getElementById('input').dispatchEvent(new KeyboardEvent('keydown',"
            f"{{key: 'Enter', bubbles: true, cancelable: true, {detail}}}))"
        )
    assert site.requests == []
    assert page.input_value("#input") == "ni hao"


def test_every_control_has_a_name(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, QUESTION)
    open_settings(page)
    expect(page.locator("#set-thinking")).to_be_focused()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, textarea, input, select')].filter((node) =>
             !(node.getAttribute('aria-label') || node.textContent.trim() || node.labels.length))
             .map((node) => node.outerHTML)"""
    )
    assert nameless == []
    assert page.get_attribute("#log", "aria-live") == "polite"


def test_scrolling_up_is_left_alone_and_a_button_leads_back(open_page: OpenPage, site: StandIn) -> None:
    page = open_page(height=500)
    site.pace = 0.005
    page.fill("#input", "无尽")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('scroll').scrollTop > 300")
    page.mouse.move(500, 200)
    page.mouse.wheel(0, -1_000_000)
    page.wait_for_selector("#to-end:not([hidden])")
    page.wait_for_timeout(200)  # where a step down of the page met the wheel, the browser adds the two
    top = page.evaluate("document.getElementById('scroll').scrollTop")
    before = len(page.locator(".body").inner_text())
    page.wait_for_function("before => document.querySelector('.body').innerText.length > before", arg=before)
    assert page.evaluate("document.getElementById('scroll').scrollTop") == top
    assert page.evaluate("document.getElementById('scroll').scrollHeight") > top + 600, "the end is further down"
    page.click("#to-end")
    page.wait_for_function("() => document.getElementById('scroll').scrollTop > 300")
    page.keyboard.press("Escape")
    expect(page.locator(".live")).to_have_count(0)


@pytest.mark.parametrize(("width", "height"), [(900, 560), (390, 640)])
def test_the_welcome_is_read_from_its_top_in_a_small_window(open_page: OpenPage, width: int, height: int) -> None:
    page = open_page(width=width, height=height)
    scroller = page.locator("#scroll")
    assert scroller.evaluate("it => it.scrollHeight > it.clientHeight")
    page.click("#input")
    assert scroller.evaluate("it => it.scrollTop") == 0


SPEECH = """
  window.said = [];
  window.SpeechSynthesisUtterance = function (text) { this.text = text; };
  Object.defineProperty(window, 'speechSynthesis', { value: {
    getVoices: () => [{ localService: true, lang: 'zh-CN' }, { localService: false, lang: 'en-US' }],
    speak: (one) => { window.said.push(one); }, cancel() {}, addEventListener() {},
  } });
  window.SpeechRecognition = class { start() { window.hearing = this; } stop() {} };
  window.SpeechRecognition.available = () => Promise.resolve('available');
"""


def test_reading_aloud_ends_though_the_last_words_have_no_voice(open_page: OpenPage, site: StandIn) -> None:
    page = open_page(script=SPEECH)
    site.answers["念"] = "第一句。\n\n12。\n\nThe end of it."
    ask(page, "念")
    button = page.locator(".answer [data-t-label=readAloud]")
    button.click()
    assert page.evaluate("window.said.map((one) => one.text)") == ["第一句。", "12。"]
    expect(page.locator(".answer [data-t-label=stopReading]")).to_be_visible()
    page.evaluate("window.said[1].onend()")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    page.evaluate("window.said[2].onerror()")  # the voice was taken away
    expect(button).to_have_attribute("aria-pressed", "false")


def test_what_is_dictated_stands_behind_what_was_typed(open_page: OpenPage) -> None:
    page = open_page(script=SPEECH)
    page.fill("#input", "请翻译：")
    page.click("#dictate")
    page.evaluate("window.hearing.onresult({results: [[{transcript: '你好'}]]})")
    expect(page.locator("#input")).to_have_value("请翻译：你好")
    page.evaluate("window.hearing.onresult({results: [[{transcript: '你好吗'}]]}), window.hearing.onend()")
    page.click("#dictate")
    page.evaluate("window.hearing.onresult({results: [[{transcript: '，谢谢'}]]})")
    expect(page.locator("#input")).to_have_value("请翻译：你好吗，谢谢")
