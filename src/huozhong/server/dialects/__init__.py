"""The APIs that are spoken.  A dialect only translates; it knows neither HTTP nor the engine's threads.

What a further one needs, in a file of its own or, where that would grow too long, in a folder as `openai/`:

1. *parse*: the JSON of a body -> a call of `server.calls`, or a `RequestError` that names the wrong field
   (`dialects.fields` reads fields, and refuses unknown ones);
2. *reply*: a `ChatReply`, for answers whole and in pieces;
3. *errors*: `error_body(failure)`, and a line in `server.http.ERROR_BODIES` for the paths that take it.

Then its paths go into the file of their noun in `routes/`: `return await answer(request, call, ItsReply)`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from huozhong.engine.requests import Completion, Delta
from huozhong.server.failures import Failure
from huozhong.text.tools import ToolCallParser


class Event(NamedTuple):
    """One server-sent event.  name: for dialects whose events have one."""

    data: dict[str, Any] | str
    name: str | None = None


@dataclass(frozen=True)
class FixedText:
    """That an answer is a fixed text of a rule's, not the model's.  numbers: those to ring that it names."""

    rule: str
    kind: str
    numbers: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"id": self.rule, "kind": self.kind, "numbers": list(self.numbers)}


@dataclass(kw_only=True)
class ChatReply(ABC):
    """One answer in a dialect's words: `whole`, or streamed as `first` and then the `events` of each delta.

    thinking: the prompt ended inside <think>, so tokens up to `think_end_id` are reasoning.
    tool_calls: finds the calls in the text; None when the request offered no tools.
    fixed: the rule whose text this is; None for what the model wrote.
    id: what client and log know the answer by.
    """

    model: str
    thinking: bool
    think_end_id: int | None
    include_usage: bool = False
    with_logprobs: bool = False
    tool_calls: ToolCallParser | None = None
    fixed: FixedText | None = None
    id: str = field(init=False)

    @abstractmethod
    def whole(self, answer: Completion) -> dict[str, Any]:
        """The body of an answer that is not streamed."""

    @abstractmethod
    def first(self) -> Iterator[Event]:
        """What a stream begins with, before the model has said anything."""

    @abstractmethod
    def events(self, delta: Delta) -> Iterator[Event]:
        """What a delta without an error adds; after the last one the stream is complete."""

    @abstractmethod
    def failed(self, failure: Failure) -> Event:
        """What a stream ends with that cannot go on."""
