"""Real tool servers by the protocol's own package, good and bad: each question ends in an answer or one sentence."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from huozhong.errors import SkillError
from huozhong.skills import reach
from huozhong.skills.foreign import ToolServer, ToolServers
from huozhong.skills.reach import LONGEST_RESULT, call_tool, tools_of

SCRIPT = str(Path(__file__).with_name("tool_servers.py"))


@pytest.fixture(autouse=True, scope="module")
def _patient() -> Iterator[None]:
    """However slow the machine is, a server that answers is heard."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reach, "CONNECT_SECONDS", 300.0)
        yield


def server(kind: str) -> ToolServer:
    return ToolServer(kind, (sys.executable, SCRIPT, kind), env={"MINE": "1"})


def test_a_command_tells_its_tools_and_answers_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUOZHONG_SECRET", "do not tell")

    async def ask() -> None:
        tools, long, picture, seen = await asyncio.gather(
            tools_of(server("good")),
            call_tool(server("good"), "long", {}),
            call_tool(server("good"), "picture", {}),
            call_tool(server("good"), "environment", {}),
        )
        assert [tool.name for tool in tools][:2] == ["weather", "fails"]
        assert tools[0].schema["required"] == ["city"]
        assert len(long.text) == LONGEST_RESULT + 2
        assert picture.text == "[image]"
        assert "MINE" in seen.text
        assert "HUOZHONG_SECRET" not in seen.text

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("kind", "words"),
    [("garbage", "a reason on stderr"), ("bad", "cannot be used"), ("flood", "did not answer|broke off|too much")],
)
def test_a_bad_server_is_one_sentence(kind: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "flood":  # is held to its memory and its time, whichever ends first
        monkeypatch.setattr(reach, "CONNECT_SECONDS", 1.0)
        monkeypatch.setattr(reach, "END_SECONDS", 4.0)
    with pytest.raises(SkillError, match=words) as caught:
        asyncio.run(tools_of(server(kind)))
    assert "\n" not in str(caught.value)
    assert caught.value.chinese


def test_what_is_no_program_or_address() -> None:
    with pytest.raises(SkillError, match="No such file"):
        asyncio.run(tools_of(ToolServer("x", ("no-such-program-here",))))
    for wrong in ({}, {"url": "file:///etc/passwd"}, {"url": "https://"}, {"command": ("a",), "url": "https://a.b"}):
        with pytest.raises(SkillError):
            ToolServer("x", **wrong)
    for name in ("", "A", "../x", "x" * 25):
        with pytest.raises(SkillError, match="will not do"):
            ToolServer(name, url="https://a.b")
    with pytest.raises(SkillError, match="header"):
        ToolServer("x", url="https://a.b", headers={"k": "v\r\nHost: evil"})


def test_they_are_kept_for_nobody_else_to_read(tmp_path: Path) -> None:
    file = tmp_path / "new" / "tools.json"
    kept = ToolServers(file)
    kept.add(ToolServer("a", url="https://user:pass@a.b/mcp?key=1", headers={"X": "secret"}))
    kept.add(server("good"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in ToolServers(file).all()] == ["a", "good"]
    assert kept.find("a").where == "https://a.b/mcp"
    with pytest.raises(SkillError, match="already"):
        kept.add(server("good"))
    assert not kept.switch("good", False).on
    kept.remove("a")
    with pytest.raises(SkillError, match="no tool server"):
        kept.remove("a")
    assert [one.on for one in kept.all()] == [False]
    file.write_text(json.dumps([{"name": "x", "no": 1}]))
    with pytest.raises(SkillError, match=r"tools\.json cannot be read"):
        kept.all()
