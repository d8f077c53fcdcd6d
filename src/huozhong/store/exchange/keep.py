"""A file of conversations into the store: read one by one, so that one that is odd does not spoil the others."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from huozhong.errors import RequestError
from huozhong.store.database import Store
from huozhong.store.exchange import chatgpt, deepseek, open_webui, ours
from huozhong.store.exchange.shape import Chat, NotTaken, in_turns, mapping, text
from huozhong.store.search import search_values
from huozhong.store.tables.base import new_id, now, storable
from huozhong.store.tables.conversations import ConversationRow, MessageRow, SearchRow
from huozhong.store.titles import LONGEST_OWN, title_of

MAX_BYTES = 64 * 2**20  # of a file
MAX_UNPACKED = 256 * 2**20  # of what lies in a .zip
_BATCH = 20  # conversations in one transaction
_MOST_TOLD = 1000  # of those that were skipped


@dataclass
class Imported:
    """imported: how many.  skipped: [{"title", "code", "why"}]; there may be more than are told.

    updated: when each that was imported was last written in, by its id; two are equal whatever it holds.
    """

    imported: int = 0
    updated: dict[str, int] = field(default_factory=dict, compare=False)
    skipped: list[dict[str, str]] = field(default_factory=list)

    @property
    def newest(self) -> list[str]:
        """The ids of those that were imported, the newest last."""
        return sorted(self.updated, key=self.updated.__getitem__)

    def skip(self, title: str, problem: NotTaken) -> None:
        if len(self.skipped) < _MOST_TOLD:
            self.skipped.append({"title": storable(title[:LONGEST_OWN]), "code": problem.code, "why": str(problem)})


def import_file(store: Store, person: int, data: bytes) -> Imported:
    """Take what there is: our own JSON, DeepSeek's, Open WebUI's, ChatGPT's, or a .zip.  Slow: call it in a thread.

    `RequestError` for what is none of them.  What was taken before is not taken twice.
    """
    result = Imported()
    with store.read() as session:
        mine = ConversationRow.person_id == person
        times = set(session.scalars(select(ConversationRow.updated).where(mine)))
    batch: list[Chat] = []
    for raw in _conversations(data):
        if isinstance(raw, NotTaken):
            result.skip("", raw)
            continue
        try:
            batch.append(in_turns(_read(raw)))
            # Lists are read on from a time, so no two conversations have the same.
            batch[-1].updated = next(time for time in count(batch[-1].updated) if time not in times)
            times.add(batch[-1].updated)
        except NotTaken as problem:
            title = text(mapping(raw).get("title")) or text(mapping(mapping(raw).get("chat")).get("title"))
            result.skip(title, problem)
        if len(batch) == _BATCH:
            _write(store, person, batch, result)
            batch = []
    _write(store, person, batch, result)
    return result


def _read(raw: Any) -> Chat:
    if not isinstance(raw, dict):
        raise NotTaken("unknown", "It is no conversation.")
    for fits, read in (
        (ours.is_ours, ours.read),
        (deepseek.is_deepseeks, deepseek.read),  # its mapping looks like ChatGPT's: it is asked first
        (chatgpt.is_chatgpts, chatgpt.read),
        (open_webui.is_open_webuis, open_webui.read),
    ):
        if fits(raw):
            return read(raw)
    raise NotTaken("unknown", "It is neither Huozhong's, nor DeepSeek's, nor Open WebUI's, nor ChatGPT's.")


# -- out of a file -------------------------------------------------------------------------------------


def _conversations(data: bytes) -> Iterator[Any]:
    """The elements of the file's arrays; where one cannot be read, that, and no more of its file."""
    for document in _documents(data):
        yield from _elements(document)


def _documents(data: bytes) -> Iterator[str]:
    if not data.startswith(b"PK\x03\x04"):
        yield _decoded(data)
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name for name in archive.namelist() if _is_conversations(name)]
            if not names:
                raise RequestError("The .zip holds no conversations.json.", code="invalid_json")
            room = MAX_UNPACKED
            for name in names:
                with archive.open(name) as file:
                    unpacked = file.read(room + 1)
                if len(unpacked) > room:
                    raise RequestError("What the .zip holds is too large.", code="request_too_large")
                room -= len(unpacked)
                yield _decoded(unpacked)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise RequestError(f"The .zip cannot be read ({error}); unpack it and send conversations.json.") from None


def _is_conversations(name: str) -> bool:
    name = name.rpartition("/")[2]
    return name.startswith("conversations") and name.endswith(".json")


def _decoded(data: bytes) -> str:
    try:
        # Programs of Windows that open and save a file make it UTF-16.
        return data.decode(json.detect_encoding(data)).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise RequestError("The file is no text in UTF-8; send the JSON as it was exported.") from None


def _elements(document: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    at = _skip(document, 0)
    if document[at : at + 1] not in ("[", "{"):
        raise RequestError("The file is no JSON of conversations.", code="invalid_json")
    is_list = document[at] == "["
    at = _skip(document, at + 1) if is_list else at
    while at < len(document) and document[at] != "]":
        try:
            element, at = decoder.raw_decode(document, at)
        except (ValueError, RecursionError) as error:
            where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
            yield NotTaken("broken", f"The file is broken{where}; what comes after that was not taken.")
            return
        yield element
        at = _skip(document, at)
        if not is_list:
            return
        if document[at : at + 1] == ",":
            at = _skip(document, at + 1)
        elif document[at : at + 1] != "]":
            yield NotTaken("broken", f"The file is broken at character {at}; what comes after that was not taken.")
            return


def _skip(document: str, at: int) -> int:
    while at < len(document) and document[at] in " \t\r\n":
        at += 1
    return at


# -- into the store ------------------------------------------------------------------------------------


def _write(store: Store, person: int, chats: list[Chat], result: Imported) -> None:
    if not chats:
        return
    with store.begin() as session:
        for chat in chats:
            try:
                result.updated[add_chat(session, person, chat)] = chat.updated
                result.imported += 1
            except NotTaken as problem:
                result.skip(chat.title, problem)


def add_chat(session: Session, person: int, chat: Chat) -> str:
    """Write a conversation whose messages are in turns; its id.  `NotTaken` if it is there already."""
    id = _id_of(person, chat)
    for known in {id, chat.source} - {""}:
        row = session.get(ConversationRow, known)
        if row is not None and row.person_id == person:
            if row.deleted is None:
                raise NotTaken("there", "It is here already.")
            session.execute(delete(ConversationRow).where(ConversationRow.id == known))
            session.expunge(row)
    first = next((one.content for one in chat.said if one.role == "user"), "")
    ids = {one.key: new_id() for one in chat.said}
    session.execute(
        insert(ConversationRow).values(
            id=id,
            person_id=person,
            title=chat.title[:LONGEST_OWN] or title_of(first),
            title_is_own=chat.title_is_own,
            pinned=chat.pinned,
            model=chat.model,
            settings=chat.settings,
            leaf_id=ids[chat.leaf] if chat.leaf else None,
            created=chat.created,
            updated=chat.updated,
        )
    )
    rows = [
        {
            "id": ids[one.key],
            "conversation_id": id,
            "parent_id": ids[one.parent] if one.parent else None,
            "seq": seq,
            "role": one.role,
            "content": one.content,
            "reasoning": one.reasoning,
            "state": one.state,
            "finish": one.finish,
            "usage": one.usage,
            "rule": one.rule,
            "model": one.model,
            "error": one.error,
            "created": one.created or chat.created,
            "updated": now(),
            "think_ms": one.think_ms,
        }
        for seq, one in enumerate(chat.said, 1)
    ]
    session.execute(insert(MessageRow), rows)
    found = [search_values(person, id, ids[one.key], one.content) for one in chat.said if one.content]
    if found:
        session.execute(insert(SearchRow), found)
    return id


def _id_of(person: int, chat: Chat) -> str:
    """The same conversation has the same id each time that a person brings it."""
    if not chat.source:
        return new_id()
    return hashlib.sha256(f"{person}\n{storable(chat.source)}".encode()).hexdigest()[:20]
