"""Documents as rows: kept with their passages, found again, and gone with the conversation that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from huozhong.store.tables.base import new_id, now
from huozhong.store.tables.conversations import ConversationRow
from huozhong.store.tables.files import FileRow, PassageRow

# A file that nobody asked about stays so long: it was added, and the question never came.
UNASKED_MS = 24 * 3600 * 1000


@dataclass(frozen=True)
class StoredFile:
    """size: bytes.  pages: 0 where the file has none.  passages: how many.  created: milliseconds since 1970 UTC."""

    id: str
    name: str
    kind: str
    size: int
    pages: int
    passages: int
    created: int


@dataclass(frozen=True)
class StoredPassage:
    """number: counted from 0 within the file.  page: counted from 1, None where there are none."""

    number: int
    page: int | None
    text: str


def add_file(
    session: Session,
    person: int,
    *,
    name: str,
    kind: str,
    size: int,
    sha256: str,
    pages: int,
    passages: Sequence[tuple[str, int | None]],
    index: bytes,
) -> StoredFile:
    """Keep a document.  passages: text and page of each.  The same file of the same person is kept once."""
    known = session.scalar(
        select(FileRow).where(
            FileRow.person_id == person,
            FileRow.sha256 == sha256,
            FileRow.name == name,
            FileRow.conversation_id.is_(None),
        )
    )
    if known is not None:
        return _of_row(known)
    row = FileRow(
        id=new_id(),
        person_id=person,
        conversation_id=None,
        name=name,
        kind=kind,
        size=size,
        sha256=sha256,
        pages=pages,
        passages=len(passages),
        index=index,
        created=now(),
    )
    session.add(row)
    session.flush()
    session.add_all(
        PassageRow(file_id=row.id, number=number, page=page, text=text) for number, (text, page) in enumerate(passages)
    )
    return _of_row(row)


def find_file(session: Session, person: int, file: str) -> StoredFile | None:
    """A person's file; None for everybody else's."""
    row = session.scalar(select(FileRow).where(FileRow.id == file, FileRow.person_id == person))
    return None if row is None else _of_row(row)


def attach_files(session: Session, person: int, files: Sequence[str], conversation: str) -> list[StoredFile]:
    """The files of a question, which belong to its conversation from now on; a file that is not there is left out."""
    rows = session.scalars(select(FileRow).where(FileRow.id.in_(files), FileRow.person_id == person)).all()
    for row in rows:
        if row.conversation_id is None:
            row.conversation_id = conversation
    by_id = {row.id: row for row in rows}
    return [_of_row(by_id[file]) for file in dict.fromkeys(files) if file in by_id]


def indexes_of(session: Session, person: int, files: Sequence[str]) -> list[tuple[StoredFile, bytes]]:
    """A person's files with their indexes' bytes, in the order that was asked for."""
    rows = session.execute(
        select(FileRow, FileRow.index).where(FileRow.id.in_(files), FileRow.person_id == person)
    ).all()
    by_id = {row.id: (_of_row(row), index) for row, index in rows}
    return [by_id[file] for file in dict.fromkeys(files) if file in by_id]


def passages_of(session: Session, file: str, numbers: Sequence[int] | None = None) -> list[StoredPassage]:
    """A file's passages in order: those numbers, or all of them.  Whose file it is, the caller has asked."""
    query = select(PassageRow).where(PassageRow.file_id == file).order_by(PassageRow.number)
    if numbers is not None:
        query = query.where(PassageRow.number.in_(numbers))
    return [StoredPassage(row.number, row.page, row.text) for row in session.scalars(query)]


def pages_without_text(session: Session, file: StoredFile) -> list[int]:
    """The pages of a file on which nothing was read: empty ones, and pictures."""
    said = set(session.scalars(select(PassageRow.page).where(PassageRow.file_id == file.id).distinct()))
    return [page for page in range(1, file.pages + 1) if page not in said]


def delete_file(session: Session, person: int, file: str) -> bool:
    """Forget a person's file; False where there is none."""
    done = session.execute(delete(FileRow).where(FileRow.id == file, FileRow.person_id == person).returning(FileRow.id))
    return done.first() is not None


def forget_unasked(session: Session, person: int | None = None) -> None:
    """Files that were added long ago and never asked about go; person: all of that person's that nobody asked about."""
    which = FileRow.created < now() - UNASKED_MS if person is None else FileRow.person_id == person
    session.execute(delete(FileRow).where(FileRow.conversation_id.is_(None), which))


def _of_row(row: FileRow) -> StoredFile:
    return StoredFile(row.id, row.name, row.kind, row.size, row.pages, row.passages, row.created)


def own_files(session: Session, person: int) -> list[str]:
    """The numbers of all of a person's files, the newest first, without those of deleted conversations."""
    shown = or_(FileRow.conversation_id.is_(None), ConversationRow.deleted.is_(None))
    query = select(FileRow.id).outerjoin(ConversationRow, ConversationRow.id == FileRow.conversation_id)
    return list(session.scalars(query.where(FileRow.person_id == person, shown).order_by(FileRow.created.desc())))
