"""Which apps a child sees is an owner's word, at every route; favourites are everybody's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.household import House, household

from huozhong.engine.llm import LLM
from huozhong.errors import RequestError, SkillError
from huozhong.server.permits import MOST_CHOSEN, Permits
from huozhong.server.routes.apps import PATH

MINE = "---\nname: hello\ndescription: Says hello.\n---\nSay hello.\n"


@pytest.fixture(scope="module")
def house(llm: LLM, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUOZHONG_HOME", str(tmp_path_factory.mktemp("home")))
        with household(llm) as running:
            yield running


def test_a_child_sees_what_an_owner_chose_and_reaches_nothing_else(house: House) -> None:
    ann, kid = house.visitor("Ann"), house.visitor("Kid")
    chosen = f"/house/people/{house.ids['Kid']}/apps"

    def seen() -> set[str]:
        return {app["name"] for app in kid.get(PATH).json()["apps"]}

    assert "idioms" in seen()
    assert not {"fortune", "script", "almanac"} & seen(), "by default children see what one learns with"
    told = ann.put(chosen, json={"apps": ["almanac"]}).json()
    assert (told["apps"], told["chosen"]) == (["almanac"], True)
    assert seen() == {"almanac"}
    assert kid.post(f"{PATH}/almanac/run", json={"fields": {"day": "2026-02-17"}}).status_code == 200
    for method, path, body in (
        ("GET", "/idioms", None), ("GET", "/idioms/file", None), ("GET", "/idioms/qr", None),
        ("POST", "/idioms/run", {"fields": {"word": "画蛇添足"}}), ("PUT", "/idioms/favourite", {"on": True}),
    ):  # fmt: skip
        assert kid.request(method, PATH + path, json=body).status_code == 404, path
    text = {"text": MINE}
    for path, body in (("/check", text), ("/try", text), ("", text)):
        assert kid.post(PATH + path, json=body).status_code == 403, path
    assert kid.delete(PATH + "/almanac").status_code == 403
    assert not kid.get(PATH).json()["may_make"]
    assert ann.put(chosen, json={"apps": None}).json()["chosen"] is False
    assert "idioms" in seen()


def test_nobody_chooses_but_an_owner_and_only_for_children(house: House) -> None:
    path = f"/house/people/{house.ids['Kid']}/apps"
    for name in ("Bob", "Kid"):
        client = house.visitor(name)
        assert client.get(path).status_code == 403
        assert client.put(path, json={"apps": ["fortune"]}).status_code == 403
    assert house.stranger().put(path, json={"apps": []}).status_code == 401
    ann = house.visitor("Ann")
    assert ann.get(f"/house/people/{house.ids['Bob']}/apps").status_code == 400
    assert ann.get("/house/people/999/apps").status_code == 404
    for wrong in ({"apps": ["nothing"]}, {"apps": 3}, {}, {"apps": [], "more": 1}):
        assert ann.put(path, json=wrong).status_code == 400, wrong


def test_favourites_are_ones_own(house: House) -> None:
    ann, bob = house.visitor("Ann"), house.visitor("Bob")
    assert bob.put(f"{PATH}/quiz/favourite", json={"on": True}).json() == {"favourite": True}

    def marked(client: object) -> set[str]:
        return {app["name"] for app in client.get(PATH).json()["apps"] if app["favourite"]}  # type: ignore[attr-defined]

    assert marked(bob) == {"quiz"}
    assert marked(ann) == set()
    bob.put(f"{PATH}/quiz/favourite", json={"on": False})
    assert marked(bob) == set()
    for wrong in ({}, {"on": 1}, {"on": True, "x": 1}):
        assert bob.put(f"{PATH}/quiz/favourite", json=wrong).status_code == 400
    assert bob.put(f"{PATH}/none/favourite", json={"on": True}).status_code == 404
    assert house.stranger().put(f"{PATH}/quiz/favourite", json={"on": True}).status_code == 401


def test_a_damaged_file_opens_nothing(tmp_path: Path) -> None:
    file = tmp_path / "apps-chosen.json"
    permits = Permits(file)
    permits.choose(4, ["almanac"])
    file.write_text("{", encoding="utf-8")
    with pytest.raises(SkillError, match="cannot be read"):
        permits.chosen(4)


def test_favourites_have_a_bound(tmp_path: Path) -> None:
    permits = Permits(tmp_path / "apps-chosen.json")
    full = {"favourites": {"1": [f"app-{number}" for number in range(MOST_CHOSEN)]}}
    (tmp_path / "apps-chosen.json").write_text(json.dumps(full), encoding="utf-8")
    with pytest.raises(RequestError, match="favourites"):
        permits.mark(1, "another", True)
    permits.mark(1, "app-0", False)
    permits.mark(1, "another", True)
    assert len(permits.favourites(1)) == MOST_CHOSEN
