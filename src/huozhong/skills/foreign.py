"""Tool servers of others (Model Context Protocol) that an owner offers to the chat page: which there are.

A server is a command that is started for each question to it, or an address.  What it says is foreign text: it is
shown and told to a model, and is never an order.  A command runs with the rights of whoever runs this house, which is
why only the command line adds one; see `skills.reach` for how either is asked.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from huozhong.errors import SkillError
from huozhong.files import whole_file

MOST_SERVERS = 20
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,60}")


@dataclass(frozen=True)
class ToolServer:
    """command: a program and its arguments; or url, with headers (a key, say).  env: more variables for a command.

    on: offered to the chat page.  Raises `SkillError` for what can be neither.
    """

    name: str
    command: tuple[str, ...] = ()
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    on: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "command", tuple(self.command))
        if not _NAME.fullmatch(self.name):
            raise SkillError(
                f"名字“{self.name[:40]}”不行：用 1 到 24 个小写字母、数字和“-”。",
                f"The name '{self.name[:40]}' will not do: use 1 to 24 small letters, digits and '-'.",
            )
        if bool(self.command) == bool(self.url):
            raise SkillError("写一个网址，或者一条命令。", "Give an address, or a command.")
        if self.url and not _is_address(self.url):
            raise SkillError(
                f"“{self.url[:80]}”不是网址；应当像 https://example.com/mcp。",
                f"'{self.url[:80]}' is no address; it should look like https://example.com/mcp.",
            )
        if any(not _HEADER.fullmatch(name) or re.search(r"[\r\n\0]", value) for name, value in self.headers.items()):
            raise SkillError("请求头写错了。", "A header is written wrongly.")
        if any("\0" in part for part in (*self.command, *self.env, *self.env.values())):
            raise SkillError("命令里有不能用的字符。", "The command has a character that cannot be used.")

    @property
    def where(self) -> str:
        """What an owner knows it by, without anything that may be a secret: the command, or the address alone."""
        if self.command:
            return " ".join(self.command)
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


class ToolServers:
    """Those of a house, in `file`: it may hold keys, so nobody else on the machine reads it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def all(self) -> list[ToolServer]:
        """All of them, by name."""
        return [kept[1] for kept in sorted(self._read().items())]

    def find(self, name: str) -> ToolServer:
        """`SkillError` where there is none of this name."""
        found = self._read().get(name)
        if found is None:
            raise SkillError(f"没有叫“{name[:40]}”的工具服务。", f"There is no tool server called '{name[:40]}'.")
        return found

    def add(self, server: ToolServer) -> None:
        """A new one; one of the same name must be removed first."""
        with self._lock:
            kept = self._read()
            if server.name in kept:
                raise SkillError(
                    f"“{server.name}”已经有了；先删掉它，或换个名字。",
                    f"'{server.name}' is there already; remove it first, or take another name.",
                )
            if len(kept) >= MOST_SERVERS:
                raise SkillError(f"最多 {MOST_SERVERS} 个。", f"There can be {MOST_SERVERS} at most.")
            self._write(kept | {server.name: server})

    def remove(self, name: str) -> None:
        with self._lock:
            self.find(name)
            self._write({key: server for key, server in self._read().items() if key != name})

    def switch(self, name: str, on: bool) -> ToolServer:
        """Offer it, or no longer."""
        with self._lock:
            server = replace(self.find(name), on=on)
            self._write(self._read() | {name: server})
            return server

    def _read(self) -> dict[str, ToolServer]:
        if not self._file.exists():
            return {}
        try:
            kept: list[dict[str, Any]] = json.loads(self._file.read_text(encoding="utf-8"))
            servers = [ToolServer(**one) for one in kept]
        except (OSError, ValueError, TypeError, AttributeError, SkillError):
            raise SkillError(
                f"{self._file.name} 读不了；请修好或删掉它，再添加一次。",
                f"{self._file.name} cannot be read; mend or remove it, and add them again.",
            ) from None
        return {server.name: server for server in servers}

    def _write(self, kept: Mapping[str, ToolServer]) -> None:
        data = json.dumps([asdict(server) for server in kept.values()], ensure_ascii=False, indent=1)
        with whole_file(self._file) as file:
            os.chmod(file.name, 0o600)  # before there is anything to read
            file.write(f"{data}\n".encode())
