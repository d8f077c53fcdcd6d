"""Start servers and other programs, wait for them, see how much memory they hold, and end them."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

FIELDS = ("VmHWM", "RssAnon", "RssFile", "VmRSS")


class StartError(Exception):
    """A program that should run does not."""


def memory_mb(pid: int) -> dict[str, float]:
    """MB (2**20) of a process: VmHWM its highest, VmRSS now, of that RssAnon its own and RssFile mapped files.

    /proc/PID/status has what smaps_rollup sums up, without walking through millions of pages meanwhile.
    """
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = {line.partition(":")[0]: line for line in lines}
    return {name: int(found[name].split()[1]) / 1024 for name in FIELDS if name in found}


class Watch:
    """The highest memory of a process that is watched from its start to its end."""

    def __init__(self, pid: int) -> None:
        self.highest: dict[str, float] = {}
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(0.2):
            self.look()

    def look(self) -> None:
        try:
            now = memory_mb(self._pid)
        except (FileNotFoundError, ProcessLookupError):
            return
        for name, value in now.items():
            self.highest[name] = max(value, self.highest.get(name, 0.0))

    def end(self) -> dict[str, float]:
        self.look()
        self._over.set()
        self._thread.join()
        return {name: round(value, 1) for name, value in self.highest.items()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: list[str], *, port: int, ready: str, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server, from the moment that GET `ready` answers 200 until the block ends.  env: None for this process's.

    Raises `StartError` with the end of what it said when it ends before that.
    """
    with tempfile.TemporaryFile() as said, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=env)
        try:
            while not _answers(client, ready):
                if process.poll() is not None:
                    said.seek(0)
                    last = said.read().decode(errors="replace").strip()[-600:]
                    raise StartError(f"{command[0]} ended with status {process.returncode}: {last}")
                time.sleep(0.01)
            yield process
        finally:
            stop(process)


def _answers(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def our_server(model: str, port: int, *options: str) -> list[str]:
    """The command that serves `model` with this package."""
    return [sys.executable, "-m", "huozhong.cli.main", "serve", model, "--port", str(port), *options]
