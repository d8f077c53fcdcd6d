"""One server, every model of this machine: loaded once when asked for, put away when nobody needs it."""

from __future__ import annotations

import asyncio
import gc
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.conftest import Running, serving, write_endless

from huozhong.engine.llm import LLM
from huozhong.errors import RequestError
from huozhong.formats.installed import MANIFEST, InstalledFile, ModelManifest
from huozhong.server.models import Shelf
from huozhong.server.opening import Opening
from huozhong.text.tokenizer import Tokenizer


def store(model: Path, name: str, folder: Path) -> Path:
    """A model as `huozhong import` leaves it."""
    target = folder / name.replace(":", "@")
    shutil.copytree(model, target)
    files = tuple(InstalledFile(one.name, one.stat().st_size, None) for one in sorted(target.iterdir()))
    manifest = ModelManifest(name, "test", None, "2026-01-01T00:00:00+00:00", False, files)
    (target / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    return target


@pytest.fixture
def stored(endless_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two models beside the built-in one: `first` and `second:8b`."""
    monkeypatch.setenv("HUOZHONG_MODELS", str(tmp_path / "models"))
    for name in ("first", "second:8b"):
        store(endless_folder, name, tmp_path / "models")
    return tmp_path


@contextmanager
def shelf_of(folder: Path, name: str = "first", **options: Any) -> Iterator[Shelf]:
    opening = Opening({"num_threads": 1, "cache_dir": folder / "cache", "prefix_cache_bytes": 0})
    first = LLM(name, **opening.options)
    with Shelf(first, opening=opening, everything=True, **options) as shelf:
        yield shelf


@contextmanager
def house(folder: Path, **options: Any) -> Iterator[tuple[Running, Shelf]]:
    with shelf_of(folder, **options) as shelf:
        first = shelf.take_now("first")
        shelf.give_back(first)
        with serving(first.llm, shelf=shelf) as running:
            yield running, shelf


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ask(running: Running, model: str, **fields: Any) -> httpx.Response:
    return running.post(model=model, **fields)


def test_every_model_is_listed_and_loaded_when_asked(stored: Path) -> None:
    with house(stored) as (running, shelf):
        names = [model.id for model in running.client.models.list()]
        assert (names[0], {"ember", "second:8b"} <= set(names)) == ("first", True)
        assert [state.name for state in shelf.states() if state.state == "loaded"] == ["first"]
        for asked in ("second:8b", "second", "second:8b:latest"):
            assert ask(running, asked).json()["model"] == "second:8b"
        tags = {entry["name"]: entry["size"] for entry in httpx.get(f"{running.url}/api/tags").json()["models"]}
        assert set(tags) == set(names)
        assert all(size > 0 for size in tags.values())
        loaded = httpx.get(f"{running.url}/api/ps").json()["models"]
        assert [entry["name"] for entry in loaded] == ["first", "second:8b"]
        assert all(entry["size"] > 0 and entry["expires_at"] for entry in loaded)
        assert ask(running, "deepseek-chat").json()["model"] == "first"
        missing = ask(running, "../first")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")
        assert httpx.post(f"{running.url}/api/show", json={"model": "ember"}).status_code == 200
        assert shelf.state("ember").state == "resting"  # to be told of, it need not be loaded


def test_each_model_is_sampled_as_it_wants(stored: Path) -> None:
    chosen = stored / "models" / "second@8b" / "generation_config.json"
    chosen.write_text('{"temperature": 0.01, "top_k": 1, "max_new_tokens": 5}', encoding="utf-8")
    with house(stored) as (running, _):
        body = running.body(model="second:8b")
        del body["temperature"]
        for _ in range(2):  # cold, and loaded
            answers = {
                httpx.post(f"{running.url}/v1/chat/completions", json=body | {"seed": seed}).text.split('"content"')[1]
                for seed in range(3)
            }
            assert len({answer[:30] for answer in answers}) == 1


def test_many_who_ask_at_once_wait_for_one_load(stored: Path) -> None:
    opened: list[Path] = []

    class Counting(Opening):
        def open(self, path: Path, progress: Callable[[int, int], None]) -> LLM:
            opened.append(path)
            time.sleep(0.2)
            return super().open(path, progress)

    with house(stored) as (running, shelf):
        shelf.opening = Counting(shelf.opening.options)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: ask(running, "second:8b"), range(8)))
        assert [answer.status_code for answer in answers] == [200] * 8
        assert len({answer.json()["choices"][0]["message"]["content"] for answer in answers}) == 1
        assert len(opened) == 1


def test_a_model_goes_when_nobody_used_it_but_never_amid_an_answer(stored: Path) -> None:
    with house(stored, keep=0.05) as (running, shelf):
        stream = running.client.chat.completions.create(
            model="second", messages=[{"role": "user", "content": "你好"}], max_tokens=2000, stream=True, temperature=0
        )
        # Looked at from beside, as the answer may be made before its pieces are read: while it runs it is not idle.
        began, amid = time.monotonic(), 0
        while not amid or shelf.state("second:8b").running:
            now = shelf.state("second:8b")
            if now.running and time.monotonic() - began > 0.1:  # longer than it would be kept
                assert now.state == "loaded"
                amid += 1
            assert time.monotonic() - began < 60
        assert sum(1 for _ in stream) > 5
        until(lambda: shelf.state("second:8b").state == "resting")
        assert shelf.state("first").state == "resting"
        assert ask(running, "first").status_code == 200  # and it comes back
        until(lambda: shelf.state("first").state == "resting")


def test_an_engine_that_was_put_away_leaves_memory(stored: Path) -> None:
    with shelf_of(stored) as shelf:
        loaded = shelf.take_now("second:8b")
        engine = weakref.ref(loaded.llm._engine)
        shelf.give_back(loaded)
        del loaded
        assert shelf.unload("second:8b")
        until(lambda: gc.collect() >= 0 and engine() is None)
        assert not shelf.unload("second:8b")


def test_keep_nothing(stored: Path) -> None:
    with house(stored, keep=0.0) as (running, shelf):
        for _ in range(3):
            assert ask(running, "second").status_code == 200
            until(lambda: shelf.state("second:8b").state == "resting")


def test_what_needs_memory_takes_it_from_who_was_idle_longest(stored: Path) -> None:
    with shelf_of(stored, keep=None) as shelf:
        need = shelf.opening.memory(stored / "models" / "first")
        shelf._free = lambda: int(2.5 * need)
        first = shelf.take_now("first")
        shelf.give_back(shelf.take_now("second:8b"))
        store(stored / "models" / "first", "third", stored / "models")
        shelf.give_back(shelf.take_now("third"))
        loaded = [state.name for state in shelf.states() if state.state == "loaded"]
        assert loaded == ["first", "third"]  # `first` was held, though used longer ago
        held = shelf.take_now("third")
        with pytest.raises(RequestError, match="while first, third is answering") as refused:
            shelf.take_now("second:8b")
        assert refused.value.code == "no_memory"
        shelf.give_back(held)
        shelf.give_back(first)
        shelf._free = lambda: need // 2
        with pytest.raises(RequestError, match="choose a smaller model"):
            shelf.take_now("second:8b")


def test_a_changed_model_is_loaded_anew_and_the_old_one_finishes(stored: Path, tokenizer: Tokenizer) -> None:
    with house(stored) as (running, shelf):
        assert ask(running, "second").status_code == 200
        before = shelf.state("second:8b").llm
        stream = running.client.chat.completions.create(
            model="second", messages=[{"role": "user", "content": "你好"}], max_tokens=1500, stream=True, temperature=0
        )
        next(iter(stream))
        shutil.rmtree(stored / "models" / "second@8b")
        gone = ask(running, "second:8b")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "model_not_found")
        assert "no longer on this machine" in gone.json()["error"]["message"]
        assert "'first'" in gone.json()["error"]["message"]
        write_endless(stored / "new", tokenizer)
        store(stored / "new", "second:8b", stored / "models")
        assert ask(running, "second:8b").status_code == 200
        assert shelf.state("second:8b").llm is not before
        assert [piece.choices[0].finish_reason for piece in stream][-1] == "length"


def test_the_first_model_removed_is_no_dead_end(stored: Path) -> None:
    with house(stored) as (running, shelf):
        shutil.rmtree(stored / "models" / "first")
        assert shelf.default == "ember"
        assert httpx.get(f"{running.url}/page/info").json()["model"] == "ember"
        assert ask(running, "deepseek-chat").json()["model"] == "ember"
        assert "first" not in httpx.get(f"{running.url}/v1/models").text


def test_a_model_that_cannot_be_opened_says_so_and_can_be_mended(stored: Path) -> None:
    config = stored / "models" / "second@8b" / "config.json"
    good = config.read_text(encoding="utf-8")
    config.write_text("{", encoding="utf-8")
    with house(stored) as (running, _):
        assert ask(running, "second").status_code == 500
        config.write_text(good, encoding="utf-8")
        assert ask(running, "second").status_code == 200


def test_who_goes_away_while_a_model_is_loaded_holds_it_no_longer(stored: Path) -> None:
    with shelf_of(stored) as shelf:

        async def leave() -> None:
            waiting = asyncio.create_task(shelf.take("second:8b"))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

        asyncio.run(leave())
        until(lambda: shelf.state("second:8b").state == "loaded")
        place = shelf._places["second:8b"]
        until(lambda: place.loaded is not None and place.loaded.holds == 0)


def test_closing_ends_every_thread(stored: Path) -> None:
    before = set(threading.enumerate())
    with shelf_of(stored) as shelf:
        shelf.give_back(shelf.take_now("second:8b"))
    until(lambda: set(threading.enumerate()) <= before)


def test_a_conversation_is_answered_by_its_model_which_stays_until_the_end(stored: Path) -> None:
    with house(stored, keep=0.0) as (running, shelf):
        at = f"{running.url}/house/conversations"
        id = httpx.post(at, json={"model": "second", "settings": {"max_tokens": 400, "temperature": 0}}).json()["id"]
        asked = httpx.post(f"{at}/{id}/ask", json={"parent": None, "content": "你好"}).json()
        with httpx.stream("GET", f"{running.url}/house/messages/{asked['answer']['id']}/events", timeout=60) as events:
            events.read()
        (_, answer) = httpx.get(f"{at}/{id}").json()["messages"]
        assert (answer["model"], answer["state"], answer["finish"]) == ("second:8b", "done", "length")
        until(lambda: shelf.state("second:8b").state == "resting")
        shutil.rmtree(stored / "models" / "second@8b")
        again = httpx.post(f"{at}/{id}/again", json={"message": answer["id"]}).json()["answer"]
        httpx.get(f"{running.url}/house/messages/{again['id']}/events", timeout=60)
        failed = httpx.get(f"{at}/{id}").json()["messages"][-1]
        assert (failed["state"], "no longer on this machine" in failed["error"]) == ("failed", True)


def test_who_waits_for_a_model_sees_how_far_it_is_and_may_stop(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, opened = threading.Event(), Opening.open

    def held(self: Opening, path: Path, progress: Callable[[int, int], None]) -> LLM:
        progress(30, 100)
        assert gate.wait(120)
        return opened(self, path, progress)

    with house(stored) as (running, shelf):
        monkeypatch.setattr(Opening, "open", held)
        at = f"{running.url}/house/conversations"

        def begun() -> tuple[str, str]:
            made = httpx.post(at, json={"model": "second", "settings": {"max_tokens": 4, "temperature": 0}}).json()
            asked = httpx.post(f"{at}/{made['id']}/ask", json={"parent": None, "content": "你好"}).json()
            return made["id"], asked["answer"]["id"]

        (_, stays), (left, leaves) = begun(), begun()
        events = f"{running.url}/house/messages/{{}}/events"
        with httpx.stream("GET", events.format(leaves), timeout=120) as growing:
            lines = growing.iter_lines()
            assert next(line for line in lines if "loading" in line) == 'data: {"loading":30}'
            httpx.post(f"{running.url}/house/messages/{leaves}/stop", json={})
            assert '"state":"stopped"' in next(line for line in lines if '"message"' in line)
        assert httpx.get(f"{at}/{left}").json()["messages"][-1]["state"] == "stopped"
        assert shelf.state("second:8b").state == "loading", "the other one still waits for it"
        gate.set()
        assert '"state":"done"' in httpx.get(events.format(stays), timeout=120).text
        until(lambda: not shelf.state("second:8b").running)
