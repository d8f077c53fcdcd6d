"""The command itself: quick help, errors as one sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from huozhong.cli.main import build, main

COMMANDS = {
    "backup", "chat", "cp", "eval", "export", "forecast", "import", "list", "ls", "pack", "ps", "pull", "remove",
    "restore", "rm", "run", "serve", "show", "stop",
}  # fmt: skip
GROUPS = {"call", "gallery", "pen", "people", "rank", "skill", "tools", "train"}


def test_every_command_has_bilingual_help() -> None:
    for command in [(), *((name,) for name in sorted(COMMANDS | GROUPS))]:
        result = CliRunner().invoke(build(), [*command, "--help"])
        assert result.exit_code == 0
        assert any("\u4e00" <= letter <= "\u9fff" for letter in result.output)
    assert {c.name for c in build().registered_commands} == COMMANDS
    assert set(get_command(build()).commands) == COMMANDS | GROUPS  # type: ignore[attr-defined]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom huozhong.cli.main import main\nsys.argv = ['huozhong', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'fastapi', 'tokenizers', 'huozhong.engine'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=300)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["huozhong", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


def test_a_known_error_is_one_sentence_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["serve", "--port", "0"], ["chat"]):
        assert run(monkeypatch, *command, "no-such-model") == 2
        captured = capsys.readouterr()
        assert "no-such-model" in captured.err
        assert captured.err.count("\n") == 1
        assert "Traceback" not in captured.err


def test_an_unknown_option_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "serve", "--colour", "red") == 2
    assert "--colour" in capsys.readouterr().err


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == "huozhong 0.1.0\n"
