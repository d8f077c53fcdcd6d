"""Pages of trusted apps: served, asked through their doors, and closed to everybody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.conftest import Running, serving
from tests.server.household import House, household

from huozhong.engine.llm import LLM
from huozhong.skills.rooms import rooms

SKILL = """---
name: {name}
description: Counts bells in a real room of its own, for tests of the host.
metadata:
  title: 铃
  category: {category}
---

Ring {{what}}.

```fields
what: text 什么 / What
```
"""

ROOMS = """
import asyncio
from huozhong.errors import SkillError
from huozhong.skills.rooms import Blob, Door, Missing

def open_link(folder, secret):
    return (folder / "secret").is_file() and (folder / "secret").read_text() == secret

def ring(visit):
    if not isinstance(visit.body.get("times"), int):
        raise SkillError("times 是一个整数。", "'times' is a whole number.")
    visit.state["rung"] = visit.state.get("rung", 0) + visit.body["times"]
    return {"rung": visit.state["rung"], "who": visit.guest.role, "kept": visit.folder.name, "home": visit.address}

def bell(visit):
    if visit.names["id"] != "1":
        raise Missing("没有这口钟。", "There is no such bell.")
    return Blob(b"ding", "audio/wav", "\\u949f.wav")

def weigh(visit):
    return {"bytes": len(visit.body), "kind": visit.kind}

def sweep(visit):
    visit.state.clear()

async def told(visit):
    try:
        for number in range(int(visit.query.get("times", "2"))):
            yield {"number": number, "who": visit.guest.role}
        while "on" in visit.query:
            await asyncio.sleep(0.01)
    finally:
        visit.state["left"] = True

async def left(visit):
    return {"left": visit.state.get("left", False)}

def said(visit):
    return {"text": "".join(visit.ask([{"role": "user", "content": "hello"}], schema=None, max_tokens=4))}

DOORS = (
    Door("POST", "ring", ring, takes="json"),
    Door("GET", "bells/{id}", bell),
    Door("POST", "weigh", weigh, takes="bytes", max_bytes=5_000_000),
    Door("POST", "small", weigh, takes="bytes", max_bytes=10),
    Door("DELETE", "ring", sweep, who="owner"),
    Door("GET", "told", told, who="link"),
    Door("GET", "left", left),
    Door("POST", "said", said, asks=True),
)
"""
PAGE = '<!doctype html><html lang="zh-CN"><title>铃</title><script type="module" src="bell.js"></script></html>'


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package brings an app with a room; what it keeps lies in a house of its own."""
    # A folder of its own name for each test: trusted code is loaded once, as any module is.
    name = "bell" + "".join(letter for letter in tmp_path.name if letter.isalnum())[-20:].lower()
    folder = tmp_path / name
    (folder / "page").mkdir(parents=True)
    (folder / "SKILL.md").write_text(SKILL.format(name=name, category="生活"), encoding="utf-8")
    (folder / "rooms.py").write_text(ROOMS, encoding="utf-8")
    (folder / "page" / "index.html").write_text(PAGE, encoding="utf-8")
    (folder / "page" / "link.html").write_text(PAGE.replace("铃", "link"), encoding="utf-8")
    (folder / "page" / "bell.js").write_text("// why\nconsole.log('bell');\n", encoding="utf-8")
    (folder / "page" / "notes.txt").write_text("not for anybody", encoding="utf-8")
    installed = tmp_path / "site"
    about = installed / f"{name}-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[huozhong.apps]\n{name} = {name}_here:FOLDER\n", encoding="utf-8")
    (installed / f"{name}_here.py").write_text(f"FOLDER = {str(folder)!r}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(installed)
    monkeypatch.setenv("HUOZHONG_HOME", str(tmp_path / "home"))
    return folder


@pytest.fixture
def running(room: Path, llm: LLM) -> Iterator[tuple[Running, str]]:
    with serving(llm) as server:
        yield server, room.name


def test_the_page_is_served_by_exact_names_only(running: tuple[Running, str]) -> None:
    server, name = running
    page = httpx.get(f"{server.url}/room/{name}/", headers={"accept-language": "en"})
    assert page.status_code == 200
    assert '<html lang="en"' in page.text
    assert "media-src 'self' blob:" in page.headers["content-security-policy"]
    script = httpx.get(f"{server.url}/room/{name}/bell.js")
    assert script.text == "\nconsole.log('bell');\n"
    assert httpx.get(script.url, headers={"if-none-match": script.headers["etag"]}).status_code == 304
    for other in ("notes.txt", "rooms.py", "..%2frooms.py", "../rooms.py", "%2e%2e/rooms.py", "x.js"):
        assert httpx.get(f"{server.url}/room/{name}/{other}").status_code == 404, other
    listed = httpx.get(f"{server.url}/house/apps").json()["apps"]
    assert [app["room"] for app in listed if app["name"] == name] == [f"/room/{name}/"]


def test_doors_take_what_they_say_and_answer_in_the_guests_language(running: tuple[Running, str]) -> None:
    server, name = running
    at = f"{server.url}/house/room/{name}"
    assert httpx.post(f"{at}/ring", json={"times": 2}).json() == {
        "rung": 2, "who": "owner", "kept": name, "home": server.url,
    }  # fmt: skip
    assert httpx.post(f"{at}/ring", json={"times": 3}).json()["rung"] == 5
    for language, sentence in {"zh": "times 是一个整数。", "en": "'times' is a whole number."}.items():
        refused = httpx.post(f"{at}/ring", json={}, headers={"accept-language": language})
        assert (refused.status_code, refused.json()["error"]["message"]) == (400, sentence)
    assert httpx.delete(f"{at}/ring").status_code == 204
    assert httpx.post(f"{at}/ring", json={"times": 1}).json()["rung"] == 1
    bell = httpx.get(f"{at}/bells/1")
    assert (bell.content, bell.headers["content-type"]) == (b"ding", "audio/wav")
    assert bell.headers["content-disposition"] == "attachment; filename*=UTF-8''%E9%92%9F.wav"
    assert httpx.get(f"{at}/bells/2").status_code == 404
    weighed = httpx.post(f"{at}/weigh", content=b"x" * 4_900_000, headers={"content-type": "audio/wav"})
    assert weighed.json() == {"bytes": 4_900_000, "kind": "audio/wav"}
    assert httpx.post(f"{at}/weigh", content=b"x" * 5_000_001).status_code == 413
    assert httpx.post(f"{at}/small", content=b"x" * 11).status_code == 413
    assert httpx.post(f"{at}/said").json()["text"]


def test_events_come_as_they_are_told_and_end_when_their_reader_leaves(running: tuple[Running, str]) -> None:
    server, name = running
    at = f"{server.url}/house/room/{name}"
    lines = httpx.get(f"{at}/told").text.splitlines()
    told = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert told == [{"number": 0, "who": "owner"}, {"number": 1, "who": "owner"}]
    httpx.delete(f"{at}/ring")
    with httpx.stream("GET", f"{at}/told?on") as stream:
        next(stream.iter_lines())

    async def left() -> bool:
        async with httpx.AsyncClient() as client:
            for _ in range(6000):
                if (await client.get(f"{at}/left")).json()["left"]:
                    return True
                await asyncio.sleep(0.01)
        return False

    assert asyncio.run(left())


def test_a_link_opens_what_is_made_for_it_and_nothing_else(room: Path, llm: LLM, tmp_path: Path) -> None:
    kept = tmp_path / "home" / "apps-data" / room.name
    kept.mkdir(parents=True)
    (kept / "secret").write_text("right", encoding="utf-8")
    with household(llm) as house, house.stranger() as stranger:
        at = f"/link/{room.name}/right"
        assert "link" in stranger.get(f"{at}/").text
        assert stranger.get(f"{at}/bell.js").status_code == 200
        assert '"who":"link"' in stranger.get(f"{at}/told").text
        for path in ("left", "bells/1", "notes.txt", "rooms.py"):
            assert stranger.get(f"{at}/{path}").status_code == 404, path
        for path in ("", "bell.js", "told"):
            assert stranger.get(f"/link/{room.name}/wrong/{path}").status_code == 404, path
        for path in (f"/room/{room.name}/", f"/house/room/{room.name}/told"):
            assert stranger.get(path).status_code == 401, path
        page = stranger.get(f"/room/{room.name}/", headers={"accept": "text/html"})
        assert (page.status_code, page.headers["location"]) == (303, "/page/login.html")


def test_an_owners_door_and_a_childs_shelf(room: Path, llm: LLM) -> None:
    with household(llm) as house:
        roles: dict[str, Any] = {"Ann": (200, 200, 204), "Bob": (200, 200, 403), "Kid": (404, 404, 404)}
        for who, wanted in roles.items():
            assert answers(house, room.name, who) == wanted, who


def answers(house: House, name: str, who: str) -> tuple[int, int, int]:
    with house.visitor(who) as client:
        page = client.get(f"/room/{name}/")
        rung = client.post(f"/house/room/{name}/ring", json={"times": 1})
        return page.status_code, rung.status_code, client.delete(f"/house/room/{name}/ring").status_code


def test_rooms_of_the_house_have_a_page_and_doors() -> None:
    for room in rooms().values():
        assert (room.page / "index.html").is_file(), room.name
        assert (room.folder / "SKILL.md").is_file(), room.name
        assert (room.open_link is None) == (not any(door.who == "link" for door in room.doors)), room.name
