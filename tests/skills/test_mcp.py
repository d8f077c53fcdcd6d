"""The protocol's own client, against `huozhong skill serve` as a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

MINE = (
    "---\nname: {name}\ndescription: Doubles.\n---\n```fields\nn: number(0, 9)\n```\n"
    "```python\n{{'answer': f'{{n * 2}}'}}\n```\nx"
)


@pytest.fixture
def server(tmp_path: Path) -> StdioServerParameters:
    for name in ("double", "加倍"):
        (tmp_path / "apps" / name).mkdir(parents=True)
        (tmp_path / "apps" / name / "SKILL.md").write_text(MINE.format(name=name), encoding="utf-8")
    return StdioServerParameters(
        command=sys.executable,
        args=["-c", "from huozhong.cli.main import main; main()", "skill", "serve"],
        env=os.environ | {"HUOZHONG_HOME": str(tmp_path), "HUOZHONG_LANG": "en"},
    )


def asked(server: StdioServerParameters, *calls: tuple[str, dict[str, Any]]) -> tuple[dict[str, Any], list[Any]]:
    async def ask() -> tuple[dict[str, Any], list[Any]]:
        async with stdio_client(server) as (reading, writing), ClientSession(reading, writing) as session:
            await session.initialize()
            tools = {tool.name: tool.input_schema for tool in (await session.list_tools()).tools}
            return tools, [await session.call_tool(name, given) for name, given in calls]

    return asyncio.run(ask())


def test_every_app_is_a_tool(server: StdioServerParameters) -> None:
    tools, (double, wrong, unknown) = asked(server, ("double", {"n": 4}), ("double", {"n": 40}), ("nothing", {}))
    assert {"almanac", "idioms", "double"} <= set(tools)
    assert all(name.isascii() for name in tools)
    assert tools["double"]["properties"]["n"] == {"type": "number", "title": "n", "minimum": 0, "maximum": 9}
    assert tools["double"]["properties"]["language"]["enum"] == ["zh", "en"]
    assert double.content[0].text == "8"
    assert not double.is_error
    assert wrong.is_error
    assert "at most 9" in wrong.content[0].text
    assert unknown.is_error
    (name,) = (name for name in tools if name.startswith("app-"))  # the protocol's names are ASCII
    day = {"day": "2026-02-17"}
    _, (chinese, english, other, odd) = asked(
        server,
        (name, {"n": 3}),
        ("almanac", day),
        ("almanac", day | {"language": "zh"}),
        ("almanac", day | {"language": "fr"}),
    )
    assert chinese.content[0].text == "6"
    assert "Tuesday" in english.content[0].text
    assert "The almanac's advice is folklore" in english.content[0].text
    assert "星期二" in other.content[0].text
    assert odd.is_error


def test_distress_is_answered_by_a_rule_alone(server: StdioServerParameters) -> None:
    """An app's own line, such as that it is for fun only, does not stand below it."""
    cry = {"language": "en", "day": "I want to kill myself"}
    _, (said, worded) = asked(server, ("almanac", cry), ("almanac", {"day": "2026-02-17"} | {"language": "我不想活了"}))
    for one in (said, worded):
        assert not one.is_error
        assert "12356" in one.content[0].text
        assert "folklore" not in one.content[0].text
