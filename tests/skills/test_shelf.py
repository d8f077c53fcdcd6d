from __future__ import annotations

import os
from pathlib import Path

import pytest

from huozhong.errors import SkillError
from huozhong.skills.shelf import AppShelf
from huozhong.skills.skill import read_skill

TEXT = "---\nname: {name}\ndescription: b\nallowed-tools: almanac Bash(git:*)\n---\nSay hello."


@pytest.fixture
def shelf(tmp_path: Path) -> AppShelf:
    house = tmp_path / "house" / "greet"
    house.mkdir(parents=True)
    (house / "SKILL.md").write_text(TEXT.format(name="greet"), encoding="utf-8")
    (house / "tools.py").write_text(
        "from huozhong.skills.tools import Tool\nTOOLS = {'almanac': Tool(lambda day: day, '查', 'look')}\n"
    )
    return AppShelf(tmp_path / "own", tmp_path / "house")


def test_what_came_and_what_was_brought(shelf: AppShelf) -> None:
    shelf.add(TEXT.format(name="我的"))
    assert [(app.name, app.origin) for app in shelf.apps()] == [("greet", "house"), ("我的", "people")]
    assert shelf.find("我的").skill == read_skill(TEXT.format(name="我的"))
    shelf.add(TEXT.format(name="我的").replace("hello", "goodbye"))
    skill = shelf.find("我的").skill
    assert skill is not None
    assert skill.prompt == "Say goodbye."
    shelf.remove("我的")
    with pytest.raises(SkillError, match="no app called"):
        shelf.find("我的")


def test_nobody_takes_the_place_of_an_app_of_the_house(shelf: AppShelf) -> None:
    with pytest.raises(SkillError, match="came with the house"):
        shelf.add(TEXT.format(name="greet"))
    with pytest.raises(SkillError, match="cannot be removed"):
        shelf.remove("greet")
    with pytest.raises(SkillError, match="cannot be removed"):
        shelf.remove("../house/greet")


def test_what_cannot_be_used_is_there_with_its_problem(shelf: AppShelf, tmp_path: Path) -> None:
    for name, text in {"broken": b"no frontmatter", "bytes": b"\xff\xfe\x00", "other": TEXT.encode()}.items():
        (tmp_path / "own" / name).mkdir(parents=True)
        (tmp_path / "own" / name / "SKILL.md").write_bytes(text)
    problems = {app.name: app.problem for app in shelf.apps() if app.problem}
    assert set(problems) == {"broken", "bytes", "other"}
    with pytest.raises(SkillError, match="begins with ---"):
        shelf.find("broken")


def test_links_and_hidden_folders_are_no_apps(shelf: AppShelf, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / ".hidden").mkdir(parents=True)
    (own / ".hidden" / "SKILL.md").write_text(TEXT.format(name="hidden"))
    os.symlink(tmp_path / "house" / "greet", own / "linked")
    assert [app.name for app in shelf.apps()] == ["greet"]


def test_trusted_apps_lend_tools(shelf: AppShelf) -> None:
    assert list(shelf.tools()) == ["almanac"]
    assert shelf.unknown_tools(read_skill(TEXT.format(name="x"))) == ["Bash(git:*)"]


def test_tools_of_apps_that_people_brought_are_never_loaded(shelf: AppShelf, tmp_path: Path) -> None:
    folder = shelf.add(TEXT.format(name="evil")).folder
    (folder / "tools.py").write_text(f"open({str(tmp_path / 'touched')!r}, 'w')\nTOOLS = {{}}")
    assert list(shelf.tools()) == ["almanac"]
    assert not (tmp_path / "touched").exists()
