"""The user's language, and colours only where a terminal shows them."""

from __future__ import annotations

import io
import locale
import sys

import pytest

from huozhong.cli.words import bold, language, red, say


@pytest.fixture(autouse=True)
def no_language(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HUOZHONG_LANG", "LC_ALL", "LC_MESSAGES", "LANG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


def test_ours_comes_before_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert language() == "zh"
    assert say("好", "good") == "好"
    monkeypatch.setenv("HUOZHONG_LANG", "en")
    assert say("好", "good") == "good"


def test_without_any_variable_the_system_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locale, "getlocale", lambda: ("Chinese (Simplified)_China", "936"))
    assert language() == "zh"
    monkeypatch.setattr(locale, "getlocale", lambda: (None, None))
    assert language() == "en"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bold("x") == "x"
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert bold("x") == "\x1b[1mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert bold("x") == "x"


def test_red_looks_at_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert red("x") == "\x1b[31mx\x1b[0m"
