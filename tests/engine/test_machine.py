"""What this machine has, asked of the machine that runs the test."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from huozhong.engine.machine import available_memory


def test_memory_is_what_the_system_says() -> None:
    said = available_memory()
    assert said == pytest.approx(psutil.virtual_memory().available, rel=0.2)


def test_a_system_without_proc_is_asked_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(self: Path, encoding: str | None = None) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", gone)
    assert available_memory() == pytest.approx(psutil.virtual_memory().total, rel=0.05)
