"""A person's conversations over HTTP: the tree, answers that belong to the server, tabs, and what is refused."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.conftest import Running, serving

from huozhong.engine.llm import LLM
from huozhong.server import rendering
from huozhong.server.careful import Careful
from huozhong.server.routes import conversations
from huozhong.store.database import Store
from huozhong.verify.distress import check

FAST = {"thinking": False, "temperature": 0.0}


_CLIENTS: list[httpx.Client] = []


@pytest.fixture(autouse=True)
def _clients_are_closed() -> Iterator[None]:
    yield
    while _CLIENTS:
        _CLIENTS.pop().close()


class House:
    """The page's side of the house."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=f"{url}/house", timeout=60)
        _CLIENTS.append(self.http)

    def new(self, **body: Any) -> str:
        response = self.http.post("/conversations", json={"settings": {**FAST, "max_tokens": 6}} | body)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def get(self, id: str) -> dict[str, Any]:
        return dict(self.http.get(f"/conversations/{id}").raise_for_status().json())

    def list(self, **params: Any) -> list[dict[str, Any]]:
        return list(self.http.get("/conversations", params=params).raise_for_status().json()["conversations"])

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        response = self.http.post(path, json=body)
        assert response.is_success, response.text
        return dict(response.json())

    def ask(self, id: str, content: str, parent: str | None = None, **more: Any) -> dict[str, Any]:
        """The answer, running."""
        turn = self.post(f"/conversations/{id}/ask", parent=parent, content=content, **more)
        assert turn["question"]["content"] == content
        assert turn["answer"]["parent"] == turn["question"]["id"]
        return dict(turn["answer"])

    @contextmanager
    def events(self, path: str) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
        with self.http.stream("GET", path) as response:
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("text/event-stream")

            def read() -> Iterator[tuple[str, dict[str, Any]]]:
                name = ""
                for line in response.iter_lines():
                    if line.startswith("event: "):
                        name = line[7:]
                    elif line.startswith("data: "):
                        yield name, json.loads(line[6:])

            yield read()

    def follow(self, message: str) -> list[tuple[str, dict[str, Any]]]:
        """All events of a message until its end."""
        with self.events(f"/messages/{message}/events") as events:
            return list(events)

    def done(self, message: str) -> dict[str, Any]:
        """The message once it has ended."""
        name, last = self.follow(message)[-1]
        assert name == "done"
        return dict(last["message"])

    def answered(self, id: str, content: str, parent: str | None = None, **more: Any) -> dict[str, Any]:
        return self.done(self.ask(id, content, parent, **more)["id"])


@pytest.fixture
def house(server: Running) -> House:
    return House(server.url)


def error_of(response: httpx.Response) -> dict[str, Any]:
    return dict(response.json()["error"])


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# -- one conversation ------------------------------------------------------------------------------


def test_a_question_is_answered_and_stays(house: House, server: Running) -> None:
    id = house.new()
    answer = house.answered(id, "你好，请问什么是光合作用？")
    assert answer["state"] == "done"
    assert answer["finish"] == "length"
    assert answer["content"]
    assert answer["usage"]["completion_tokens"] == 6
    assert answer["model"] == server.llm.name
    assert answer["html"].startswith("<")
    whole = house.get(id)
    assert [m["role"] for m in whole["messages"]] == ["user", "assistant"]
    assert whole["messages"][1] == answer
    assert whole["messages"][0]["html"] is None
    assert whole["conversation"]["leaf"] == answer["id"]
    assert whole["conversation"]["title"] == "什么是光合作用"
    assert whole["conversation"]["running"] is False
    assert whole["conversation"]["settings"] == {**FAST, "max_tokens": 6}


def test_it_is_the_same_answer_as_the_apis(house: House, server: Running) -> None:
    told = house.answered(house.new(), "你好")["content"]
    assert told == server.post(max_tokens=6).json()["choices"][0]["message"]["content"]


def test_the_model_is_told_what_was_said_before(house: House, server: Running) -> None:
    id = house.new(settings={**FAST, "max_tokens": 4, "system": "Answer briefly."})
    first = house.answered(id, "你好")
    second = house.answered(id, "再说一次", first["id"])
    messages = [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": "你好"},
        {"role": "assistant", "content": first["content"]},
        {"role": "user", "content": "再说一次"},
    ]
    expected = server.post(max_tokens=4, messages=messages).json()
    assert second["content"] == expected["choices"][0]["message"]["content"]
    assert second["usage"]["prompt_tokens"] == expected["usage"]["prompt_tokens"]


def test_thinking_is_kept_apart(house: House) -> None:
    answer = house.answered(house.new(settings={"temperature": 0.0, "max_tokens": 6}), "你好")
    assert answer["reasoning"]
    assert answer["content"] == ""
    assert answer["think_ms"] > 0


def test_an_edited_question_is_a_branch_and_nothing_is_lost(house: House) -> None:
    id = house.new()
    first = house.answered(id, "一加一")
    second = house.answered(id, "再加一", first["id"])
    edited = house.answered(id, "再减一", first["id"])
    again = house.post(f"/conversations/{id}/again", message=second["id"])["answer"]
    house.done(again["id"])
    other_root = house.answered(id, "换个话题")
    messages = {m["id"]: m for m in house.get(id)["messages"]}
    questions = [m for m in messages.values() if m["parent"] == first["id"]]
    assert [q["content"] for q in questions] == ["再加一", "再减一"]
    assert messages[again["id"]]["parent"] == messages[second["id"]]["parent"]
    assert messages[edited["id"]]["parent"] == questions[1]["id"]
    assert messages[messages[other_root["id"]]["parent"]]["parent"] is None
    assert [m["seq"] for m in messages.values()] == list(range(1, 10))
    shown = house.http.patch(f"/conversations/{id}", json={"leaf": second["id"]}).json()
    assert shown["leaf"] == second["id"]


def test_asking_again_of_a_greedy_model_gives_another_answer(house: House) -> None:
    id = house.new(settings={**FAST, "max_tokens": 24})
    first = house.answered(id, "你好")
    others = {
        house.done(house.post(f"/conversations/{id}/again", message=first["id"])["answer"]["id"])["content"]
        for _ in range(3)
    }
    assert others - {first["content"]}


# -- answers belong to the server ------------------------------------------------------------------


def test_who_leaves_ends_nothing(house: House, server: Running) -> None:
    # Long enough to be still written when it is left, on a machine that is slow to look.
    id = house.new(settings={**FAST, "max_tokens": 1500})
    answer = house.ask(id, "讲个长故事")
    with house.events(f"/messages/{answer['id']}/events") as events:
        names = [next(events)[0], next(events)[0]]
    assert names[0] == "snapshot"
    assert names[1] != "done"  # left amid the answer
    done = house.done(answer["id"])  # taken up again
    assert done["usage"]["completion_tokens"] == 1500
    assert server.is_idle()


def test_every_watcher_gets_the_whole(house: House, server: Running) -> None:
    id = house.new(settings={**FAST, "max_tokens": 200})
    answer = house.ask(id, "你好")
    seen: list[list[tuple[str, dict[str, Any]]]] = [[] for _ in range(4)]

    def watch(index: int) -> None:
        time.sleep(0.05 * index)
        seen[index] = House(server.url).follow(answer["id"])

    threads = [threading.Thread(target=watch, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for events in seen:
        whole = events[-1][1]["message"]["content"]
        pieces = [data["content"] for name, data in events if name in ("snapshot", "delta")]
        assert "".join(pieces) == whole
    assert len({events[-1][1]["message"]["content"] for events in seen}) == 1


def test_a_growing_answer_is_seen_in_its_conversation(house: House) -> None:
    id = house.new(settings={**FAST, "max_tokens": 2000})
    answer = house.ask(id, "你好")
    until(lambda: bool(house.get(id)["messages"][1]["content"]))
    whole = house.get(id)
    assert whole["messages"][1]["state"] == "running"
    assert whole["conversation"]["running"] is True
    house.post(f"/messages/{answer['id']}/stop")
    assert house.done(answer["id"])["state"] == "stopped"


def test_stop_and_continue(house: House, server: Running) -> None:
    id = house.new(settings={**FAST, "max_tokens": 3000})
    answer = house.ask(id, "你好")
    until(lambda: len(house.get(id)["messages"][1]["content"]) > 20)
    house.post(f"/messages/{answer['id']}/stop")
    stopped = house.done(answer["id"])
    assert stopped["state"] == "stopped"
    assert server.is_idle()
    house.http.patch(f"/conversations/{id}", json={"settings": {"max_tokens": 10}})
    going = house.post(f"/conversations/{id}/continue", message=answer["id"])["answer"]
    assert going["id"] == answer["id"]
    assert going["state"] == "running"
    events = house.follow(answer["id"])
    assert events[0][1]["content"].startswith(stopped["content"])
    done = events[-1][1]["message"]
    assert done["content"].startswith(stopped["content"])
    assert len(done["content"]) > len(stopped["content"])
    assert done["usage"]["completion_tokens"] == stopped["usage"]["completion_tokens"] + 10
    assert (done["state"], done["finish"]) == ("done", "length")
    further = house.post(f"/conversations/{id}/continue", message=answer["id"])["answer"]
    assert house.done(further["id"])["content"].startswith(done["content"])
    assert len(house.get(id)["messages"]) == 2


def test_stopped_at_once(house: House, server: Running) -> None:
    id = house.new(settings={**FAST, "max_tokens": 3000})
    answer = house.ask(id, "你好")
    house.post(f"/messages/{answer['id']}/stop")
    assert house.done(answer["id"])["state"] == "stopped"
    assert server.is_idle()
    house.post(f"/messages/{answer['id']}/stop")  # once more: nothing happens
    house.http.patch(f"/conversations/{id}", json={"settings": {"max_tokens": 3}})
    house.post(f"/conversations/{id}/continue", message=answer["id"])
    assert house.done(answer["id"])["state"] == "done"


def test_what_the_engine_refuses_is_a_message_that_says_so(house: House) -> None:
    id = house.new()
    answer = house.answered(id, "长" * 20_000)
    assert answer["state"] == "failed"
    assert answer["finish"] == "context_length_exceeded"
    assert "context" in answer["error"]
    assert answer["content"] == ""
    kept = house.get(id)["messages"]
    assert kept[0]["content"] == "长" * 20_000
    after = house.answered(id, "短一点", answer["id"])  # what came to nothing does not stand in the way
    assert after["state"] == "done"


def test_a_continuation_that_does_not_fit_leaves_the_answer(house: House) -> None:
    id = house.new(settings={**FAST, "max_tokens": 9000})
    answer = house.answered(id, "你好")
    assert answer["finish"] == "length"  # the whole context
    house.post(f"/conversations/{id}/continue", message=answer["id"])
    after = house.done(answer["id"])
    assert after["content"] == answer["content"]
    assert after["state"] == "done"
    assert "context" in after["error"]


def test_distress_is_answered_by_rules(llm: LLM) -> None:
    with serving(llm, careful=Careful(everybody=True)) as running:
        house = House(running.url)
        id = house.new()
        answer = house.answered(id, "我不想活了")
        finding = check([{"role": "user", "content": "我不想活了"}])
        assert finding is not None
        assert answer["content"] == finding.reply()
        assert answer["rule"]["kind"] == "suicide"
        assert (answer["state"], answer["finish"]) == ("done", "stop")
        follow = house.answered(id, "哈哈", answer["id"])
        assert follow["rule"] is not None  # no small talk after that
        again = house.post(f"/conversations/{id}/again", message=answer["id"])["answer"]
        assert house.done(again["id"])["rule"]["kind"] == "suicide"
        assert running.is_idle()


# -- lists, tabs, deletion -------------------------------------------------------------------------


def test_lists_and_their_pages(llm: LLM) -> None:
    with serving(llm) as running:
        house = House(running.url)
        ids = [house.new(title=f"第{n}个") for n in range(7)]
        house.http.patch(f"/conversations/{ids[2]}", json={"pinned": True})
        first = house.http.get("/conversations", params={"limit": 3}).json()
        assert [c["id"] for c in first["conversations"]] == [ids[2], ids[6], ids[5], ids[4]]
        assert first["more"] is True
        before = first["conversations"][-1]["updated"]
        second = house.http.get("/conversations", params={"limit": 3, "before": before}).json()
        assert [c["id"] for c in second["conversations"]] == [ids[3], ids[1], ids[0]]
        assert second["more"] is False


def test_a_title_of_ones_own_stays(house: House) -> None:
    id = house.new()
    house.http.patch(f"/conversations/{id}", json={"title": "我的作业"})
    house.answered(id, "一加一等于几？")
    assert house.get(id)["conversation"]["title"] == "我的作业"


def test_deleted_and_taken_back(house: House) -> None:
    id = house.new()
    answer = house.answered(id, "你好")
    assert house.http.delete(f"/conversations/{id}").status_code == 200
    for path in (f"/conversations/{id}", f"/messages/{answer['id']}/events"):
        assert house.http.get(path).status_code == 404
    assert id not in [c["id"] for c in house.list()]
    house.post(f"/conversations/{id}/restore")
    assert house.get(id)["messages"][1] == answer


def test_deleting_ends_what_is_being_written(house: House, server: Running) -> None:
    id = house.new(settings={**FAST, "max_tokens": 8000})
    house.ask(id, "你好")
    house.http.delete(f"/conversations/{id}")
    assert server.is_idle()


def test_for_the_next_pupil(llm: LLM) -> None:
    with serving(llm) as running:
        house = House(running.url)
        ids = {house.new() for _ in range(3)}
        gone = house.new()
        house.http.delete(f"/conversations/{gone}")
        cleared = house.post("/clear")
        assert cleared["cleared"] == 3
        assert house.list() == []
        assert house.post("/clear/undo", at=cleared["at"] + 1)["restored"] == 0
        assert house.post("/clear/undo", at=cleared["at"])["restored"] == 3
        assert {c["id"] for c in house.list()} == ids


def test_other_tabs_hear_of_everything(llm: LLM) -> None:
    with serving(llm) as running:
        house, heard = House(running.url), []
        ready = threading.Event()

        def listen() -> None:
            with House(running.url).events("/events") as events:
                ready.set()
                for name, data in events:
                    heard.append((name, data))
                    if name == "deleted":
                        return

        thread = threading.Thread(target=listen)
        thread.start()
        assert ready.wait(60)
        id = house.new()
        answer = house.answered(id, "你好")
        house.http.patch(f"/conversations/{id}", json={"title": "新名字"})
        house.http.delete(f"/conversations/{id}")
        thread.join(60)
        states = [data["state"] for name, data in heard if name == "message"]
        assert states == ["running", "done"]
        assert {data["id"] for name, data in heard if name == "message"} == {answer["id"]}
        titles = [data["conversation"]["title"] for name, data in heard if name == "conversation"]
        assert titles[0] == ""
        assert titles[-1] == "新名字"
        runs = [data["conversation"]["running"] for name, data in heard if name == "conversation"]
        assert runs == [False, True, False, False]
        assert heard[-1] == ("deleted", {"id": id})


# -- another start ---------------------------------------------------------------------------------


def test_another_start_knows_everything(llm: LLM, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'house.db'}"
    store = Store.open(url)
    with serving(llm, store=store) as running:
        house = House(running.url)
        id = house.new()
        answer = house.answered(id, "你好")
    store.close()
    store = Store.open(url)
    with serving(llm, store=store) as running:
        whole = House(running.url).get(id)
        assert whole["messages"][1] == answer
    store.close()


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("GET", "conversations/nothing", None, 404, "no such conversation"),
        ("GET", "messages/nothing/events", None, 404, "no such message"),
        ("POST", "messages/nothing/stop", None, 404, "no such message"),
        ("DELETE", "conversations/nothing", None, 404, "no such conversation"),
        ("POST", "conversations/nothing/ask", {"parent": None, "content": "x"}, 404, "no such conversation"),
        ("GET", "conversations?limit=0", None, 400, "'limit' must be a whole number between 1 and 200"),
        ("GET", "conversations?before=yesterday", None, 400, "'before' must be a whole number"),
        ("POST", "conversations", {"id": "../../etc"}, 400, "'id' must have 10 to 40 letters"),
        ("POST", "conversations", {"titel": "x"}, 400, "did you mean 'title'"),
        ("POST", "conversations", {"settings": {"temperature": 3}}, 400, "'settings.temperature' is wrong"),
        ("POST", "conversations", {"model": "gpt-9"}, 404, "gpt-9"),
        ("PATCH", "conversations/ID", {"pinned": "yes"}, 400, "'pinned' is wrong"),
        ("PATCH", "conversations/ID", {"leaf": "nothing"}, 404, "'leaf' is no message of this conversation"),
        ("POST", "conversations/ID/ask", {"content": "x"}, 400, "'parent' is missing"),
        ("POST", "conversations/ID/ask", {"parent": None, "content": ""}, 400, "'content' is wrong"),
        ("POST", "conversations/ID/ask", {"parent": "nothing", "content": "x"}, 404, "'parent' is no message"),
        ("POST", "conversations/ID/ask", {"parent": "QUESTION", "content": "x"}, 400, "'parent' must be an answer"),
        ("POST", "conversations/ID/ask", {"parent": None, "content": "x", "files": ["f"]}, 404, "no file 'f'"),
        ("POST", "conversations/ID/again", {"message": "QUESTION"}, 400, "'message' must be an answer"),
        ("POST", "conversations/ID/continue", {"message": "QUESTION"}, 400, "Only an answer that was stopped"),
        ("POST", "clear/undo", {}, 400, "'at' is missing"),
    ],
)
def test_what_is_wrong_is_said(
    house: House, method: str, path: str, body: dict[str, Any] | None, status: int, words: str
) -> None:
    id = house.new()
    question = house.answered(id, "你好")["parent"]
    text = json.dumps(body).replace("QUESTION", question)
    response = house.http.request(
        method, f"/{path.replace('ID', id)}", content=text if body is not None else None,
        headers={"content-type": "application/json"},
    )  # fmt: skip
    assert response.status_code == status
    assert words in error_of(response)["message"]


def test_a_running_answer_cannot_be_answered(house: House) -> None:
    id = house.new(settings={**FAST, "max_tokens": 8000})
    answer = house.ask(id, "你好")
    response = house.http.post(f"/conversations/{id}/ask", json={"parent": answer["id"], "content": "x"})
    assert response.status_code == 409
    assert house.http.post(f"/conversations/{id}/continue", json={"message": answer["id"]}).status_code == 400
    house.post(f"/messages/{answer['id']}/stop")


def test_created_twice_is_created_once(house: House) -> None:
    id = house.new(id="my-own-id-0001")
    assert house.new(id="my-own-id-0001") == id == "my-own-id-0001"


def test_odd_characters_are_kept_or_replaced(house: House) -> None:
    id = house.new()
    raw = b'{"parent": null, "content": "a\\u0000b \\u2028 \xf0\x9f\x94\xa5"}'
    response = house.http.post(f"/conversations/{id}/ask", content=raw, headers={"content-type": "application/json"})
    assert response.status_code == 201
    house.done(response.json()["answer"]["id"])
    assert house.get(id)["messages"][0]["content"] == "a\ufffdb \u2028 🔥"


def test_null_is_no_setting(house: House) -> None:
    nothing = {"temperature": None, "thinking": None, "system": None, "max_tokens": 3}
    id = house.new(settings=nothing)
    assert house.get(id)["conversation"]["settings"] == {"max_tokens": 3}
    assert house.answered(id, "你好", settings={"top_p": None})["state"] == "done"


def test_me(house: House) -> None:
    me = house.http.get("/me").json()
    assert me["person"] == {"id": 1, "name": "", "role": "owner", "language": None}
    assert me["login"] is False


def test_a_foreign_page_gets_nothing(house: House) -> None:
    id = house.new()
    for method, path in (("GET", f"/conversations/{id}"), ("POST", "/clear"), ("DELETE", f"/conversations/{id}")):
        refused = house.http.request(method, path, headers={"origin": "https://evil.example"})
        assert refused.status_code == 403
    assert house.get(id)


def a_talk(length: int) -> list[dict[str, Any]]:
    """Messages as they are imported, each the answer to the one before."""
    roles, parents = ["user", "assistant"] * length, [None, *map(str, range(length))]
    return [{"id": str(n), "parent": parents[n], "role": roles[n], "content": f"**{n}**"} for n in range(length)]


def test_who_opens_a_chat_does_not_wait_for_all_its_html(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering.Ahead, "prepare", lambda *_: None)  # as if it were opened at once
    chat = {"format": "huozhong-conversation", "version": 1, "id": "c", "messages": a_talk(10)}
    assert house.http.post("/import", json=[chat]).json()["imported"] == 1
    id = house.list()[0]["id"]
    monkeypatch.setattr(conversations, "AT_ONCE_SECONDS", -1.0)
    answers = [message for message in house.get(id)["messages"] if message["role"] == "assistant"]
    assert [(message["html"], message["later"]) for message in answers] == [(None, True)] * 5
    html = house.http.get(f"/conversations/{id}/html").json()["html"]
    assert [html[message["id"]] for message in answers] == [f"<p><strong>{n}</strong></p>\n" for n in range(1, 10, 2)]
    messages = house.get(id)["messages"]
    assert {one["id"]: one["html"] for one in messages if one["role"] == "assistant"} == html
    assert not any("later" in message for message in messages)
    assert house.http.get("/conversations/nobody/html").status_code == 404
