"""/house/models: what there is; and that only an owner at this machine changes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest
from fastapi import Request
from tests.hub.conftest import MODEL, StandIn, hub, tiny_gguf
from tests.server.conftest import Running
from tests.server.test_models import house, stored, until

from huozhong.errors import RequestError
from huozhong.hub.media import find_models
from huozhong.server.here import owner_here
from huozhong.server.routes import shelf

__all__ = ["hub", "stored", "tiny_gguf"]  # fixtures


def test_models_are_listed_loaded_and_put_away(stored: Path) -> None:
    with house(stored) as (running, shelf):
        at = f"{running.url}/house/models"
        told = httpx.get(at).json()
        assert told["default"] == "first"
        by_name = {model["name"]: model for model in told["models"]}
        assert (by_name["second:8b"]["loaded"], by_name["second:8b"]["size"] > 0) == (False, True)
        assert {"context", "temperature", "acts", "memory"} <= set(by_name["first"])
        assert httpx.post(f"{at}/second/load").status_code == 202
        until(lambda: shelf.state("second:8b").state == "loaded")
        assert httpx.post(f"{at}/second:8b/unload").json() == {"name": "second:8b", "unloaded": True}
        assert shelf.state("second:8b").state == "resting"
        assert httpx.post(f"{at}/nothing/load").status_code == 404


def test_a_load_that_failed_is_told(stored: Path) -> None:
    with house(stored) as (running, shelf):
        (stored / "models" / "second@8b" / "config.json").write_text("{", encoding="utf-8")
        httpx.post(f"{running.url}/house/models/second/load")
        until(lambda: shelf.state("second:8b").error is not None)
        (model,) = [m for m in httpx.get(f"{running.url}/house/models").json()["models"] if m["name"] == "second:8b"]
        assert "config.json" in model["error"]


@pytest.mark.parametrize(
    ("host", "is_let_in"),
    [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("192.168.1.7", False), ("fe80::1%eth0", False)],
)
def test_where_nobody_logs_in_only_this_machine_changes_models(host: str, is_let_in: bool) -> None:
    request = Request({"type": "http", "client": (host, 1), "headers": [], "method": "POST", "path": "/"})
    if is_let_in:
        owner_here(request)
    else:
        with pytest.raises(RequestError, match="on this machine only") as refused:
            owner_here(request)
        assert refused.value.code == "forbidden"


def test_every_change_asks_who_it_is() -> None:
    open_to_all = {("GET", "/house/models")}
    for route in shelf.router.routes:
        asks = any(dependency.call is owner_here for dependency in route.dependant.dependencies)  # type: ignore[attr-defined]
        for method in route.methods:  # type: ignore[attr-defined]
            assert asks != ((method, route.path) in open_to_all), (method, route.path)  # type: ignore[attr-defined]


def test_foreign_pages_may_not(server: Running) -> None:
    for method, path in (
        ("GET", ""), ("POST", "/x/load"), ("POST", "/x/unload"), ("GET", "/advice"), ("GET", "/pulls"),
        ("POST", "/pull"), ("GET", "/pulls/events"), ("POST", "/pulls/x/cancel"), ("GET", "/media"),
        ("POST", "/import"),
    ):  # fmt: skip
        sent = {"origin": "http://evil.example"}
        assert httpx.request(method, f"{server.url}/house/models{path}", headers=sent).status_code == 403


def test_a_model_is_brought_and_answers_at_once(hub: StandIn, server: Running) -> None:
    at = f"{server.url}/house/models"
    begun = httpx.post(f"{at}/pull", json={"name": f"hf:{MODEL}"})
    assert (begun.status_code, begun.json()["name"]) == (202, "tiny")
    told = ""
    with httpx.stream("GET", f"{at}/pulls/events", timeout=120) as events:
        for line in events.iter_lines():
            told += line
            if '"state":"done"' in line:
                break
    assert "event: pulls" in told
    assert [pull["state"] for pull in httpx.get(f"{at}/pulls").json()["pulls"]] == ["done"]
    assert httpx.post(f"{at}/pulls/tiny/cancel").status_code == 200
    for path, body, status in (
        ("/pull", {"name": "nothing-known"}, 400),
        ("/pull", {"name": 5}, 400),
        ("/pulls/nobody/pause", {}, 404),
        ("/import", {"path": "/etc/passwd"}, 404),
        ("/import", {"path": str(Path(__file__))}, 404),
    ):
        assert httpx.post(f"{at}{path}", json=body).status_code == status


def test_from_a_stick(hub: StandIn, server: Running, tiny_gguf: Path, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    shutil.copy(tiny_gguf, stick / "Tiny Model.gguf")
    found = find_models([stick])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelf, "find_models", lambda: found)
        at = f"{server.url}/house/models"
        (listed,) = httpx.get(f"{at}/media").json()["models"]
        begun = httpx.post(f"{at}/import", json={"path": listed["path"]})
        assert (begun.status_code, begun.json()["name"]) == (202, "tiny-model")
        until(lambda: httpx.get(f"{at}/pulls").json()["pulls"][-1]["state"] == "done")


def test_advice_is_for_this_machine(server: Running) -> None:
    told = httpx.get(f"{server.url}/house/models/advice", timeout=120).json()
    assert told["bytes_per_second"] > 1e8
    for model in told["models"]:
        assert model["size"] < told["memory_free"]
        assert model["tokens_per_second"] > 0
        assert model["zh"]
        assert model["en"]
