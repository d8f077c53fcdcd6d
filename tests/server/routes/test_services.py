"""POST /v1/NAME: what the apps of the house answer to programs."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest
from tests.server.conftest import Running

from huozhong.apps.rank.columns import Known
from huozhong.apps.rank.fields import Field, Fields
from huozhong.apps.rank.kept import Fitted, save
from huozhong.apps.rank.logistic import Logistic
from huozhong.apps.rank.task import Task


def liked(folder: Path) -> None:
    """A fitted model in a few words: 甲 likes tea, nobody likes salt."""
    task = Task({"who": "category", "what": "category"}, "who", "what", None, None)
    fields = Fields((Field("who", values={"甲": 1, "乙": 2}), Field("what", values={"茶": 1, "盐": 2})))
    model = Logistic(np.array([0, 1, 0, 0, 2, -2], np.float32), 0.0, 2)
    people, things = {name: {"who": name} for name in "甲乙"}, {name: {"what": name} for name in "茶盐"}
    save(Fitted(task, fields, Known({}, {}), model, "logistic", people, things, None, {}), folder)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HUOZHONG_HOME", str(tmp_path))
    return tmp_path


def test_programs_ask_what_to_offer(server: Running, home: Path) -> None:
    liked(home / "apps-data" / "rank")
    reply = httpx.post(f"{server.url}/v1/rank", json={"who": "甲", "top": 1})
    assert reply.status_code == 200, reply.text
    assert reply.json()["model"] == "logistic"
    assert [one["name"] for one in reply.json()["offers"]] == ["茶"]
    assert httpx.post(f"{server.url}/v1/rank", json={"what": "茶"}).json()["offers"][0]["name"] == "甲"
    rows = [{"who": "乙", "what": "盐"}, {"who": "甲", "what": "茶"}]
    assert [one["name"] for one in httpx.post(f"{server.url}/v1/rank", json={"rows": rows}).json()["offers"]] == [
        "2",
        "1",
    ]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"who": "外人"}, "外人"), ({"whom": "x"}, "Unknown field 'whom'"), ({"who": "甲", "top": 0}, "1000"),
        ({"who": 3}, "'who'"), ({"rows": [1]}, "'rows'"), ({"rows": []}, "1"),
        ({"who": "甲", "what": "茶"}, "not both"),
        ({"rows": [{"颜色": "红"}]}, "颜色"),
    ],
)  # fmt: skip
def test_bad_requests_are_told_in_one_sentence(server: Running, home: Path, body: object, words: str) -> None:
    liked(home / "apps-data" / "rank")
    refused = httpx.post(f"{server.url}/v1/rank", json=body, headers={"accept-language": "en"})
    assert refused.status_code == 400
    assert words in refused.json()["error"]["message"]


def test_nothing_was_learnt_yet(server: Running, home: Path) -> None:
    refused = httpx.post(f"{server.url}/v1/rank", json={"who": "甲"}, headers={"accept-language": "en"})
    assert refused.status_code == 400
    assert "huozhong rank fit" in refused.json()["error"]["message"]


def test_the_services_are_in_the_document(server: Running) -> None:
    paths = httpx.get(f"{server.url}/openapi.json").json()["paths"]
    assert {"/v1/rank", "/v1/forecast"} <= paths.keys()
