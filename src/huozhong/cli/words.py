"""How the command line speaks: the user's language, colours only where a terminal shows them."""

from __future__ import annotations

import locale
import os
import sys
from contextlib import suppress
from typing import Literal, TextIO


def language() -> Literal["zh", "en"]:
    """Chinese when HUOZHONG_LANG, or else the locale, says so; otherwise English."""
    for name in ("HUOZHONG_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    # No variable is set on Windows and in some macOS terminals; the system still knows.
    return "zh" if (locale.getlocale()[0] or "").lower().startswith(("zh", "chinese")) else "en"


def say(zh: str, en: str) -> str:
    """The one of two texts that is in the user's language."""
    return zh if language() == "zh" else en


def _styled(text: str, code: str, stream: TextIO) -> str:
    if not stream.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{code}m{text}\x1b[0m"


def dim(text: str) -> str:
    return _styled(text, "2", sys.stdout)


def bold(text: str) -> str:
    return _styled(text, "1", sys.stdout)


def faint(text: str) -> str:
    """For stderr."""
    return _styled(text, "2", sys.stderr)


def red(text: str) -> str:
    """For stderr."""
    return _styled(text, "31", sys.stderr)


def edited_lines() -> None:
    """From here on `input` edits its line and knows those before, where the system has that."""
    with suppress(ImportError):  # Windows has none, and its consoles edit by themselves
        import readline  # noqa: F401  (its import alone does it)
