"""A request for a model that another engine serves: passed on, or put in OpenAI's words, after this house's rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
from fastapi import Request
from numpy.typing import NDArray
from starlette.responses import Response

from huozhong.engine.requests import SamplingParams
from huozhong.errors import RequestError
from huozhong.server.calls import ChatCall, EmbeddingCall
from huozhong.server.careful import Careful
from huozhong.server.dialects import ChatReply, FixedText, Reply, ToldCalls
from huozhong.server.dialects.openai.completions import CompletionReply
from huozhong.server.dialects.openai.reply import ChatCompletionReply
from huozhong.server.household import admit
from huozhong.server.http import EventStream, RunningAnswers, begun, json_response, whole_answers
from huozhong.server.identity import person_of
from huozhong.server.ledger import Ledger, expected_tokens
from huozhong.server.models import Shelf
from huozhong.server.preparing import parsed
from huozhong.server.routes.models import body_with_model, model_name
from huozhong.server.upstream.answering import Distant
from huozhong.server.upstream.engines import Elsewhere, Engines
from huozhong.server.upstream.passing import pass_on
from huozhong.server.upstream.translating import engine_body, read
from huozhong.text.wire import Used, error_sentence, usage_of

CallT = TypeVar("CallT")


async def passed_on(request: Request, path: str) -> Response | None:
    """The answer from elsewhere to a body in OpenAI's dialect; None for a model that is on this machine.

    path: where the engine is asked.  Distress is answered here, quiet hours and budgets hold, and what is used is put
    on the person's account.
    """
    body, found = await _sought(request)
    if found is None:
        return None
    model, engines = found
    careful: Careful = request.app.state.careful
    streamed = body.get("stream") is True
    for turns, reply in _conversations(body, model):
        fixed = await careful.answer(Elsewhere(model), request, turns, partial(_fixed, reply), stream=streamed)
        if fixed is not None:
            return fixed
    await admit(request)
    return await pass_on(request, engines, model, path, body)


async def answered_elsewhere(
    request: Request,
    parse: Callable[[dict[str, Any], SamplingParams], CallT],
    dialect: Callable[[CallT], Callable[..., ChatReply]],
    *,
    chat: Callable[[CallT], ChatCall | None],
    empty: Callable[[str], Response] | None = None,
    any_model: bool = False,
) -> Response | None:
    """The answer from elsewhere to a body in another dialect; None for a model that is on this machine.

    The engine is asked for a chat completion that comes piece by piece; who asked gets the dialect's words, and nothing
    before the first piece is here: until then another engine can be asked, and a failure has a status of its own.
    chat: what of a call is the chat.  empty: the answer to a call without one, which only wants the model to be there.
    """
    body, found = await _sought(request, any_model=any_model)
    if found is None:
        return None
    model, engines = found
    call, given = await parsed(request, lambda: read(parse, chat, body))
    asked = chat(call)
    if asked is None:
        return None if empty is None else empty(model)
    careful: Careful = request.app.state.careful
    named = partial(dialect(call), model=model, include_usage=asked.include_usage, thinking=False, think_end_id=None)
    fixed = await careful.answer(
        Elsewhere(model), request, asked.messages, lambda f: named(fixed=f), stream=asked.stream
    )
    if fixed is not None:
        return fixed
    asked_body = engine_body(asked, given, body)
    await admit(request)
    start = partial(Distant, engines, model, asked_body, shows_reasoning=asked.thinking)
    ledger: Ledger = request.app.state.ledger
    size = sum(len(str(turn["content"])) for turn in asked.messages) // 2
    expected = expected_tokens(size, asked.params.max_tokens)
    running = RunningAnswers([ledger.counted(person_of(request), model, start, expected)])
    reply = named(new_parser=ToldCalls)
    if not asked.stream:
        return json_response(reply.whole(await whole_answers(running, request.receive)))
    await begun(running, request.receive)
    return EventStream(running, reply)


async def vectors_elsewhere(request: Request, call: EmbeddingCall) -> tuple[str, list[NDArray[np.float32]], int] | None:
    """The model's name, the texts' vectors and how many tokens they had; None for a model that is on this machine."""
    _, found = await _sought(request)
    if found is None:
        return None
    model, engines = found
    await admit(request)
    body: dict[str, Any] = {"model": model, "input": call.inputs, "encoding_format": "float"}
    body |= {} if call.dimensions is None else {"dimensions": call.dimensions}
    answer = await pass_on(request, engines, model, "/v1/embeddings", body)
    if answer.status_code != 200:
        raise RequestError(error_sentence(bytes(answer.body).decode("utf-8", "replace")))
    told = json.loads(bytes(answer.body))
    vectors = [np.asarray(one["embedding"], np.float32) for one in told["data"]]
    return model, vectors, (usage_of(told) or Used()).prompt


async def _sought(request: Request, *, any_model: bool = False) -> tuple[dict[str, Any], tuple[str, Engines] | None]:
    """The body, and the model that it is for with the engines that have it, where these are elsewhere."""
    shelf: Shelf = request.app.state.shelf
    if shelf.engines is None:
        return {}, None
    body = await body_with_model(request)
    asked = body.get("model")
    if not isinstance(asked, str):
        return body, None
    model = model_name(request, asked, any_model=any_model) if shelf.find(asked) or any_model else None
    if model is None or (engines := shelf.elsewhere(model)) is None:
        return body, None
    return body, (model, engines)


def _fixed(reply: Callable[..., Reply], fixed: FixedText) -> Reply:
    return reply(fixed=fixed)


def _conversations(body: dict[str, Any], model: str) -> list[tuple[list[dict[str, Any]], Callable[..., Any]]]:
    """What the rules are to read of a body, and in whose words they answer; texts to be continued are read singly."""
    if isinstance(messages := body.get("messages"), list):
        turns = [_spoken(turn) for turn in messages if isinstance(turn, dict)]
        return [(turns, partial(ChatCompletionReply, model=model, thinking=False, think_end_id=None))]
    prompts = body.get("prompt")
    texts = [prompts] if isinstance(prompts, str) else prompts if isinstance(prompts, list) else []
    reply = partial(CompletionReply, model=model, echoed=[""])
    suffix = str(body.get("suffix") or "")
    return [([{"role": "user", "content": text + suffix}], reply) for text in texts if isinstance(text, str)]


def _spoken(turn: dict[str, Any]) -> dict[str, Any]:
    """A message as the rules read it: who speaks, and the text of all its parts."""
    content = turn.get("content")
    if isinstance(content, list):
        content = "\n".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return {"role": str(turn.get("role", "user")), "content": content if isinstance(content, str) else ""}
