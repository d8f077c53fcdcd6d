"""Whether the server is there."""

from __future__ import annotations

import httpx
from tests.server.conftest import Running


def test_health(server: Running) -> None:
    assert httpx.get(f"{server.url}/health").json() == {"status": "ok", "model": server.llm.name}
