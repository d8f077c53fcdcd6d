"""Who looked, and at what: lines that are only ever added, each with the hash of the one before it.

A line that is changed, taken out or put in later breaks the chain, and `lines` says where.  What is cut off at the end
cannot be seen in the lines themselves: how many there are and the last one's hash stand in a second file (".head"),
written after each line, and a log that is shorter than it says is refused.  Whoever changes both files in step is
found out by a hash that was written down elsewhere: `line_of` says after which line it stood.
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
from huozhong.files import sync, write_whole

START = "0" * 64
SHORT = 12  # letters of a hash that are enough to be written down


class Audit:
    """The log in one file.  count: its lines.  head: the last one's hash."""

    def __init__(self, path: Path) -> None:
        """DataError where the chain is broken or cut.  A last line that a crash cut short goes: nobody knew of it."""
        self._path, self._anchor = path, path.with_suffix(".head")
        data = path.read_bytes() if path.exists() else b""
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(path, whole)
        self.count, self.head = 0, START
        for _, head in self._read(data[:whole]):
            self.count, self.head = self.count + 1, head
        if self.count or self._anchor.exists():
            self.bear_out(*self._noted())

    def add(self, what: str, who: str, **details: Any) -> None:
        """Write a line; it is on the disk when this returns.  who: on whose behalf."""
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "what": what, "who": who, **details}
        text = json.dumps(line | {"before": self.head}, ensure_ascii=False, sort_keys=True)
        with open(self._path, "a", encoding="utf-8", newline="\n") as file:
            file.write(text + "\n")
            sync(file)
        self.count, self.head = self.count + 1, hashlib.sha256(text.encode()).hexdigest()
        write_whole(self._anchor, json.dumps({"lines": self.count, "head": self.head}))

    def lines(self) -> list[dict[str, Any]]:
        """Every line, oldest first; DataError where the chain is broken."""
        return [line for line, _ in self._read(self._bytes())]

    def line_of(self, head: str) -> int | None:
        """After which line, counted from 1, the chain's hash began with `head`; None: it never did, or too little of
        it is given."""
        given = head.strip().lower()
        if len(given) < SHORT:
            return None
        found = (number for number, (_, hash) in enumerate(self._read(self._bytes()), 1) if hash.startswith(given))
        return next(found, None)

    def bear_out(self, lines: int, head: str) -> None:
        """DataError unless the log still holds so many lines, the last of them with this hash; more may follow."""
        hashes = [START, *(hash for _, hash in self._read(self._bytes()))]
        if lines >= len(hashes) or hashes[lines] != head:
            raise DataError(
                f"The log {self._path} was cut: it held {lines} lines, and they are not there any more. "
                "Put back a copy of it."
            ).in_chinese(f"记录 {self._path} 被截断过：原来有 {lines} 行，现在对不上。请换回备份。")

    def _noted(self) -> tuple[int, str]:
        """What the second file says."""
        try:
            noted = json.loads(self._anchor.read_text(encoding="utf-8"))
            return int(noted["lines"]), str(noted["head"])
        except (OSError, ValueError, KeyError, TypeError):
            raise DataError(
                f"{self._anchor}, which says how long the log is, is missing or damaged; put back a copy of it."
            ).in_chinese(f"{self._anchor}（它记着记录有多长）不见了或已损坏；请换回备份。") from None

    def _bytes(self) -> bytes:
        return self._path.read_bytes() if self._path.exists() else b""

    def _read(self, data: bytes) -> Iterator[tuple[dict[str, Any], str]]:
        """Each line, and the chain's hash after it."""
        before = START
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
            yield line, before
