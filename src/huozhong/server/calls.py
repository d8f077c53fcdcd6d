"""What a client asks for, in no dialect: every dialect's `parse` gives one of these."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from huozhong.engine.guides.guide import Guide
from huozhong.engine.requests import SamplingParams
from huozhong.text.tools import Function, ToolChoice


@dataclass(frozen=True, kw_only=True)
class AnswerForm:
    """The form of an answer: a guide, or tools and how to choose among them.  source: the field that asked for it."""

    guide: Guide | None = None
    source: str = "response_format"
    functions: tuple[Function, ...] = ()
    choice: ToolChoice = field(default_factory=ToolChoice)


@dataclass(frozen=True, kw_only=True)
class ChatCall:
    """An answer to a conversation.  messages: as chat templates take them (`text.template.Message`).

    params: without a guide; `form` says what it is to be.  include_usage: at the end of a stream.
    """

    model: str
    messages: list[dict[str, Any]]
    params: SamplingParams
    form: AnswerForm
    thinking: bool
    stream: bool
    include_usage: bool


@dataclass(frozen=True, kw_only=True)
class EmbeddingCall:
    """inputs: texts, or lists of token ids.  dimensions: keep the first so many numbers, None for all."""

    model: str
    inputs: list[str | list[int]]
    dimensions: int | None
    as_base64: bool
