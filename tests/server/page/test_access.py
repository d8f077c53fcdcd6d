"""For everybody: axe's rules in every language and theme, and that no request leaves the machine (conftest watches)."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Page, expect
from tests.server.page.standin import QUESTION, OpenPage, StandIn, ask, at_rest, open_settings

pytestmark = pytest.mark.slow

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
CHECK = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
  .map((rule) => rule.id + ': ' + rule.nodes.map((node) => node.html + ' ' + node.failureSummary).join(' | '))"""


def violations(page: Page) -> list[str]:
    """What axe finds, all of its rules asked, those of good practice too."""
    page.evaluate(AXE)
    found: list[str] = page.evaluate(CHECK)
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["zh-CN", "zh-TW", "en-GB"])
def test_axe_finds_nothing(open_page: OpenPage, site: StandIn, locale: str, theme: str) -> None:
    page = open_page(locale=locale, color_scheme=theme)
    assert violations(page) == [], "welcome"
    ask(page, "排版")
    ask(page, QUESTION)
    page.locator(".thinking summary").last.click()
    page.locator("[data-t-label=bill]").last.click()
    page.locator("[data-t-label=again]:visible").last.click()
    page.wait_for_selector(".walk:visible")
    assert violations(page) == [], "a chat"
    open_settings(page)
    expect(page.locator("#set-thinking")).to_be_focused()
    assert violations(page) == [], "settings"
    page.keyboard.press("Escape")
    page.click("#chat-menu")
    assert violations(page) == [], "a menu"
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    assert violations(page) == [], "keys"
    page.keyboard.press("Escape")
    page.fill("#input", "常用")
    page.click("#shelf-button")
    page.click("#shelf-save")
    assert violations(page) == [], "saved prompts"
    page.keyboard.press("Escape")
    page.fill("#find", "粉笔")
    page.wait_for_selector(".snippet mark")
    assert violations(page) == [], "search"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_a_phone(open_page: OpenPage, site: StandIn, theme: str) -> None:
    page = open_page(width=360, height=640, has_touch=True, is_mobile=True, color_scheme=theme)
    ask(page, "排版")
    assert violations(page) == []
    page.click("#side-open")
    expect(page.locator("#new")).to_be_visible()
    at_rest(page)
    assert violations(page) == [], "the drawer"


def test_axe_finds_nothing_on_the_page_for_old_browsers(open_page: OpenPage, site: StandIn) -> None:
    page = open_page()
    ask(page, "排版")
    page.goto(f"{site.url}/page/plain?c={page.evaluate('location.hash.slice(3)')}")
    page.wait_for_selector(".answer table")
    assert violations(page) == []
