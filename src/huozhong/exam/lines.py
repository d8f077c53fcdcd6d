"""JSON lines, read with errors that name the line, and files written so that a crash leaves the old one."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

from huozhong.errors import DataError
from huozhong.files import write_whole


def read_lines(text: str, name: str) -> list[dict[str, Any]]:
    """One JSON object per line; empty lines are left out.  `name` is for the error message."""
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DataError(f"Line {number} of {name} is not JSON ({error}); fetch the file again.") from None
        if not isinstance(row, dict):
            raise DataError(f"Line {number} of {name} is not a JSON object; fetch the file again.")
        rows.append(row)
    return rows


def read_file(path: Path) -> str:
    """The UTF-8 text of a file, unpacked when its name ends in .xz."""
    try:
        if path.suffix == ".xz":
            with lzma.open(path, "rt", encoding="utf-8") as stream:
                return stream.read()
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (UnicodeDecodeError, lzma.LZMAError, EOFError):
        raise DataError(f"{path} is damaged (not whole, not xz or not UTF-8); fetch it again.") from None


def write_atomic(path: Path, text: str) -> None:
    """Replace a file by `text`, whole or not at all.  Raises DataError when the disk refuses."""
    try:
        write_whole(path, text)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from None
