"""`huozhong people`, as the owner who forgot the password uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from huozhong.store.database import Store
from huozhong.store.passwords import is_password
from huozhong.store.people import find_row, list_people
from huozhong.store.sessions import list_sessions, open_session


def people(url: str, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "huozhong.cli.main", "people", *arguments, "--database", url]
    environment = {"LC_ALL": "en_US.UTF-8", "PATH": "/usr/bin:/bin", "NO_COLOR": "1", "COLUMNS": "100"}
    environment["HUOZHONG_HOME"] = str(Path(url.removeprefix("sqlite:///")).parent)
    return subprocess.run(command, text=True, capture_output=True, timeout=300, input=said, env=environment)


def test_people_come_change_their_password_and_go(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'house.db'}"
    assert "Nobody yet" in people(url, "list").stdout
    assert people(url, "add", "Ann", "--role", "owner", said="春眠不觉晓 42\n").returncode == 0
    assert people(url, "add", "小明", "--role", "child", said="处处闻啼鸟 42\n").returncode == 0
    listed = people(url, "list").stdout
    assert "Ann" in listed
    assert "child" in listed
    assert "小明" in listed
    for arguments, said, word in (
        (("add", "ann"), "春眠不觉晓 42\n", "taken"),
        (("add", "Eve"), "12345678\n", "guessed"),
        (("add", "Eve", "--role", "king"), "x\n", "king"),
        (("password", "Nobody"), "x\n", "Nobody"),
        (("remove", "Ann", "--yes"), "", "owner"),
    ):
        refused = people(url, *arguments, said=said)
        assert refused.returncode == 2
        assert word in refused.stderr
        assert refused.stderr.count("\n") == 1
    with Store.open(url) as store:
        with store.begin() as session:
            ann = find_row(session, "Ann")
            assert ann is not None
            open_session(session, ann.id, agent="", address="")
        assert people(url, "password", "Ann", said="夜来风雨声 42\n").returncode == 0
        with store.read() as session:
            ann = find_row(session, "Ann")
            assert ann is not None
            assert is_password(ann.password_hash, "夜来风雨声 42")
            assert list_sessions(session, ann.id) == []
        assert people(url, "remove", "小明", said="n\n").returncode == 1
        left = [tmp_path / "apps-kept" / "3" / "tutor.json", tmp_path / "vectors" / "3" / "notes.vectors"]
        for file in left:
            file.parent.mkdir(parents=True)
            file.write_bytes(b"{}")
        choices = tmp_path / "apps-chosen.json"
        choices.write_text('{"children": {"2": ["hello"], "3": ["hello"]}, "favourites": {"3": ["hello"]}}')
        assert people(url, "remove", "小明", said="y\n").returncode == 0
        assert json.loads(choices.read_text()) == {"children": {"2": ["hello"]}, "favourites": {}}
        assert not any(file.parent.exists() for file in left), "who was removed leaves nothing"
        with store.read() as session:
            assert [one.name for one in list_people(session)] == ["Ann"]
