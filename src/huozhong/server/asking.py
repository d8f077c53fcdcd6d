"""From a turn of a conversation to the engine: what the model is told, and how it is to answer.

Nothing is refused here: what cannot be answered (too long, a rule's business) becomes the answer's own end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from fastapi import Request

from huozhong.engine.llm import LLM, SamplingParams
from huozhong.server.answers import Answers, Begin, Fixed
from huozhong.server.calls import AnswerForm, ChatCall
from huozhong.server.careful import Careful
from huozhong.server.http import RunningAnswers
from huozhong.server.routes.chat import prepare
from huozhong.store.conversations import Turn
from huozhong.store.people import HOUSE
from huozhong.store.tables.conversations import MessageRow
from huozhong.text.template import Begun

# Greedy, the same question would only be given the same answer again.
AGAIN_TEMPERATURE = 0.7


def answer_turn(
    request: Request, turn: Turn, *, again: bool = False, was: tuple[str, str | None, str | None] | None = None
) -> None:
    """Have a turn's answer written; returns at once.

    again: another answer than those before.  was: what the answer was before it is continued (`GrowingAnswer.was`).
    """
    answers: Answers = request.app.state.answers
    llm: LLM = request.app.state.llm
    answers.begin(turn, _begin(request, llm, turn, again=again), llm.name, was)


def _begin(request: Request, llm: LLM, turn: Turn, *, again: bool) -> Begin:
    careful: Careful = request.app.state.careful
    user = _user(request, turn.conversation.person_id)
    holds = careful.holds_for(llm, request)
    params = _sampling(request.app.state.defaults, turn.conversation.settings, again=again)
    call = ChatCall(
        model=llm.name,
        messages=model_messages(turn.path, turn.conversation.settings),
        params=params,
        form=AnswerForm(),
        thinking=turn.conversation.settings.get("thinking", True),
        stream=True,
        begun=_begun(turn.answer),
    )

    async def begin() -> RunningAnswers | Fixed:
        # Before the engine, as in the API: all that was said, also where the model is told less of it.
        said = [{"role": message.role, "content": message.content} for message in turn.path]
        if holds and (rule := await careful.said(said)) is not None:
            return Fixed(*rule)
        prepared = await asyncio.to_thread(prepare, llm, call)
        return RunningAnswers([partial(llm.submit, prepared.prompt, prepared.params, user=user)])

    return begin


def _user(request: Request, person: int) -> str | None:
    """Between whom the engine shares its time: people, or where nobody logs in, machines."""
    if person != HOUSE:
        return f"person {person}"
    return request.client.host if request.client else None


def _sampling(defaults: SamplingParams, settings: Mapping[str, Any], *, again: bool) -> SamplingParams:
    chosen = {name: settings[name] for name in ("temperature", "top_p", "max_tokens") if name in settings}
    params = replace(defaults, **chosen)
    return replace(params, temperature=AGAIN_TEMPERATURE) if again and params.is_greedy else params


def _begun(answer: MessageRow) -> Begun | None:
    return Begun(answer.content, answer.reasoning or None) if answer.content or answer.reasoning else None


def model_messages(path: Sequence[MessageRow], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The conversation as the model reads it.

    A question whose answer came to nothing is left out with it: it was asked again, and templates want turns.
    """
    messages: list[dict[str, Any]] = []
    if system := settings.get("system"):
        messages.append({"role": "system", "content": system})
    for message in path:
        if message.role == "assistant" and not message.content:
            messages.pop()
        else:
            messages.append({"role": message.role, "content": message.content})
    return messages
