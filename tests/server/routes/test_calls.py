"""Tools of others over the API of the page: an engine elsewhere calls them, and nobody without rights decides."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.household import House, household
from tests.server.upstream.test_upstream import MODEL, Odd, event, odd_engine

from huozhong.engine.llm import LLM
from huozhong.server.models import Shelf
from huozhong.server.routes.calls import PATH
from huozhong.server.upstream.engines import Engines
from huozhong.skills import reach

SERVERS = Path(__file__).parents[2] / "skills" / "tool_servers.py"


@pytest.fixture(autouse=True, scope="module")
def _patient() -> Iterator[None]:
    """However slow the machine is, a server that answers is heard."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reach, "CONNECT_SECONDS", 300.0)
        yield


def called(*calls: tuple[str, str]) -> list[bytes]:
    """An engine's stream: a word, then calls (function, arguments), the arguments in two pieces."""
    pieces = [event("Let me see. ")]
    for index, (name, arguments) in enumerate(calls):
        for call in (
            {"index": index, "id": f"c{index}", "function": {"name": name, "arguments": arguments[:3]}},
            {"index": index, "function": {"arguments": arguments[3:]}},
        ):
            piece = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]}
            pieces.append(b"data: " + json.dumps(piece).encode() + b"\n\n")
    return [*pieces, event("", "tool_calls"), b"data: [DONE]\n\n"]


@pytest.fixture(scope="module")
def town() -> Iterator[str]:
    """A tool server over HTTP, with a key."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, str(SERVERS), "good", str(port)])
    try:
        for _ in range(6000):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def odd() -> Iterator[Odd]:
    with odd_engine() as running:
        yield running


@pytest.fixture(scope="module")
def house(llm: LLM, odd: Odd, _patient: None, town: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    engines = Engines([odd.url], (), patience=60.0)
    shelf = Shelf(llm, keep=None)
    shelf.engines = engines
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUOZHONG_HOME", str(tmp_path_factory.mktemp("home")))
        with household(llm, shelf=shelf) as running:
            with running.visitor("Ann") as ann:
                added = ann.post(PATH, json={"name": "town", "url": town, "headers": {"x-key": "secret"}})
                assert added.status_code == 201, added.text
                assert next(tool["name"] for tool in added.json()["tools"]) == "weather"
                assert "secret" not in ann.get(PATH + "/all").text
            yield running
    engines.close()


def asked(client: httpx.Client, **settings: Any) -> tuple[str, str]:
    """A question to the engine elsewhere: the conversation, and the answer's id."""
    body = {"model": MODEL, "settings": settings}
    id = client.post("/house/conversations", json=body).json()["id"]
    turn = client.post(f"/house/conversations/{id}/ask", json={"parent": None, "content": "weather?"})
    assert turn.status_code == 201, turn.text
    return id, turn.json()["answer"]["id"]


def ended(client: httpx.Client, id: str, message: str) -> dict[str, Any]:
    for _ in range(6000):
        found = client.get(f"/house/conversations/{id}").json()["messages"]
        answer: dict[str, Any] = next(one for one in found if one["id"] == message)
        if answer["state"] != "running":
            return answer
        time.sleep(0.05)
    raise AssertionError("no end")


def test_an_engine_elsewhere_calls_and_each_call_waits_for_a_word(house: House, odd: Odd) -> None:
    two = called(("town__weather", '{"city": "北京"}'), ("town__weather", '{"city": "x"}'), ("rm", "{}"))
    odd.pieces = two
    with house.visitor("Bob") as bob:
        id, message = asked(bob, tools=["town"])
        answer = ended(bob, id, message)
        odd.pieces = None
        assert next(tool["function"]["name"] for tool in odd.asked[-1]["tools"]) == "town__weather"
        assert (answer["state"], answer["finish"], answer["content"]) == ("done", "tool_calls", "Let me see. ")
        first, second, unknown = answer["calls"]
        assert (first["server"], first["tool"], json.loads(first["arguments"])) == ("town", "weather", {"city": "北京"})
        assert (unknown["state"], "no such tool" in unknown["result"]) == ("failed", True)
        path = f"/house/conversations/{id}/calls"

        def say(call: dict[str, Any], allow: bool) -> httpx.Response:
            return bob.post(path, json={"message": message, "call": call["id"], "allow": allow})

        count = len(odd.asked)
        assert say(first, True).json()["answer"]["state"] == "done"  # another call still waits
        assert say(first, False).status_code == 409
        assert say({"id": "call_0"}, True).status_code == 404
        assert len(odd.asked) == count
        assert say(second, False).json()["answer"]["state"] == "running"
        answer = ended(bob, id, message)
        assert [call["state"] for call in answer["calls"]] == ["done", "refused", "failed"]
        assert answer["calls"][0]["result"].startswith("北京：晴，21度")
        assert answer["content"] == "Let me see. \n\none two three"
        told = odd.asked[-1]["messages"]
        assert [one["role"] for one in told] == ["user", "assistant", "tool", "tool", "tool"]
        assert "21度" in told[2]["content"]
        assert "did not allow" in told[3]["content"]
        assert say(first, True).status_code == 409


def test_nobody_is_offered_tools_that_they_did_not_choose(house: House, odd: Odd) -> None:
    with house.visitor("Bob") as bob:
        ended(bob, *asked(bob))
        assert "tools" not in odd.asked[-1]
        ended(bob, *asked(bob, tools=["elsewhere"]))
        assert "tools" not in odd.asked[-1]


def test_a_child_has_no_tools(house: House) -> None:
    with house.visitor("Kid") as kid:
        assert kid.get(PATH).json() == {"servers": []}
        refused = kid.post("/house/conversations", json={"settings": {"tools": ["town"]}})
        assert refused.status_code == 403
        id = kid.post("/house/conversations", json={}).json()["id"]
        body = {"message": "m", "call": "c", "allow": True}
        assert kid.post(f"/house/conversations/{id}/calls", json=body).status_code == 403


def test_nobody_without_rights(house: House, odd: Odd) -> None:
    server = {"name": "mine", "url": "http://127.0.0.1:9/mcp"}
    odd.pieces = called(("town__weather", '{"city": "x"}'))
    with house.visitor("Bob") as bob, house.visitor("Ann") as ann:
        id, message = asked(bob, tools=["town"])
        call = ended(bob, id, message)["calls"][0]["id"]
        odd.pieces = None
        body = {"message": message, "call": call, "allow": True}
        path = f"/house/conversations/{id}/calls"
        for stranger in (house.stranger(), ann):
            assert stranger.post(path, json=body).status_code in (401, 404)
        key = {"authorization": f"Bearer {house.key('Bob', 'chat')}"}
        assert house.stranger().post(path, json=body, headers=key).status_code == 403  # a program says no word
        assert ended(bob, id, message)["calls"][0]["state"] == "waiting"
        for client, status in ((bob, 403), (house.stranger(), 401)):
            assert client.post(PATH, json=server).status_code == status
            assert client.get(PATH + "/all").status_code == status
            assert client.patch(PATH + "/town", json={"on": False}).status_code == status
            assert client.delete(PATH + "/town").status_code == status
        wrong = ann.post(PATH, json=server | {"url": "file:///etc/passwd"})
        assert (wrong.status_code, "example.com/mcp" in wrong.text) == (400, True)
        assert ann.post(PATH, json={"name": "x", "command": ["rm"]}).status_code in (
            400,
            422,
        )  # by the command line alone
        # One that is switched off meanwhile is not called any more, whoever agrees.
        assert ann.patch(PATH + "/town", json={"on": False}).json()["on"] is False
        assert bob.get(PATH).json() == {"servers": []}
        bob.post(path, json=body)
        answer = ended(bob, id, message)
        assert (answer["calls"][0]["state"], "not offered" in answer["calls"][0]["result"]) == ("failed", True)
        assert ann.patch(PATH + "/town", json={"on": True}).json()["on"] is True


def test_what_was_cut_off_amid_a_call_is_not_made_again(house: House, odd: Odd) -> None:
    odd.pieces = called(("town__weather", '{"city": "x"}'))
    with house.visitor("Bob") as bob:
        id, message = asked(bob, tools=["town"])
        ended(bob, id, message)
        odd.pieces = None
        bob.post(f"/house/conversations/{id}/continue", json={"message": message})
        answer = ended(bob, id, message)
        assert answer["calls"][0]["state"] == "refused"  # going on is no yes
        assert answer["content"].endswith("one two three")
