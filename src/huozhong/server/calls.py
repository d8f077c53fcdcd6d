"""What a client asks for, in no dialect: every dialect's `parse` gives one of these."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from huozhong.engine.guides.guide import Guide
from huozhong.engine.requests import SamplingParams
from huozhong.text.template import Begun
from huozhong.text.tools import Function, ToolChoice


@dataclass(frozen=True, kw_only=True)
class AnswerForm:
    """The form of an answer: a guide, or tools and how to choose among them.  source: the field that asked for it."""

    guide: Guide | None = None
    source: str = "response_format"
    functions: tuple[Function, ...] = ()
    choice: ToolChoice = field(default_factory=ToolChoice)


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What llama.cpp's programs ask to be told besides an answer.

    timings: with every piece.  progress: how far the prompt is read, while it is.  verbose: the prompt as text, and
    how tokens were chosen.
    """

    timings: bool = False
    progress: bool = False
    verbose: bool = False


@dataclass(frozen=True, kw_only=True)
class ChatCall:
    """An answer to a conversation.  messages: as chat templates take them (`text.template.Message`).

    params: without a guide; `form` says what it is to be.  include_usage: at the end of a stream.
    begun: how the answer begins, when the model is to go on with it.  num_answers: how many, all to the same prompt.
    drops_oldest: what does not fit the context gives way, the oldest first.
    extras: None for who asks for nothing of that kind.
    """

    model: str
    messages: list[dict[str, Any]]
    params: SamplingParams
    form: AnswerForm
    thinking: bool
    stream: bool
    include_usage: bool = False
    begun: Begun | None = None
    num_answers: int = 1
    drops_oldest: bool = False
    extras: Extras | None = None


@dataclass(frozen=True, kw_only=True)
class CompletionCall:
    """Texts that are to be continued as they are.  prompts: texts, or lists of token ids.

    suffix: what is to follow what the model writes.  echo: the prompt is told again.
    """

    model: str
    prompts: list[str | list[int]]
    params: SamplingParams
    suffix: str = ""
    echo: bool = False
    only_echo: bool = False
    num_answers: int = 1
    stream: bool = False
    include_usage: bool = False


@dataclass(frozen=True, kw_only=True)
class EmbeddingCall:
    """inputs: texts, or ids (also with texts among them).  dimensions: keep the first so many numbers, None for all."""

    model: str
    inputs: list[str | list[str | int]]
    dimensions: int | None
    as_base64: bool
