"""A house with accounts on a loopback port, and visitors with cookies of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from tests.server.conftest import Running, serving

from huozhong.engine.llm import LLM
from huozhong.store.database import Store
from huozhong.store.joining import new_code
from huozhong.store.people import Role, add_person

PASSWORD = "春眠不觉晓 42"


@dataclass
class House:
    """A server that knows accounts: an owner Ann, a member Bob, a child Kid (all with PASSWORD)."""

    server: Running
    store: Store
    ids: dict[str, int] = field(default_factory=dict)
    clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.server.url

    def stranger(self) -> httpx.Client:
        self.clients.append(httpx.Client(base_url=self.url, timeout=60))
        return self.clients[-1]

    def visitor(self, name: str) -> httpx.Client:
        """Somebody who has logged in."""
        answer = httpx.post(f"{self.url}/house/login", json={"name": name, "password": PASSWORD}, timeout=60)
        assert answer.status_code == 200, answer.text
        client = self.stranger()
        client.cookies.update(answer.cookies)
        return client

    def key(self, name: str, *scopes: str) -> str:
        with self.visitor(name) as client:
            answer = client.post("/house/keys", json={"name": "test", "scopes": scopes})
        assert answer.status_code == 201, answer.text
        key: str = answer.json()["key"]
        return key

    def add(self, name: str, role: Role) -> int:
        with self.store.begin() as session:
            self.ids[name] = add_person(session, name, role, PASSWORD).id
        return self.ids[name]

    def join_code(self, role: Role) -> str:
        with self.store.begin() as session:
            return new_code(session, role).code

    def body(self, **changes: Any) -> dict[str, Any]:
        return self.server.body(**changes)


@contextmanager
def household(llm: LLM, url: str = "sqlite://", **options: Any) -> Iterator[House]:
    store = Store.open(url)
    try:
        with serving(llm, store=store, login=True, **options) as server:
            house = House(server, store)
            for name, role in (("Ann", "owner"), ("Bob", "member"), ("Kid", "child")):
                house.add(name, role)  # type: ignore[arg-type]
            try:
                yield house
            finally:
                for client in house.clients:
                    client.close()
    finally:
        store.close()
