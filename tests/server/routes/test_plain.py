"""The page without scripts, as an old browser uses it: over HTTP, and in a browser that knows no modules."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from tests.server.page.standin import StandIn, chromium, create_standin, serving


@pytest.fixture(scope="module")
def site() -> Iterator[StandIn]:
    app, standin = create_standin()
    with serving(app) as url:
        standin.url = url
        yield standin


@pytest.fixture
def http(site: StandIn) -> Iterator[httpx.Client]:
    site.forget()
    with httpx.Client(base_url=site.url, follow_redirects=True) as client:
        yield client


def asked(http: httpx.Client, content: str, **fields: str) -> str:
    """The conversation's page, once its answer is whole."""
    page = http.post("/page/plain", data={"content": content, **fields})
    while 'http-equiv="refresh"' in page.text:
        time.sleep(0.02)
        page = http.get(page.url)
    assert page.status_code == 200
    return page.text


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))


def test_questions_and_answers_without_scripts(http: httpx.Client, site: StandIn) -> None:
    assert "<script" not in http.get("/page/plain").text
    page = asked(http, "写一首绝句")
    assert "<strong>春雨</strong>" in page
    page = asked(http, "再来", **hidden(page))
    assert [message["role"] for message in site.requests[-1].messages] == ["user", "assistant", "user"]
    assert page.count('class="user"') == 2
    assert "写一首绝句</a></li>" in http.get("/page/plain").text
    assert http.post("/page/plain", data={"content": "  "}).status_code == 200
    assert len(site.requests) == 2


def test_a_growing_answer_can_be_watched_and_stopped(http: httpx.Client, site: StandIn) -> None:
    site.pace = 0.02
    page = http.post("/page/plain", data={"content": "很长"})
    assert 'http-equiv="refresh" content="2; url=/page/plain?c=' in page.text
    fields = hidden(page.text)
    stop = re.search(r'name="stop" value="([^"]+)"', page.text)
    assert stop is not None
    http.post("/page/plain", data={"stop": stop[1], **fields})
    assert site.ended.wait(60)


def test_nothing_that_was_written_is_markup(http: httpx.Client) -> None:
    page = asked(http, "攻击 <script>alert(1)</script><img src=x onerror=alert(2)>")
    assert "<script" not in page
    assert "<img" not in page
    policy = http.get("/page/plain").headers["content-security-policy"]
    assert "form-action 'self'" in policy
    assert "script-src 'self'" in policy


def test_words_follow_the_reader(http: httpx.Client) -> None:
    assert "This browser is an old one" in http.get("/page/plain", headers={"Accept-Language": "en"}).text
    assert "這個瀏覽器" in http.get("/page/plain?language=zh-Hant", headers={"Accept-Language": "en"}).text


def test_wrong_and_foreign_forms_are_refused(http: httpx.Client) -> None:
    assert http.get("/page/plain?c=nothing").status_code == 404
    assert http.post("/page/plain", data={"content": "x", "c": "nothing"}).status_code == 404
    assert http.post("/page/plain", data={"stop": "nothing"}).status_code == 404
    assert http.post("/page/plain", content=b"content=%ff").status_code == 400
    foreign = http.post("/page/plain", data={"content": "x"}, headers={"Origin": "http://evil.example"})
    assert foreign.status_code == 403


@pytest.mark.slow
def test_a_browser_without_modules_is_led_there_and_can_ask(http: httpx.Client, site: StandIn) -> None:
    with chromium() as browser:
        page = browser.new_page(locale="zh-CN", java_script_enabled=False)
        page.goto(site.url)
        page.wait_for_url("**/page/plain")
        page.fill("textarea", "你好")
        page.click("button")
        page.wait_for_selector(".answer:has-text('你说的是')", timeout=60_000)
        assert page.locator("textarea").count() == 1 or page.wait_for_selector("textarea", timeout=60_000)
        # A browser that has scripts but no modules runs what is marked nomodule, and nothing else.
        old = browser.new_page(locale="zh-CN")
        html = (
            httpx.get(site.url).text.replace('type="module"', 'type="unknown"').replace("<script nomodule", "<script")
        )
        old.route(site.url + "/", lambda route: route.fulfill(body=html, content_type="text/html"))
        old.goto(site.url)
        old.wait_for_url("**/page/plain")
        # One that knows modules stops at the first word of them that it cannot read.
        stuck = browser.new_page(locale="zh-CN")
        stuck.route("**/page/page.js", lambda route: route.fulfill(body="let 1", content_type="text/javascript"))
        stuck.goto(site.url)
        stuck.wait_for_url("**/page/plain")
