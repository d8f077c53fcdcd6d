"""The owner's lists: people, budgets, join codes; and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.server.household import PASSWORD, House, household

from huozhong.engine.llm import LLM

# Everything that is an owner's alone.
OWNERS = [
    ("GET", "/house/people"), ("POST", "/house/people"), ("PATCH", "/house/people/2"), ("DELETE", "/house/people/2"),
    ("GET", "/house/join-code"), ("POST", "/house/join-code"), ("DELETE", "/house/join-code"),
    ("GET", "/house/join-code/member.svg"), ("GET", "/house/statistics"), ("GET", "/house/log"), ("GET", "/metrics"),
    ("POST", "/house/backup"), ("GET", "/house/people/4/apps"), ("PUT", "/house/people/4/apps"),
]  # fmt: skip


@pytest.fixture(scope="module")
def house(llm: LLM) -> Iterator[House]:
    with household(llm) as running:
        yield running


@pytest.mark.parametrize("name", ["Bob", "Kid"])
def test_what_is_an_owners_is_nobody_elses(house: House, name: str) -> None:
    with house.visitor(name) as client:
        for method, path in OWNERS:
            body = {"name": "Eve", "password": PASSWORD} if method == "POST" else {"role": "owner"}
            answer = client.request(method, path, json=None if method in ("GET", "DELETE") else body)
            assert answer.status_code == 403, f"{method} {path}"
            assert answer.json()["error"]["code"] == "forbidden"
        assert client.get("/house/me").json()["person"]["name"] == name


def test_people_are_added_changed_and_removed(house: House) -> None:
    with house.visitor("Ann") as ann:
        made = ann.post("/house/people", json={"name": "小李", "password": PASSWORD, "role": "child"})
        assert made.status_code == 201
        number = made.json()["person"]["id"]
        changes = {"quiet_from": 1320, "quiet_to": 420, "daily_tokens": 5000, "daily_money": 0.5, "role": "member"}
        changed = ann.patch(f"/house/people/{number}", json=changes).json()["person"]
        assert {name: changed[name] for name in changes} == changes
        assert (
            ann.patch(f"/house/people/{number}", json={"daily_tokens": None}).json()["person"]["daily_tokens"] is None
        )
        listed = ann.get("/house/people")
        assert "小李" in listed.text
        assert "argon2" not in listed.text
        bob = house.visitor("小李")
        assert ann.patch(f"/house/people/{number}", json={"password": "夜来风雨声 42"}).status_code == 200
        assert bob.get("/house/me").status_code == 401, "a new password ends the sessions"
        assert ann.delete(f"/house/people/{number}").status_code == 200
        assert "小李" not in ann.get("/house/people").text


def test_wrong_changes_are_refused_by_name(house: House) -> None:
    with house.visitor("Ann") as ann:
        bob = house.ids["Bob"]
        for body, word in (
            ({"role": "king"}, "role"), ({"role": None}, "role"), ({"quiet_from": 1440}, "quiet_from"),
            ({"daily_tokens": -1}, "daily_tokens"), ({"daily_tokens": 1.5}, "daily_tokens"),
            ({"daily_money": 1e300}, "daily_money"), ({"language": "xx"}, "language"), ({"name": "Eve"}, "name"),
            ({"password_hash": "x"}, "password_hash"), ({"disabled": None}, "disabled"),
        ):  # fmt: skip
            answer = ann.patch(f"/house/people/{bob}", json=body)
            assert answer.status_code == 400, body
            assert word in answer.json()["error"]["message"]
        for number in ("0", "1", "999", "99999999999999999999", "-1"):
            assert ann.patch(f"/house/people/{number}", json={"role": "child"}).status_code == 404
        assert ann.patch("/house/people/x", json={"role": "child"}).status_code == 400
        last = ann.patch(f"/house/people/{house.ids['Ann']}", json={"role": "member"})
        assert (last.status_code, last.json()["error"]["code"]) == (409, "last_owner")
        assert ann.delete(f"/house/people/{house.ids['Ann']}").status_code == 409


def test_a_join_code_has_a_picture_and_holds_until_it_is_taken_back(house: House) -> None:
    with house.visitor("Ann") as ann:
        assert ann.get("/house/join-code/child.svg").status_code == 404
        made = ann.post("/house/join-code", json={"role": "child", "hours": 2, "uses": 1}).json()
        assert made["url"] == f"{house.url}/page/login.html#join={made['code'].replace('-', '')}"
        picture = ann.get(made["picture"])
        assert picture.headers["content-type"] == "image/svg+xml"
        assert picture.headers["content-security-policy"] == "default-src 'none'"
        assert picture.content.startswith(b"<svg")
        for body in ({"role": "owner"}, {"hours": 0}, {"hours": 1e9}, {"uses": 0}, {"role": "x"}):
            assert ann.post("/house/join-code", json=body).status_code == 400
        join = {"code": made["code"], "name": "小张", "password": "夜来风雨声 42"}
        assert house.stranger().post("/house/join", json=join).status_code == 201
        assert house.stranger().post("/house/join", json=join | {"name": "x"}).status_code == 403
        member = ann.post("/house/join-code", json={}).json()
        assert [one["code"] for one in ann.get("/house/join-code").json()["codes"]] == [member["code"]]
        assert ann.delete("/house/join-code").status_code == 200
        join = {"code": member["code"], "name": "小王", "password": "夜来风雨声 42"}
        assert house.stranger().post("/house/join", json=join).status_code == 403


def test_whoever_comes_after_somebody_was_removed_has_another_number_and_gets_nothing_of_theirs(house: House) -> None:
    with house.visitor("Ann") as ann:
        body = {"name": "Leaving", "password": PASSWORD, "role": "child"}
        gone = ann.post("/house/people", json=body).json()["person"]["id"]
        assert ann.put(f"/house/people/{gone}/apps", json={"apps": ["almanac"]}).json()["chosen"]
        assert ann.delete(f"/house/people/{gone}").status_code == 200
        next_one = ann.post("/house/people", json=body | {"name": "Arriving"}).json()["person"]["id"]
        assert next_one > gone
        told = ann.get(f"/house/people/{next_one}/apps").json()
        assert not told["chosen"]
        assert told["apps"] != ["almanac"]
        ann.delete(f"/house/people/{next_one}")
