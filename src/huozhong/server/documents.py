"""What a question's documents say to it: put before the model, numbered for its answer to quote, or shown as they are.

A document that fits is given whole; of a longer one, the passages that share most with the question.  Nothing is cut
silently: the answer's sources name every passage that the model was given, and say whether that was all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy.orm import Session

from huozhong.memory.apart import read_apart
from huozhong.memory.index import Index, search
from huozhong.memory.passages import cut
from huozhong.store.files import StoredFile, StoredPassage, add_file, indexes_of, passages_of
from huozhong.store.tables.conversations import MessageRow
from huozhong.text.language import is_english

# So many tokens of passages at most: reading them takes an ordinary processor about as long as people wait.
MOST_TOKENS = 3_000
_LEAST_TOKENS = 40  # of a passage; a document of too many of them is not even counted out
SHOWN = 3  # passages, where a model is too small to read them


@dataclass(frozen=True)
class Source:
    """A passage that an answer may quote as [n]."""

    n: int
    file: StoredFile
    passage: StoredPassage

    def as_json(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "id": self.file.id,
            "name": self.file.name,
            "page": self.passage.page,
            "passage": self.passage.number,
        }


@dataclass(frozen=True)
class Excerpts:
    """The passages for a question.  whole: they are all there are."""

    sources: tuple[Source, ...]
    whole: bool

    def question(self, question: str) -> str:
        """What the model is asked: the passages, how to quote them, and the question."""
        if not self.sources:
            return question + (
                "\n\n(The documents were searched: none of their passages has words of this question in it. Say so.)"
                if is_english(question)
                else "\n\n（查过文件了：没有一段和这个问题用词相同。请如实说明。）"
            )
        english = is_english(question)
        told = "\n\n".join(
            f"[{source.n}] {_where(source, english=english)}\n{source.passage.text}" for source in self.sources
        )
        if english:
            rule = (
                "Answer from the passages below alone, and put the number of each passage that you use behind the "
                "sentence, like [2].  If the answer is not in them, say so."
            )
            return f"{rule}\n\n{told}\n\nQuestion: {question}"
        rule = "只根据下面的段落回答，用到哪一段，就在句末写出它的编号，如 [2]。段落里没有答案，就直说没有找到。"
        return f"{rule}\n\n{told}\n\n问题：{question}"

    def shown(self, language: Literal["zh", "en"]) -> str:
        """The passages themselves as an answer, for a model that is too small to read them; in the reader's language,
        whatever the question's: words of another one in it say nothing of who reads."""
        english = language == "en"
        if not self.sources:
            return (
                "I am too small to read documents, and no passage of yours has words of your question in it.  Ask in "
                "the document's words, or choose a larger model."
                if english
                else "我太小，读不了文件；文件里也没有哪一段和你的问题用词相同。"
                "换文件里的说法再问，或者换一个大一点的模型。"
            )
        lead = (
            "I am too small to read documents.  These passages have most to do with your question:"
            if english
            else "我太小，读不了文件。和你的问题最有关的是这几段："
        )
        quoted = (
            f"**[{source.n}] {_where(source, english=english)}**\n\n> " + source.passage.text.replace("\n", "\n> ")
            for source in self.sources
        )
        return "\n\n".join((lead, *quoted))


def _where(source: Source, *, english: bool) -> str:
    page, number = source.passage.page, source.passage.number + 1
    if english:
        return f"{source.file.name}, " + (f"page {page}" if page else f"passage {number}")
    return f"《{source.file.name}》" + (f"第 {page} 页" if page else f"第 {number} 段")


def documents_of(path: Sequence[MessageRow]) -> list[str]:
    """The documents that a conversation is about: those of its last question, and of those before."""
    files = [file["id"] for message in path if message.role == "user" for file in message.files or ()]
    return list(dict.fromkeys(reversed(files)))


def with_passages(messages: list[dict[str, Any]], found: Excerpts, question: str) -> list[dict[str, Any]]:
    """The conversation as the model reads it, with what its documents say in its last question.

    Where they say nothing at all, the model is told that; what it makes of that, it must not take from them.
    """
    return [*messages[:-1], messages[-1] | {"content": found.question(question)}]


def keep_document(session_of: Callable[[], Any], person: int, name: str, data: bytes) -> StoredFile:
    """Read a file, cut it and keep its passages.  `DocumentError` says why that cannot be; takes seconds."""
    document = read_apart(name, data)
    passages = cut(document.pages, paged=document.paged)
    index = Index.of([passage.text for passage in passages])
    with session_of() as session:
        return add_file(
            session,
            person,
            name=name,
            kind=document.kind,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            pages=len(document.pages) if document.paged else 0,
            passages=[(passage.text, passage.page) for passage in passages],
            index=index.to_bytes(),
        )


def excerpts(
    session: Session,
    person: int,
    files: Sequence[str],
    question: str,
    *,
    room: int,
    count: Callable[[str], int],
) -> Excerpts:
    """The passages of a person's files for a question.  room: tokens that they may take; count: of a text."""
    found = indexes_of(session, person, files)
    if sum(file.passages for file, _ in found) * _LEAST_TOKENS <= room:
        everything = [(file, passage) for file, _ in found for passage in passages_of(session, file.id)]
        if sum(count(passage.text) + 20 for _, passage in everything) <= room:
            return Excerpts(_numbered(everything), whole=True)
    chosen: list[tuple[StoredFile, StoredPassage]] = []
    for file, passage in _best_first(session, found, question, 40):
        room -= count(passage.text) + 20  # its number, its name and its page
        if room < 0:
            break
        chosen.append((file, passage))
    # In the document's order, as somebody reads: what comes later often rests on what comes before.
    order = {file.id: place for place, (file, _) in enumerate(found)}
    chosen.sort(key=lambda one: (order[one[0].id], one[1].number))
    return Excerpts(_numbered(chosen), whole=False)


def best(session: Session, person: int, files: Sequence[str], question: str, most: int = SHOWN) -> Excerpts:
    """The few passages that share most with a question, best first."""
    found = indexes_of(session, person, files)
    return Excerpts(_numbered([*_best_first(session, found, question, most)]), whole=False)


def _best_first(
    session: Session, found: Sequence[tuple[StoredFile, bytes]], question: str, most: int
) -> Iterator[tuple[StoredFile, StoredPassage]]:
    """The passages of these files that share most with a question, each read when it is asked for."""
    for hit in search([Index.from_bytes(data) for _, data in found], question, most):
        file = found[hit.index][0]
        for passage in passages_of(session, file.id, [hit.passage]):
            yield file, passage


def _numbered(chosen: Sequence[tuple[StoredFile, StoredPassage]]) -> tuple[Source, ...]:
    return tuple(Source(n, file, passage) for n, (file, passage) in enumerate(chosen, start=1))
