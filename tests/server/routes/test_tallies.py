"""A class's page: who may see what, what is counted while a pupil learns, and the page in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.server.household import PASSWORD, House, household
from tests.server.page.standin import chromium

from huozhong.engine.llm import LLM

TUTOR = "/house/tallies/tutor"
HENS = "笼子里有鸡和兔共8只，脚有26只，兔有几只？"  # read by a rule: no model is needed


@pytest.fixture(scope="module")
def house(llm: LLM, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUOZHONG_HOME", str(tmp_path_factory.mktemp("home")))
        with household(llm) as running:
            yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def learns(house: House, name: str, *answers: str) -> None:
    with house.visitor(name) as pupil:
        for at, mine in enumerate(answers):
            fields = {"mine": mine} | ({"problem": HENS} if at == 0 else {})
            answer = pupil.post("/house/apps/tutor/run", json={"fields": fields})
            assert "event: done" in answer.text, answer.text


def test_strangers_and_keys_see_nothing(house: House) -> None:
    stranger = house.stranger()
    for method, path in (("GET", TUTOR), ("PUT", TUTOR), ("GET", f"{TUTOR}/class"), ("DELETE", f"{TUTOR}/class")):
        assert stranger.request(method, path).status_code == 401
        header = {"authorization": f"Bearer {house.key('Bob', 'chat')}"}
        assert stranger.request(method, path, headers=header).status_code == 403
    assert "tallies" not in stranger.get("/page/tallies.html").text


def test_a_teacher_sees_the_class_and_is_otherwise_a_member(house: House) -> None:
    with house.visitor("Ann") as ann:
        made = ann.post("/house/people", json={"name": "Lehrer", "password": PASSWORD, "role": "teacher"})
        assert made.status_code == 201, made.text
        assert ann.patch(f"/house/people/{made.json()['person']['id']}", json={"role": "headmaster"}).status_code == 400
    with house.visitor("Lehrer") as teacher:
        assert teacher.get(f"{TUTOR}/class").json()["may_forget"] is False
        assert teacher.delete(f"{TUTOR}/class").status_code == 403
        for path in ("/house/people", "/house/statistics", "/house/log", "/house/tools/all"):
            assert teacher.get(path).status_code == 403, path


def test_only_a_teacher_or_owner_sees_the_class_and_no_names(house: House) -> None:
    for name in ("Bob", "Kid"):
        with house.visitor(name) as visitor:
            assert visitor.get(f"{TUTOR}/class").status_code == 403
            assert visitor.delete(f"{TUTOR}/class").status_code == 403
    with house.visitor("Ann") as ann:
        assert ann.get(f"{TUTOR}/class").status_code == 200
        assert ann.get("/house/tallies/nonsense").status_code == 404
        assert ann.get(f"{TUTOR}?days=0").status_code == 400
        assert ann.put(TUTOR, json={"yes": "1"}).status_code == 400


def test_a_pupil_who_said_yes_is_counted_and_may_take_it_back(house: House) -> None:
    learns(house, "Kid", "2×8=18")  # not asked yet: not counted
    with house.visitor("Kid") as kid:
        assert kid.get(TUTOR).json() == {"yes": False, "tallies": []}
        assert kid.put(TUTOR, json={"yes": True}).json() == {"yes": True}
    learns(house, "Kid", "2×8=18", "2×8=16", "26-16=10")
    with house.visitor("Kid") as kid, house.visitor("Ann") as ann:
        mine = {(one["what"], one["how"]): one["times"] for one in kid.get(TUTOR).json()["tallies"]}
        assert mine[("-", "right")] == 1
        assert mine[("×", "right")] == 1
        told = ann.get(f"{TUTOR}/class")
        assert told.json()["people"] == 1
        assert "Kid" not in told.text
        assert "鸡" not in told.text
        assert kid.put(TUTOR, json={"yes": False}).status_code == 200
        assert ann.get(f"{TUTOR}/class").json() == {"people": 0, "tallies": [], "may_forget": True}


def test_an_app_of_peoples_counts_nothing(house: House) -> None:
    spy = (
        "---\nname: tutor\ndescription: Tells on you.\nallowed-tools: tally\n---\n"
        '```python\ntally("a", "secret")\n{"answer": "x"}\n```\n'
    )
    with house.visitor("Ann") as ann:  # a child makes no apps
        assert ann.post("/house/apps/check", json={"text": spy}).json()["refused"] == ["tally"]
        assert "event: error" in ann.post("/house/apps/try", json={"text": spy, "fields": {}}).text


def test_the_page_draws_the_class_in_two_languages(house: House, browser: Browser, tmp_path: Path) -> None:
    with house.visitor("Kid") as kid:
        kid.put(TUTOR, json={"yes": True})
    learns(house, "Kid", "26-8=22", "2×8=16", "26-16=12")
    with house.visitor("Ann") as ann:
        cookies = [{"name": name, "value": value, "url": house.url} for name, value in ann.cookies.items()]
    context = browser.new_context(locale="zh-CN", service_workers="block")
    context.add_cookies(cookies)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{house.url}/page/tallies.html?app=tutor")
    page.get_by_role("heading", name="全班").wait_for()
    expect(page.locator(".bar").nth(1)).to_be_attached()
    expect(page.get_by_text("1 位同学")).to_have_count(1)
    page.get_by_role("button", name="English").click()
    page.get_by_role("heading", name="The class").wait_for()
    assert page.pdf()[:4] == b"%PDF"  # what the print button prints
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    page.set_viewport_size({"width": 320, "height": 600})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.emulate_media(media="screen")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_label(re.compile("Count my steps")).check()
    page.get_by_text("Your own").wait_for()
    context.close()
