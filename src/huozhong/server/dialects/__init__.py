"""The APIs that are spoken.  A dialect only translates; it knows neither HTTP nor the engine's threads.

What a further one needs, in a file of its own or, where that would grow too long, in a folder as `openai/`:

1. *parse*: the JSON of a body -> a call of `server.calls`, or a `RequestError` that names the wrong field
   (`dialects.fields` reads fields, and refuses unknown ones);
2. *reply*: a `Reply` (of a chat: `ChatReply`), for answers whole and in pieces;
3. *errors*: `error_body(failure)`, and a line in `server.http.ERROR_BODIES` for the paths that take it.

Then its paths go into the file of their noun in `routes/`: `return await answer(request, call, ItsReply)`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from huozhong.engine.requests import Completion, Delta, Usage
from huozhong.server.failures import Failure
from huozhong.text.tools import CallPart


class Event(NamedTuple):
    """A piece of a stream.  name: for dialects whose events have one."""

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


class Reply(ABC):
    """The answers to one request in a dialect's words: `whole`, or streamed as `first` and then each delta's `events`.

    id: what client and log know them by.  framing: how a stream's pieces are told apart: as server-sent events, or
    each on a line of its own.  joins: whether pieces that come at once may be told as one.
    """

    id: str
    joins: bool = True
    framing: ClassVar[Literal["events", "lines"]] = "events"

    @abstractmethod
    def whole(self, answers: Sequence[Completion]) -> dict[str, Any] | list[Any]:
        """The body, of answers that are not streamed."""

    @abstractmethod
    def first(self) -> Iterator[Event]:
        """What a stream begins with, before the model has said anything."""

    @abstractmethod
    def events(self, index: int, delta: Delta) -> Iterator[Event]:
        """What a delta without an error adds to answer number `index`; after every one's last, all is said."""

    @abstractmethod
    def failed(self, failure: Failure) -> Event:
        """What a stream ends with that cannot go on."""


@dataclass(kw_only=True)
class ChatReply(Reply):
    """The answers to a chat.

    num_answers: how many there are to be; only OpenAI's dialect knows more than one.
    thinking: the prompt ended inside <think>, so tokens up to `think_end_id` are reasoning.
    new_parser: makes what finds the calls in one answer's text; None when the request offered no tools.
    fixed: the rule whose text this is; None for what the model wrote.
    prompt_tokens: how many, for a dialect whose streams begin with that.
    """

    model: str
    thinking: bool
    think_end_id: int | None
    num_answers: int = 1
    include_usage: bool = False
    with_logprobs: bool = False
    new_parser: Callable[[], CallFinder] | None = None
    fixed: FixedText | None = None
    prompt_tokens: int = 0
    id: str = field(init=False)


# -- what several dialects need of an answer ---------------------------------------------------------


class CallFinder(Protocol):
    """Finds the tool calls in one answer's text: a `ToolCallParser`.  num_calls: how many it has found."""

    num_calls: int

    def push(self, text: str) -> list[str | CallPart]: ...
    def finish(self, *, cut: bool = False) -> list[str]: ...


class ToldCalls:
    """Of an answer whose calls come apart from its text: there are none to be found in that."""

    def __init__(self) -> None:
        self.num_calls = 0

    def push(self, text: str) -> list[str | CallPart]:
        return [text] if text else []

    def finish(self, *, cut: bool = False) -> list[str]:
        return []


def parts_of(calls: CallFinder | None, said: Delta | Completion) -> list[str | CallPart]:
    """What a delta adds to an answer's text and its tool calls, or the whole of them."""
    if calls is None:
        return [said.text] if said.text else []
    parts = [*calls.push(said.text), *said.calls]
    calls.num_calls += sum(part.name is not None for part in said.calls)
    return parts if said.finish_reason is None else [*parts, *calls.finish(cut=said.finish_reason == "length")]


def total_usage(usages: Sequence[Usage], answers_each: int = 1) -> Usage:
    """Of several answers to one request.  answers_each: how many to each prompt, which counts once."""
    if len(usages) == 1:
        return usages[0]
    firsts = [usage.seconds_to_first_token for usage in usages if usage.seconds_to_first_token is not None]
    bills = [usage.bill for usage in usages if usage.bill is not None]
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in usages) // answers_each,
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in usages),
        cache_hit_tokens=sum(usage.cache_hit_tokens for usage in usages) // answers_each,
        seconds_to_first_token=min(firsts, default=None),
        seconds=max(usage.seconds for usage in usages),
        bill=reduce(add, bills) if bills else None,
    )
