"""A house that streams to several people, ended with kill -9 again and again: what was finished is there, and its own.

Starting Python and importing everything takes most of a start, and a kill there proves nothing.  So a process that has
imported all of it, and done nothing else, forks for each start: the child is `huozhong serve` from its first line on.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchlib.processes import StartError, free_port
from huozhong.store.database import Store
from huozhong.store.people import add_person
from huozhong.store.sessions import open_session

PEOPLE = 4
LOOKED_AT = 24  # of each person's finished answers, the newest, after each start; all of them after the last


START_SECONDS = 120.0
_NURSERY = """
import json, os, sys
import huozhong.cli.serve, huozhong.engine.llm, huozhong.server.app, huozhong.server.secure, huozhong.store.database
from huozhong.cli.main import main
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        sys.argv = ["huozhong", *json.loads(line)]
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        main()
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Nursery:
    """Starts servers one after the other, each at once; what they say goes to this program's stderr if they fail."""

    def __init__(self, home: Path) -> None:
        environment = os.environ | {"HUOZHONG_HOME": str(home), "OPENBLAS_NUM_THREADS": "1", "HUOZHONG_LANG": "en"}
        self._said = (home / "said.txt").open("w+b")
        self._child: int | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-c", _NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said,
            text=True, env=environment,
        )  # fmt: skip

    def start(self, port: int, *arguments: str) -> int:
        """The process id of a server that answers."""
        pipes = self._process
        assert pipes.stdin is not None
        assert pipes.stdout is not None
        pipes.stdin.write(json.dumps(["serve", "ember", "--port", str(port), *arguments]) + "\n")
        pipes.stdin.flush()
        child, deadline = int(pipes.stdout.readline()), time.monotonic() + START_SECONDS
        self._child = child
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
            while not _answers(client):
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self._said.seek(0)
                    raise StartError(f"the server did not start: {self._said.read().decode()[-800:]}")
                time.sleep(0.02)
        return child

    def kill(self, child: int) -> None:
        """Until it is gone."""
        os.kill(child, signal.SIGKILL)
        self._child = None
        assert self._process.stdout is not None
        status = int(self._process.stdout.readline())
        assert os.WTERMSIG(status) == signal.SIGKILL, f"it had ended before, with {status}"

    def close(self) -> None:
        if self._child is not None:
            os.kill(self._child, signal.SIGKILL)
        self._process.kill()
        self._process.communicate()
        self._said.close()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


@dataclass
class Talker:
    """A person, and what they have seen complete: message id -> (conversation, content, state)."""

    name: str
    cookie: str
    seen: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def client(self, url: str) -> httpx.Client:
        return httpx.Client(base_url=url, timeout=60, headers={"Cookie": f"huozhong={self.cookie}"})


@dataclass
class Found:
    """Counts of answers that were lost or changed, that another person was shown, that still run, and odd starts."""

    lost: int = 0
    of_others: int = 0
    running: int = 0
    broken: int = 0


def kill_often(
    folder: Path, kills: int, seed: int, longest: float = 2.5, seconds: float = float("inf")
) -> dict[str, Any]:
    """So many kills, each at a random moment of up to `longest` seconds of streaming after a start.

    seconds: no more kills once so many have passed.
    """
    folder.mkdir()
    dice, found, began = random.Random(seed), Found(), time.monotonic()
    url = f"sqlite:///{folder}/house.db"
    talkers = open_house(url)
    nursery = Nursery(folder)
    try:
        for number in range(kills + 1):
            if time.monotonic() - began > seconds:
                kills = number  # as many as there were: one more start, to look at all of it
            port = free_port()
            server = nursery.start(port, "--database", url, "--threads", "1", "--lan", "--host", "127.0.0.1")
            address = f"http://127.0.0.1:{port}/house"
            for talker in talkers:
                look(talker, address, found, LOOKED_AT if number < kills else None)
            talking = [threading.Thread(target=talk, args=(talker, address, number)) for talker in talkers]
            if number < kills:
                for thread in talking:
                    thread.start()
                time.sleep(dice.uniform(0.0, longest))
            nursery.kill(server)
            for thread in talking if number < kills else ():
                thread.join()
            found.broken += not is_whole(folder / "house.db")
            if number % 20 == 19 or number == kills:
                seen = sum(len(talker.seen) for talker in talkers)
                print(
                    f"  {min(number + 1, kills)} kills, {seen} answers seen complete, {found}",
                    file=sys.stderr,
                    flush=True,
                )
            if number == kills:
                break
    finally:
        nursery.close()
    return {
        "kills": kills,
        "seen_complete": sum(len(talker.seen) for talker in talkers),
        "lost_or_changed": found.lost,
        "shown_to_others": found.of_others,
        "left_running": found.running,
        "broken_databases": found.broken,
        "seconds": round(time.monotonic() - began),
    }


def open_house(url: str) -> list[Talker]:
    talkers = []
    with Store.open(url) as store, store.begin() as session:
        add_person(session, "owner", "owner", "the owner's word 42")
        for number in range(PEOPLE):
            person = add_person(session, f"p{number}", "member", f"password of {number}")
            talkers.append(Talker(f"p{number}", open_session(session, person.id, agent="kills", address="")[0]))
    return talkers


def talk(talker: Talker, url: str, number: int) -> None:
    """Ask until the server is gone; every title and question bears the person's name."""
    try:
        with talker.client(url) as client:
            while True:
                made = client.post("/conversations", json={"title": f"{talker.name} {number}"})
                id = made.raise_for_status().json()["id"]
                question = {"parent": None, "content": f"你好，我是 {talker.name}"}
                asked = client.post(f"/conversations/{id}/ask", json=question).raise_for_status().json()
                with client.stream("GET", f"/messages/{asked['answer']['id']}/events") as response:
                    last = [line for line in response.iter_lines() if line.startswith("data: ")][-1]
                message = json.loads(last[6:]).get("message")
                if message is not None:
                    talker.seen[message["id"]] = (id, message["content"], message["state"])
    except (httpx.TransportError, IndexError, json.JSONDecodeError):
        return  # it was killed in the middle of it


def look(talker: Talker, url: str, found: Found, newest: int | None) -> None:
    """What this person's house holds now, beside what they saw before."""
    wanted = list(talker.seen.items())[-newest if newest is not None else 0 :]
    with talker.client(url) as client:
        for id, (conversation, content, state) in wanted:
            answer = client.get(f"/conversations/{conversation}")
            messages = {one["id"]: one for one in answer.json().get("messages", [])}
            message = messages.get(id, {})
            found.lost += (message.get("content"), message.get("state")) != (content, state)
            found.running += sum(one["state"] == "running" for one in messages.values())
            asked = [one["content"] for one in messages.values() if one["role"] == "user"]
            found.of_others += sum(talker.name not in one for one in asked)
        listed = client.get("/conversations?limit=100").raise_for_status().json()["conversations"]
        found.running += sum(one["running"] for one in listed)
        found.of_others += sum(talker.name not in one["title"] for one in listed)


def is_whole(file: Path) -> bool:
    """Whether SQLite finds nothing wrong, and no search entry, rendering or message without its own."""
    with sqlite3.connect(file) as connection:
        checked = [row[0] for row in connection.execute("PRAGMA quick_check")]
        strays = connection.execute("PRAGMA foreign_key_check").fetchall()
    connection.close()
    return checked == ["ok"] and not strays
