"""Finding messages by what was said: Chinese words of two characters, Latin words by any three letters of them.

Text is folded (NFKC, without cases) and cut into runs of letters and digits.  A run of Chinese, Japanese or Korean
characters gives its characters and its pairs; any other word gives its threes of letters, its first letter and its
first two.  A message is indexed by the set of these *grams*, and a query asks for those that hold all of its own.
Whether the query's words truly stand there is then looked up in the messages that were found, newest first: so both
databases find the same, and the index may stay small.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from huozhong.store.dialects import has_grams
from huozhong.store.tables.conversations import ConversationRow, MessageRow, SearchRow

_CJK = r"\u2e80-\u2fdf\u3005-\u3007\u3021-\u30ff\u3105-\u312f\u31a0-\u31bf\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_CJK += r"\U00020000-\U0003ffff"
_RUN = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
_SIGNED = re.compile(r"[a-z0-9]+[+#]+")  # names of which the sign is a part
_IS_CJK = re.compile(rf"[{_CJK}]")
_LONGEST_WORD = 64  # letters; what is longer is no word, and its beginning is enough to find it
_PAGE = 200  # candidates that are looked at together
_MOST_CANDIDATES = 5000
_FIRST_WINDOW = 1000  # rows of the index
_MOST_GRAMS = 40  # of a query: more narrow nothing down
_BEFORE, _AFTER = 10, 80  # characters of a snippet before the word and after it: a list is narrow
_MARKS = re.compile(r"^[ \t]*(?:#{1,6} |> ?|[-*+] )|\*\*|`+", re.MULTILINE)  # of Markdown, which nobody reads in a list


@dataclass(frozen=True)
class Hit:
    """A message that holds all words.  snippet: the text around the first of them, one line."""

    conversation: ConversationRow
    message_id: str
    snippet: str


def fold(text: str) -> str:
    """How texts are compared: ａ, A and a are one."""
    return unicodedata.normalize("NFKC", text).casefold()


def words_of(query: str) -> list[str]:
    """The runs of a query, folded, each once."""
    return list(dict.fromkeys(run[:_LONGEST_WORD] for run in _RUN.findall(fold(query))))


def _exact(query: str) -> list[str]:
    """What a text must hold letter by letter: C++ and C# are not C; an emoji or a mark alone is no word at all."""
    folded = fold(query)
    return _SIGNED.findall(folded) if _RUN.search(folded) else [one[:_LONGEST_WORD] for one in folded.split()]


def _grams_of_text(run: str) -> Iterator[str]:
    if _IS_CJK.match(run):
        yield from run
        yield from (run[i : i + 2] for i in range(len(run) - 1))
        return
    run = run[:_LONGEST_WORD]
    yield from (run[:1], run[:2])
    yield from (run[i : i + 3] for i in range(len(run) - 2))


def _grams_of_query(word: str) -> Iterator[str]:
    """What a text that holds `word` must have: the largest pieces only."""
    size = 2 if _IS_CJK.match(word) else 3
    if len(word) <= size:
        yield word
    else:
        yield from (word[i : i + size] for i in range(len(word) - size + 1))


def grams_of(text: str) -> list[str]:
    """A text's grams, each once."""
    return list(dict.fromkeys(gram for run in _RUN.findall(fold(text)) for gram in _grams_of_text(run)))


def _person_gram(person_id: int) -> str:
    """A word that no text has: it keeps one person's search from wading through what others said."""
    return f"§{person_id}"


def index_messages(session: Session, person_id: int, messages: Iterable[MessageRow]) -> None:
    """Make messages be found, anew where they were found before."""
    for message in messages:
        session.execute(delete(SearchRow).where(SearchRow.message_id == message.id))
        values = search_values(person_id, message.conversation_id, message.id, message.content)
        session.execute(insert(SearchRow).values(**values))


def search_values(person_id: int, conversation_id: str, message_id: str, content: str) -> dict[str, Any]:
    """The row that makes a message be found."""
    return {
        "person_id": person_id,
        "conversation_id": conversation_id,
        "message_id": message_id,
        "grams": [_person_gram(person_id), *grams_of(content)],
    }


def search(session: Session, person_id: int, query: str, limit: int) -> list[Hit]:
    """The latest conversations of a person that hold all words of the query, in their titles or in one message.

    At most `limit` conversations, each with the newest of its messages that was found (a title alone: with none).
    """
    words = words_of(query)
    sought = list(dict.fromkeys([*words, *_exact(query)]))
    if not sought:
        return []
    hits: dict[str, Hit] = {}
    for conversation in _titled(session, person_id, sought):
        if len(hits) < limit:
            hits[conversation.id] = Hit(conversation, "", "")
    grams = list(dict.fromkeys(gram for word in words for gram in _grams_of_query(word)))[:_MOST_GRAMS]
    for looked_at, (conversation, message_id, content) in enumerate(_candidates(session, person_id, grams)):
        # Who was found by a title alone is given a message too, if it is not far.
        if len(hits) >= limit and (looked_at >= _PAGE or all(hit.message_id for hit in hits.values())):
            break
        known = hits.get(conversation.id)
        if known.message_id if known is not None else len(hits) >= limit:
            continue
        snippet = _snippet(content, sought)
        if snippet is not None:
            hits[conversation.id] = Hit(conversation, message_id, snippet)
    return sorted(hits.values(), key=lambda hit: -hit.conversation.updated)


def _candidates(session: Session, person_id: int, grams: list[str]) -> Iterator[tuple[ConversationRow, str, str]]:
    """Messages that have all grams, the newest first: (conversation, message id, content).

    Looked for in ever larger windows of numbers: common words are all found in the first one, rare ones cost little
    in any, and no database has to guess which it is.
    """
    high = session.scalar(select(func.max(SearchRow.number)).where(SearchRow.person_id == person_id)) or 0
    width = _FIRST_WINDOW
    seen = 0
    while high > 0 and seen < _MOST_CANDIDATES:
        low = high - width + 1
        fitting = has_grams(session.connection(), [_person_gram(person_id), *grams], low, high)
        numbers = session.scalars(select(SearchRow.number).where(SearchRow.person_id == person_id, fitting)).all()
        ordered = sorted(numbers, reverse=True)
        for start in range(0, len(ordered), _PAGE):
            page = select(ConversationRow, MessageRow.id, MessageRow.content, SearchRow.number)
            page = page.join(MessageRow, MessageRow.conversation_id == ConversationRow.id)
            page = page.join(SearchRow, SearchRow.message_id == MessageRow.id)
            # By nothing but their numbers: a condition more, and SQLite begins with all conversations instead.
            page = page.where(SearchRow.number.in_(ordered[start : start + _PAGE])).order_by(SearchRow.number.desc())
            for conversation, id, content, _number in session.execute(page):
                if conversation.person_id == person_id and conversation.deleted is None:
                    yield conversation, id, content
            seen += _PAGE
        high, width = low - 1, width * 4


def _titled(session: Session, person_id: int, words: list[str]) -> list[ConversationRow]:
    rows = session.execute(
        select(ConversationRow.id, ConversationRow.title)
        .where(ConversationRow.person_id == person_id, ConversationRow.deleted.is_(None))
        .order_by(ConversationRow.updated.desc())
    )
    fitting = []
    for number, title in rows:
        folded = fold(title)
        if all(word in folded for word in words):
            fitting.append(number)
    if not fitting:
        return []
    chosen = select(ConversationRow).where(ConversationRow.id.in_(fitting[:_PAGE]))
    return list(session.scalars(chosen.order_by(ConversationRow.updated.desc())))


def _snippet(content: str, words: list[str]) -> str | None:
    """The text around the first word; None if one of them is not there."""
    folded = fold(content)
    places = [folded.find(word) for word in words]
    if min(places) < 0:
        return None
    # Folding may change lengths a little; a snippet need not be exact.
    place = min(places)
    start, end = max(0, place - _BEFORE), place + _AFTER
    text = " ".join(_MARKS.sub("", content[start:end]).split())
    return ("…" if start else "") + text + ("…" if end < len(content) else "")
