"""The tests of this folder need clients (see fetch.py).  CI has to have them; elsewhere one line says how to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter
from tests.clients.fetch import AIDER, HOW, HOW_AGENTS, NPM, OPENCODE, PYTHON
from tests.clients.scripted import OUTPUT, scripted
from tests.server.conftest import Running, serving

_THERE = (PYTHON / "requirements.txt").exists() and (NPM / "node_modules").exists()
_AGENTS = (AIDER / "requirements-aider.txt").exists() and (OPENCODE / "node_modules").exists()
# Agents are large, and aider wants an older Python than some have: their tests run where they are.
collect_ignore_glob = ([] if _THERE or os.environ.get("CI") else ["test_*.py"]) + (
    [] if _AGENTS else ["test_agents.py"]
)
SCRIPTS = Path(__file__).parent / "scripts"

Asked = Callable[[str], Any]


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    if "test_*.py" in collect_ignore_glob:
        terminalreporter.write_line(f"tests/clients was left out; {HOW}")
    elif collect_ignore_glob:
        terminalreporter.write_line(f"tests/clients/test_agents.py was left out; {HOW_AGENTS}")


@pytest.fixture(scope="session")
def scripted_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with scripted(tmp_path_factory.mktemp("scripted")) as llm, serving(llm) as running:
        yield running


@pytest.fixture
def run_client(scripted_server: Running, tmp_path: Path) -> Asked:
    """Runs one of the scripts against the server, in a process of its own; gives what it prints."""

    def run(name: str) -> Any:
        told = {
            "URL": scripted_server.url,
            "MODEL": scripted_server.llm.name,
            "OUTPUT": OUTPUT,
            "HOME": str(tmp_path),
            "LLM_USER_PATH": str(tmp_path),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PYTHON),
            "PYTHONUTF8": "1",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # or it asks the internet at every start
        }
        script = (SCRIPTS / name).read_text(encoding="utf-8")
        is_node = name.endswith(".mjs")  # which finds its packages from where it stands: read from its input, from here
        command = ["node", "--input-type=module", "-"] if is_node else [sys.executable, "-"]
        where = NPM if is_node else tmp_path
        done = subprocess.run(command, input=script, cwd=where, env=told, text=True, capture_output=True, timeout=240)
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run
