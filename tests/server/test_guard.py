"""The options that let another web site or another name in."""

from __future__ import annotations

import httpx
from tests.server.conftest import serving

from huozhong.engine.llm import LLM


def test_an_allowed_site_gets_cors_and_others_do_not(llm: LLM) -> None:
    with serving(llm, allow_origins=["http://localhost:5173"], allow_hosts=["fire.example"]) as server:
        url = f"{server.url}/v1/chat/completions"
        asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        friend = httpx.options(url, headers=asked | {"origin": "http://localhost:5173"})
        assert friend.status_code == 200
        assert friend.headers["access-control-allow-origin"] == "http://localhost:5173"
        answer = httpx.post(url, json=server.body(), headers={"origin": "http://localhost:5173"})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
        stranger = httpx.post(url, json=server.body(), headers={"origin": "http://evil.example"})
        assert stranger.status_code == 403
        assert httpx.get(f"{server.url}/health", headers={"host": "fire.example:1"}).status_code == 200
        assert httpx.get(f"{server.url}/health", headers={"host": "evil.example"}).status_code == 403


def test_a_star_allows_every_site(llm: LLM) -> None:
    with serving(llm, allow_origins=["*"]) as server:
        url = f"{server.url}/v1/chat/completions"
        answer = httpx.post(url, json=server.body(), headers={"origin": "null"})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"


def test_the_body_limit_is_an_option(llm: LLM) -> None:
    with serving(llm, max_body_bytes=100) as server:
        answer = server.post()
        assert answer.status_code == 413
        assert "100 bytes" in answer.json()["error"]["message"]
