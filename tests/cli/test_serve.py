"""`huozhong serve` as a process: it says where it is, answers, and ends on Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from huozhong.cli.serve import listen, read_keys
from huozhong.errors import ConfigError

COMMAND = [sys.executable, "-m", "huozhong.cli.main"]


@contextmanager
def process(
    folder: Path, cache: Path, *options: str, lang: str = "en_US.UTF-8", seconds: float = 300
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running command and what it has said up to its last line of greeting; killed after `seconds`."""
    environment = os.environ | {"LC_ALL": lang, "XDG_CACHE_HOME": str(cache), "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(
        [*COMMAND, "serve", str(folder), "--port", "0", "--threads", "1", *options],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        encoding="utf-8",
    )
    watchdog = threading.Timer(seconds, server.kill)
    watchdog.start()
    try:
        said = ""
        assert server.stdout is not None
        while "Ctrl-C" not in said:
            line = server.stdout.readline()
            assert line, server.communicate()[1]
            said += line
        yield server, said
    finally:
        watchdog.cancel()
        server.kill()
        server.communicate()


def url_in(said: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+", said)
    assert found, said
    return found.group()


@pytest.mark.slow
def test_serve_answers_and_ends_on_ctrl_c(tiny_folder: Path, tmp_path: Path) -> None:
    with process(tiny_folder, tmp_path, "--price", "2", "--currency", "USD") as (server, said):
        assert "Open in a browser" in said
        url = url_in(said)
        body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 3}
        usage = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=120).json()["usage"]
        assert usage["cost"]["currency"] == "USD"
        assert usage["cost"]["money"] == pytest.approx(usage["cost"]["joules"] / 3.6e6 * 2)
        assert "<html" in httpx.get(url, timeout=120).text
        taken = url.rpartition(":")[2]
        second = subprocess.run(
            [*COMMAND, "serve", str(tiny_folder), "--port", taken], text=True, capture_output=True, timeout=300
        )
        assert second.returncode == 2
        assert f"--port {int(taken) + 1}" in second.stderr
        assert second.stderr.count("\n") == 1
        server.send_signal(signal.SIGINT)
        rest, errors = server.communicate(timeout=120)
        assert server.returncode == 0
        assert rest.strip() == "Stopped."
        assert errors == ""


@pytest.mark.slow
def test_ctrl_c_ends_an_answer_in_flight_with_a_last_event(tiny_folder: Path, tmp_path: Path) -> None:
    with process(tiny_folder, tmp_path, "--host", "0.0.0.0", lang="zh_CN.UTF-8") as (server, said):
        assert "没有密码" in said
        url = url_in(said)
        body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "stream": True}
        with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=120) as answer:
            lines = answer.iter_lines()
            assert "assistant" in next(lines)
            server.send_signal(signal.SIGINT)
            last = [line for line in lines if line][-1]
        assert last == "data: [DONE]" or "stopped" in last
        rest, errors = server.communicate(timeout=120)
        assert (server.returncode, rest.strip(), errors) == (0, "已停止。", "")


def test_addresses_that_cannot_be_had() -> None:
    with pytest.raises(ConfigError, match=r"203\.0\.113\.7"):
        listen("203.0.113.7", 0)
    with pytest.raises(ConfigError, match=r"no\.such\.host\.invalid"):
        listen("no.such.host.invalid", 0)
    with listen("127.0.0.1", 0) as taken:
        assert taken.proto == socket.IPPROTO_TCP, "else asyncio leaves Nagle's 40 ms in"
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=str(port)):
            listen("127.0.0.1", port)
    with listen("127.0.0.1", port) as again:  # no waiting for the old connections to expire
        assert again.type == socket.SOCK_STREAM


def test_keys_come_from_an_option_and_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(b"\xef\xbb\xbfthree\r\n\nfour\n")
    assert read_keys("one, two,", file) == ["one", "two", "three", "four"]
    assert read_keys("", None) == []
    file.write_text("\n")
    for bad in (file, tmp_path / "none"):
        with pytest.raises(ConfigError):
            read_keys("", bad)
