"""How a process takes its place in a team of local rounds: it leads and waits for others, or it calls who leads."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import IO

from rich.console import Console

from huozhong.errors import ConfigError
from huozhong.train.parallel.follower import FollowingTeam
from huozhong.train.parallel.launch import HERE, KEY, Launcher, address_towards, member_command
from huozhong.train.parallel.leader import LeadingTeam
from huozhong.train.parallel.line import Hub, call
from huozhong.train.parallel.local import LocalTeam
from huozhong.train.parallel.settings import TeamRecipe

__all__ = ["KEY", "Seat", "key_from_pipe", "read_address", "read_key", "read_members", "read_name", "seated"]
SHORTEST_KEY = 16
CALLING_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class Seat:
    """Neither members nor address: alone.  members: hosts that are started from here (over ssh, or as processes of this
    machine for "localhost"), or how many come by themselves.  address, name, key: of one that comes.
    """

    recipe: Path | None = None
    members: tuple[str, ...] | int = 0
    port: int = 0
    address: tuple[str, int] | None = None
    name: str = ""
    key: str = ""
    orphaned: Event = field(default_factory=Event)


def read_members(said: str) -> tuple[str, ...] | int:
    """ "host1,host2" or "3".  Raises ConfigError."""
    if said.strip().isdigit():
        return int(said)
    hosts = tuple(host.strip() for host in said.split(","))
    if not all(host and not host.startswith("-") and host.isprintable() and " " not in host for host in hosts):
        raise ConfigError(f"--with {said!r} is no list of hosts; write host1,host2, or how many will come: --with 3.")
    return hosts


def read_address(said: str) -> tuple[str, int]:
    """ "host:port".  Raises ConfigError."""
    host, colon, port = said.rpartition(":")
    if not (colon and host and port.isdigit() and 0 < int(port) < 65536):
        raise ConfigError(f"--join {said!r} is no address; write host:port, as the machine that leads shows it.")
    return host.strip("[]"), int(port)


def read_name(said: str | None) -> str:
    """A member's name, which is also a folder's; the machine's by default.  Raises ConfigError."""
    name = said or socket.gethostname().split(".")[0]
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or name.startswith(".") or len(name) > 60:
        raise ConfigError(f"--name {name!r} is no name for a member; use up to 60 letters, digits, - and _.")
    return name


def read_key(said: str) -> str:
    """Raises ConfigError for a key that could be guessed."""
    if len(said) < SHORTEST_KEY:
        raise ConfigError(f"the team's key has {len(said)} characters; it needs {SHORTEST_KEY} (set {KEY}).")
    return said


def key_from_pipe(pipe: IO[bytes]) -> tuple[str, Event]:
    """The key that whoever starts a member writes into its pipe, and what is set when the pipe ends."""
    key, orphaned = pipe.readline().decode().strip(), Event()

    def watch() -> None:
        while pipe.read(1):
            pass
        orphaned.set()

    threading.Thread(target=watch, daemon=True, name="leash").start()
    return key, orphaned


@contextlib.contextmanager
def seated(settings: TeamRecipe, total_steps: int, seat: Seat, console: Console, stop: Event) -> Iterator[LocalTeam]:
    """The team as this process sees it, for one sitting.  Raises ConfigError, LineLost."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError("[team] is not for torchrun; start the first machine with --with host1,host2.")
    team: LocalTeam
    if seat.address is not None:
        given_up = lambda: stop.is_set() or seat.orphaned.is_set()  # noqa: E731 (one line says it)
        line = call(seat.address, seat.key, seconds=CALLING_SECONDS, given_up=given_up)
        if line is None:
            raise ConfigError("stopped before the machine that leads answered.")
        team = FollowingTeam(seat.name, settings, total_steps, line)
        with contextlib.closing(team):
            yield team
        return
    if not seat.members:
        yield LeadingTeam(settings, total_steps, console)
        return
    key = read_key(os.environ.get(KEY) or secrets.token_hex(16))
    hosts = () if isinstance(seat.members, int) else seat.members
    expected = seat.members if isinstance(seat.members, int) else len(hosts)
    # where all members are this machine's nobody else need see the door
    hub = Hub(key, seat.port, "127.0.0.1" if hosts and set(hosts) <= set(HERE) else "")
    team = LeadingTeam(settings, total_steps, console, hub, expected)
    assert seat.recipe is not None
    if not hosts:
        command = " ".join(member_command(seat.recipe, f"{address_towards()}:{hub.port}"))
        console.print(
            "在每台机器的同一文件夹里运行（名字各不相同）：\nRun on each machine, in the same folder, each with a name "
            f"of its own:\n  {KEY}={key} {command} --name school2",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )
    with Launcher(hosts, seat.recipe, hub.port, key) as launcher, contextlib.closing(team):
        yield team
        launcher.done()
