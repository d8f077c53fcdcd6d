"""Starting the members of a team from the machine that leads, and starting them again when they fall over."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

KEY = "HUOZHONG_TEAM_KEY"
HERE = ("localhost", "127.0.0.1")
AGAIN_SECONDS = 2.0  # before a member that fell over is started again
MOST_STARTS = 20
END_SECONDS = 60.0  # for members to save and go


def member_command(recipe: Path, address: str) -> list[str]:
    """What a member's machine runs, without its name."""
    return ["huozhong", "train", "pretrain", shlex.quote(str(recipe)), "--join", address]


class Launcher:
    """Members on `hosts` as long as the context lasts: processes of this machine for "localhost", else over ssh, in the
    same folder as here.  The key goes through a pipe, where `ps` does not show it; the pipe stays open, and its end
    tells a member that whoever started it is gone.
    """

    def __init__(self, hosts: Sequence[str], recipe: Path, port: int, key: str) -> None:
        seen: Counter[str] = Counter()
        self._recipe, self._port, self._key = recipe, port, key
        self._ended = threading.Event()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._threads = []
        for host in hosts:
            seen[host] += 1
            name = host.rpartition("@")[2] + (f"-{seen[host]}" if seen[host] > 1 else "")
            self._threads.append(threading.Thread(target=self._keep_up, args=(host, name), daemon=True))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        for process in list(self._running.values()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS if kind is None else 1.0)
            if process.poll() is None:
                process.terminate()
        for thread in self._threads:
            thread.join(10.0)

    def done(self) -> None:
        """The run is over: who ends now has not fallen over."""
        self._ended.set()

    def _keep_up(self, host: str, name: str) -> None:
        for _ in range(MOST_STARTS):
            if self._ended.is_set():
                return
            process = self._start(host, name)
            self._running[name] = process
            assert process.stdin is not None
            with contextlib.suppress(OSError):  # it ended before it read: told by its exit status
                process.stdin.write(f"{self._key}\n".encode())
                process.stdin.flush()
            status = process.wait()
            with contextlib.suppress(OSError):
                process.stdin.close()
            if status == 0 or self._ended.wait(AGAIN_SECONDS):
                return

    def _start(self, host: str, name: str) -> subprocess.Popen[bytes]:
        if host in HERE:
            own = ["--join", f"127.0.0.1:{self._port}", "--name", name]
            words = [sys.executable, "-m", "huozhong.cli.main", "train", "pretrain", str(self._recipe), *own]
        else:
            address = f"{address_towards(host)}:{self._port}"
            said = " ".join([*member_command(self._recipe, address), "--name", shlex.quote(name)])
            words = ["ssh", "-o", "BatchMode=yes", host, f"cd {shlex.quote(os.getcwd())} && {said}"]
        # a session of its own: Ctrl-C is for who leads, and members stop when it says so
        env = {name: value for name, value in os.environ.items() if name != KEY}  # the pipe is what it shall read
        return subprocess.Popen(
            words, env=env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
        )


def address_towards(host: str = "192.0.2.1") -> str:
    """Under which address `host` sees this machine; nothing is sent to find out.  The default: anybody outside."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host.rpartition("@")[2], 9))
            address: str = probe.getsockname()[0]
        except OSError:  # a name that only ssh knows
            address = socket.gethostname()
    return address
