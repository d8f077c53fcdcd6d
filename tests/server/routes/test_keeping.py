"""Programs that speak Ollama's dialect say how long a model stays in memory, and are obeyed."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.conftest import Running
from tests.server.household import household
from tests.server.test_models import house, stored, until

from huozhong.engine.llm import LLM

__all__ = ["stored"]  # pytest finds the fixture here
NAME = "second:8b"


def post(running: Running, path: str = "generate", **fields: Any) -> dict[str, Any]:
    answer = httpx.post(
        f"{running.url}/api/{path}",
        json={"model": NAME} | ({} if path == "embed" else {"stream": False}) | fields,
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def expires(running: Running) -> float | None:
    """Seconds until the model is put away, as /api/ps tells; None where it is not loaded."""
    models = httpx.get(f"{running.url}/api/ps").json()["models"]
    at = next((one["expires_at"] for one in models if one["name"] == NAME), None)
    if at is None:
        return None
    return (datetime.datetime.fromisoformat(at) - datetime.datetime.now(datetime.UTC)).total_seconds()


def test_a_model_stays_as_long_as_a_client_says(stored: Path) -> None:
    with house(stored, keep=1000.0) as (running, shelf):
        assert post(running)["done_reason"] == "load"
        assert 900 < (expires(running) or 0) <= 1000
        post(running, keep_alive="2h")
        assert 7000 < (expires(running) or 0) <= 7200
        post(running, prompt="你好", options={"num_predict": 1})  # who says nothing changes nothing
        assert 7000 < (expires(running) or 0) <= 7200
        post(running, "chat", messages=[{"role": "user", "content": "你好"}], options={"num_predict": 1}, keep_alive=-1)
        assert (expires(running) or 0) > 1e9
        post(running, "embed", input="你好", keep_alive=0)  # after its answer
        until(lambda: expires(running) is None)
        assert shelf.state("first").state == "loaded"  # it was asked of the other one


@pytest.mark.parametrize(
    ("path", "empty"), [("generate", {}), ("generate", {"prompt": ""}), ("chat", {"messages": []})]
)
def test_a_body_that_says_nothing_loads_and_puts_away(stored: Path, path: str, empty: dict[str, Any]) -> None:
    with house(stored, keep=None) as (running, _):
        assert post(running, path, **empty, keep_alive=0)["done_reason"] == "unload"
        assert expires(running) is None  # it is not loaded to be put away
        assert post(running, path, **empty)["done_reason"] == "load"
        assert expires(running) is not None
        assert post(running, path, **empty, keep_alive="0")["done_reason"] == "unload"
        until(lambda: expires(running) is None)


def test_among_people_only_an_owner_says_how_long(llm: LLM) -> None:
    with household(llm) as house_of_people:
        for person in ("Bob", "Kid"):
            with house_of_people.visitor(person) as client:
                unload = {"model": llm.name, "keep_alive": 0, "stream": False}
                assert client.post("/api/generate", json=unload).status_code == 403
                asked = unload | {"prompt": "你好", "options": {"num_predict": 1}}
                assert client.post("/api/generate", json=asked).status_code == 200  # programs send it by themselves
