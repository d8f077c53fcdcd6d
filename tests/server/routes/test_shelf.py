"""/house/models: what there is; and that only an owner at this machine changes it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from fastapi import Request
from tests.server.conftest import Running
from tests.server.test_models import house, stored, until

from huozhong.errors import RequestError
from huozhong.server.here import owner_here

__all__ = ["stored"]  # a fixture


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


def test_foreign_pages_may_not(server: Running) -> None:
    for method, path in (("GET", ""), ("POST", "/x/load"), ("POST", "/x/unload")):
        sent = {"origin": "http://evil.example"}
        assert httpx.request(method, f"{server.url}/house/models{path}", headers=sent).status_code == 403
