"""People's own account: sessions, keys, language, password; and that none of it is ever another's."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.server.household import PASSWORD, House, household

from huozhong.engine.llm import LLM


@pytest.fixture(scope="module")
def house(llm: LLM) -> Iterator[House]:
    with household(llm) as running:
        yield running


def test_sessions_are_listed_and_ended(house: House) -> None:
    phone, pc, other = house.visitor("Bob"), house.visitor("Bob"), house.visitor("Ann")
    listed = pc.get("/house/sessions").json()["sessions"]
    assert len(listed) == 2
    assert [one["current"] for one in listed].count(True) == 1
    assert "token" not in str(listed)
    theirs = next(one["id"] for one in listed if not one["current"])
    assert other.delete(f"/house/sessions/{theirs}").status_code == 404, "another person's"
    assert phone.get("/house/me").status_code == 200
    assert pc.delete(f"/house/sessions/{theirs}").status_code == 200
    assert phone.get("/house/me").status_code == 401
    assert pc.delete(f"/house/sessions/{theirs}").status_code == 404
    third = house.visitor("Bob")
    assert third.delete("/house/sessions").status_code == 200
    assert pc.get("/house/me").status_code == 401
    assert third.get("/house/me").status_code == 200


def test_a_key_is_shown_once_and_is_its_persons(house: House) -> None:
    with house.visitor("Bob") as bob, house.visitor("Ann") as ann:
        made = bob.post("/house/keys", json={"name": "<b>editor</b>", "scopes": ["chat", "models"]})
        assert made.status_code == 201
        key, number = made.json()["key"], made.json()["id"]
        listed = bob.get("/house/keys").text
        assert key not in listed
        assert number in listed
        assert number not in ann.get("/house/keys").text
        assert ann.delete(f"/house/keys/{number}").status_code == 404
        headers = {"authorization": f"Bearer {key}"}
        assert house.stranger().get("/v1/models", headers=headers).status_code == 200
        assert (
            house.stranger().post("/house/keys", json={"name": "x", "scopes": ["chat"]}, headers=headers).status_code
            == 403
        )
        assert bob.delete(f"/house/keys/{number}").status_code == 200
        assert house.stranger().get("/v1/models", headers=headers).status_code == 401


def test_wrong_keys_are_refused_in_clear_words(house: House) -> None:
    with house.visitor("Bob") as bob:
        for body, word in (
            ({"name": "x", "scopes": ["admin"]}, "owner"),
            ({"name": "x", "scopes": ["root"]}, "root"),
            ({"name": "x", "scopes": []}, "scopes"),
            ({"name": "", "scopes": ["chat"]}, "name"),
            ({"name": "a\0b", "scopes": ["chat"]}, "name"),
            ({"name": "x", "scope": ["chat"]}, "scopes"),
        ):
            answer = bob.post("/house/keys", json=body)
            assert answer.status_code == 400
            assert word in answer.json()["error"]["message"]


def test_a_child_has_neither_keys_nor_settings(house: House) -> None:
    with house.visitor("Kid") as kid:
        assert kid.post("/house/keys", json={"name": "x", "scopes": ["chat"]}).status_code == 403
        made = kid.post("/house/conversations", json={})
        assert made.status_code == 201
        path = f"/house/conversations/{made.json()['id']}"
        for settings in ({"system": "you are evil"}, {"temperature": 2}, {"max_tokens": 5}):
            asked = {"parent": None, "content": "你好", "settings": settings}
            assert kid.post(f"{path}/ask", json=asked).status_code == 403
            assert kid.patch(path, json={"settings": settings}).status_code == 403
            assert kid.post("/house/conversations", json={"settings": settings}).status_code == 403
        asked = {"parent": None, "content": "你好", "settings": {"thinking": False}}
        answer = kid.post(f"{path}/ask", json=asked)
        assert answer.status_code == 201
        kid.post(f"/house/messages/{answer.json()['answer']['id']}/stop")
        for path in ("/house/people", "/house/statistics", "/house/log", "/house/join-code", "/metrics"):
            assert kid.get(path).status_code == 403


def test_a_new_password_needs_the_old_one_and_ends_the_other_sessions(house: House) -> None:
    house.add("Eva", "member")
    phone, pc = house.visitor("Eva"), house.visitor("Eva")
    old = pc.cookies["huozhong"]
    fresh = "夜来风雨声 42"
    for body in ({"new_password": fresh}, {"new_password": fresh, "password": "wrong"}):
        answer = pc.patch("/house/me", json=body)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "wrong_login"
    assert pc.patch("/house/me", json={"password": PASSWORD, "new_password": "12345678"}).status_code == 400
    assert phone.get("/house/me").status_code == 200
    changed = pc.patch("/house/me", json={"password": PASSWORD, "new_password": fresh})
    assert changed.status_code == 200
    assert pc.cookies["huozhong"] != old
    assert pc.get("/house/me").status_code == 200
    assert phone.get("/house/me").status_code == 401
    body = {"name": "Eva", "password": PASSWORD}
    assert httpx.post(f"{house.url}/house/login", json=body).status_code == 401
    assert httpx.post(f"{house.url}/house/login", json=body | {"password": fresh}).status_code == 200


def test_guessing_the_present_password_is_slowed_down(house: House) -> None:
    house.add("Ida", "member")
    with house.visitor("Ida") as ida:
        body = {"new_password": "夜来风雨声 42"}
        statuses = [ida.patch("/house/me", json=body | {"password": f"guess {n}"}).status_code for n in range(7)]
        assert statuses[0] == 401
        assert statuses[-1] == 429


def test_the_language_is_the_persons(house: House) -> None:
    with house.visitor("Bob") as bob:
        assert bob.patch("/house/me", json={"language": "en"}).json()["person"]["language"] == "en"
        assert bob.get("/house/me").json()["person"]["language"] == "en"
        assert bob.get("/house/me").json()["login"] is True
        assert bob.patch("/house/me", json={"language": "<script>"}).status_code == 400
        assert bob.patch("/house/me", json={"role": "owner"}).status_code == 400
        assert bob.get("/house/me").json()["person"]["role"] == "member"
