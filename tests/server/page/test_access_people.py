"""For everybody, on the pages of accounts, of the owner and of apps: axe's rules, the keyboard, thumbs, 400 %."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.server.household import House, household
from tests.server.page.test_access import violations

from huozhong.engine.llm import LLM

pytestmark = pytest.mark.slow

SHEETS = ("/page/account.html", "/page/owner.html", "/page/trust", "/page/apps.html", "/page/apps.html?app=letter",
          "/page/apps.html?new")  # fmt: skip
BEFORE = ("/page/login.html", "/page/login.html#join=ABCD-EFGH", "/page/enter")
# What a thumb must hit: 44 px, but for links within a text.
SMALL = """() => [...document.querySelectorAll(
    'button, summary, select, input, textarea, a.plain, a.main, .choices span, .check')]
  .filter((node) => !node.matches('.check input, .choices input, [type=hidden]')).filter((node) => {
    const box = node.getBoundingClientRect();
    return box.width > 0 && getComputedStyle(node).visibility === 'visible' && (box.height < 43.5 || box.width < 43.5);
  }).map((node) => node.outerHTML.slice(0, 120))"""


STOPS = """() => [...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, [tabindex="0"]')]
  .filter((node) => node.checkVisibility() && !node.disabled && node.type !== 'file')
  .filter((node) => node.type !== 'radio' || node.checked)
  .map((node, at) => { node.dataset.at = at; return at; })"""


@pytest.fixture(scope="module")
def house(llm: LLM) -> Iterator[House]:
    with household(llm) as running:
        with running.visitor("Bob") as bob:
            bob.post("/v1/chat/completions", json=running.body()).raise_for_status()
        running.key("Ann", "chat")
        running.join_code("member")
        yield running


@contextmanager
def visit(browser: Browser, house: House, name: str | None, **options: Any) -> Iterator[Page]:
    context = browser.new_context(reduced_motion="reduce", service_workers="block", **options)
    if name:
        with house.visitor(name) as client:
            cookie = next(iter(client.cookies.jar))
        context.add_cookies([{"name": cookie.name, "value": cookie.value or "", "url": house.url}])
    try:
        yield context.new_page()
    finally:
        context.close()


def shown(page: Page, url: str) -> None:
    page.goto("about:blank")
    page.goto(url, wait_until="networkidle")


# Each language with each theme, each of them at each size; all eight together find nothing more.
@pytest.mark.parametrize(
    ("locale", "theme", "width", "height"),
    [
        ("zh-CN", "light", 1366, 768),
        ("en-GB", "dark", 1366, 768),
        ("zh-CN", "dark", 360, 640),
        ("en-GB", "light", 360, 640),
    ],
)
def test_axe_finds_nothing(browser: Browser, house: House, locale: str, theme: str, width: int, height: int) -> None:
    problems: dict[str, Any] = {}

    def look(page: Page, path: str) -> None:
        shown(page, house.url + path)
        problems[path] = violations(page) + (page.evaluate(SMALL) if width == 360 else [])
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path

    options = {"locale": locale, "color_scheme": theme, "viewport": {"width": width, "height": height}}
    with visit(browser, house, "Ann", **options) as page:
        for path in SHEETS:
            look(page, path)
        page.goto(f"{house.url}/")
        page.click("#model")
        expect(page.locator("#models li").first).to_be_visible()
        page.wait_for_timeout(500)  # what is worth bringing here
        problems["models"] = violations(page)
    with visit(browser, house, None, **options) as page:
        for path in BEFORE:
            look(page, path)
    assert {where: found for where, found in problems.items() if found} == {}


@pytest.mark.parametrize("path", [*SHEETS, *BEFORE])
def test_magnified_four_times_everything_can_be_reached(browser: Browser, house: House, path: str) -> None:
    """1280 × 1024 at 400 %: nothing is cut off to the side, and the last control can be scrolled to."""
    name = None if path in BEFORE else "Ann"
    with visit(browser, house, name, viewport={"width": 320, "height": 256}, locale="en-GB") as page:
        shown(page, house.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        last = page.locator("button:visible, a[href]:visible, input:visible").last
        last.scroll_into_view_if_needed()
        assert last.evaluate(
            "(node) => { const box = node.getBoundingClientRect(); const top = document.elementFromPoint("
            "box.x + box.width / 2, box.y + box.height / 2); return node === top || node.contains(top)"
            " || (node.labels || []).length > 0; }"
        )


def test_every_function_by_keyboard(browser: Browser, house: House) -> None:
    """Tab reaches every control of each page, in order, each with a visible ring; Enter and Space work them."""
    with visit(browser, house, "Ann", locale="en-GB") as page:
        for path in SHEETS:
            shown(page, house.url + path)
            if path == "/page/owner.html":
                page.locator("details.person summary").first.click()
                page.evaluate("document.activeElement.blur()")
            wanted = page.evaluate(STOPS)
            reached = set()
            for _ in range(len(wanted) * 3 + 5):  # a time of day is three stops
                page.keyboard.press("Tab")
                at = page.evaluate("document.activeElement.dataset.at")
                if at is not None:
                    reached.add(int(at))
                    ring = page.evaluate(
                        "() => { const node = document.activeElement;"
                        "if (!node.matches(':focus')) return 'the browser rings a part of the control';"
                        "const seen = node.matches('.choices input') ? node.nextSibling : node;"
                        "return getComputedStyle(seen).outlineStyle; }"
                    )
                    assert ring != "none", page.evaluate("document.activeElement.outerHTML")
                if len(reached) == len(wanted):
                    break
            assert reached == set(wanted), path


def test_an_app_is_found_filled_in_and_left_by_keyboard(browser: Browser, house: House) -> None:
    with visit(browser, house, "Bob", locale="zh-CN") as page:
        page.goto(f"{house.url}/page/apps.html")
        page.locator("input[type=search]").press_sequentially("信")
        expect(page.locator(".apps a").first).to_be_visible()
        page.locator(".apps a").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("form")).to_be_visible()
        expect(page.locator("#main"), "what is new is read first").to_be_focused()
        page.go_back()
        expect(page.locator("input[type=search]")).to_be_visible()


def test_a_half_made_app_survives_another_language_and_a_step_back(browser: Browser, house: House) -> None:
    with visit(browser, house, "Bob", locale="zh-CN") as page:
        page.goto(f"{house.url}/page/apps.html?new")
        page.fill("#app-name", "讲故事")
        page.fill("#says", "讲一个故事。")
        page.click("#language")
        expect(page.locator("h1")).to_have_text("New app")
        expect(page.locator("#app-name")).to_have_value("讲故事")
        page.get_by_role("link", name="All apps").click()
        page.get_by_role("link", name="New app").click()
        expect(page.locator("#says")).to_have_value("讲一个故事。")
        expect(page.locator("#file")).to_have_value(re.compile("讲故事"))
