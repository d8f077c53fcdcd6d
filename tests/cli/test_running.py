"""`huozhong ps` and `huozhong stop`: a server that runs is found, and only this user's commands have its key."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.cli.test_serve import process, url_in
from tests.server.conftest import write_endless
from tests.server.test_models import store

from huozhong.cli.running import announced, running_servers
from huozhong.text.tokenizer import Tokenizer


def huozhong(*arguments: str, lang: str = "en", seconds: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "huozhong.cli.main", *arguments],
        text=True,
        capture_output=True,
        env=os.environ | {"HUOZHONG_LANG": lang, "COLUMNS": "200"},
        timeout=seconds,
        encoding="utf-8",
    )


@pytest.fixture
def home(tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HUOZHONG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HUOZHONG_MODELS", raising=False)
    store(write_endless(tmp_path / "endless", tokenizer), "first", tmp_path / "home" / "models")
    return tmp_path


@pytest.mark.slow
def test_a_running_server_is_listed_and_told_to_put_a_model_away(home: Path) -> None:
    none = huozhong("ps")
    assert (none.returncode, "No Huozhong server runs" in none.stderr) == (2, True)
    assert "没有火种服务" in huozhong("stop", "first", lang="zh").stderr
    with process(Path("ember"), home / "cache", "--api-key", "sesame", "--keep", "10m") as (_, said):
        url = url_in(said)
        (file,) = (home / "home" / "servers").iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert httpx.get(f"{url}/house/models").status_code == 401  # a stranger is told nothing
        assert httpx.get(f"{url}/house/models", headers={"x-api-key": "sesame"}).status_code == 200
        asked = {"model": "first", "messages": [{"role": "user", "content": "你好"}], "max_tokens": 2}
        answer = httpx.post(f"{url}/v1/chat/completions", json=asked, headers={"x-api-key": "sesame"}, timeout=60)
        assert answer.status_code == 200
        listed = json.loads(huozhong("ps", "--json").stdout)
        assert [(model["name"], model["url"]) for model in listed] == [("ember", url), ("first", url)]
        shown = huozhong("ps", lang="zh").stdout
        assert all(word in shown for word in ("模型", "first", "空闲", "10 分钟"))
        assert "has put first out" in huozhong("stop", "first").stdout
        assert [model["name"] for model in json.loads(huozhong("ps", "--json").stdout)] == ["ember"]
        again = huozhong("stop", "first")
        assert (again.returncode, "No server has first in memory" in again.stderr) == (2, True)
    assert huozhong("ps").returncode == 2  # a server that was killed is no server


def test_what_is_announced_is_gone_with_its_server(home: Path) -> None:
    with announced("http://127.0.0.1:1", "k"):
        assert [server.url for server in running_servers()] == ["http://127.0.0.1:1"]
    assert running_servers() == []


def test_a_url_without_a_server(home: Path) -> None:
    done = huozhong("ps", "--url", "http://127.0.0.1:1")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "does not answer" in done.stderr
