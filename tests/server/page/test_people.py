"""The pages of the door in a real browser: joining by phone, logging in, account sheet, owner's page, attacks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.server.household import PASSWORD, House, household

from huozhong.engine.llm import LLM

PAGES = ("/page/account.html", "/page/owner.html", "/page/login.html", "/page/trust")
XSS = "<img src=x onerror=hacked=1>"
# Everything that a person operates has a name, and nothing is wider than the screen.
NAMELESS = """() => [...document.querySelectorAll('button, a[href], input, select, textarea, img, svg[role=img]')]
  .filter((node) => node.offsetParent !== null || node.tagName === 'svg')
  .filter((node) => !(node.getAttribute('aria-label') || node.textContent.trim() || node.title || node.alt
      || (node.labels && [...node.labels].some((label) => label.textContent.trim()))))
  .filter((node) => !(node.tagName === 'IMG' && node.hasAttribute('alt')))
  .map((node) => node.outerHTML)"""


@pytest.fixture(scope="module")
def house(llm: LLM) -> Iterator[House]:
    with household(llm) as running:
        yield running


@contextmanager
def opened(browser: Browser, **options: Any) -> Iterator[Page]:
    """A visitor's browser; a script that fails, or a request that leaves the house, fails the test."""
    context = browser.new_context(**({"viewport": {"width": 390, "height": 800}, "locale": "zh-CN"} | options))
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("request", lambda asked: None if "//127.0.0.1" in asked.url else problems.append(asked.url))
    try:
        yield page
        assert page.evaluate("typeof hacked") == "undefined"
    finally:
        context.close()
    assert problems == []


def come_in(page: Page, house: House, name: str) -> None:
    page.goto(house.url)
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("#go")
    page.wait_for_url(f"{house.url}/")


def test_a_phone_joins_by_the_qr_codes_address(browser: Browser, house: House) -> None:
    code = house.join_code("member")
    with opened(browser, locale="en-US", has_touch=True) as page:
        page.goto(f"{house.url}/page/login.html#join={code}")
        expect(page.locator("#title")).to_have_text("Join")
        expect(page.locator("#code")).to_have_value(code)
        expect(page, "who goes back on a shared machine finds the code").not_to_have_url(re.compile(code))
        page.fill("#name", "Lin")
        page.fill("#password", "12345678")
        page.click("#go")
        expect(page.locator("#problem")).to_contain_text("first to be guessed")
        page.click("#language")
        expect(page.locator("#title")).to_have_text("加入")
        page.fill("#password", PASSWORD)
        page.click("#go")
        page.wait_for_url(f"{house.url}/")
        assert "huozhong" not in page.evaluate("document.cookie"), "no script can read the session"


def test_a_stranger_is_sent_to_the_login_and_told_what_is_wrong(browser: Browser, house: House) -> None:
    with opened(browser) as page:
        page.goto(house.url)
        page.wait_for_url(f"{house.url}/page/login.html")
        expect(page.locator("#title")).to_have_text("欢迎回来")
        page.click("#go")
        expect(page.locator("#problem")).to_have_text("请把空格都填上。")
        page.fill("#name", "Nobody")
        page.fill("#password", "wrong password")
        page.keyboard.press("Enter")
        expect(page.locator("#problem")).to_have_text("名字或密码不对。")
        page.check("#show")
        assert page.get_attribute("#password", "type") == "text"
        page.click("#other")
        expect(page.locator("#code")).to_be_visible()


def test_the_account_sheet_makes_a_key_ends_sessions_and_logs_out(browser: Browser, house: House) -> None:
    with opened(browser) as page, opened(browser) as other:
        come_in(other, house, "Bob")
        come_in(page, house, "Bob")
        page.goto(f"{house.url}/page/account.html")
        expect(page.locator("#sessions li")).to_have_count(2)
        expect(page.locator("#owner-link")).to_be_hidden()
        page.fill("#key-name", XSS)
        page.click("#key-form button[type=submit]")
        expect(page.locator("#made code")).to_contain_text("hz-")
        key = page.locator("#made code").inner_text()
        assert key.startswith("hz-")
        asked = house.stranger().get("/v1/models", headers={"authorization": f"Bearer {key}"})
        assert asked.status_code == 200
        expect(page.locator("#keys .grow")).to_contain_text(XSS)
        page.click("#others button")
        expect(page.locator("#sessions li")).to_have_count(1)
        other.goto(f"{house.url}/page/account.html")
        other.wait_for_url(f"{house.url}/page/login.html")
        page.locator("#keys button").click()
        page.locator("#keys button").click()  # "really?"
        expect(page.locator("#keys li")).to_have_count(0)
        page.fill("#old", "wrong")
        page.fill("#new", "处处闻啼鸟 42")
        page.click("#password-go")
        expect(page.locator("#password-told")).to_have_text("现在的密码不对。")
        page.click("#logout")
        page.wait_for_url(f"{house.url}/page/login.html")
        page.goto(f"{house.url}/page/account.html")
        page.wait_for_url(f"{house.url}/page/login.html")


def test_the_owners_page_shows_numbers_and_changes_people(browser: Browser, house: House) -> None:
    with house.visitor("Bob") as bob:
        assert bob.post("/v1/chat/completions", json=house.body()).status_code == 200
    with opened(browser, viewport={"width": 1200, "height": 900}) as page:
        come_in(page, house, "Ann")
        page.goto(f"{house.url}/page/owner.html")
        expect(page.locator("#tiles .tile")).to_have_count(8)
        expect(page.locator("svg.chart")).to_have_count(4)
        expect(page.locator("#used td").filter(has_text="Bob")).to_have_count(1)
        expect(page.locator("#here")).to_contain_text("Ann")
        expect(page.locator("#log-lines")).to_contain_text("POST /v1/chat/completions")
        page.fill("#add-name", "小新")
        page.fill("#add-password", PASSWORD)
        page.select_option("#add-role", "child")
        page.click("#add-go")
        person = page.locator("details.person").filter(has_text="小新")
        person.locator("summary").first.click()
        person.get_by_label("休息时间").fill("22:00")
        person.get_by_label("到", exact=True).fill("07:00")
        person.get_by_label("每天词元").fill("5000")
        with page.expect_response(re.compile("/house/people/")) as changed:
            person.get_by_text("保存").click()
        known = changed.value.json()["person"]
        assert (known["quiet_from"], known["quiet_to"], known["daily_tokens"]) == (1320, 420, 5000)
        page.click("text=给孩子的新码")
        picture = page.locator("#codes img")
        expect(picture).to_be_visible()
        page.wait_for_function("() => document.querySelector('#codes img').naturalWidth > 0")
        page.click("#language")
        expect(page.locator("h1")).to_have_text("This house")


def test_names_and_titles_are_text_wherever_they_are_shown(browser: Browser, house: House) -> None:
    """Stored XSS: whatever people call themselves, their chats, keys and browsers."""
    house.add(XSS, "member")
    with house.visitor(XSS) as evil:
        evil.headers["user-agent"] = XSS
        evil.get(f"/v1/{XSS}")
        made = evil.post("/house/conversations", json={"title": XSS}).json()["id"]
        asked = {"parent": None, "content": XSS + "<script>hacked=1</script>", "settings": {"max_tokens": 4}}
        evil.post(f"/house/conversations/{made}/ask", json=asked)
        evil.post("/house/keys", json={"name": XSS, "scopes": ["chat"]})
        evil.post("/v1/chat/completions", json=house.body())
    with opened(browser, user_agent=XSS, viewport={"width": 1200, "height": 900}) as page:
        come_in(page, house, "Ann")
        page.goto(f"{house.url}/page/owner.html")
        expect(page.locator("#people")).to_contain_text(XSS)
        expect(page.locator("#used")).to_contain_text(XSS)
        expect(page.locator("#log-lines")).to_contain_text("/v1/")
        page.goto(f"{house.url}/page/account.html")
        expect(page.locator("#sessions")).to_contain_text(XSS)
    with opened(browser) as page:
        come_in(page, house, XSS)
        page.wait_for_timeout(1000)
        page.goto(f"{house.url}/#/{made}")
        page.wait_for_timeout(1000)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
def test_every_page_is_named_and_fits_a_phone(browser: Browser, house: House, locale: str, theme: str) -> None:
    with opened(browser, locale=locale, color_scheme=theme, viewport={"width": 320, "height": 640}) as page:
        come_in(page, house, "Ann")
        for path in PAGES:
            page.goto(house.url + path, wait_until="networkidle")
            assert page.get_attribute("html", "data-theme") == theme
            assert page.evaluate(NAMELESS) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
            words = page.inner_text("body")
            other = re.findall(r"[\u4e00-\u9fff]{2,}", words) if locale == "en-US" else []
            assert set(other) <= {"中文", "小新"}, f"{path}: {other}"


def test_who_reads_traditional_characters_gets_them_on_every_page(browser: Browser, house: House) -> None:
    with opened(browser, locale="zh-TW") as page:
        page.goto(f"{house.url}/page/login.html")
        expect(page.locator("#title")).to_have_text("歡迎回來")
        come_in(page, house, "Ann")
        for path, told in (
            ("account.html", "登入著的裝置"),
            ("owner.html", "今天的日誌"),
            ("trust", "讓裝置信任這個家"),
            ("apps.html", "新的應用"),
            ("apps.html?app=idioms", "開始"),
            ("tallies.html?app=tutor", "哪一步容易錯"),
        ):
            page.goto(f"{house.url}/page/{path}")
            expect(page.locator("body")).to_contain_text(told)
            assert simplified(page.locator("body").inner_text()) == "", path


def simplified(text: str) -> str:
    """The Chinese characters that Taiwan's own encoding does not have."""
    return "".join(one for one in text if "一" <= one <= "鿿" and not one.encode("big5", "ignore"))
