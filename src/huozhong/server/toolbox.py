"""Tools of others in the chat: which a conversation may call, and how they are called.

An owner adds servers (`skills.foreign`), whoever chats chooses among them for a conversation, and every call waits for
that person's word (`server.called`).  A child is offered none.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from huozhong.errors import RequestError, SkillError
from huozhong.files import data_folder
from huozhong.skills.foreign import ToolServer, ToolServers
from huozhong.skills.reach import ForeignTool, Said, call_tool, tools_of
from huozhong.store.people import Person
from huozhong.text.tools import Function

KNOWN_SECONDS = 600.0  # how long a server's list of tools is believed
FAILED_SECONDS = 30.0  # how long one that did not answer is left alone
_OTHER = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(frozen=True)
class Known:
    """What a server has; problem: why that is not known, in Chinese and English.  left_out: tools of no use here."""

    tools: Mapping[str, ForeignTool] = field(default_factory=dict)
    functions: tuple[Function, ...] = ()
    left_out: tuple[str, ...] = ()
    problem: tuple[str, str] | None = None


@dataclass(frozen=True)
class Offer:
    """What an answer may call: functions as the model is told of them, and by their names server and tool."""

    functions: tuple[Function, ...] = ()
    tools: Mapping[str, tuple[str, str]] = field(default_factory=dict)


class Toolbox:
    """The tool servers of a house.  Belongs to the event loop of the server."""

    def __init__(self, servers: ToolServers) -> None:
        self.servers = servers
        self._known: dict[tuple[Any, ...], tuple[float, Known]] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    def may_use(self, person: Person) -> bool:
        """Whether somebody is offered any at all."""
        return person.role != "child"

    async def known(self, server: ToolServer, *, anew: bool = False) -> Known:
        """A server's tools, asked for at most every KNOWN_SECONDS; anew: now."""
        async with self._asking.setdefault(server.name, asyncio.Lock()):
            at, known = self._known.get(_key(server), (0.0, None))
            lasts = KNOWN_SECONDS if known is not None and known.problem is None else FAILED_SECONDS
            if known is None or anew or time.monotonic() - at > lasts:
                known = await _look(server)
                self._known[_key(server)] = (time.monotonic(), known)
            return known

    async def offer(self, person: Person, settings: Mapping[str, Any]) -> Offer:
        """What a conversation with these settings may call; nothing where nothing was chosen."""
        chosen = settings.get("tools") or []
        if not chosen or not self.may_use(person):
            return Offer()
        servers = await asyncio.to_thread(self.servers.all)
        mine = [server for server in servers if server.on and server.name in chosen]
        functions: list[Function] = []
        tools: dict[str, tuple[str, str]] = {}
        for server, known in zip(mine, await asyncio.gather(*map(self.known, mine)), strict=True):
            for function, tool in zip(known.functions, known.tools, strict=True):
                if function.name not in tools:
                    functions.append(function)
                    tools[function.name] = (server.name, tool)
        return Offer(tuple(functions), tools)

    async def call(self, person: Person, server: str, tool: str, arguments: Mapping[str, Any]) -> Said:
        """What a tool answers, or the one sentence that says why it does not."""
        try:
            found = await asyncio.to_thread(self.servers.find, server)
            if not found.on or not self.may_use(person):
                raise SkillError(f"“{server}”现在不能用。", f"'{server}' is not offered now.")
            return await call_tool(found, tool, arguments)
        except SkillError as error:
            return Said(f"{error.chinese} / {error}", True)


def house_toolbox() -> Toolbox:
    """That of this machine."""
    return Toolbox(ToolServers(data_folder() / "tool-servers.json"))


def _key(server: ToolServer) -> tuple[Any, ...]:
    return (server.name, server.command, server.url, *sorted(server.headers.items()), *sorted(server.env.items()))


async def _look(server: ToolServer) -> Known:
    try:
        found = await tools_of(server)
    except SkillError as error:
        return Known(problem=(error.chinese or str(error), str(error)))
    return _readable(server, found)


def _readable(server: ToolServer, found: Sequence[ForeignTool]) -> Known:
    """The tools that a model can be told of, under names that hold in every dialect."""
    tools: dict[str, ForeignTool] = {}
    functions: list[Function] = []
    left_out: list[str] = []
    for tool in found:
        name = _OTHER.sub("_", f"{server.name}__{tool.name}")[:64]
        try:
            function = Function(name, tool.description or None, tool.schema)
        except RequestError as error:
            left_out.append(f"{tool.name[:60]}: {error}")
            continue
        if any(other.name == name for other in functions) or tool.name in tools:
            left_out.append(f"{tool.name[:60]}: another tool has this name.")
            continue
        functions.append(function)
        tools[tool.name] = tool
    return Known(tools, tuple(functions), tuple(left_out))
