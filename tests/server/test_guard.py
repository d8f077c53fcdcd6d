"""Who and what is let in, and the options that let another web site or another name in."""

from __future__ import annotations

from typing import Any

import httpx
from tests.server.conftest import Running, serving

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


def test_a_chunked_body_is_limited_too(server: Running) -> None:
    def pieces() -> Any:
        for _ in range(100):
            yield b" " * 100_000

    try:
        answer = httpx.post(
            f"{server.url}/v1/chat/completions",
            content=pieces(),
            headers={"content-type": "application/json"},
            timeout=120,
        )
    except (httpx.NetworkError, httpx.RemoteProtocolError):
        pass  # the server has closed the connection before the client was through
    else:
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "request_too_large"
    assert server.post().status_code == 200


def test_own_page_and_addresses_pass_the_guard(server: Running) -> None:
    port = server.url.rpartition(":")[2]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"192.168.3.4:{port}", f"[::1]:{port}"):
        headers = {"host": host, "origin": f"http://{host}"}
        assert httpx.get(f"{server.url}/v1/models", headers=headers).status_code == 200
    assert "access-control-allow-origin" not in httpx.get(f"{server.url}/v1/models").headers


def test_who_has_no_key_is_refused_in_the_words_of_each_dialect(llm: LLM) -> None:
    with serving(llm, api_keys=["one", "zwei-二"]) as server:
        body = {"model": llm.name, "max_tokens": 1, "messages": [{"role": "user", "content": "a"}]}
        sent: dict[str, str]
        for path, form in (
            ("/v1/chat/completions", "invalid_api_key"),
            ("/v1/completions", "invalid_api_key"),
            ("/v1/messages", "authentication_error"),
            ("/anthropic/v1/messages", "authentication_error"),
            ("/api/chat", "needs a key"),
            ("/tokenize", "invalid_api_key"),
        ):
            for sent in ({}, {"authorization": "Bearer wrong"}, {"x-api-key": "on"}, {"authorization": "one"}):
                answer = httpx.post(f"{server.url}{path}", json=body, headers=sent)
                assert answer.status_code == 401
                assert form in answer.text
        for path in ("/v1/models", "/metrics", "/page/info", "/page/plain", "/user/balance", "/api/tags", "/nowhere"):
            assert httpx.get(f"{server.url}{path}").status_code == 401
        for path in ("/health", "/", "/page/page.js"):
            assert httpx.get(f"{server.url}{path}").status_code == 200
        for sent in ({"authorization": "Bearer one"}, {"x-api-key": "one"}):
            assert httpx.post(f"{server.url}/v1/messages", json=body, headers=sent, timeout=60).status_code == 200
