"""HTTPS on a real port: a client that trusts only our authority, plain requests on the same port, and slow ones."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect
from tests.cli.test_serve import process
from tests.server.page.standin import chromium

from huozhong.server.authority import Authority


@contextmanager
def secure_server(folder: Path, tmp_path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """`serve --lan --https` as a process: it, its address, and all that it said."""
    os.environ["HUOZHONG_HOME"] = str(tmp_path / "home")
    try:
        with process(folder, tmp_path, "--lan", "--https", *options) as (server, said):
            found = re.search(r"https://127\.0\.0\.1:\d+", said)
            assert found, said
            yield server, found.group(), said
    finally:
        del os.environ["HUOZHONG_HOME"]


@pytest.mark.slow
def test_a_house_over_https_from_its_first_owner_to_its_end(tiny_folder: Path, tmp_path: Path) -> None:
    with secure_server(tiny_folder, tmp_path, "--log-format", "json") as (server, url, said):
        authority = Authority(tmp_path / "home" / "authority")
        assert authority.fingerprint() in said
        setup = re.search(r"#setup=(\w+)", said)
        assert setup, said
        context = ssl.create_default_context(cafile=authority.certificate)
        with httpx.Client(base_url=url, verify=context, timeout=120) as client:
            assert client.get("/v1/models").status_code == 401
            with pytest.raises(httpx.ConnectError, match="certificate"):
                httpx.get(url, timeout=120)  # who does not trust us is right not to
            body = {"code": setup[1], "name": "Ann", "password": "春眠不觉晓 42"}
            joined = client.post("/house/join", json=body)
            assert joined.status_code == 201
            cookie = joined.headers["set-cookie"]
            assert cookie.startswith("__Host-huozhong=")
            assert "; Secure" in cookie
            assert client.get("/ready").json() == {"status": "ready"}
            code = client.post("/house/join-code", json={}).json()
            assert code["url"].startswith("https://")
            asked = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 3}
            assert client.post("/v1/chat/completions", json=asked).status_code == 200
            plain_requests_are_sent_on(url)
            a_browser_that_does_not_trust_us_learns_how(url, authority.fingerprint())
            others_hold_nobody_up(url, client)
            server.send_signal(signal.SIGTERM)
            _, errors = server.communicate(timeout=120)
        assert server.returncode in (0, -signal.SIGTERM)
        assert '"path": "/house/join"' in errors
        assert setup[1] not in errors
    from huozhong.store.database import Store
    from huozhong.store.usage import usage_since

    with Store.open(f"sqlite:///{tmp_path / 'home' / 'house.db'}") as store, store.read() as session:
        assert [key.model for key, _ in usage_since(session, "")] == ["tiny"], "written at the latest at the stop"


def plain_requests_are_sent_on(url: str) -> None:
    plain = url.replace("https:", "http:")
    sent_on = httpx.get(f"{plain}/house/people?x=1")
    assert (sent_on.status_code, sent_on.headers["location"]) == (307, f"{url}/house/people?x=1")
    for method in ("POST", "PATCH", "DELETE"):
        refused = httpx.request(method, f"{plain}/house/login")
        assert refused.status_code == 426
        assert "https" in refused.text
    assert "trust.js" in httpx.get(f"{plain}/page/trust").text
    certificate = httpx.get(f"{plain}/page/authority.crt")
    assert certificate.headers["content-type"] == "application/x-x509-ca-cert"
    assert ssl.DER_cert_to_PEM_cert(certificate.content)
    for path in ("/page/owner.js", "/page/login.html", "/page/index.html", "/health", "/"):
        assert httpx.get(f"{plain}{path}").status_code == 307


def a_browser_that_does_not_trust_us_learns_how(url: str, fingerprint: str) -> None:
    """All that the page needs comes in the clear: what it is sent on for, this browser refuses."""
    with chromium() as browser:
        page = browser.new_page(locale="zh-CN")
        page.goto(url.replace("https:", "http:") + "/page/trust")
        expect(page.locator("#steps h2").first).to_have_text("iPhone / iPad")
        expect(page.locator("#fingerprint")).to_have_text(fingerprint)


def others_hold_nobody_up(url: str, client: httpx.Client) -> None:
    """Connections that say nothing, half a handshake, nonsense."""
    address = ("127.0.0.1", int(url.rpartition(":")[2]))
    silent = [socket.create_connection(address) for _ in range(20)]
    for number, first in enumerate((b"\x16\x03\x01", b"\x16" + b"\xff" * 2000, b"\x80nonsense\r\n\r\n", b"GET / HT")):
        silent[number].sendall(first)
    assert client.get("/health").status_code == 200
    for connection in silent:
        connection.close()
    assert client.get("/health").status_code == 200


@pytest.mark.slow
def test_on_a_terminal_the_first_owner_is_asked(tiny_folder: Path, tmp_path: Path) -> None:
    """Through a pseudo-terminal, as somebody types: the name, a bad password, and a good one twice."""
    import pty

    main, other = pty.openpty()
    environment = os.environ | {
        "LC_ALL": "en_US.UTF-8", "HUOZHONG_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "TERM": "xterm",
    }  # fmt: skip
    command = [sys.executable, "-m", "huozhong.cli.main", "serve", str(tiny_folder), "--lan", "--port", "0"]
    server = subprocess.Popen(command, stdin=other, stdout=other, stderr=other, env=environment, start_new_session=True)
    os.close(other)
    said = b""

    def until(words: bytes, answer: bytes = b"", *, hidden: bool = False) -> None:
        nonlocal said
        while words not in said:
            assert select.select([main], [], [], 300)[0], f"never said {words!r}: {said!r}"
            said += os.read(main, 4096)
        said = said.partition(words)[2]
        while hidden and termios.tcgetattr(main)[3] & termios.ECHO:
            time.sleep(0.01)  # what is typed before the terminal is silent would be thrown away
        os.write(main, answer)

    try:
        until(b"Name", b"Ann\n")
        until(b"Password", b"12345678\n", hidden=True)
        until(b"Once more", b"12345678\n", hidden=True)
        until(b"guessed")
        until(b"Name", b"Ann\n")
        until(b"Password", b"secret words 42\n", hidden=True)
        until(b"Once more", b"secret words 42\n", hidden=True)
        until("█".encode())  # the QR code
        until(b"join code")
        until(b"Ctrl-C")
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(120)
        finally:
            server.kill()
            os.close(main)
    from huozhong.store.database import Store
    from huozhong.store.people import list_people

    with Store.open(f"sqlite:///{tmp_path / 'house.db'}") as store, store.read() as session:
        assert [(one.name, one.role) for one in list_people(session)] == [("Ann", "owner")]
