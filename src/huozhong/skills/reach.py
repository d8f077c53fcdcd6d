"""One question to a tool server of others, asked in a process of its own: `python -m huozhong.skills.reach`.

The process reads {"server", "call"} as JSON from stdin, speaks the protocol by the package `mcp`, and writes one JSON
object.  Whatever a server does - hang, die, flood, answer nonsense - ends that process and nothing else: `asked` gives
its answer or a `SkillError` with one sentence.  A server is connected to anew for every question, so nothing of one
person's stays with it for the next.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from huozhong.errors import SkillError
from huozhong.skills.foreign import ToolServer

CONNECT_SECONDS = 30.0  # to start and greet a server, and to hear of its tools
CALL_SECONDS = 60.0  # for one call
END_SECONDS = 10.0  # for a server that is to go away
MEMORY = 256 * 2**20  # bytes that the asking process may take for what a server says
MOST_TOOLS = 64
LONGEST_RESULT = 20_000  # characters
LONGEST_DESCRIPTION = 1_000
_LONGEST_SCHEMA = 20_000  # characters, as JSON
_LONGEST_ANSWER = 4 * 2**20  # bytes that the process may write


@dataclass(frozen=True)
class ForeignTool:
    """As its server describes it.  schema: of its arguments."""

    name: str
    description: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What a tool answered.  failed: the server says that it could not do it."""

    text: str
    failed: bool


async def tools_of(server: ToolServer) -> list[ForeignTool]:
    """The tools that a server has; `SkillError` where it does not say."""
    answer = await _asked(server, None)
    return [ForeignTool(**tool) for tool in answer["tools"]]


async def call_tool(server: ToolServer, tool: str, arguments: Mapping[str, Any]) -> Said:
    """What a tool answers; `SkillError` where the server cannot be asked."""
    answer = await _asked(server, {"tool": tool, "arguments": dict(arguments)})
    return Said(answer["text"], answer["failed"])


async def _asked(server: ToolServer, call: dict[str, Any] | None) -> dict[str, Any]:
    if importlib.util.find_spec("mcp") is None:
        raise SkillError(
            "工具服务还需要一个包：pip install 'huozhong[apps]'。",
            "Tool servers need one more package: pip install 'huozhong[apps]'.",
        )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "huozhong.skills.reach",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_LONGEST_ANSWER,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(CONNECT_SECONDS + (CALL_SECONDS if call is not None else 0.0) + END_SECONDS):
            question = {"server": asdict(server), "call": call, "seconds": [CONNECT_SECONDS, CALL_SECONDS]}
            process.stdin.write(json.dumps(question).encode() + b"\n")
            line = await process.stdout.readline()
            answer = json.loads(line)
    except (TimeoutError, ValueError, OSError):
        raise _broken(server) from None
    finally:
        process.stdin.close()  # it ends, and takes its server along
        await _ended(process)
    if "problem" in answer:
        raise SkillError(*answer["problem"])
    return dict(answer)


async def _ended(process: asyncio.subprocess.Process) -> None:
    try:
        async with asyncio.timeout(END_SECONDS):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _broken(server: ToolServer) -> SkillError:
    return SkillError(
        f"工具服务“{server.name}”没有好好回答就断了，请稍后再试，或请管理员看看。",
        f"The tool server '{server.name}' broke off without a proper answer; try again later, or ask an owner.",
    )


# -- in the process of its own -------------------------------------------------------------------------------------


def main() -> None:
    """Ask, and write the answer."""
    given = json.loads(sys.stdin.buffer.readline())
    server = ToolServer(**given["server"])
    answer = asyncio.run(_answer(server, given["call"], *given["seconds"]))
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _watch(leave: Callable[[], object]) -> None:
    """Calls `leave` once whoever asked has gone.  Without Python's own reader: that would hold up the end."""
    loop = asyncio.get_running_loop()

    def wait() -> None:
        with suppress(OSError, RuntimeError):  # the loop may have ended meanwhile
            os.read(0, 1)
            loop.call_soon_threadsafe(leave)

    threading.Thread(target=wait, daemon=True).start()


async def _answer(server: ToolServer, call: dict[str, Any] | None, connecting: float, calling: float) -> dict[str, Any]:
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as told:
        asking = asyncio.create_task(_ask(server, call, told, connecting, calling))
        _watch(asking.cancel)
        try:
            return await asking
        except asyncio.CancelledError:
            return {"problem": ["没有人等了。", "Nobody waits any more."]}
        except SkillError as error:
            return {"problem": [error.chinese, str(error)]}
        except BaseException as error:  # groups of them, too: whatever the package met with
            return {"problem": _sentence(server, _first(error), _last_words(told))}


async def _ask(
    server: ToolServer, call: dict[str, Any] | None, told: TextIO, connecting: float, calling: float
) -> dict[str, Any]:
    from mcp.client import Client

    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(connecting):
                client = await stack.enter_async_context(
                    Client(_bounded(await _transport(server, told, stack)), cache=None)
                )
                if call is None:
                    return {"tools": await _tools(client)}
        except TimeoutError:
            raise _too_slow(server, connecting) from None
        try:
            async with asyncio.timeout(calling):
                said = await client.call_tool(call["tool"], call["arguments"])
        except TimeoutError:
            raise _too_slow(server, calling) from None
        return {"text": _text(said.content), "failed": bool(said.is_error)}


async def _transport(server: ToolServer, told: TextIO, stack: AsyncExitStack) -> Any:
    if server.command:
        from mcp.client.stdio import StdioServerParameters, stdio_client

        program, *arguments = server.command
        return stdio_client(
            StdioServerParameters(command=program, args=arguments, env=dict(server.env) or None), errlog=told
        )
    from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client  # type: ignore[attr-defined]

    client = await stack.enter_async_context(create_mcp_http_client(headers=dict(server.headers)))
    return streamable_http_client(server.url, http_client=client)


@asynccontextmanager
async def _bounded(transport: Any) -> AsyncIterator[Any]:
    async with transport as streams:  # a command has been started: what is bounded from here on is not its memory
        _bound_memory()
        yield streams


async def _tools(client: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(MOST_TOOLS):
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            schema = tool.input_schema
            if len(json.dumps(schema)) > _LONGEST_SCHEMA:
                raise SkillError(
                    f"工具“{tool.name[:60]}”的说明太长，用不了。",
                    f"The schema of the tool '{tool.name[:60]}' is too long.",
                )
            about = (tool.description or tool.title or "")[:LONGEST_DESCRIPTION]
            found.append({"name": tool.name, "description": about, "schema": schema})
        cursor = page.next_cursor
        if not cursor or len(found) >= MOST_TOOLS:
            break
    return found[:MOST_TOOLS]


def _text(content: list[Any]) -> str:
    """What a tool answered, as text; of pictures and the like, that they were there."""
    parts = []
    for block in content:
        if block.type == "text":
            parts.append(block.text)
        elif block.type == "resource" and hasattr(block.resource, "text"):
            parts.append(block.resource.text)
        elif block.type == "resource_link":
            parts.append(f"[{block.name}: {block.uri}]")
        else:
            parts.append(f"[{block.type}]")
    text = "\n\n".join(parts)
    return text if len(text) <= LONGEST_RESULT else text[:LONGEST_RESULT] + " …"


def _bound_memory() -> None:
    """From here on this process may take no more than MEMORY; the server that it started is another one."""
    try:
        import resource
    except ImportError:  # Windows has none
        return
    with suppress(OSError, ValueError):
        with open("/proc/self/statm", encoding="ascii") as file:
            taken = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _last_words(told: TextIO) -> str:
    """The last line that a command wrote to stderr."""
    with suppress(OSError, ValueError):
        told.seek(0)
        lines = [line.strip() for line in told.read(1_000_000).splitlines() if line.strip()]
        return lines[-1][:200] if lines else ""
    return ""


def _too_slow(server: ToolServer, seconds: float) -> SkillError:
    return SkillError(
        f"工具服务“{server.name}”{seconds:.0f} 秒里没有回答。",
        f"The tool server '{server.name}' did not answer within {seconds:.0f} seconds.",
    )


def _sentence(server: ToolServer, error: BaseException, told: str) -> list[str]:
    reason = " ".join(str(error).partition("For further information")[0].split())[:200] or type(error).__name__
    if isinstance(error, SkillError):
        return [error.chinese or str(error), str(error)]
    if isinstance(error, MemoryError):
        reason = "it said too much"
    if told and told not in reason:
        reason = f"{reason}; {told}"
    return [
        f"工具服务“{server.name}”用不了：{reason}",
        f"The tool server '{server.name}' cannot be used: {reason}",
    ]


if __name__ == "__main__":
    main()
