"""The tests of this folder need real files (see fetch.py).  CI has to have them; elsewhere one line says how to."""

from __future__ import annotations

import os

from _pytest.terminal import TerminalReporter
from tests.real.fetch import HOW, LLAMA_CPP, SMOLLM2

_THERE = SMOLLM2.exists() and LLAMA_CPP.exists()
collect_ignore_glob = [] if _THERE or os.environ.get("CI") else ["test_*.py"]


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    if collect_ignore_glob:
        terminalreporter.write_line(f"tests/real was left out; {HOW}")
