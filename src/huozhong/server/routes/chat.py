"""POST /v1/chat/completions: one chat's way from its body to the engine and back, in whatever dialect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.engine.llm import LLM, SamplingParams
from huozhong.server.calls import ChatCall
from huozhong.server.careful import Careful
from huozhong.server.dialects import ChatReply, Reply
from huozhong.server.dialects.llamacpp.chat import TellingChatReply
from huozhong.server.dialects.llamacpp.reply import settings_json
from huozhong.server.dialects.openai.chat import ChatRequest, parse_chat
from huozhong.server.dialects.openai.reply import ChatCompletionReply
from huozhong.server.dialects.openai.schemas import CHAT_COMPLETION, ERROR, INPUT_TOKENS
from huozhong.server.dialects.schemas import body_of, described
from huozhong.server.household import admit
from huozhong.server.http import EventStream, RunningAnswers, Start, json_response, whole_answers
from huozhong.server.identity import person_of, user_of
from huozhong.server.ledger import Ledger, expected_tokens
from huozhong.server.preparing import prepare, read_prompt, reading
from huozhong.server.routes.elsewhere import passed_on
from huozhong.server.routes.models import asked
from huozhong.text.template import ChatPrompt
from huozhong.text.tokenizer import END_THINK

router = APIRouter()
COUNTING = described(INPUT_TOKENS, ERROR, takes=body_of(ChatRequest, "openai"))
CHAT = described(CHAT_COMPLETION, ERROR, takes=body_of(ChatRequest, "openai"), streams="text/event-stream")


@router.post("/v1/chat/completions", openapi_extra=CHAT)
@router.post("/chat/completions", openapi_extra=CHAT)  # DeepSeek's path
@router.post("/beta/chat/completions", openapi_extra=CHAT)  # and its path for messages with "prefix"
async def chat_completions(request: Request) -> Response:
    if (passed := await passed_on(request, "/v1/chat/completions")) is not None:
        return passed
    llm, call = await asked(request, parse_chat)
    telling = None if call.extras is None else partial(TellingChatReply, extras=call.extras)
    return await answer(request, llm, call, telling or ChatCompletionReply)


@router.post("/v1/chat/completions/input_tokens", openapi_extra=COUNTING)
@router.post("/chat/completions/input_tokens", openapi_extra=COUNTING)  # llama.cpp's
async def input_tokens(request: Request) -> Response:
    """How many tokens the prompt of a chat has; nothing is answered."""
    llm, call = await asked(request, parse_chat)
    return await counted(request, llm, call)


async def counted(request: Request, llm: LLM, call: ChatCall) -> Response:
    """OpenAI's count of a call's prompt."""
    size = sum(len(message.get("content") or "") for message in call.messages)
    prompt = await reading(request, size, lambda: read_prompt(llm, call, counted=True))
    return json_response({"object": "response.input_tokens", "input_tokens": len(prompt.ids)})


async def answer(request: Request, llm: LLM, call: ChatCall, dialect: Callable[..., ChatReply]) -> Response:
    """The model's answer to a call, whole or as a stream, in the dialect's words."""
    careful: Careful = request.app.state.careful
    named = partial(dialect, model=llm.name, include_usage=call.include_usage)
    plain = partial(named, thinking=False, think_end_id=None)
    if (
        fixed := await careful.answer(llm, request, call.messages, lambda f: plain(fixed=f), stream=call.stream)
    ) is not None:
        return fixed  # before the engine: an emergency waits for nobody, and wants neither tools nor JSON
    await admit(request)
    prepared = await prepare(request, llm, call)
    watched = call.extras is not None and call.stream
    running = RunningAnswers(starts(request, llm, prepared.prompt, prepared.params, call.num_answers, watched=watched))
    if call.extras is not None and call.extras.verbose:
        text = await asyncio.to_thread(lambda: llm.tokenizer.decode_bytes(prepared.prompt.ids))
        settings = settings_json(prepared.params, prepared.params.max_tokens, frozenset(llm.guides.eos_ids))
        named = partial(named, prompt=text.decode("utf-8", "replace"), settings=settings)
    reply = named(
        thinking=prepared.prompt.opens_thinking and prepared.prompt.shows_reasoning,
        think_end_id=llm.tokenizer.token_id(END_THINK) if llm.tokenizer.has(END_THINK) else None,
        num_answers=call.num_answers,
        with_logprobs=call.params.logprobs is not None,
        new_parser=prepared.new_parser,
        prompt_tokens=len(prepared.prompt.ids),
    )
    return await respond(request, running, reply, stream=call.stream, headers=prepared.headers)


async def respond(
    request: Request,
    running: RunningAnswers,
    reply: Reply,
    *,
    stream: bool,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """What is running, as a stream or once it is whole."""
    if stream:
        return EventStream(running, reply, headers)
    return json_response(reply.whole(await whole_answers(running, request.receive)), headers=headers)


def starts(
    request: Request, llm: LLM, prompt: ChatPrompt, params: SamplingParams, number: int, *, watched: bool = False
) -> Iterator[Start]:
    """What hands so many answers to one prompt to the engine; of a seed, each further one has the next.

    watched: see `LLM.submit`.
    """
    user = user_of(request)  # users take turns
    ledger: Ledger = request.app.state.ledger
    expected = expected_tokens(len(prompt.ids), params.max_tokens)
    for index in range(number):
        own = params if params.seed is None or index == 0 else replace(params, seed=_next_seed(params.seed, index))
        start = partial(llm.submit, prompt, own, user=user, watched=watched)
        yield ledger.counted(person_of(request), llm.name, start, expected)


def _next_seed(seed: int, index: int) -> int:
    return (seed + index + 2**63) % 2**64 - 2**63
