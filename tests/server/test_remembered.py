"""What apps remember of a person goes when all is cleared, comes back with an undo, and goes with the person."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.server.household import House, household

from huozhong.engine.llm import LLM
from huozhong.server.remembered import bring_back, forget, put_aside, remembered


@pytest.fixture
def house(llm: LLM, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUOZHONG_HOME", str(tmp_path_factory.mktemp("home")))
        with household(llm) as running:
            yield running


def learn(person: int, words: str) -> None:
    file = remembered(person, "tutor")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(words)


def test_the_next_pupil_meets_apps_that_know_nothing(house: House) -> None:
    bob, kid = house.ids["Bob"], house.ids["Kid"]
    learn(bob, "Bob's")
    learn(kid, "Kid's")
    with house.visitor("Bob") as visitor:
        at = visitor.post("/house/clear", json={}).json()["at"]
        assert not remembered(bob, "tutor").exists()
        assert remembered(kid, "tutor").read_text() == "Kid's"
        assert visitor.post("/house/clear/undo", json={"at": at}).status_code == 200
        assert remembered(bob, "tutor").read_text() == "Bob's"
        assert visitor.post("/house/clear/undo", json={"at": 2**63}).status_code == 400


def test_what_is_new_is_not_overwritten_and_only_the_last_clearing_is_kept(house: House) -> None:
    learn(9, "first")
    put_aside(9, 1)
    learn(9, "second")
    bring_back(9, 1)
    assert remembered(9, "tutor").read_text() == "second"
    put_aside(9, 2)
    put_aside(9, 3)  # nothing was there
    bring_back(9, 1)
    bring_back(9, 2)
    assert not remembered(9, "tutor").exists()


def test_who_goes_leaves_nothing(house: House) -> None:
    kid = house.ids["Kid"]
    learn(kid, "before")
    put_aside(kid, 5)
    learn(kid, "after")
    with house.visitor("Ann") as ann:
        assert ann.delete(f"/house/people/{kid}").status_code == 200
    bring_back(kid, 5)
    assert not remembered(kid, "tutor").exists()
    forget(kid)  # once more is no harm
