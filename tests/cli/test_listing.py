"""`huozhong list`, `ls`, `rm` and `cp`: for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.test_running import huozhong
from tests.server.test_models import store

from huozhong.formats.installed import MANIFEST
from huozhong.formats.source import open_model


@pytest.fixture
def home(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HUOZHONG_HOME", str(tmp_path))
    monkeypatch.delenv("HUOZHONG_MODELS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store(tiny_folder, "first", tmp_path / "models")
    return tmp_path / "models"


@pytest.mark.slow
def test_listed_for_programs_whatever_state_they_are_in(home: Path) -> None:
    (store(home / "first", "broken", home) / MANIFEST).write_text("{", encoding="utf-8")
    (home / ".half.partial").mkdir()
    listed = {row["name"]: row for row in json.loads(huozhong("list", "--json").stdout)}
    assert (listed["ember"]["built_in"], listed["ember"]["state"]) == (True, "ready")
    assert listed["first"]["format"] == "safetensors"
    assert (listed["broken"]["state"], listed["half"]["state"]) == ("damaged", "unfinished")
    assert huozhong("ls", lang="zh").stdout.count("清单已损坏") == 1


@pytest.mark.slow
def test_a_copy_shares_its_bytes_and_outlives_the_first(home: Path) -> None:
    assert "first is second:b too now" in huozhong("cp", "first", "second:b").stdout
    weights = "model.safetensors"
    assert (home / "second@b" / weights).stat().st_ino == (home / "first" / weights).stat().st_ino
    assert huozhong("rm", "first").returncode == 0
    assert open_model(home / "second@b").names()
    for arguments, words in (
        (("cp", "nothing", "x"), "no model 'nothing'"),
        (("cp", "second:b", "second:b"), "a model second:b already"),
        (("cp", "second:b", "ember"), "name of a built-in model"),
        (("cp", "second:b", "../x"), "cannot be a model's name"),
        (("rm", "first"), "no stored model 'first'"),
    ):
        done = huozhong(*arguments)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert huozhong("cp", "ember", "mine").returncode == 0
    assert huozhong("rm", "mine", "second:b").returncode == 0
    assert [row["name"] for row in json.loads(huozhong("ls", "--json").stdout)] == ["ember"]
