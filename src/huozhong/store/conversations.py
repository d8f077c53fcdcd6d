"""Conversations and their messages: every change of them is here, each one transaction.

A conversation is a tree.  Nothing that was said is ever changed or removed by asking again: an edited question or
another answer is a further child of the same parent, and `leaf_id` says which branch was shown last.  Only a person's
own conversations exist for them: another's id is as unknown as one that never was.

Order never depends on the clock alone: `updated` is later than that of every other conversation of its person, even
if the machine's clock was set back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from huozhong.errors import RequestError
from huozhong.store.database import Store
from huozhong.store.files import attach_files, forget_unasked
from huozhong.store.search import index_messages
from huozhong.store.tables.base import new_id, now
from huozhong.store.tables.conversations import ConversationRow, MessageRow, RenderingRow
from huozhong.store.tables.people import PersonRow
from huozhong.store.titles import LONGEST_OWN, title_of

KEPT_DAYS = 30  # how long what was deleted can be taken back
_DAY = 86_400_000
_OWN_ID = re.compile(r"[A-Za-z0-9_-]{10,40}")


@dataclass(frozen=True)
class Turn:
    """A new question and its answer, which is running.  path: all messages before the answer, first to last."""

    conversation: ConversationRow
    question: MessageRow
    answer: MessageRow
    path: list[MessageRow]


class Conversations:
    """One person's at a time: every method is told whose."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # -- conversations ---------------------------------------------------------------------------

    def create(
        self, person: int, *, id: str | None = None, title: str = "", model: str | None = None, settings: Any = None
    ) -> ConversationRow:
        """A new one; the person's own with this `id` if there is one already (a request that was sent twice)."""
        if id is not None and not _OWN_ID.fullmatch(id):
            raise RequestError("'id' must have 10 to 40 letters, digits, '-' or '_'; or leave it out.", param="id")
        with self._store.begin(lasting=False) as session:
            known = None if id is None else session.get(ConversationRow, id)
            if known is not None:
                if known.person_id == person and known.deleted is None:
                    return known
                raise RequestError("This 'id' is taken; choose another, or leave it out.", param="id", code="conflict")
            row = new_conversation(session, person, id=id, title=title[:LONGEST_OWN], model=model, settings=settings)
            row.title_is_own = bool(title)
            return row

    def latest(self, person: int, *, before: int | None = None, limit: int = 50) -> tuple[list[ConversationRow], bool]:
        """The latest first, and whether there are more; without `before` (a time) the pinned ones before all."""
        mine = select(ConversationRow).where(ConversationRow.person_id == person, ConversationRow.deleted.is_(None))
        mine = mine.order_by(ConversationRow.updated.desc())
        with self._store.read() as session:
            pinned = [] if before is not None else list(session.scalars(mine.where(ConversationRow.pinned)))
            others = mine.where(~ConversationRow.pinned)
            if before is not None:
                others = others.where(ConversationRow.updated < before)
            found = list(session.scalars(others.limit(limit + 1)))
        return [*pinned, *found[:limit]], len(found) > limit

    def ids(self, person: int) -> list[str]:
        """Of all that are not deleted, the latest first."""
        mine = select(ConversationRow.id).where(ConversationRow.person_id == person, ConversationRow.deleted.is_(None))
        with self._store.read() as session:
            return list(session.scalars(mine.order_by(ConversationRow.updated.desc())))

    def get(self, person: int, id: str) -> tuple[ConversationRow, list[MessageRow]]:
        """A conversation and all its messages, in the order in which they came."""
        with self._store.read() as session:
            conversation = own_conversation(session, person, id)
            return conversation, messages_of(session, id)

    def change(self, person: int, id: str, changes: Mapping[str, Any]) -> ConversationRow:
        """changes: title, pinned, leaf (a message's id), settings, model."""
        with self._store.begin() as session:
            row = own_conversation(session, person, id, lock=True)
            if "title" in changes:
                row.title = str(changes["title"])[:LONGEST_OWN]
                row.title_is_own = bool(row.title)
            if "pinned" in changes:
                row.pinned = changes["pinned"]
            if "leaf" in changes:
                row.leaf_id = _message_in(session, id, changes["leaf"], "leaf").id
            if "settings" in changes:
                row.settings = merged(row.settings, changes["settings"])
            if "model" in changes:
                row.model = changes["model"]
            return row

    def delete(self, person: int, id: str) -> None:
        """Out of sight; for KEPT_DAYS `restore` takes it back."""
        with self._store.begin() as session:
            own_conversation(session, person, id, lock=True).deleted = now()

    def restore(self, person: int, id: str) -> ConversationRow:
        """Take a deletion back; nothing happens to one that is not deleted."""
        with self._store.begin() as session:
            row = own_conversation(session, person, id, lock=True, even_deleted=True)
            row.deleted = None
            return row

    def clear(self, person: int) -> tuple[int, list[str]]:
        """For the next pupil: all is deleted, files never asked about for good.  What `undo_clear` needs; the ids."""
        with self._store.begin() as session:
            mine = ConversationRow.person_id == person
            last = session.scalar(select(func.max(ConversationRow.deleted)).where(mine)) or 0
            at = max(now(), last + 1)  # a time that no other deletion has
            shown = (mine, ConversationRow.deleted.is_(None))
            ids = list(session.scalars(select(ConversationRow.id).where(*shown)))
            session.execute(update(ConversationRow).where(*shown).values(deleted=at))
            forget_unasked(session, person)
            return at, ids

    def undo_clear(self, person: int, at: int) -> list[ConversationRow]:
        """What came back."""
        with self._store.begin() as session:
            mine = (ConversationRow.person_id == person, ConversationRow.deleted == at)
            rows = list(session.scalars(select(ConversationRow).where(*mine)))
            for row in rows:
                row.deleted = None
            return rows

    def purge(self) -> int:
        """Forget for good what was deleted more than KEPT_DAYS ago (how many), and files never asked about."""
        with self._store.begin() as session:
            old = ConversationRow.deleted < now() - KEPT_DAYS * _DAY
            found = list(session.scalars(select(ConversationRow.id).where(old)))
            session.execute(delete(ConversationRow).where(old))
            forget_unasked(session)
            return len(found)

    # -- questions and answers -------------------------------------------------------------------

    def ask(
        self,
        person: int,
        id: str,
        *,
        parent: str | None,
        content: str,
        files: Sequence[str] = (),
        model: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Turn:
        """A question after the answer `parent` (None: at the beginning), and its answer, running.

        files: what it is asked about; the person's own, or `RequestError`.
        settings: changes of the conversation's own, which hold from now on.
        """
        with self._store.begin(lasting=False) as session:
            conversation = own_conversation(session, person, id, lock=True)
            path = _path(session, id, parent, "parent")
            if path and path[-1].role != "assistant":
                raise RequestError("'parent' must be an answer, or null for a first question.", param="parent")
            if path and path[-1].state == "running":
                raise RequestError("That answer is still being written; stop it or wait.", code="conflict")
            _settle(conversation, model, settings)
            if not conversation.title:
                conversation.title = title_of(content)
            asked_about = _attached(session, person, files, id)
            question = _new_message(session, id, parent, "user", content, "done", files=asked_about or None)
            session.flush()
            answer = _new_message(session, id, question.id, "assistant", "", "running")
            session.flush()
            index_messages(session, person, [question])
            _touch(session, conversation, answer)
            return Turn(conversation, question, answer, [*path, question])

    def again(
        self, person: int, id: str, message: str, *, model: str | None, settings: Mapping[str, Any] | None = None
    ) -> Turn:
        """Another answer to the question that `message` answers."""
        with self._store.begin(lasting=False) as session:
            conversation = own_conversation(session, person, id, lock=True)
            path = _path(session, id, message, "message")
            if path[-1].role != "assistant" or len(path) < 2:
                raise RequestError("'message' must be an answer.", param="message")
            _settle(conversation, model, settings)
            question = path[-2]
            answer = _new_message(session, id, question.id, "assistant", "", "running")
            session.flush()
            _touch(session, conversation, answer)
            return Turn(conversation, question, answer, path[:-1])

    def go_on(self, person: int, id: str, message: str) -> tuple[Turn, tuple[str, str | None, str | None]]:
        """The same answer is running again, from where it was stopped or cut, or reached its limit.

        With it the state, finish and error that it had.
        """
        with self._store.begin(lasting=False) as session:
            conversation = own_conversation(session, person, id, lock=True)
            path = _path(session, id, message, "message")
            answer = path[-1]
            is_unfinished = answer.state in ("stopped", "cut", "failed") or answer.finish in ("length", "tool_calls")
            if answer.role != "assistant" or len(path) < 2 or not is_unfinished or answer.state == "running":
                raise RequestError(
                    "Only an answer that was stopped, cut off or failed can be continued.", param="message"
                )
            return _running_again(session, conversation, path)

    def decide(
        self, person: int, id: str, message: str, change: Callable[[list[Any]], list[Any]]
    ) -> tuple[Turn, tuple[str, str | None, str | None]] | MessageRow:
        """What `change` makes of an answer's calls is kept; it raises `RequestError` for what cannot be.

        The answer is running again once none of them waits, as after `go_on`; until then it is given as it is.
        """
        with self._store.begin(lasting=False) as session:
            conversation = own_conversation(session, person, id, lock=True)
            path = _path(session, id, message, "message")
            answer = path[-1]
            if answer.state == "running" or not answer.calls or len(path) < 2:
                raise RequestError("This answer waits for no word on a call.", param="message", code="conflict")
            answer.calls = change(answer.calls)
            if any(call["state"] == "waiting" for call in answer.calls):
                return answer
            return _running_again(session, conversation, path)

    def find_message(self, person: int, message: str) -> tuple[MessageRow, ConversationRow]:
        """A message of the person's, by its id alone."""
        with self._store.read() as session:
            row = session.get(MessageRow, message)
            if row is None:
                raise not_found("message")
            return row, own_conversation(session, person, row.conversation_id, what="message")

    # -- what the server keeps while answers grow ------------------------------------------------

    def keep(self, changes: Sequence[tuple[int, str, Mapping[str, Any]]]) -> dict[str, ConversationRow]:
        """Write changes of messages (whose, message id, columns), all of them in one transaction.

        What is no longer running lasts and is made to be found; the conversations of these are returned by message id.
        """
        ended: dict[str, ConversationRow] = {}
        lasting = any(values.get("state", "running") != "running" for _, _, values in changes)
        with self._store.begin(lasting=lasting) as session:
            for person, id, values in changes:
                row = session.get(MessageRow, id)
                if row is None:  # purged meanwhile
                    continue
                for name, value in values.items():
                    setattr(row, name, value)
                row.updated = now()
                if row.state != "running":
                    index_messages(session, person, [row])
                    ended[id] = session.get_one(ConversationRow, row.conversation_id)
        return ended

    def recover(self) -> int:
        """At a start: what was still running when the server went away is cut.  How many that were."""
        with self._store.begin() as session:
            running = select(MessageRow, ConversationRow.person_id)
            running = running.join(ConversationRow).where(MessageRow.state == "running")
            rows = session.execute(running).all()
            for message, person in rows:
                message.state = "cut"
                index_messages(session, person, [message])
            return len(rows)

    def renderings(self, ids: Iterable[str], version: str) -> dict[str, str]:
        """The HTML that is kept for messages, made by this version."""
        wanted = list(ids)
        found: dict[str, str] = {}
        with self._store.read() as session:
            for start in range(0, len(wanted), 500):
                some = RenderingRow.message_id.in_(wanted[start : start + 500])
                rows = session.scalars(select(RenderingRow).where(some, RenderingRow.version == version))
                found |= {row.message_id: row.html for row in rows}
        return found

    def keep_renderings(self, html: Mapping[str, str], version: str) -> None:
        """Keep HTML of messages; of those that are gone meanwhile, nothing."""
        with self._store.begin(lasting=False) as session:
            known = set(session.scalars(select(MessageRow.id).where(MessageRow.id.in_(list(html)))))
            for id in known:
                session.merge(RenderingRow(message_id=id, version=version, html=html[id]))


# -- rows ------------------------------------------------------------------------------------------


def _running_again(
    session: Session, conversation: ConversationRow, path: list[MessageRow]
) -> tuple[Turn, tuple[str, str | None, str | None]]:
    answer = path[-1]
    was = (answer.state, answer.finish, answer.error)
    answer.state, answer.error, answer.updated = "running", None, now()
    session.execute(delete(RenderingRow).where(RenderingRow.message_id == answer.id))
    _touch(session, conversation, answer)
    return Turn(conversation, path[-2], answer, path[:-1]), was


def not_found(what: str) -> RequestError:
    return RequestError(f"There is no such {what}.", code="not_found")


def _attached(session: Session, person: int, files: Sequence[str], conversation: str) -> list[dict[str, Any]]:
    """Files as a question keeps them; from now on they are this conversation's."""
    found = attach_files(session, person, files, conversation)
    known = {file.id for file in found}
    for file in files:
        if file not in known:
            raise RequestError(f"There is no file {file!r}.", param="files", code="not_found")
    return [{"id": f.id, "name": f.name, "kind": f.kind, "pages": f.pages, "passages": f.passages} for f in found]


def own_conversation(
    session: Session,
    person: int,
    id: str,
    *,
    lock: bool = False,
    even_deleted: bool = False,
    what: str = "conversation",
) -> ConversationRow:
    """The person's conversation with this id; `RequestError` "not_found" for any other.

    lock: until the transaction ends nobody else changes it or adds to it (PostgreSQL; SQLite has one writer anyway).
    """
    row = session.get(ConversationRow, id, with_for_update=lock)
    if row is None or row.person_id != person or (row.deleted is not None and not even_deleted):
        raise not_found(what)
    return row


def new_conversation(
    session: Session,
    person: int,
    *,
    id: str | None = None,
    title: str = "",
    model: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> ConversationRow:
    """A new row, the latest of its person's."""
    row = ConversationRow(
        id=id or new_id(),
        person_id=person,
        title=title,
        title_is_own=False,
        pinned=False,
        model=model,
        settings=merged({}, settings or {}),
        leaf_id=None,
        created=now(),
        updated=_next_updated(session, person),
        deleted=None,
    )
    session.add(row)
    session.flush()
    return row


def messages_of(session: Session, conversation: str) -> list[MessageRow]:
    """All messages of a conversation, in the order in which they came."""
    chosen = select(MessageRow).where(MessageRow.conversation_id == conversation)
    return list(session.scalars(chosen.order_by(MessageRow.seq)))


def _next_updated(session: Session, person: int) -> int:
    # One person's changes come one after the other, so that no two have the same time.
    session.execute(select(PersonRow.id).where(PersonRow.id == person).with_for_update(key_share=True))
    last = session.scalar(select(func.max(ConversationRow.updated)).where(ConversationRow.person_id == person))
    return max(now(), (last or 0) + 1)


def _touch(session: Session, conversation: ConversationRow, leaf: MessageRow) -> None:
    conversation.leaf_id = leaf.id
    conversation.updated = _next_updated(session, conversation.person_id)


def _settle(conversation: ConversationRow, model: str | None, settings: Mapping[str, Any] | None) -> None:
    if model is not None:
        conversation.model = model
    if settings:
        conversation.settings = merged(conversation.settings, settings)


def merged(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with changes; None takes one back."""
    return {name: value for name, value in {**settings, **changes}.items() if value is not None}


def _new_message(
    session: Session,
    conversation: str,
    parent: str | None,
    role: str,
    content: str,
    state: str,
    *,
    files: list[dict[str, Any]] | None = None,
) -> MessageRow:
    mine = MessageRow.conversation_id == conversation
    last = session.scalar(select(func.max(MessageRow.seq)).where(mine))
    row = MessageRow(
        id=new_id(),
        conversation_id=conversation,
        parent_id=parent,
        seq=(last or 0) + 1,
        role=role,
        content=content,
        reasoning="",
        state=state,
        files=files,
        created=now(),
        updated=now(),
    )
    session.add(row)
    return row


def _message_in(session: Session, conversation: str, id: str, param: str) -> MessageRow:
    row = session.get(MessageRow, id)
    if row is None or row.conversation_id != conversation:
        raise RequestError(f"'{param}' is no message of this conversation.", param=param, code="not_found")
    return row


def _path(session: Session, conversation: str, id: str | None, param: str) -> list[MessageRow]:
    """The messages from the beginning to this one."""
    if id is None:
        return []
    last = _message_in(session, conversation, id, param)
    by_id = {row.id: row for row in messages_of(session, conversation)}
    path = [last]
    while (parent := path[-1].parent_id) is not None:
        path.append(by_id[parent])
    return path[::-1]
