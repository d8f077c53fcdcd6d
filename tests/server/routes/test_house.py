"""The owner's numbers, the day's log, the backup; the house's readiness."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.server.household import PASSWORD, House, household
from tests.store.conftest import postgres_server

from huozhong.engine.llm import LLM
from huozhong.server.app import create_app
from huozhong.store.database import Store
from huozhong.store.people import list_people


@pytest.fixture(scope="module")
def house(llm: LLM) -> Iterator[House]:
    with household(llm) as running:
        yield running


def test_statistics_tell_who_is_here_and_what_was_done(house: House) -> None:
    with house.visitor("Bob") as bob, house.visitor("Ann") as ann:
        assert bob.post("/v1/chat/completions", json=house.body()).status_code == 200
        told = ann.get("/house/statistics?days=3").json()
        assert {one["person"] for one in told["here"]} >= {"Bob", "Ann"}
        assert len(told["minutes"]) == 60
        assert sum(minute["tokens"] for minute in told["minutes"]) >= 8
        assert told["first_token"]["p95"] >= told["first_token"]["p50"] > 0
        assert 0 <= told["cache"]["hit_rate"] <= 1
        assert told["disk"]["disk_free"] > 0
        assert told["now"]["models"] == [house.server.llm.name]
        for query in ("days=0", "days=367", "days=x"):
            assert ann.get(f"/house/statistics?{query}").status_code == 400
        assert ann.get("/house/log?limit=0").status_code == 400
        lines = ann.get("/house/log?limit=5").json()["lines"]
        assert len(lines) == 5


def test_metrics_count_first_tokens_and_responses(house: House) -> None:
    with house.visitor("Ann") as ann:
        assert ann.post("/v1/chat/completions", json=house.body()).status_code == 200
        text = ann.get("/metrics").text
        assert 'huozhong_first_token_seconds_bucket{le="+Inf"}' in text
        assert 'huozhong_http_responses_total{status="200"}' in text
        assert "huozhong_disk_free_bytes" in text
        assert f'huozhong_generated_tokens{{model="{house.server.llm.name}"}}' in text


def test_a_backup_can_be_opened_as_a_house(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUOZHONG_HOME", str(tmp_path))
    with house.visitor("Bob") as bob:
        assert bob.post("/house/backup", json={}).status_code == 403
    with house.visitor("Ann") as ann:
        made = ann.post("/house/backup", json={})
        assert made.status_code == 201
        file = Path(made.json()["file"])
    assert file.parent == tmp_path / "backups"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with Store.open(f"sqlite:///{file}") as kept, kept.read() as session:
        assert [one.name for one in list_people(session)] == ["Ann", "Bob", "Kid"]
    assert PASSWORD.encode() not in file.read_bytes()


def test_ready_says_when_the_house_cannot_answer(llm: LLM) -> None:
    """A real PostgreSQL that goes away and comes back, and a server that is about to stop."""
    with postgres_server() as postgres:
        store = Store.open(postgres.new_database())
        app = create_app(llm, store=store, login=True)
        with TestClient(app, base_url="http://127.0.0.1") as client:
            assert client.get("/ready").json() == {"status": "ready"}
            postgres.stop()
            gone = client.get("/ready")
            assert (gone.status_code, gone.json()) == (503, {"status": "no database"})
            assert "retry-after" in gone.headers
            refused = client.post("/house/login", json={"name": "Ann", "password": PASSWORD})
            assert refused.status_code == 503
            assert client.get("/v1/models", headers={"cookie": "huozhong=" + "x" * 43}).status_code == 503
            assert client.get("/health").status_code == 200
            postgres.start()
            assert client.get("/ready").status_code == 200
            app.state.stopping = True
            assert client.get("/ready").status_code == 503
        store.close()
