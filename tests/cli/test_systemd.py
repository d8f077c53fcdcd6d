"""The unit that `serve --systemd` prints, and what systemd is told."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from huozhong.cli.systemd import tell_systemd, unit


def values(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_the_unit_serves_what_was_asked_for_in_a_sandbox() -> None:
    command = [sys.executable, "-m", "huozhong.cli.main", "serve", "ember", "--lan", "--port", "80%80", "--systemd"]
    told = subprocess.run([*command[:-2], "8080", "--systemd"], text=True, capture_output=True, timeout=300)
    assert told.returncode == 0
    found = values(told.stdout)
    assert found["ExecStart"] == [f"{sys.executable} -m huozhong.cli.main serve ember --lan --port 8080"]
    assert found["Type"] == ["notify"]
    assert found["DynamicUser"] == found["NoNewPrivileges"] == ["yes"]
    assert found["ProtectSystem"] == ["strict"]
    assert found["CapabilityBoundingSet"] == [""]
    assert "HUOZHONG_HOME=/var/lib/huozhong" in found["Environment"][0]
    assert "%%" in unit(["serve", "100% sure"], "hint"), "systemd would read a lone % as its own"
    assert "'100%% sure'" in unit(["serve", "100% sure"], "hint")


def test_systemd_is_told_over_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    tell_systemd("READY=1")  # nobody asked
    where = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(where)
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", where)
        tell_systemd("READY=1")
        assert listener.recv(100) == b"READY=1"
