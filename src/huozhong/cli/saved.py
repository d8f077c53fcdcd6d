"""Chats of the terminal, kept where the page keeps its own: they can be continued in either.

Whoever sits at this machine is the house, as on its page where nobody logs in.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from huozhong.cli.asking import Message
from huozhong.cli.words import say
from huozhong.errors import ConfigError

if TYPE_CHECKING:
    from huozhong.store.database import Store
    from huozhong.store.tables.conversations import ConversationRow, MessageRow

_KEEP_SECONDS = 2.0  # what a power cut may take of an answer that is growing
_LISTED = 20


class Saved:
    """One chat that is kept as it goes on."""

    def __init__(self, store: Store, conversation: ConversationRow | None, *, model: str, settings: dict[str, Any]):
        from huozhong.store.conversations import Conversations

        self._kept = Conversations(store)
        self._conversation = conversation
        self._model = model
        self.settings = settings
        self._answer: MessageRow | None = None
        self._written = 0.0

    @property
    def id(self) -> str | None:
        return None if self._conversation is None else self._conversation.id

    def begin(self, question: str) -> Self:
        """A question was asked; its answer is coming."""
        from huozhong.store.people import HOUSE

        if self._conversation is None:
            self._conversation = self._kept.create(HOUSE, model=self._model, settings=self.settings)
        turn = self._kept.ask(
            HOUSE,
            self._conversation.id,
            parent=self._conversation.leaf_id,
            content=question,
            model=self._model,
            settings=self.settings,
        )
        self._conversation, self._answer, self._written = turn.conversation, turn.answer, time.monotonic()
        return self

    def grow(self, content: str, reasoning: str) -> None:
        """How far the answer is; written now and then."""
        if time.monotonic() - self._written > _KEEP_SECONDS:
            self._keep({"content": content, "reasoning": reasoning})
            self._written = time.monotonic()

    def end(
        self, content: str, reasoning: str, state: str, *, finish: str | None = None, error: str | None = None
    ) -> None:
        """The answer has ended.  state: done, stopped or failed."""
        values = {"content": content, "reasoning": reasoning, "state": state, "finish": finish, "error": error}
        self._keep(values | {"model": self._model})

    def rename(self, title: str) -> bool:
        """Give the chat a title; False while nothing has been said in it."""
        from huozhong.store.people import HOUSE

        if self._conversation is None:
            return False
        self._conversation = self._kept.change(HOUSE, self._conversation.id, {"title": title})
        return True

    def _keep(self, values: dict[str, Any]) -> None:
        from huozhong.store.people import HOUSE

        assert self._answer is not None
        self._kept.keep([(HOUSE, self._answer.id, values)])


class Chats:
    """The house's chats.  `StoreError` where its database cannot be used."""

    def __init__(self) -> None:
        from huozhong.store.database import Store, default_url

        self._store = Store.open(default_url())

    def close(self) -> None:
        self._store.close()

    def latest(self) -> list[ConversationRow]:
        """The latest chats, the very latest first, whether pinned or not."""
        from huozhong.store.conversations import Conversations
        from huozhong.store.people import HOUSE

        rows, _ = Conversations(self._store).latest(HOUSE, limit=_LISTED)
        return sorted(rows, key=lambda row: row.updated, reverse=True)[:_LISTED]

    def new(self, model: str, settings: dict[str, Any]) -> Saved:
        """A chat that begins with its first question."""
        return Saved(self._store, None, model=model, settings=settings)

    def resumed(self, row: ConversationRow, model: str, settings: dict[str, Any]) -> tuple[Saved, list[Message]]:
        """A chat to go on with, after what was shown last; and what was said."""
        from huozhong.store.conversations import Conversations
        from huozhong.store.people import HOUSE

        conversation, messages = Conversations(self._store).get(HOUSE, row.id)
        said = branch(messages, conversation.leaf_id)
        if said and said[-1].state == "running":
            raise ConfigError(
                say(
                    "上一个对话的回答还没写完；等它写完，或者开始新的对话。",
                    "That chat's last answer is still being written; wait for it, or begin a new chat.",
                )
            )
        turns = turns_of(said)
        # After a question without an answer nothing can be asked: what follows stands beside it.
        if said and said[-1].role == "user":
            conversation.leaf_id = said[-1].parent_id
        return Saved(self._store, conversation, model=model, settings=settings), turns


def branch(messages: Iterable[MessageRow], leaf: str | None) -> list[MessageRow]:
    """The messages from the beginning to `leaf`."""
    by_id = {message.id: message for message in messages}
    path: list[MessageRow] = []
    while leaf is not None and leaf in by_id:
        path.append(by_id[leaf])
        leaf = by_id[leaf].parent_id
    return path[::-1]


def turns_of(path: Iterable[MessageRow]) -> list[Message]:
    """What a model is told of them: a question that was not answered is left out."""
    turns: list[Message] = []
    for message in path:
        if message.role == "assistant" and not message.content:
            if turns and turns[-1]["role"] == "user":
                turns.pop()
        else:
            turns.append({"role": message.role, "content": message.content})
    if turns and turns[-1]["role"] == "user":
        turns.pop()
    return turns


def no_chat() -> ConfigError:
    return ConfigError(say("还没有可以接着聊的对话。", "There is no chat to continue yet."))
