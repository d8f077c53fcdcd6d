"""JSON lines, read with errors that name the line, and files written so that a crash leaves the old one."""

from __future__ import annotations

import json
import lzma
import os
import tempfile
from pathlib import Path
from typing import Any

from huozhong.errors import DataError


def read_lines(text: str, name: str) -> list[dict[str, Any]]:
    """One JSON object per line; empty lines are left out.  `name` is for the error message."""
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(text.splitlines(), 1):
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
    """Replace `path` by `text`: a temporary file in the same folder, synced, then renamed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from None
