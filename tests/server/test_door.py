"""Nobody in without an account: the route table walked, cookies, keys and their scopes, and who is somebody else."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete
from starlette.routing import Route
from tests.server.household import PASSWORD, House, household

from huozhong.engine.llm import LLM
from huozhong.server.app import create_app
from huozhong.server.rights import OPEN_POSTS, OPEN_TO_ALL, is_open, scope_of
from huozhong.store.tables.accounts import SessionRow


@pytest.fixture(scope="module")
def house(llm: LLM) -> Iterator[House]:
    with household(llm) as running:
        yield running


def routes(app: FastAPI, *, fill: bool = True) -> list[tuple[str, str]]:
    """Every method and path of the table; fill: with something put in where a path takes a name."""
    found = []
    unseen: list[Any] = [*app.routes]
    while unseen:
        route = unseen.pop()
        if hasattr(route, "original_router"):  # a router that FastAPI has not unpacked yet
            unseen += route.original_router.routes
            continue
        assert isinstance(route, Route), f"a kind of route that this walk does not know: {route}"
        path = re.sub(r"\{[^}]*\}", "1", route.path) if fill else route.path
        found += [(method, path) for method in sorted(route.methods or ())]
    return found


def test_the_whole_route_table_is_closed_to_strangers(house: House, llm: LLM) -> None:
    table = routes(create_app(llm, login=True))
    assert len(table) > 50
    assert {path for _, path in table} >= OPEN_POSTS, "an open path that is no route"
    wrong: list[dict[str, str]] = [
        {},
        {"authorization": "Bearer hz-wrong"},
        {"x-api-key": "hz-"},
        {"cookie": "huozhong=wrong; __Host-huozhong=wrong"},
        {"cookie": 'huozhong="\\'},
        {"authorization": "Bearer none", "cookie": "huozhong="},
    ]
    with house.stranger() as client:
        for method, path in table:
            for headers in wrong:
                answer = client.request(method, path, headers=headers, json={} if method == "POST" else None)
                where = f"{method} {path} {headers}: {answer.status_code} {answer.text[:200]}"
                if path in OPEN_POSTS and method == "POST":
                    assert answer.status_code in (400, 403), where
                elif is_open(method, path):
                    assert answer.status_code in (200, 404), where
                    assert llm.name not in answer.text, where
                else:
                    assert answer.status_code == 401, where
                    assert answer.headers["www-authenticate"] == "Bearer"
                    assert llm.name not in answer.text, where


def test_what_is_open_is_the_login_pages_own(house: House) -> None:
    with house.stranger() as client:
        page = client.get("/page/login.html")
        assert page.status_code == 200
        linked = set(re.findall(r'(?:src|href)="(/[^"#]*)"', page.text))
        unread = {path for path in linked if path.endswith(".js")}
        while unread:
            script = client.get(unread.pop()).text
            found = {f"/page/{name}" for name in re.findall(r"from '\./([\w.]+)'", script)} - linked
            linked |= found
            unread |= found
        assert linked <= OPEN_TO_ALL
        beside = {
            "/page/enter",
            "/page/plain.css",
            "/health",
            "/ready",
            "/page/trust",
            "/page/trust.js",
            "/page/authority.crt",
            "/page/authority.json",
        }
        assert OPEN_TO_ALL - beside == (linked | {"/page/login.html"})
        for asked in ("/health", "/ready"):
            assert set(client.get(asked).json()) == {"status"}


def test_tricks_with_paths_and_headers_open_nothing(house: House) -> None:
    host = house.url.removeprefix("http://")
    paths = [
        "/page/login.html/../owner.html", "/page/login.html/", "/page/LOGIN.html/../../v1/models", "//v1/models",
        "/page/..%2f..%2fv1/models", "/page/login.html%00.js", "/v1/models/", "/V1/models", "/house/login/../people",
        "/page/page.js?x=/page/login.html", "/page/info#/page/login.html", "/.well-known/x",
        "/house/people;/page/login.js",
        "/page/owner.html", "/page/index.html", "/docs", "/openapi.json", "/redoc",
    ]  # fmt: skip
    tricks: list[dict[str, str]] = [
        {"x-forwarded-for": "127.0.0.1"},
        {"x-original-url": "/page/login.html", "x-rewrite-url": "/page/login.html"},
        {"x-http-method-override": "POST"},
        {"forwarded": "for=127.0.0.1", "x-real-ip": "127.0.0.1", "x-forwarded-user": "Ann", "remote-user": "Ann"},
    ]
    with house.stranger() as client:
        for path in paths:
            answer = client.get(path)
            assert answer.status_code in (401, 404, 405), f"{path}: {answer.status_code}"
        for headers in tricks:
            assert client.get("/v1/models", headers=headers).status_code == 401
            assert client.get("/house/login", headers=headers).status_code == 401
        assert client.head("/v1/models").status_code == 401
        assert client.options("/v1/models").status_code == 401
        assert client.request("BREW", "/v1/models").status_code == 401
        assert httpx.get(f"http://{host}/v1/models", headers={"host": "evil.example"}).status_code == 403


def test_a_browser_is_sent_to_the_login_page(house: House) -> None:
    with house.stranger() as client:
        for path in ("/", "/page/owner.html"):
            answer = client.get(path, headers={"accept": "text/html,*/*"})
            assert (answer.status_code, answer.headers["location"]) == (303, "/page/login.html")
        assert client.get("/", headers={"accept": "*/*"}).status_code == 401
        assert client.get("/v1/models", headers={"accept": "text/html"}).status_code == 401


def test_who_has_logged_in_is_let_in_until_they_log_out(house: House) -> None:
    with house.visitor("ann") as client:
        assert client.get("/v1/models").status_code == 200
        assert client.get("/").status_code == 200
        assert client.post("/v1/chat/completions", json=house.body()).status_code == 200
        cookie = client.cookies["huozhong"]
        answer = client.post("/house/logout", json={})
        assert answer.status_code == 200
        assert "storage" in answer.headers["clear-site-data"]
        again = httpx.get(f"{house.url}/v1/models", headers={"cookie": f"huozhong={cookie}"})
        assert again.status_code == 401, "the old token lives on after the logout"


def test_the_cookie_is_kept_from_scripts_and_other_sites(house: House) -> None:
    with house.stranger() as client:
        answer = client.post("/house/login", json={"name": "Ann", "password": PASSWORD})
    (cookie,) = answer.headers.get_list("set-cookie")
    assert re.search(r"; HttpOnly", cookie)
    assert re.search(r"; SameSite=strict", cookie)
    assert "; Path=/" in cookie
    assert "Domain" not in cookie
    assert answer.headers["cache-control"] == "no-store"
    assert PASSWORD not in answer.text


def test_a_session_that_a_browser_brings_along_is_not_taken_over(house: House) -> None:
    """Fixation: whoever plants a cookie in somebody's browser must not share the session that begins there."""
    with house.visitor("Bob") as evil:
        planted = evil.cookies["huozhong"]
        with house.stranger() as victim:
            victim.cookies.set("huozhong", planted)
            answer = victim.post("/house/login", json={"name": "Ann", "password": PASSWORD})
            fresh = re.findall(r"huozhong=([^;]*)", answer.headers["set-cookie"])[0]
        assert fresh != planted
        assert evil.get("/house/sessions").status_code == 401, "what was there before ended"
    for made_up in ("x", "x" * 43):
        with house.stranger() as victim:
            headers = {"cookie": f"huozhong={made_up}"}
            victim.post("/house/login", json={"name": "Ann", "password": PASSWORD}, headers=headers)
            assert house.stranger().get("/v1/models", headers=headers).status_code == 401


def test_another_site_cannot_ask_in_somebodys_name(llm: LLM) -> None:
    """CSRF, also from a site that the operator lets in: it may bring a key, but not ride on a cookie."""
    friend = "http://localhost:5173"
    with household(llm, allow_origins=[friend]) as house, house.visitor("Ann") as client:
        host = client.base_url.netloc.decode()
        assert client.post("/house/people", json={}, headers={"origin": "http://evil.example"}).status_code == 403
        for headers in (
            {"origin": friend},
            {"origin": "null"},
            {"origin": f"http://{host}.evil.example"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site", "origin": friend},
        ):
            for method, path in (("POST", "/house/people"), ("DELETE", "/house/join-code"), ("PATCH", "/house/me")):
                answer = client.request(method, path, json={}, headers=headers)
                assert answer.status_code == 403, f"{method} {headers}"
        # A form cannot send JSON, and nothing else is taken.
        form = client.post("/house/people", data={"name": "Eve"}, headers={"sec-fetch-site": "same-origin"})
        assert form.status_code in (400, 415)
        assert "Eve" not in client.get("/house/people").text
        own = {"origin": f"http://{host}", "sec-fetch-site": "same-origin"}
        assert client.delete("/house/join-code", headers=own).status_code == 200
        key = house.key("Ann", "chat")
        asked = {"origin": friend, "authorization": f"Bearer {key}"}
        assert httpx.post(f"{house.url}/v1/chat/completions", json=house.body(), headers=asked).status_code == 200


def test_a_key_reaches_as_far_as_its_scopes(house: House, llm: LLM) -> None:
    with house.stranger() as client:
        for scope, path in (("models", "/v1/models"), ("metrics", "/metrics"), ("chat", "/user/balance")):
            key = house.key("Ann", scope)
            for other in ("/v1/models", "/metrics", "/user/balance", "/house/people", "/house/keys", "/house/sessions"):
                for headers in ({"authorization": f"Bearer {key}"}, {"x-api-key": key}):
                    expected = 200 if other == path else 403
                    assert client.get(other, headers=headers).status_code == expected, f"{scope}: {other}"
        admin = {"authorization": f"Bearer {house.key('Ann', 'admin')}"}
        for path in ("/v1/models", "/metrics", "/house/people", "/house/keys"):
            assert client.get(path, headers=admin).status_code == 200
        chat = {"authorization": f"Bearer {house.key('Bob', 'chat')}"}
        assert client.post("/v1/chat/completions", json=house.body(), headers=chat).status_code == 200
        change = client.patch("/house/me", json={"language": "en"}, headers=chat)
        assert change.status_code == 403, "a key for chats changes no account"
        assert client.post("/v1/embeddings", json={"model": llm.name, "input": "a"}, headers=chat).status_code == 403


def test_every_route_of_the_api_has_a_scope_that_is_meant(llm: LLM) -> None:
    """A new route is an admin's until somebody says otherwise; the known ones are told apart here."""
    meant = {"chat": 0, "models": 0, "embeddings": 0, "metrics": 0, "admin": 0}
    for method, path in routes(create_app(llm)):
        meant[scope_of(method, path)] += 1
    assert all(meant.values())
    for path in ("/house/people", "/house/keys", "/house/sessions", "/house/statistics", "/house/log", "/house/backup"):
        assert scope_of("GET", path) == "admin"
    assert scope_of("GET", "/nowhere") == scope_of("PATCH", "/house/me") == "admin"


def test_a_wrong_key_is_not_made_good_by_a_cookie(house: House) -> None:
    with house.visitor("Ann") as client:
        assert client.get("/v1/models", headers={"authorization": "Bearer hz-wrong"}).status_code == 401
        # OpenAI's clients in a page send some word where they have no key.
        assert client.get("/v1/models", headers={"authorization": "Bearer none"}).status_code == 200


def test_a_disabled_person_is_out_at_once(house: House) -> None:
    house.add("Eve", "member")
    key = house.key("Eve", "chat")
    with house.visitor("Eve") as eve, house.visitor("Ann") as ann:
        assert eve.get("/v1/models").status_code == 200
        path = f"/house/people/{house.ids['Eve']}"
        assert ann.patch(path, json={"disabled": True}).status_code == 200
        assert eve.get("/v1/models").status_code == 401
        headers = {"authorization": f"Bearer {key}"}
        assert house.stranger().get("/user/balance", headers=headers).status_code == 401
        answer = house.stranger().post("/house/login", json={"name": "Eve", "password": PASSWORD})
        assert answer.status_code == 401
        assert ann.delete(path).status_code == 200
        assert ann.delete(path).status_code == 404


def test_without_login_the_house_asks_nobody(llm: LLM) -> None:
    from tests.server.conftest import serving

    with serving(llm) as server, httpx.Client(base_url=server.url) as client:
        assert client.get("/v1/models").status_code == 200
        assert client.get("/house/statistics").status_code == 200
        for path in ("/house/people", "/house/keys", "/house/sessions"):
            answer = client.get(path)
            assert answer.status_code == 404
            assert "--lan" in answer.json()["error"]["message"]


# Paths under which everything belongs to one person, by what stands in their braces.
THEIRS = re.compile(r"/house/(conversations|messages|sessions|keys|files)/|/responses/")


def belongings(house: House, name: str) -> dict[str, str]:
    """What a person has, one of each kind: path -> id."""
    with house.visitor(name) as client:
        conversation = client.post("/house/conversations", json={"title": "mine"}).json()["id"]
        asked = client.post(
            f"/house/conversations/{conversation}/ask",
            json={"parent": None, "content": "春眠", "settings": {"max_tokens": 4}},
        ).json()
        client.get(f"/house/messages/{asked['answer']['id']}/events")  # to its end
        file = client.post(
            "/house/files?name=a.txt", content="处处闻啼鸟".encode(), headers={"content-type": "text/plain"}
        )
        response = client.post(
            "/v1/responses", json={"model": house.server.llm.name, "input": "a", "max_output_tokens": 16}
        )
        return {
            "conversations": conversation,
            "messages": asked["answer"]["id"],
            "sessions": client.get("/house/sessions").json()["sessions"][0]["id"],
            "keys": client.post("/house/keys", json={"name": "x", "scopes": ["chat"]}).json()["id"],
            "files": file.json()["id"],
            "responses": response.json()["id"],
        }


def test_what_is_one_persons_is_404_for_everybody_else(house: House, llm: LLM) -> None:
    """IDOR: every route with somebody's id in it, asked by another member and by the owner."""
    house.add("Eve", "member")
    theirs = belongings(house, "Bob")
    bodies: dict[str, object] = {
        "ask": {"parent": None, "content": "x"}, "again": {"message": theirs["messages"]},
        "continue": {"message": theirs["messages"]}, "PATCH": {"title": "stolen", "pinned": True},
        "calls": {"message": theirs["messages"], "call": "call_1", "allow": True},
    }  # fmt: skip
    table = [(method, path) for method, path in templates(create_app(llm)) if THEIRS.search(path)]
    assert len(table) >= 14
    with house.visitor("Bob") as bob:
        before = bob.get(f"/house/conversations/{theirs['conversations']}").json()
        for name in ("Eve", "Ann"):
            with house.visitor(name) as other:
                for method, template in table:
                    kind = template.split("/")[2] if template.startswith("/house/") else "responses"
                    path = re.sub(r"\{[^}]*\}", "1", re.sub(r"\{[^}]*\}", theirs[kind], template, count=1))
                    body = bodies.get(template.rpartition("/")[2]) or bodies.get(method) or {}
                    answer = other.request(method, path, json=body if method in ("POST", "PATCH") else None)
                    assert answer.status_code == 404, f"{name}: {method} {path}: {answer.status_code} {answer.text}"
                    assert "mine" not in answer.text
                # A parent or a message of another's conversation, in one's own.
                own = other.post("/house/conversations", json={}).json()["id"]
                for end, asked in (
                    ("ask", {"parent": theirs["messages"], "content": "x"}),
                    ("ask", {"parent": None, "content": "x", "files": [theirs["files"]]}),
                    ("again", {"message": theirs["messages"]}),
                    ("continue", {"message": theirs["messages"]}),
                ):
                    answer = other.post(f"/house/conversations/{own}/{end}", json=asked)
                    assert answer.status_code in (400, 404), f"{end} {asked}: {answer.text}"
                assert other.patch(f"/house/conversations/{own}", json={"leaf": theirs["messages"]}).status_code in (
                    400,
                    404,
                )
                taken = other.post("/house/conversations", json={"id": theirs["conversations"]})
                assert taken.status_code == 409, "an id that is taken says nothing of whose it is, and gives nothing"
                assert "mine" not in taken.text
                listed = other.get("/house/conversations?search=春眠").text + other.get("/house/export").text
                assert theirs["conversations"] not in listed
                follow = {"model": llm.name, "input": "b", "previous_response_id": theirs["responses"]}
                assert other.post("/v1/responses", json=follow).status_code in (400, 404)
        assert bob.get(f"/house/conversations/{theirs['conversations']}").json() == before


def templates(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path of the table that has somebody's id in it, as they are written."""
    return [(method, path) for method, path in routes(app, fill=False) if "{" in path]


@contextmanager
def heard(client: httpx.Client, method: str, path: str, **more: Any) -> Iterator[threading.Event]:
    """A stream that somebody listens to; set once it has ended in good order."""
    ended, begun = threading.Event(), threading.Event()

    def listen() -> None:
        with client.stream(method, path, timeout=120, **more) as answer:
            assert answer.status_code == 200
            for _ in answer.iter_raw():
                begun.set()
        ended.set()

    thread = threading.Thread(target=listen)
    thread.start()
    assert begun.wait(60)
    try:
        yield ended
    finally:
        thread.join(60)


def test_a_stream_ends_with_its_session(llm: LLM) -> None:
    with household(llm) as house:
        bob, other = house.visitor("Bob"), house.visitor("Bob")
        with heard(other, "GET", "/house/events") as others, heard(bob, "GET", "/house/events") as own:
            assert bob.post("/house/logout", json={}).status_code == 200
            assert own.wait(60)
            assert not others.is_set()  # that one is another browser's
            with house.visitor("Ann") as ann:
                ann.delete(f"/house/people/{house.ids['Bob']}")
            assert others.wait(60)


def test_a_stream_ends_with_its_key(llm: LLM) -> None:
    with household(llm) as house:
        key, bob = house.key("Bob", "chat"), house.visitor("Bob")
        headers, body = {"x-api-key": key}, house.body(max_tokens=8000, stream=True)
        with heard(house.stranger(), "POST", "/v1/chat/completions", json=body, headers=headers) as own:
            [listed] = bob.get("/house/keys").json()["keys"]
            assert bob.delete(f"/house/keys/{listed['id']}").status_code == 200
            assert own.wait(60)
        assert house.server.is_idle(60)  # the engine computes no more for it


def test_what_another_process_ends_is_seen_soon(llm: LLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huozhong.server.door.KNOWN_SECONDS", 0.2)
    monkeypatch.setattr("huozhong.server.feed.KEEP_ALIVE_SECONDS", 0.2)
    with household(llm) as house:
        bob = house.visitor("Bob")
        with heard(bob, "GET", "/house/events") as own:
            with house.store.begin() as session:
                session.execute(delete(SessionRow))
            assert own.wait(60)
