"""From a turn of a conversation to the engine: what the model is told, and how it is to answer.

Nothing is refused here: what cannot be answered (too long, a rule's business) becomes the answer's own end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from fastapi import Request
from starlette.types import Message

from huozhong.engine.llm import LLM, Delta, SamplingParams
from huozhong.errors import RequestError
from huozhong.server.answers import Answers, Begin, Fixed, Sourced
from huozhong.server.called import MOST_ROUNDS, Called, as_messages, interrupted, make, rounds_of
from huozhong.server.called import begun as begun_answer
from huozhong.server.calls import AnswerForm, ChatCall
from huozhong.server.careful import Careful
from huozhong.server.documents import MOST_TOKENS, Excerpts, best, documents_of, excerpts, with_passages
from huozhong.server.http import RunningAnswers, Start, Started
from huozhong.server.identity import person_of, user_of
from huozhong.server.ledger import Ledger, expected_tokens
from huozhong.server.models import Shelf
from huozhong.server.pools import LONG, Pools, shortly
from huozhong.server.preparing import PreparedChat, form_guide, read_prompt
from huozhong.server.toolbox import Offer, Toolbox
from huozhong.server.upstream.answering import Distant, chat_body
from huozhong.server.upstream.engines import Elsewhere, Engines
from huozhong.server.words import zh_or_en
from huozhong.store.conversations import Turn
from huozhong.store.database import Store
from huozhong.store.tables.conversations import MessageRow
from huozhong.text.template import ChatPrompt
from huozhong.text.tools import ToolCallParser

# Greedy, the same question would only be given the same answer again.
AGAIN_TEMPERATURE = 0.7


def answer_turn(
    request: Request,
    turn: Turn,
    *,
    again: bool = False,
    was: tuple[str, str | None, str | None] | None = None,
    is_decided: bool = False,
) -> None:
    """Have a turn's answer written; returns at once.

    again: another answer than those before.  was: what the answer was before it is continued (`GrowingAnswer.was`).
    is_decided: its reader has just said which of its calls are to be made.
    """
    answers: Answers = request.app.state.answers
    shelf: Shelf = request.app.state.shelf
    model = turn.conversation.model or shelf.default  # it may be gone: then that is how the answer ends
    begin = _begin(request, model, turn, again=again, is_decided=is_decided)
    answers.begin(turn, begin, model, partial(_loading, shelf, model), was)


def _loading(shelf: Shelf, model: str) -> tuple[int, int] | None:
    try:
        state = shelf.state(model)
    except RequestError:  # it is gone: the answer's end says so
        return None
    return state.progress if state.state == "loading" else None


def _begin(request: Request, model: str, turn: Turn, *, again: bool, is_decided: bool) -> Begin:
    shelf: Shelf = request.app.state.shelf
    person, user = person_of(request), user_of(request)
    ledger: Ledger = request.app.state.ledger

    def call(llm: LLM) -> ChatCall:
        defaults = request.app.state.own_defaults or llm.defaults
        return ChatCall(
            model=llm.name,
            messages=[
                *model_messages(turn.path, turn.conversation.settings),
                *(as_messages(turn.answer, is_whole=False) if turn.answer.calls else []),
            ],
            params=_sampling(defaults, turn.conversation.settings, again=again),
            form=AnswerForm(),
            thinking=turn.conversation.settings.get("thinking") is not False,
            stream=True,
            begun=begun_answer(turn.answer),
        )

    async def begin() -> RunningAnswers | Sourced | Fixed:
        await _make_calls(request, turn, is_decided=is_decided)
        if (engines := shelf.elsewhere(model)) is not None:
            return await _elsewhere(request, engines, model, turn)
        held = await shelf.take(model)
        try:
            offer = Offer() if held.llm.acts else await _offer(request, turn)
            asked = replace(call(held.llm), form=AnswerForm(functions=offer.functions, source="tools"))
            begun = await _asked(request, held.llm, turn, asked)
            if isinstance(begun, Fixed):
                shelf.give_back(held)
                return begun
            prepared, sources = begun
            parser = None if prepared.new_parser is None else prepared.new_parser()
            start: Start = partial(held.llm.submit, prepared.prompt, prepared.params, user=user)
            expected = expected_tokens(len(prepared.prompt.ids), prepared.params.max_tokens)
            start = ledger.counted(person, held.llm.name, start, expected)
            answers = RunningAnswers([_until_its_end(start, partial(shelf.give_back, held))])
            return Sourced(answers, sources, Called(offer, parser) if offer.functions else None)
        except BaseException:
            shelf.give_back(held)
            raise

    return begin


async def _elsewhere(request: Request, engines: Engines, model: str, turn: Turn) -> RunningAnswers | Sourced | Fixed:
    """An answer of an engine that is elsewhere, with this house's rules, documents and accounts."""
    settings = turn.conversation.settings
    answered = [turn.answer] if turn.answer.content or turn.answer.calls else []
    call = ChatCall(
        model=model,
        messages=model_messages([*turn.path, *answered], settings),
        params=SamplingParams(),
        form=AnswerForm(),
        thinking=True,
        stream=True,
    )
    found = await _looked_up(request, Elsewhere(model), turn, call)
    if isinstance(found, Fixed):
        return found
    call, sources = found
    offer = await _offer(request, turn)
    called = Called(offer)
    tools = {"tools": [function.for_template() for function in offer.functions]} if offer.functions else {}
    body = chat_body(call.messages, settings) | tools
    ledger: Ledger = request.app.state.ledger
    expected = expected_tokens(sum(len(str(message["content"])) // 2 for message in call.messages), None)
    start: Start = partial(Distant, engines, model, body)
    answers = RunningAnswers([ledger.counted(person_of(request), model, start, expected)])
    return Sourced(answers, sources, called)


async def _make_calls(request: Request, turn: Turn, *, is_decided: bool) -> None:
    """The calls of the answer that its reader has just allowed; others that nobody knows of are not made again."""
    calls = turn.answer.calls
    if calls:
        toolbox: Toolbox = request.app.state.toolbox
        made = await make(toolbox, person_of(request), calls) if is_decided else interrupted(calls)
        turn.answer.calls = made


async def _offer(request: Request, turn: Turn) -> Offer:
    """What the answer may call from here on."""
    if rounds_of(turn.answer) >= MOST_ROUNDS:
        return Offer()
    toolbox: Toolbox = request.app.state.toolbox
    return await toolbox.offer(person_of(request), turn.conversation.settings)


async def _asked(
    request: Request, llm: LLM, turn: Turn, call: ChatCall
) -> Fixed | tuple[PreparedChat, list[Any] | None]:
    """What the engine is asked, and the passages that the answer may quote; or an answer that needs no engine."""
    found = await _looked_up(request, llm, turn, call)
    if isinstance(found, Fixed):
        return found
    call, sources = found
    prompt, params = await _read(request, llm, call), call.params
    if not call.form.functions:
        return PreparedChat(prompt, params), sources
    guide, left_out = await asyncio.to_thread(form_guide, llm, call.form)
    if guide is not None:
        await asyncio.to_thread(llm.guides.prepare, guide)
        params = replace(params, guide=guide)
    parser = partial(ToolCallParser, llm.template.tool_format, call.form.functions)
    return PreparedChat(prompt, params, parser, left_out), sources


async def _looked_up(
    request: Request, llm: LLM | Elsewhere, turn: Turn, call: ChatCall
) -> Fixed | tuple[ChatCall, list[Any] | None]:
    """The call with what the conversation's documents say, and these sources; or an answer that needs no engine."""
    careful: Careful = request.app.state.careful
    # Before the engine, as in the API: all that was said, also where the model is told less of it.
    said = [{"role": message.role, "content": message.content} for message in turn.path]
    if careful.holds_for(llm, request) and (rule := await careful.said(said)) is not None:
        return Fixed(*rule)
    sources = None
    if documents := documents_of(turn.path):
        found = await asyncio.to_thread(_look_up, request.app.state.store, llm, turn, documents)
        sources = [source.as_json() for source in found.sources]
        if llm.acts:
            return Fixed(found.shown(zh_or_en(request)), sources=sources)
        call = replace(call, messages=with_passages(call.messages, found, turn.question.content))
    return call, sources


async def _read(request: Request, llm: LLM, call: ChatCall) -> ChatPrompt:
    """The prompt.  Whoever asked may be gone already: the answer is the server's."""
    if sum(len(message["content"]) for message in call.messages) < LONG:
        return await shortly(partial(read_prompt, llm, call))
    pools: Pools = request.app.state.pools
    return await pools.texts.run(lambda is_wanted: read_prompt(llm, call), _nobody_leaves)


async def _nobody_leaves() -> Message:
    await asyncio.Event().wait()
    return {}


def _look_up(store: Store, llm: LLM | Elsewhere, turn: Turn, documents: list[str]) -> Excerpts:
    """What the conversation's documents say to its last question, as much as the model can take."""
    person, question = turn.conversation.person_id, turn.question.content
    with store.read() as session:
        if llm.acts:  # a model that knows what it can do cannot read documents
            return best(session, person, documents, question)

        def count(text: str) -> int:
            return len(llm.tokenizer.encode(text))

        said = sum(count(message.content) for message in turn.path)
        room = min(MOST_TOKENS, llm.max_context * 2 // 3 - said)
        return excerpts(session, person, documents, question, room=room, count=count)


def _until_its_end(start: Start, end: Callable[[], None]) -> Start:
    """The same start of an answer, which calls `end` after its last delta."""

    def started(on_delta: Callable[[Delta], None]) -> Started:
        def told(delta: Delta) -> None:
            on_delta(delta)
            if delta.is_last:
                end()

        return start(told)

    return started


def _sampling(defaults: SamplingParams, settings: Mapping[str, Any], *, again: bool) -> SamplingParams:
    chosen = {name: settings[name] for name in ("temperature", "top_p", "max_tokens") if settings.get(name) is not None}
    params = replace(defaults, **chosen)
    return replace(params, temperature=AGAIN_TEMPERATURE) if again and params.is_greedy else params


def model_messages(path: Sequence[MessageRow], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The conversation as the model reads it.

    A question whose answer came to nothing is left out with it: it was asked again, and templates want turns.
    """
    messages: list[dict[str, Any]] = []
    if system := settings.get("system"):
        messages.append({"role": "system", "content": system})
    for message in path:
        if message.role == "assistant" and message.calls:
            messages += as_messages(message, is_whole=True)
        elif message.role == "assistant" and not message.content:
            messages = messages[:-1] if messages and messages[-1]["role"] == "user" else messages
        elif message.role == "user" or any(said["role"] == "user" for said in messages):  # they want to begin with one
            messages.append({"role": message.role, "content": message.content})
    return messages
