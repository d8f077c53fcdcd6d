"""The gallery's doors: nothing without rights, another person's data never, consent always, no picture kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.apps.gallery.drawn import Drawn, jpeg
from tests.server.household import House, household

from huozhong.engine.llm import LLM

AT = "/house/room/gallery"
RULES = {"place": "敬老院大门", "purpose": "开门", "other_way": "按门铃", "keeper": "王主任"}
UNTIL = (date.today() + timedelta(days=300)).isoformat()


@pytest.fixture
def house(drawn: type[Drawn], llm: LLM) -> Iterator[House]:
    with household(llm) as running:
        yield running


@pytest.fixture
def owner(house: House) -> httpx.Client:
    client = house.visitor("Ann")
    assert client.put(f"{AT}/rules", json=RULES).status_code == 200
    return client


def frames(client: httpx.Client, person: int, count: int = 3, alone: bool = True) -> list[str]:
    taken = []
    for seed in range(count):
        answer = client.post(f"{AT}/frames?alone={int(alone)}", content=jpeg(person, seed=seed))
        assert answer.status_code == 200, answer.text
        taken.append(answer.json()["frame"])
    return taken


def form(name: str, taken: list[str], **changes: Any) -> dict[str, Any]:
    whole = {"name": name, "frames": taken, "signed_by": name, "signed_as": "本人", "until": UNTIL, "agreed": True}
    return whole | changes


def registered(client: httpx.Client, name: str, person: int) -> int:
    answer = client.post(f"{AT}/people", json=form(name, frames(client, person)))
    assert answer.status_code == 200, answer.text
    number: int = answer.json()["id"]
    return number


def look(client: httpx.Client, *people: int) -> dict[str, Any]:
    taken = client.post(f"{AT}/frames", content=jpeg(*people, seed=9)).json()["frame"]
    found: dict[str, Any] = client.post(f"{AT}/look", json={"frames": [taken]}).json()
    return found


def said(answer: httpx.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    message: str = answer.json()["error"]["message"]
    return message


def test_who_agreed_is_known_and_others_are_not(owner: httpx.Client, house: House) -> None:
    registered(owner, "张桂兰", 1)
    bob = house.visitor("Bob")
    known = look(bob, 1)
    assert (known["name"], known["other_way"], known["faces"]) == ("张桂兰", "按门铃", 1)
    assert set(known) == {"name", "likeness", "threshold", "other_way", "faces"}
    assert known["threshold"]["known"] == "given"
    stranger = look(bob, 2)
    assert (stranger["name"], stranger["other_way"]) == (None, "按门铃")
    assert look(bob, 1, 2)["faces"] == 2
    assert look(bob, 1, 2)["name"] == "张桂兰"  # the largest
    turned = bob.post(f"{AT}/frames", content=jpeg(1, seed=3, turned=True)).json()["frame"]
    assert bob.post(f"{AT}/look", json={"frames": [turned]}).json()["name"] == "张桂兰"


def test_nothing_of_a_picture_is_kept(owner: httpx.Client, tmp_path: Path) -> None:
    registered(owner, "张桂兰", 1)
    look(owner, 1)
    kept = tmp_path / "home" / "apps-data" / "gallery"
    assert {file.name for file in kept.iterdir()} == {
        "rules.json", "people.json", "faces.vectors", "audit.jsonl", "audit.head",
    }  # fmt: skip
    everything = b"".join(file.read_bytes() for file in kept.iterdir())
    assert b"\xff\xd8\xff" not in everything
    assert len(everything) < 20_000


DOORS = (
    ("GET", "state"), ("PUT", "rules"), ("POST", "frames"), ("POST", "look"), ("GET", "people"), ("POST", "people"),
    ("DELETE", "people/0"), ("POST", "people/0/export"), ("GET", "log"), ("POST", "log/witness"),
)  # fmt: skip
FOR_MEMBERS = {("GET", "state"), ("POST", "frames"), ("POST", "look")}


def test_without_rights_nothing_opens(owner: httpx.Client, house: House) -> None:
    number = registered(owner, "张桂兰", 1)
    with house.stranger() as stranger, house.visitor("Bob") as bob, house.visitor("Kid") as kid:
        for method, path in DOORS:
            body: dict[str, Any] = {"json": {}} if method in ("PUT", "POST") else {}
            assert stranger.request(method, f"{AT}/{path}", **body).status_code == 401, path
            assert kid.request(method, f"{AT}/{path}", **body).status_code == 404, path
            answer = bob.request(method, f"{AT}/{path}", **body).status_code
            assert (answer != 403) == ((method, path) in FOR_MEMBERS), path
            for secret in ("x", "right", "0"):
                assert stranger.request(method, f"/link/gallery/{secret}/{path}", **body).status_code in (401, 404)
        assert stranger.get("/room/gallery/").status_code == 401
        assert kid.get("/room/gallery/").status_code == 404
        # An owner may show a child the app; its doors stay shut all the same.
        shown = owner.put(f"/house/people/{house.ids['Kid']}/apps", json={"apps": ["gallery"]})
        assert shown.status_code == 200, shown.text
        assert kid.get("/room/gallery/").status_code == 200
        for method, path in DOORS:
            body = {"json": {}} if method in ("PUT", "POST") else {}
            assert kid.request(method, f"{AT}/{path}", **body).status_code in (403, 404), path
        told = bob.get(f"{AT}/state").text
        assert "张桂兰" not in told
    assert [one["id"] for one in owner.get(f"{AT}/people").json()["people"]] == [number]


def test_a_picture_serves_only_whom_it_was_taken_by_and_once(owner: httpx.Client, house: House) -> None:
    registered(owner, "张桂兰", 1)
    with house.visitor("Bob") as bob:
        taken = frames(owner, 1, 1)
        assert "重新拍" in said(bob.post(f"{AT}/look", json={"frames": taken}, headers={"accept-language": "zh"}))
        assert owner.post(f"{AT}/look", json={"frames": taken}).json()["name"] == "张桂兰"
        assert "take them again" in said(
            owner.post(f"{AT}/look", json={"frames": taken}, headers={"accept-language": "en"})
        )
        twice = frames(owner, 1, 1) * 2
        assert "take them again" in said(
            owner.post(f"{AT}/look", json={"frames": twice}, headers={"accept-language": "en"})
        )


def test_without_consent_nobody_is_registered(owner: httpx.Client) -> None:
    english = {"accept-language": "en"}
    for words, changes in (
        ("Without consent", {"agreed": False}),
        ("Without consent", {"agreed": "yes"}),
        ("consent of its own", {"signed_by": " "}),
        ("guardian", {"born": date.today().year - 10}),
        ("four digits", {"born": 12}),
        ("until which day", {"until": "for ever"}),
        ("at most 3 years", {"until": "2099-01-01"}),
        ("name is needed", {"name": " "}),
        ("3 to 5 pictures", {"frames": frames(owner, 1, 2)}),
        ("Unknown field: photo", {"photo": "x"}),
        ("pictures' names", {"frames": []}),
        ("pictures' names", {"frames": [1]}),
        ("one person", {"frames": [*frames(owner, 1, 2), *frames(owner, 7, 1)]}),
    ):
        whole = form("小明", frames(owner, 1)) | changes
        assert words in said(owner.post(f"{AT}/people", json=whole, headers=english)), changes
    assert owner.get(f"{AT}/people").json()["people"] == []
    child = form("小明", frames(owner, 1), born=date.today().year - 10, signed_by="张桂兰", signed_as="监护人")
    assert owner.post(f"{AT}/people", json=child).status_code == 200
    assert "too much like 小明" in said(owner.post(f"{AT}/people", json=form("二", frames(owner, 1)), headers=english))


def test_pictures_that_will_not_do_are_told(owner: httpx.Client) -> None:
    english = {"accept-language": "en"}
    for words, path, data in (
        ("not a picture", "frames", b"GIF89a"),
        ("not a picture", "frames", b""),
        ("not a picture", "frames", jpeg(1)[:2000]),
        ("No face is seen", "frames", jpeg()),
        ("2 faces are seen", "frames?alone=1", jpeg(1, 2)),
    ):
        assert words in said(owner.post(f"{AT}/{path}", content=data, headers=english)), words
    assert owner.post(f"{AT}/frames", content=b"\xff\xd8\xff" + bytes(13 << 20)).status_code == 413


def test_whoever_is_deleted_is_gone_and_exports_hold_one_person(owner: httpx.Client, tmp_path: Path) -> None:
    first, second = registered(owner, "张桂兰", 1), registered(owner, "李大爷", 2)
    look(owner, 1)
    look(owner, 2)
    told = owner.post(f"{AT}/people/{second}/export")
    assert told.headers["content-disposition"].startswith("attachment")
    assert (told.json()["name"], len(told.json()["vector"])) == ("李大爷", Drawn.dim)
    assert {line["person"] for line in told.json()["log"]} == {second}
    assert "张桂兰" not in told.text
    for bad in ("99", "x", "-1", "9" * 30):
        assert owner.post(f"{AT}/people/{bad}/export").status_code == 404
        assert owner.delete(f"{AT}/people/{bad}").status_code == 404
    assert owner.delete(f"{AT}/people/{first}").status_code == 204
    assert look(owner, 1)["name"] is None
    kept = b"".join(file.read_bytes() for file in (tmp_path / "home" / "apps-data" / "gallery").iterdir())
    assert "张桂兰".encode() not in kept
    assert json.dumps("张桂兰").encode() not in kept


def test_the_purpose_that_people_agreed_to_is_not_changed_under_them(owner: httpx.Client) -> None:
    number = registered(owner, "张桂兰", 1)
    other = RULES | {"purpose": "考勤"}
    assert "present purpose alone" in said(owner.put(f"{AT}/rules", json=other, headers={"accept-language": "en"}))
    assert owner.put(f"{AT}/rules", json=RULES | {"other_way": "报门牌号"}).status_code == 200
    assert look(owner, 3)["other_way"] == "报门牌号"
    assert "All four" in said(
        owner.put(f"{AT}/rules", json=RULES | {"other_way": " "}, headers={"accept-language": "en"})
    )
    owner.delete(f"{AT}/people/{number}")
    assert owner.put(f"{AT}/rules", json=other).status_code == 200


def test_before_the_rules_are_laid_down_nothing_is_looked_at(house: House) -> None:
    with house.visitor("Ann") as owner:
        assert owner.get(f"{AT}/state").json()["rules"] is None
        for answer in (owner.post(f"{AT}/frames", content=jpeg(1)), owner.get(f"{AT}/people"), owner.get(f"{AT}/log")):
            assert "还没有设好" in said(answer) or "Not set up" in said(answer)


def test_the_log_is_shown_whole_and_a_changed_one_is_refused(owner: httpx.Client, tmp_path: Path, house: House) -> None:
    number = registered(owner, "张桂兰", 1)
    with house.visitor("Bob") as bob:
        look(bob, 1)
        look(bob, 5)
    told = owner.get(f"{AT}/log").json()
    assert [(line["number"], line["what"], line["person"]) for line in told["lines"]] == [
        (3, "look", None), (2, "look", number), (1, "register", number),
    ]  # fmt: skip
    assert told["lines"][0]["who"].startswith("Bob")
    assert [line["number"] for line in owner.get(f"{AT}/log?before=3").json()["lines"]] == [2, 1]
    assert owner.post(f"{AT}/log/witness", json={"head": told["head"][:12]}).json() == {"line": 3}
    assert owner.post(f"{AT}/log/witness", json={"head": "0" * 12}).json() == {"line": None}
    file = tmp_path / "home" / "apps-data" / "gallery" / "audit.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    for cut in (lines[:2], lines[1:], [lines[0], lines[2]], []):
        file.write_bytes(b"".join(cut))
        assert owner.get(f"{AT}/log").status_code == 400
    assert "audit" in said(owner.get(f"{AT}/log", headers={"accept-language": "en"}))


def test_what_is_missing_is_told(owner: httpx.Client, drawn: type[Drawn], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawn, "missing", True)
    assert owner.get(f"{AT}/state").json()["problem"] == {"zh": "请安装卡片。", "en": "Install the cards."}
    assert "Install the cards" in said(owner.post(f"{AT}/frames", content=jpeg(1), headers={"accept-language": "en"}))
    assert owner.get(f"{AT}/people").status_code == 200
