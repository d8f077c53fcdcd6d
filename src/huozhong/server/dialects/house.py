"""The page's own dialect: conversations and messages as JSON, and the bodies of the requests about them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from huozhong.server.dialects.fields import Strict
from huozhong.store.tables.conversations import ConversationRow, MessageRow
from huozhong.verify.refusal import is_refusal

LONGEST_QUESTION = 1_000_000  # characters
LONGEST_SYSTEM = 20_000

Id = Annotated[str, Field(min_length=1, max_length=40)]
ServerName = Annotated[str, Field(min_length=1, max_length=24)]


class Settings(Strict):
    """How a conversation's answers are made; what is left out is the model's own choice."""

    thinking: bool | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    system: Annotated[str, Field(max_length=LONGEST_SYSTEM)] | None = None
    tools: Annotated[list[ServerName], Field(max_length=20)] | None = None

    def given(self) -> dict[str, Any]:
        """What was said: null takes an earlier choice back."""
        return self.model_dump(exclude_unset=True)


class NewConversation(Strict):
    id: Id | None = None
    title: Annotated[str, Field(max_length=200)] = ""
    model: str | None = None
    settings: Settings = Settings()


class ConversationChanges(Strict):
    title: Annotated[str, Field(max_length=200)] = ""
    pinned: bool = False
    leaf: Id = ""
    settings: Settings = Settings()
    model: str | None = None

    def given(self) -> dict[str, Any]:
        changes = self.model_dump(exclude_unset=True)
        if "settings" in changes:
            changes["settings"] = self.settings.given()
        return changes


class Question(Strict):
    parent: Id | None
    content: Annotated[str, Field(min_length=1, max_length=LONGEST_QUESTION)]
    files: Annotated[list[Id], Field(max_length=20, default_factory=list)]
    model: str | None = None
    settings: Settings = Settings()


class OtherAnswer(Strict):
    message: Id
    model: str | None = None
    settings: Settings = Settings()


class Continuation(Strict):
    message: Id


class Decision(Strict):
    """A reader's word on one call of an answer."""

    message: Id
    call: Id
    allow: bool


class ClearedAt(Strict):
    at: Annotated[int, Field(ge=0, lt=2**63)]


def conversation_json(row: ConversationRow, *, running: bool, whole: bool = False) -> dict[str, Any]:
    """As lists have it; whole: with its settings and the message that was shown last."""
    short = {
        "id": row.id,
        "title": row.title,
        "pinned": row.pinned,
        "model": row.model,
        "created": row.created,
        "updated": row.updated,
        "running": running,
    }
    return short | {"settings": row.settings, "leaf": row.leaf_id} if whole else short


def message_json(row: MessageRow, html: str | None = None) -> dict[str, Any]:
    """A message; html: the answer as the page shows it."""
    return {
        "id": row.id,
        "parent": row.parent_id,
        "seq": row.seq,
        "role": row.role,
        "content": row.content,
        "reasoning": row.reasoning,
        "state": row.state,
        "finish": row.finish,
        "usage": row.usage,
        "rule": row.rule,
        "model": row.model,
        "files": row.files or [],
        "calls": row.calls or [],
        "error": row.error,
        "created": row.created,
        "think_ms": row.think_ms,
        "html": html,
        # The page offers a larger model below an answer that says no.
        "declined": row.role == "assistant" and row.state == "done" and row.rule is None and is_refusal(row.content),
    }
