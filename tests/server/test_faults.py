"""What happens to a house while answers are written: its server killed, its disk full, its database locked or gone.

Nothing that somebody saw finished is lost, the next start is clean, and who asks gets one sentence.
"""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from sqlalchemy import event
from tests.server.conftest import serving
from tests.server.routes.test_conversations import FAST, House, until
from tests.store.conftest import postgres_server

from huozhong.engine.llm import LLM
from huozhong.store.database import Store
from huozhong.store.tables import base
from huozhong.store.tables.conversations import MessageRow

KILLS = 15
TOKENS = 3000  # of an answer that is not written before its test makes something fail


# -- kill -9 -------------------------------------------------------------------------------------------


@contextmanager
def process(model: Path, home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`huozhong serve`, and its address."""
    environment = os.environ | {"HUOZHONG_HOME": str(home), "HUOZHONG_LANG": "en", "XDG_CACHE_HOME": str(home)}
    command = [sys.executable, "-u", "-m", "huozhong.cli.main", "serve", str(model), "--port", "0", "--threads", "1"]
    server = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    try:
        assert server.stdout is not None
        said = ""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", said)):
            line = server.stdout.readline()
            assert line, said
            said += line
        yield server, found.group()
    finally:
        server.kill()
        server.communicate()


class Reader:
    """Somebody who asks again and again, and remembers what was seen, and when."""

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name = url, name
        self.finished: dict[str, tuple[str, dict[str, Any]]] = {}  # message -> its conversation, and all of it
        self.growing: list[tuple[float, str]] = []  # of the last one: when, and what was seen then
        self.last: tuple[str, str] | None = None  # its conversation and message
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        house = House(self._url)
        try:
            for round in range(10_000):
                id = house.new(title=self._name, settings={**FAST, "max_tokens": 30 if round % 2 == 0 else 8000})
                answer = house.ask(id, f"{self._name} {round}")["id"]
                self.last, self.growing, seen = (id, answer), [], ""
                with house.events(f"/messages/{answer}/events") as events:
                    for name, data in events:
                        if name == "done":
                            self.finished[answer] = (id, data["message"])
                            self.last = None
                        elif "content" in data:
                            seen += data["content"]
                            self.growing.append((time.monotonic(), seen))
        except (httpx.HTTPError, ValueError):
            return  # the server is gone
        finally:
            house.http.close()

    def wait(self) -> None:
        self._thread.join(120)
        assert not self._thread.is_alive()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_any_moment_it_keeps_what_was_seen_finished(endless_folder: Path, tmp_path: Path) -> None:
    """And of what was not finished all but the last two seconds (and the time that a busy machine takes)."""
    dice = random.Random(20)
    finished: dict[str, tuple[str, dict[str, Any]]] = {}
    growing: list[tuple[str, str, str]] = []  # conversation, message, what it must begin with
    for number in range(KILLS):
        with process(endless_folder, tmp_path) as (server, url):
            check(url, finished, growing)
            readers = [Reader(url, f"reader {n}") for n in range(3)]
            time.sleep(dice.uniform(0.1, 3) if number % 5 else 10)  # now and then so long that something must be kept
            server.send_signal(signal.SIGKILL)
            server.wait()
            killed = time.monotonic()
            for reader in readers:
                reader.wait()
                finished |= reader.finished
                if reader.last is not None and reader.growing:
                    safe = [text for at, text in reader.growing if at < killed - 6]
                    growing.append((*reader.last, safe[-1] if safe else ""))
    with process(endless_folder, tmp_path) as (server, url):
        check(url, finished, growing)
        server.send_signal(signal.SIGINT)
        assert server.wait(120) == 0
    assert len(finished) > KILLS
    assert any(text for _, _, text in growing)
    with sqlite3.connect(tmp_path / "house.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def check(url: str, finished: dict[str, tuple[str, dict[str, Any]]], growing: list[tuple[str, str, str]]) -> None:
    house = House(url)
    for answer, (id, message) in finished.items():
        assert {m["id"]: m for m in house.get(id)["messages"]}[answer] == message
    for id, answer, text in growing:
        message = {m["id"]: m for m in house.get(id)["messages"]}[answer]
        assert message["state"] == "cut"
        assert message["content"].startswith(text)
    assert not any(conversation["running"] for conversation in house.list(limit=200))
    house.http.close()


# -- the store fails while an answer is written ------------------------------------------------------


def survives(llm: LLM, store: Store, fail: Callable[[], None], mend: Callable[[], None], words: str) -> None:
    """An answer ends while the store cannot write: its reader has all of it and the reason; later it is kept."""
    with serving(llm, store=store) as running:
        house = House(running.url)
        id = house.new(settings={**FAST, "max_tokens": TOKENS})
        before = house.answered(id, "以前")
        answer = house.ask(id, "现在", before["id"])
        fail()
        told = house.done(answer["id"])
        assert told["usage"]["completion_tokens"] == TOKENS
        assert (told["state"], words in told["error"]) == ("done", True), told["error"]
        refused = house.http.post(f"/conversations/{id}/ask", json={"parent": before["id"], "content": "又" * 20_000})
        assert refused.status_code == 503
        assert words in refused.json()["error"]["message"]
        mend()

        def is_kept() -> bool:
            with store.read() as session:
                return session.get_one(MessageRow, answer["id"]).state == "done"

        until(is_kept, 20)
        messages = {m["id"]: m for m in house.get(id)["messages"]}
        assert messages[answer["id"]]["content"] == told["content"]
        assert messages[answer["id"]]["error"] is None
        assert messages[before["id"]] == before
        assert house.answered(id, "又", before["id"], settings={"max_tokens": 5})["state"] == "done"
        house.http.close()


def test_the_disk_is_full(llm: LLM, tmp_path: Path) -> None:
    """SQLite's own limit of a file's pages, past which it says what it says of a full disk."""
    limit = [2**30]
    with Store.open(f"sqlite:///{tmp_path / 'house.db'}") as store:
        event.listen(
            store.engine, "begin", lambda one: one.exec_driver_sql(f"PRAGMA max_page_count={limit[0]}"), insert=True
        )

        def fill() -> None:
            with store.read() as session:
                limit[0] = session.connection().exec_driver_sql("PRAGMA page_count").scalar_one()

        survives(llm, store, fill, lambda: limit.__setitem__(0, 2**30), "disk is full")


def test_another_program_holds_the_database(llm: LLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huozhong.store.database._PATIENCE_MS", 100)
    file = tmp_path / "house.db"
    hold = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('BEGIN IMMEDIATE'); print(); input()"
    holder: list[subprocess.Popen[str]] = []

    def fail() -> None:
        other = subprocess.Popen(
            [sys.executable, "-u", "-c", hold, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert other.stdout is not None
        other.stdout.readline()
        holder.append(other)

    def mend() -> None:
        holder[0].kill()
        holder[0].communicate()

    with Store.open(f"sqlite:///{file}") as store:
        survives(llm, store, fail, mend, "Another program holds the database")


@pytest.mark.slow
def test_postgresql_is_restarted(llm: LLM) -> None:
    with postgres_server() as server, Store.open(server.new_database()) as store:
        survives(llm, store, server.stop, server.start, "The database cannot be used")


# -- the clock ---------------------------------------------------------------------------------------


def test_the_clock_is_set_back_amid_an_answer(llm: LLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By two days: as where a battery is empty and the time comes later, the other way round."""
    late = [0]  # milliseconds
    true = base.time.time_ns
    monkeypatch.setattr(base, "time", SimpleNamespace(time_ns=lambda: true() - late[0] * 1_000_000))
    with Store.open(f"sqlite:///{tmp_path / 'house.db'}") as store, serving(llm, store=store) as running:
        house = House(running.url)
        old = [house.new(title=f"before {number}") for number in range(3)]
        asked = house.ask(old[0], "现在", settings={"max_tokens": TOKENS})
        late[0] = 2 * 24 * 3_600_000
        told = house.done(asked["id"])
        assert (told["state"], told["usage"]["completion_tokens"]) == ("done", TOKENS)
        answer = house.answered(old[0], "然后呢？", told["id"], settings={"max_tokens": 5})
        messages = house.get(old[0])["messages"]
        assert [message["role"] for message in messages] == ["user", "assistant"] * 2
        assert messages[-1]["id"] == answer["id"]
        new = house.new(title="after")
        house.http.delete(f"/conversations/{old[1]}").raise_for_status()
        house.post(f"/conversations/{old[1]}/restore")
        listed: list[str] = []
        more = house.list(limit=1)
        while more:  # one by one, as a page reads on
            listed.append(more[0]["id"])
            more = house.list(limit=1, before=more[0]["updated"])
        assert sorted(listed) == sorted([*old, new])
        assert listed[:2] == [new, old[0]]  # the newest first, whatever the clock says
        house.http.close()
    with Store.open(f"sqlite:///{tmp_path / 'house.db'}") as store, serving(llm, store=store) as running:
        house = House(running.url)  # the next start finds all of it
        assert {one["id"] for one in house.list()} == {*old, new}
        house.http.close()
