"""The protocol's own client over HTTP: who asks gets the apps that they may see, on their account, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from mcp import ClientSession
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client
from tests.server.household import House, household

from huozhong.engine.llm import LLM
from huozhong.server.routes.apps import PATH as APPS
from huozhong.server.routes.mcp import PATH

MINE = "---\nname: hello\ndescription: Says hello.\n---\n```fields\nwho: text\n```\nGreet {{who}}.\n"
HELLO = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@pytest.fixture(scope="module")
def house(llm: LLM, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUOZHONG_HOME", str(tmp_path_factory.mktemp("home")))
        with household(llm) as running:
            running.visitor("Ann").post(APPS, json={"text": MINE})
            yield running


def asked(house: House, key: str, *calls: tuple[str, dict[str, Any]]) -> tuple[set[str], list[Any]]:
    async def ask() -> tuple[set[str], list[Any]]:
        client = create_mcp_http_client(headers={"authorization": f"Bearer {key}"})
        async with (
            client,
            streamable_http_client(house.url + PATH, http_client=client) as (reading, writing, *_),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            tools = {tool.name for tool in (await session.list_tools()).tools}
            return tools, [await session.call_tool(name, given) for name, given in calls]

    return asyncio.run(ask())


def test_every_app_is_a_tool_and_a_models_words_are_labelled_and_counted(house: House) -> None:
    key = house.key("Bob", "chat")
    calls = (("almanac", {"day": "2026-02-17"}), ("hello", {"who": "小明"}), ("almanac", {}), ("nothing", {}))
    english = ("almanac", {"day": "2026-02-17", "language": "en"})
    tools, (exact, written, wrong, unknown, told) = asked(house, key, *calls, english)
    assert {"almanac", "idioms", "hello"} <= tools
    assert "春节" in exact.content[0].text
    assert "AI" not in exact.content[0].text
    assert "AI 生成" in written.content[0].text
    assert wrong.is_error
    assert "请填写" in wrong.content[0].text
    assert "Spring Festival" in told.content[0].text
    assert unknown.is_error
    with house.visitor("Bob") as bob:
        assert bob.get("/user/balance").status_code == 200


def test_distress_is_answered_by_a_rule(house: House) -> None:
    _, (said,) = asked(house, house.key("Bob", "chat"), ("hello", {"who": "我不想活了"}))
    assert "12356" in said.content[0].text


def test_a_run_by_the_protocol_is_looked_at_once(house: House, looked_at: list[str]) -> None:
    key = house.key("Bob", "chat")
    for given in ({"who": "小明"}, {"who": "小明", "language": "en"}, {"who": "我不想活了"}, {"who": 3}):
        looked_at.clear()
        _, (said,) = asked(house, key, ("hello", given))
        assert looked_at == [text for text in given.values() if isinstance(text, str)]
        assert ("12356" in said.content[0].text) == ("我不想活了" in looked_at)


@pytest.mark.parametrize("given", [{"language": "我不想活了"}, {"nobody's": "我不想活了"}, {"who": ["我不想活了"]}])
def test_distress_is_answered_before_a_call_is_found_wrong(house: House, given: dict[str, Any]) -> None:
    _, (said,) = asked(house, house.key("Bob", "chat"), ("hello", given))
    assert not said.is_error
    assert "12356" in said.content[0].text


def test_nobody_without_rights(house: House) -> None:
    accept = {"accept": "application/json, text/event-stream"}
    assert house.stranger().post(PATH, json=HELLO, headers=accept).status_code == 401
    wrong = accept | {"authorization": f"Bearer {house.key('Bob', 'models')}"}
    assert house.stranger().post(PATH, json=HELLO, headers=wrong).status_code == 403
    with house.visitor("Bob") as bob:
        foreign = bob.post(PATH, json=HELLO, headers=accept | {"origin": "http://evil.example"})
        assert foreign.status_code == 403
        assert bob.get(PATH).status_code == 405
        assert bob.post(PATH, content="{", headers=accept | {"content-type": "application/json"}).status_code == 400


def test_a_child_sees_what_was_chosen_for_it(house: House) -> None:
    accept = {"accept": "application/json, text/event-stream"}
    with house.visitor("Ann") as ann, house.visitor("Kid") as kid:
        ann.put(f"/house/people/{house.ids['Kid']}/apps", json={"apps": ["almanac"]})
        listed = kid.post(PATH, json=HELLO, headers=accept).json()
        assert [tool["name"] for tool in listed["result"]["tools"]] == ["almanac"]
        call = {"name": "hello", "arguments": {"who": "x"}}
        refused = kid.post(PATH, json=HELLO | {"method": "tools/call", "params": call}, headers=accept).json()
        assert refused["result"]["isError"]
