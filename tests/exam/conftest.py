"""A real HTTP server on loopback that answers as a test's script says."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from scripted_server import Script, build_app


@pytest.fixture
def script() -> Iterator[Script]:
    """The script of a server that runs while the test does; its address is `script.url`."""
    wanted = Script()
    config = uvicorn.Config(build_app(wanted), host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    wanted.url = f"http://127.0.0.1:{port}"
    yield wanted
    server.should_exit = True
    thread.join(timeout=10)
    assert not thread.is_alive()
