"""Coming in without scripts: over HTTP, and in browsers that have none, no modules, or only half of their language."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from tests.server.household import PASSWORD, House, household
from tests.server.page.standin import chromium, create_standin, serving

from huozhong.engine.llm import LLM

PATH = "/page/enter"


@pytest.fixture(scope="module")
def house(llm: LLM) -> Iterator[House]:
    with household(llm) as running:
        yield running


def form(house: House, **fields: str) -> httpx.Response:
    """A form as an old browser sends it, which does not say Origin."""
    headers = {"referer": house.url + PATH, "accept": "text/html", "accept-language": "zh-CN"}
    return house.stranger().post(PATH, data=fields, headers=headers)


def test_a_form_logs_in_and_out(house: House) -> None:
    with house.stranger() as client:
        headers = {"referer": house.url + PATH}
        came = client.post(PATH, data={"name": "Bob", "password": PASSWORD}, headers=headers)
        assert (came.status_code, came.headers["location"]) == (303, "/page/plain")
        cookie = came.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert client.get("/house/me").json()["person"]["name"] == "Bob"
        page = client.get("/page/plain").text
        assert 'name="leave"' in page
        left = client.post(PATH, data={"leave": "1"}, headers=headers)
        assert (left.status_code, left.headers["location"]) == (303, PATH)
        assert client.get("/house/me").status_code == 401


def test_a_form_joins_with_a_code(house: House) -> None:
    code = house.join_code("member")
    wrong = form(house, joins="1", code="AAAA-AAAA", name="阿婆", password=PASSWORD)
    assert wrong.status_code >= 400
    assert 'role="alert"' in wrong.text
    came = form(house, joins="1", code=code, name="阿婆", password=PASSWORD)
    assert (came.status_code, came.headers["location"]) == (303, "/page/plain")


def test_what_is_wrong_is_said_in_the_readers_language(house: House) -> None:
    wrong = form(house, name="Bob", password="wrong password")
    assert wrong.status_code == 401
    assert "名字或密码不对。<" in wrong.text
    assert "set-cookie" not in wrong.headers
    assert "请把空格都填上。" in form(house, name="Bob", password="").text
    assert "请把空格都填上。" in form(house, joins="1", code="", name="B", password=PASSWORD).text
    english = house.stranger().get(PATH, headers={"accept-language": "en"})
    assert "<h2>Log in</h2>" in english.text
    evil = form(house, name="<script>x</script>", password="wrong password")
    assert "<script>x" not in evil.text
    with house.stranger() as client:
        client.get(PATH, params={"language": "zh-Hant"})
        assert "加入碼" in client.get(PATH, headers={"accept-language": "en"}).text


def test_guesses_have_to_wait_as_everywhere(llm: LLM) -> None:
    with household(llm) as fresh:
        answers = [form(fresh, name="Bob", password=f"wrong password {number}") for number in range(12)]
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) > 0
        assert "秒再试" in answers[-1].text


def test_forms_of_other_pages_are_refused(house: House) -> None:
    fields = {"name": "Bob", "password": PASSWORD}
    for headers in ({}, {"referer": "http://evil.example/"}, {"origin": "http://evil.example"}, {"origin": "null"}):
        answer = house.stranger().post(PATH, data=fields, headers=headers)
        assert answer.status_code == 403, headers
        assert "set-cookie" not in answer.headers


def test_where_nobody_logs_in_it_leads_to_the_plain_page() -> None:
    app, _ = create_standin()
    with serving(app) as url:
        answer = httpx.get(url + PATH)
        assert (answer.status_code, answer.headers["location"]) == (303, "/page/plain")


@pytest.mark.slow
def test_old_browsers_come_in(house: House) -> None:
    with chromium() as browser:
        page = browser.new_page(locale="zh-CN", java_script_enabled=False)
        page.goto(house.url)
        page.wait_for_url(f"**{PATH}")
        page.locator("form").first.locator("input[name=name]").fill("Bob")
        page.locator("form").first.locator("input[name=password]").fill(PASSWORD)
        page.locator("form").first.locator("button").click()
        page.wait_for_url("**/page/plain")
        page.context.close()
        # A browser that has scripts but no modules runs what is marked nomodule, and takes the code of a QR along.
        code = house.join_code("member")
        old = browser.new_page(locale="zh-CN")
        html = httpx.get(f"{house.url}/page/login.html").text
        html = html.replace('type="module"', 'type="unknown"').replace("<script nomodule", "<script")
        old.route(re.compile(r"/page/login\.html"), lambda route: route.fulfill(body=html, content_type="text/html"))
        old.goto(f"{house.url}/page/login.html#join={code}")
        old.wait_for_url(f"**{PATH}")
        assert old.input_value("#code") == code
        assert code not in old.url
        # One that knows modules stops at the first word of them that it cannot read.
        stuck = browser.new_page(locale="zh-CN")
        stuck.route("**/page/login.js", lambda route: route.fulfill(body="let 1", content_type="text/javascript"))
        stuck.goto(house.url)
        stuck.wait_for_url(f"**{PATH}")
