"""Who looked, and at what: lines that are only ever added, each with the hash of the one before it.

A line that is changed, taken out or put in later breaks the chain, and `read` says where.  What is cut off at the end
cannot be seen in the lines themselves: `head` gives the last hash, to be written down elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huozhong.errors import DataError
from huozhong.files import sync

_START = "0" * 64


class Audit:
    """The log in one file."""

    def __init__(self, path: Path) -> None:
        """DataError where the chain is broken.  A last line that a crash cut short goes: nobody was told of it."""
        self._path = path
        self.head = _START
        data = path.read_bytes() if path.exists() else b""
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(path, whole)
        for _ in self._read(data[:whole]):
            pass

    def add(self, what: str, who: str, **details: Any) -> None:
        """Write a line; it is on the disk when this returns.  who: on whose behalf."""
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "what": what, "who": who, **details}
        text = json.dumps(line | {"before": self.head}, ensure_ascii=False, sort_keys=True)
        with open(self._path, "a", encoding="utf-8", newline="\n") as file:
            file.write(text + "\n")
            sync(file)
        self.head = hashlib.sha256(text.encode()).hexdigest()

    def lines(self) -> list[dict[str, Any]]:
        """Every line, oldest first; DataError where the chain is broken."""
        return list(self._read(self._path.read_bytes() if self._path.exists() else b""))

    def _read(self, data: bytes) -> Iterator[dict[str, Any]]:
        before = _START
        for number, raw in enumerate(data.splitlines(), start=1):
            try:
                line = json.loads(raw)
                chained = line.pop("before") == before
            except (ValueError, KeyError, TypeError, AttributeError):
                chained = False
            if not chained:
                raise DataError(
                    f"The log {self._path} was changed: line {number} does not follow the one before it."
                ).in_chinese(f"记录 {self._path} 被改动过：第 {number} 行接不上前一行。")
            before = hashlib.sha256(raw).hexdigest()
            yield line
        self.head = before
