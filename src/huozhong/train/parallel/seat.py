"""How a process takes its place in a team of local rounds: it leads and waits for others, or it calls who leads."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from rich.console import Console

from huozhong.errors import ConfigError
from huozhong.train.parallel.follower import FollowingTeam
from huozhong.train.parallel.launch import Launcher, address_towards, member_command
from huozhong.train.parallel.leader import LeadingTeam
from huozhong.train.parallel.line import Hub, call
from huozhong.train.parallel.local import LocalTeam
from huozhong.train.parallel.settings import TeamRecipe

KEY = "HUOZHONG_TEAM_KEY"
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


@contextlib.contextmanager
def seated(settings: TeamRecipe, total_steps: int, seat: Seat, console: Console, stop: Event) -> Iterator[LocalTeam]:
    """The team as this process sees it, for one sitting.  Raises ConfigError, LineLost."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError("[team] is not for torchrun; start the first machine with --with host1,host2.")
    team: LocalTeam
    if seat.address is not None:
        line = call(seat.address, seat.key, seconds=CALLING_SECONDS, given_up=stop.is_set)
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
    hub = Hub(key, seat.port)
    expected = seat.members if isinstance(seat.members, int) else len(seat.members)
    team = LeadingTeam(settings, total_steps, console, hub, expected)
    assert seat.recipe is not None
    hosts = () if isinstance(seat.members, int) else seat.members
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
