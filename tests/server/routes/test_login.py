"""Coming in: guesses, unknown names, join codes, the first owner; and what never comes out again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import text
from tests.server.household import PASSWORD, House, household

from huozhong.engine.llm import LLM
from huozhong.store.joining import new_code
from huozhong.store.people import HOUSE, remove_person
from huozhong.store.tables.people import PersonRow


@pytest.fixture(scope="module")
def house(llm: LLM) -> Iterator[House]:
    with household(llm) as running:
        yield running


@pytest.fixture
def fresh(llm: LLM) -> Iterator[House]:
    """A house of its own, for tests after which nobody may try any more."""
    with household(llm) as running:
        yield running


def login(house: House, name: str, password: str) -> httpx.Response:
    return httpx.post(f"{house.url}/house/login", json={"name": name, "password": password}, timeout=60)


def test_a_wrong_password_and_an_unknown_name_are_told_the_same(house: House) -> None:
    wrong, unknown = login(house, "Ann", "wrong password"), login(house, "Zoe", PASSWORD)
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.headers.get("set-cookie") is None
    for name in ("", "\0", "a" * 10_000, "' OR 1=1 --", "Ann\u0000", "\u202eAnn"):
        assert login(house, name, PASSWORD).status_code in (401, 429)
    assert login(house, "ann", PASSWORD).json()["person"]["name"] == "Ann"


def test_the_house_itself_has_no_login(house: House) -> None:
    assert login(house, "", "").status_code == 401
    assert login(house, " ", PASSWORD).status_code == 401


def test_an_unknown_name_takes_as_long_as_a_known_one(fresh: House) -> None:
    """The least of a few alternating tries: without the second hash an unknown name would take next to nothing."""
    known, unknown = [], []
    for number in range(4):
        for times, name in ((known, "Ann"), (unknown, f"Zoe {number}")):
            began = time.process_time()  # the hash is made in this process; what else the machine does is left out
            assert login(fresh, name, "wrong password").status_code == 401
            times.append(time.process_time() - began)
    assert 0.4 < min(unknown) / min(known) < 2.5  # what else this process does can only add to them


def test_guesses_are_slowed_down_and_the_right_one_among_them_too(fresh: House) -> None:
    answers = [login(fresh, "Ann", f"guess number {n}") for n in range(7)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:4] == [401] * 4
    assert 429 in statuses
    blocked = answers[-1]
    assert blocked.status_code == 429
    assert int(blocked.headers["retry-after"]) >= 1
    assert login(fresh, "Ann", PASSWORD).status_code == 429, "else guessing on would still find it"
    assert login(fresh, "Bob", PASSWORD).status_code == 200, "another's account is not locked"


def test_many_guesses_at_once_gain_nothing(fresh: House) -> None:
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda n: login(fresh, f"Zoe{n}", f"guess number {n}"), range(120)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {401, 429, 503}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code in (429, 503))
    assert statuses.count(401) < 110


def test_joining_with_a_code(house: House) -> None:
    code = house.join_code("child")
    body = {"code": f" {code[:4].lower()}-{code[4:]} ", "name": "小红", "password": "处处闻啼鸟 42"}
    weak = httpx.post(f"{house.url}/house/join", json=body | {"password": "12345678"})
    assert (weak.status_code, weak.json()["error"]["code"]) == (400, "weak_password")
    answer = httpx.post(f"{house.url}/house/join", json=body)
    assert answer.status_code == 201
    assert answer.json()["person"]["role"] == "child"
    assert "huozhong=" in answer.headers["set-cookie"]
    assert httpx.post(f"{house.url}/house/join", json=body).json()["error"]["code"] == "name_taken"
    extra = httpx.post(f"{house.url}/house/join", json=body | {"name": "Eve", "role": "owner"})
    assert extra.status_code == 400, "nobody chooses the own role"


def test_codes_cannot_be_guessed_for_long(fresh: House) -> None:
    statuses = []
    for number in range(8):
        body = {"code": f"AAAA-AAA{number}", "name": f"x{number}", "password": "处处闻啼鸟 42"}
        statuses.append(httpx.post(f"{fresh.url}/house/join", json=body).status_code)
    assert statuses[0] == 403
    assert 429 in statuses


def test_the_first_owner_comes_with_a_code_that_works_once(llm: LLM) -> None:
    with household(llm) as house:
        with house.store.begin() as session:
            for name in ("Bob", "Kid"):
                remove_person(session, house.ids[name])
            session.delete(session.get_one(PersonRow, house.ids["Ann"]))
            session.flush()
            code = new_code(session, "owner", uses=1).code
            session.execute(
                text(
                    "INSERT INTO conversation (id, person_id, title, title_is_own, pinned, settings, created, updated) "
                    "VALUES ('old', :house, 'old', false, false, '{}', 1, 1)"
                ),
                {"house": HOUSE},
            )
        with house.stranger() as client:
            body = {"code": code, "name": "Ann", "password": PASSWORD}
            answer = client.post("/house/join", json=body)
            assert answer.json()["person"]["role"] == "owner"
            assert client.get("/house/people").status_code == 200
            listed = client.get("/house/conversations").json()["conversations"]
            assert [one["id"] for one in listed] == ["old"], (
                "what was written before there were accounts is the owner's"
            )
        second = httpx.post(f"{house.url}/house/join", json=body | {"name": "Eve"})
        assert second.status_code == 403


def test_json_bombs_are_refused_quickly(house: House) -> None:
    bombs = [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"name": ' + b"1" * 500_000 + b"}",
        b'{"name": "\\ud800", "password": 1}',
    ]
    for bomb in bombs:
        began = time.process_time()
        answer = httpx.post(
            f"{house.url}/house/login", content=bomb, headers={"content-type": "application/json"}, timeout=120
        )
        assert answer.status_code in (400, 413)  # the second has more names than any request needs
        assert time.process_time() - began < 5
    huge = httpx.post(
        f"{house.url}/house/login", content=b" " * 5_000_000, headers={"content-type": "application/json"}, timeout=120
    )
    assert huge.status_code == 413
    assert login(house, "Bob", PASSWORD).status_code == 200


def test_an_old_hash_is_made_anew_at_the_login(house: House) -> None:
    from argon2 import PasswordHasher

    number = house.add("Old", "member")
    weaker = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD.encode())
    with house.store.begin() as session:
        session.get_one(PersonRow, number).password_hash = weaker
    assert login(house, "Old", PASSWORD).status_code == 200
    with house.store.read() as session:
        assert session.get_one(PersonRow, number).password_hash != weaker
    assert login(house, "Old", PASSWORD).status_code == 200
