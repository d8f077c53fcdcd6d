"""Agents with their own settings: they connect, and finish an edit with a model that says what a script says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.fetch import AIDER, OPENCODE
from tests.clients.scripted import scripted
from tests.server.conftest import Running, serving

BEFORE, AFTER = 'print("hi")\n', 'print("你好，火种")\n'
DONE = "The file is written."


def edits(prompt: str) -> str:
    """aider asks for the whole file in a fence, opencode for a call of its own tool."""
    if "You are opencode" not in prompt:
        return f"hello.py\n```\n{AFTER}```\n" if "hello.py" in prompt else "A greeting"
    if "<tool_response>" in prompt:
        return DONE
    where = re.search(r"Working directory: (\S+)", prompt)
    assert where is not None
    arguments = {"content": AFTER, "filePath": f"{where[1]}/greeting.py"}
    call = json.dumps({"name": "write", "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{call}\n</tool_call>"


@pytest.fixture(scope="module")
def agents_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    words = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").splitlines()  # prompts are English
    folder = tmp_path_factory.mktemp("agents")
    with scripted(folder, edits, lines=words, size=2048, context=32768) as llm, serving(llm) as running:
        yield running


def run(command: list[str], folder: Path, **told: str) -> str:
    home = folder / ".home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONUTF8": "1", **told}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_aider_edits_and_commits(agents_server: Running, tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(BEFORE)
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com"]
    for command in (["init", "--quiet"], ["add", "hello.py"], ["commit", "--quiet", "-m", "first"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    said = run(
        [sys.executable, "-m", "aider", "--model", f"openai/{agents_server.llm.name}", "--yes-always",
         "--no-check-update", "--analytics-disable", "--message", "Greet 火种.", "hello.py"],
        tmp_path,
        PYTHONPATH=str(AIDER),
        OPENAI_API_BASE=f"{agents_server.url}/v1",
        OPENAI_API_KEY="none",
        LITELLM_LOCAL_MODEL_COST_MAP="True",  # or it asks the internet at every start
        GIT_AUTHOR_NAME="test", GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="test", GIT_COMMITTER_EMAIL="a@b",
    )  # fmt: skip
    assert "Applied edit to hello.py" in said
    assert (tmp_path / "hello.py").read_text(encoding="utf-8") == AFTER
    log = subprocess.run(["git", "log", "--oneline"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert len(log.splitlines()) == 2


def test_opencode_writes_a_file(agents_server: Running, tmp_path: Path) -> None:
    name = agents_server.llm.name
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "Huozhong", "models": {name: {}},
                "options": {"baseURL": f"{agents_server.url}/v1"}}  # fmt: skip
    config = {"model": f"huozhong/{name}", "provider": {"huozhong": provider}}
    (tmp_path / "opencode.json").write_text(json.dumps(config))
    said = run(
        [str(OPENCODE / "node_modules" / ".bin" / "opencode"), "run", "Write a greeting for 火种 into greeting.py."],
        tmp_path,
        OPENCODE_DISABLE_AUTOUPDATE="1",
        OPENCODE_DISABLE_MODELS_FETCH="1",  # or it asks the internet for a list of models
    )
    assert DONE in said
    assert (tmp_path / "greeting.py").read_text(encoding="utf-8") == AFTER
