"""The elders' phone in a real browser: set up by the family, called from by a link, and closed to everybody else."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.server.household import House

DOT = base64.b64decode(  # a PNG of one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
ROOM = "/house/room/callhome/"
PEOPLE = {
    "son": {"name": "建国", "relation": "儿子", "number": "138 0000 0001"},
    "sister": {"name": "玉珍", "relation": "姐姐", "number": "13800000002"},
    "grandmother": {"name": "阿嫲", "relation": "奶奶", "number": "13800000003"},
}
Voice = Callable[[str, int], bytes]


@pytest.fixture
def ids(house: House, voice: Voice) -> dict[str, str]:
    """Bob has set the phone up: three people, three recordings of each, one photo, one voice."""
    found = {}
    with house.visitor("Bob") as bob:
        bob.put(ROOM + "dialect", json={"dialect": "广州"}).raise_for_status()
        for name, person in PEOPLE.items():
            found[name] = bob.post(ROOM + "contacts", json=person).raise_for_status().json()["id"]
            for number in range(3):
                answer = bob.post(f"{ROOM}contacts/{found[name]}/tags", content=voice(name, number))
                assert answer.json() == {"tags": number + 1}
        bob.put(f"{ROOM}contacts/{found['son']}/photo", content=DOT).raise_for_status()
        bob.put(f"{ROOM}contacts/{found['son']}/voice", content=voice("son", 0)).raise_for_status()
    return found


def opened(browser: Browser, url: str, *, locale: str = "zh-CN", width: int = 360, height: int = 640) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale=locale, reduced_motion="reduce", service_workers="block"
    )
    # to a browser 127.0.0.1 is as good as https; a phone in the house comes by plain http, and has no microphone
    context.add_init_script("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})")
    page = context.new_page()
    page.problems = []  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.problems.append(str(error)))  # type: ignore[attr-defined]
    page.goto(url)
    return page


def link(house: House) -> str:
    with house.visitor("Bob") as bob:
        return str(bob.post(ROOM + "link").raise_for_status().json()["address"])


def test_grandma_types_or_records_and_only_a_green_button_dials(
    browser: Browser, house: House, ids: dict[str, str], voice: Voice
) -> None:
    page = opened(browser, link(house))
    page.fill("#said", "畀個仔打電話")
    page.keyboard.press("Enter")
    expect(page.locator(".who")).to_have_text("儿子 建国")
    expect(page.locator(".asked")).to_have_text("打给儿子建国，对吗？")
    expect(page.locator("#yes")).to_have_attribute("href", "tel:13800000001")
    assert page.locator(".one img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 1
    page.get_by_role("button", name="不是他").click()
    expect(page.locator(".three button")).to_have_count(2)
    page.get_by_role("button", name="重来").click()
    # over plain http the phone's own recorder is opened; its file comes here
    with page.expect_response("**/hear"):
        page.locator("#talk input").set_input_files(
            {"name": "said.wav", "mimeType": "audio/wav", "buffer": voice("sister", 3)}
        )
    expect(page.locator(".who")).to_have_text("姐姐 玉珍")
    expect(page.locator("#yes")).to_have_attribute("href", "tel:13800000002")
    assert page.problems == []  # type: ignore[attr-defined]
    page.context.close()


def test_what_is_unsure_shows_photos_and_emergencies_take_a_second_tap(
    browser: Browser, house: House, ids: dict[str, str]
) -> None:
    page = opened(browser, link(house))
    for said in ("打个电话", "给二舅打个电话"):
        page.fill("#said", said)
        page.keyboard.press("Enter")
        expect(page.get_by_text("是哪一个？").or_(page.get_by_text("没听到要打给谁"))).to_be_visible()
        expect(page.locator("#yes")).to_have_count(0)
        page.goto(page.url)
    page.fill("#said", "打119")
    page.keyboard.press("Enter")
    expect(page.locator("#yes")).to_have_count(0)
    page.click("#urgent")
    expect(page.locator("#yes")).to_have_attribute("href", "tel:119")
    page.context.close()


def test_the_family_sets_up_and_can_delete(browser: Browser, house: House, ids: dict[str, str], voice: Voice) -> None:
    with house.visitor("Bob") as bob:
        cookies = [{"name": k, "value": v, "url": house.url} for k, v in bob.cookies.items()]
    page = opened(browser, "about:blank", locale="en", width=1366, height=768)
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    page.goto(house.url + "/room/callhome/")
    page.click("#toSetup")
    page.fill("#new-relation", "女儿")
    page.fill("#new-name", "阿丽")
    page.fill("#new-number", "13800000004")
    page.click("#add button")
    expect(page.locator(".person")).to_have_count(4)
    mine = page.locator(".person").last
    mine.locator(".file input[type=file]").first.set_input_files(
        {"name": "a.wav", "mimeType": "audio/wav", "buffer": voice("son", 2)}
    )
    expect(page.locator(".person").last.get_by_text("1 of 3")).to_be_visible()
    remove = page.locator(".person").last.get_by_role("button", name="Delete", exact=True)
    remove.click()
    page.locator(".person").last.get_by_role("button", name="Really").click()
    expect(page.locator(".person")).to_have_count(3)
    assert page.problems == []  # type: ignore[attr-defined]
    page.context.close()
    with house.visitor("Bob") as bob:
        assert bob.delete(ROOM + "recordings").status_code == 204
        told = bob.get(ROOM + "phone").json()
        assert [(one["tags"], one["photo"], one["voice"]) for one in told["contacts"]] == [(0, False, False)] * 3
        refused = bob.post(ROOM + "hear", content=voice("son", 3))
        assert refused.status_code == 400
        assert "还没有录过名字" in refused.text


def test_nobody_gets_in_who_does_not_belong(house: House, ids: dict[str, str], voice: Voice, tmp_path: Path) -> None:
    stranger = house.stranger()
    for path in ("phone", f"contacts/{ids['son']}/photo", f"contacts/{ids['son']}/voice"):
        assert stranger.get(ROOM + path).status_code == 401
        assert stranger.get("/link/callhome/" + "x" * 22 + "/" + path).status_code == 404
    assert stranger.post(ROOM + "say", json={"said": "打给儿子"}).status_code == 401
    assert stranger.post(ROOM + "hear", content=voice("son", 3)).status_code == 401
    old = link(house)
    new = link(house)
    assert stranger.get(old).status_code == 404
    assert stranger.get(new).status_code == 200
    assert stranger.get(new + "phone").json()["may_change"] is False
    for method, path in (
        ("PUT", "dialect"), ("POST", "contacts"), ("DELETE", f"contacts/{ids['son']}"), ("DELETE", "recordings"),
        ("POST", f"contacts/{ids['son']}/tags"), ("PUT", f"contacts/{ids['son']}/photo"), ("POST", "link"),
    ):  # fmt: skip
        assert stranger.request(method, new + path, json={}).status_code in (404, 405), path
        assert stranger.request(method, ROOM + path, json={}).status_code == 401, path
    with house.visitor("Kid") as kid:
        for method, path in (("GET", "phone"), ("POST", "contacts"), ("POST", "link")):
            assert kid.request(method, ROOM + path, json=PEOPLE["son"]).status_code in (400, 403, 404), path
    with house.visitor("Bob") as bob:
        assert bob.delete(ROOM + "link").status_code == 204
        assert bob.get(ROOM + "contacts/../../phone").status_code == 404
        assert bob.get(ROOM + "contacts/nobody/photo").status_code == 404
        for bad in ({}, {"name": "a"}, {"name": "a", "number": "javascript:1"}, {"name": "a", "number": "1", "x": 1}):
            assert bob.post(ROOM + "contacts", json=bad).status_code == 400
        assert bob.put(f"{ROOM}contacts/{ids['son']}/photo", content=b"<svg onload=1>").status_code == 400
    assert stranger.get(new).status_code == 404
    assert list((tmp_path / "home" / "apps-data" / "callhome" / "tags").iterdir())  # what was said is not among them
