"""Responses that are kept, so that a conversation goes on from one by its id: in memory, for as long as there is room.

Everybody finds what they have stored themselves, and nothing else: whoever sent a key finds by that key, and who sent
none (a server that asks for none is one household's) by the id, which nobody can guess.  What was used longest ago
gives way first; one owner's much does not push out what others have.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pydantic_core
from starlette.datastructures import Headers

MAX_NUMBER, MAX_BYTES = 2048, 64 * 2**20
OWNERS_SHARE = 8  # one owner has at most an eighth of both


def owner_of(headers: Headers) -> str:
    """Who asks, by the key that was sent."""
    kind, _, bearer = headers.get("authorization", "").partition(" ")
    key = bearer.strip() if kind.lower() == "bearer" else headers.get("x-api-key", "")
    return hashlib.sha256(key.encode("latin-1")).hexdigest()


@dataclass(frozen=True)
class _Kept:
    response: dict[str, Any]
    items: list[dict[str, Any]]
    size: int  # bytes, as JSON


class KeptResponses:
    """Used in the event loop alone.  max_bytes: of the responses and their conversations, as JSON."""

    def __init__(self, max_number: int = MAX_NUMBER, max_bytes: int = MAX_BYTES) -> None:
        self._max_number, self._max_bytes = max_number, max_bytes
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._items: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}  # owner, item's id -> response's id, item
        self._used: dict[str, tuple[int, int]] = {}  # owner -> how many, bytes

    def of(self, owner: str) -> OwnResponses:
        return OwnResponses(self, owner)

    def keep(self, owner: str, response: dict[str, Any], items: Sequence[dict[str, Any]]) -> None:
        """Keep it with the conversation that led to it, unless it alone is more than its owner may have."""
        conversation = [*items, *response["output"]]
        size = len(pydantic_core.to_json(response)) + len(pydantic_core.to_json(conversation))
        number_share, bytes_share = max(1, self._max_number // OWNERS_SHARE), self._max_bytes // OWNERS_SHARE
        if size > bytes_share:
            return
        self._count(owner, 1, size)
        while self._used[owner][0] > number_share or self._used[owner][1] > bytes_share:
            self._drop(next(key for key in self._kept if key[0] == owner))
        self._kept[owner, response["id"]] = _Kept(response, conversation, size)
        for item in conversation:
            if "id" in item:
                self._items[owner, item["id"]] = response["id"], item
        while len(self._kept) > self._max_number or sum(used for _, used in self._used.values()) > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def find(self, owner: str, response_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
        """The response, and the conversation with it."""
        kept = self._kept.get((owner, response_id))
        if kept is None:
            return None
        self._kept.move_to_end((owner, response_id))
        return kept.response, kept.items

    def find_item(self, owner: str, item_id: str) -> dict[str, Any] | None:
        found = self._items.get((owner, item_id))
        return None if found is None else found[1]

    def remove(self, owner: str, response_id: str) -> bool:
        """Whether it was there."""
        is_there = (owner, response_id) in self._kept
        if is_there:
            self._drop((owner, response_id))
        return is_there

    def _drop(self, key: tuple[str, str]) -> None:
        gone = self._kept.pop(key)
        self._count(key[0], -1, -gone.size)
        for item in gone.items:
            at = (key[0], item.get("id", ""))
            if at in self._items and self._items[at][0] == key[1]:
                del self._items[at]

    def _count(self, owner: str, number: int, size: int) -> None:
        before = self._used.get(owner, (0, 0))
        now = before[0] + number, before[1] + size
        if now == (0, 0):
            del self._used[owner]
        else:
            self._used[owner] = now


class OwnResponses:
    """One owner's part of all."""

    def __init__(self, all: KeptResponses, owner: str) -> None:
        self._all, self._owner = all, owner

    def conversation(self, response_id: str) -> list[dict[str, Any]] | None:
        found = self._all.find(self._owner, response_id)
        return None if found is None else found[1]

    def response(self, response_id: str) -> dict[str, Any] | None:
        found = self._all.find(self._owner, response_id)
        return None if found is None else found[0]

    def item(self, item_id: str) -> Mapping[str, Any] | None:
        return self._all.find_item(self._owner, item_id)

    def keep(self, items: Sequence[dict[str, Any]], response: dict[str, Any]) -> None:
        self._all.keep(self._owner, response, items)

    def remove(self, response_id: str) -> bool:
        return self._all.remove(self._owner, response_id)
