"""Who is answered carefully: where a rule looks at a chat before the model does, and what is sent then.

The one place where that is decided.  The built-in model is far too small to meet distress, so with it everybody is;
with other models, everybody whom the operator says (`--careful`).  What the rules are: `verify.distress`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from fastapi import Request
from starlette.responses import Response

from huozhong.engine.requests import Completion, Delta, Usage
from huozhong.server.dialects import FixedText, Reply
from huozhong.server.http import json_response, stream_response
from huozhong.server.identity import person_of
from huozhong.server.pools import LONG, shortly
from huozhong.verify.distress import CHINA, check

HEADER = "x-huozhong-rule"

NOTHING_USED = Usage(
    prompt_tokens=0,
    completion_tokens=0,
    reasoning_tokens=0,
    cache_hit_tokens=0,
    seconds_to_first_token=None,
    seconds=0.0,
)


class Origin(Protocol):
    """Where a model is from: `LLM`, or one that is served elsewhere."""

    @property
    def is_built_in(self) -> bool: ...


@dataclass(frozen=True)
class Careful:
    """What the operator chose.  everybody: also with models that are not built in.  numbers: those to ring."""

    everybody: bool = False
    numbers: Mapping[str, str] = field(default_factory=lambda: CHINA)

    def holds_for(self, llm: Origin, request: Request) -> bool:
        """Whether this caller is answered carefully; children always are."""
        return self.everybody or llm.is_built_in or person_of(request).role == "child"

    async def answer(
        self,
        llm: Origin,
        request: Request,
        messages: Sequence[Mapping[str, Any]],
        reply_with: Callable[[FixedText], Reply],
        *,
        stream: bool,
    ) -> Response | None:
        """The fixed answer to messages that must not go to this model; None for all others.

        A text that is no conversation is asked about as a user's one message.
        """
        if not self.holds_for(llm, request):
            return None
        said = await self.said(messages)
        if said is None:
            return None
        text, fixed = said
        reply, headers = reply_with(fixed), {HEADER: fixed.rule}
        if stream:
            return stream_response(reply, Delta(text=text, finish_reason="stop", usage=NOTHING_USED), headers)
        whole = Completion(text=text, reasoning="", token_ids=(), logprobs=(), finish_reason="stop", usage=NOTHING_USED)
        return json_response(reply.whole([whole]), headers=headers)

    async def said(self, messages: Sequence[Mapping[str, Any]]) -> tuple[str, FixedText] | None:
        """What a rule says to these messages, whoever sends them; None where none says anything."""
        # In a thread, as all that reads a whole message is.
        is_short = sum(len(str(message.get("content") or "")) for message in messages) < LONG
        finding = await (shortly(partial(check, messages)) if is_short else asyncio.to_thread(check, messages))
        if finding is None:
            return None
        numbers = tuple(finding.numbers(numbers=self.numbers))
        return finding.reply(numbers=self.numbers), FixedText(finding.rule, finding.kind, numbers)
