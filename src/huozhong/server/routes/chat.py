"""POST /v1/chat/completions: one chat's way from its body to the engine and back, in whatever dialect."""

from __future__ import annotations

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
from huozhong.server.dialects.openai.chat import ChatRequest, parse_chat
from huozhong.server.dialects.openai.reply import ChatCompletionReply
from huozhong.server.dialects.openai.schemas import CHAT_COMPLETION, ERROR
from huozhong.server.dialects.schemas import body_of, described
from huozhong.server.http import EventStream, RunningAnswers, Start, json_body, json_response, whole_answers
from huozhong.server.preparing import prepare
from huozhong.server.routes.models import check_model
from huozhong.text.template import ChatPrompt
from huozhong.text.tokenizer import END_THINK

router = APIRouter()
CHAT = described(CHAT_COMPLETION, ERROR, takes=body_of(ChatRequest, "openai"), streams="text/event-stream")


@router.post("/v1/chat/completions", openapi_extra=CHAT)
@router.post("/chat/completions", openapi_extra=CHAT)  # DeepSeek's path
@router.post("/beta/chat/completions", openapi_extra=CHAT)  # and its path for messages with "prefix"
async def chat_completions(request: Request) -> Response:
    call = parse_chat(await json_body(request), request.app.state.defaults)
    return await answer(request, call, ChatCompletionReply)


async def answer(request: Request, call: ChatCall, dialect: Callable[..., ChatReply]) -> Response:
    """The answer to a call, whole or as a stream, in the dialect's words."""
    llm: LLM = request.app.state.llm
    if not call.any_model:
        check_model(request, call.model)
    careful: Careful = request.app.state.careful
    named = partial(dialect, model=llm.name, include_usage=call.include_usage)
    plain = partial(named, thinking=False, think_end_id=None)
    if (
        fixed := await careful.answer(request, call.messages, lambda f: plain(fixed=f), stream=call.stream)
    ) is not None:
        return fixed  # before the engine: an emergency waits for nobody, and wants neither tools nor JSON
    prepared = await prepare(request, call)
    running = RunningAnswers(starts(request, prepared.prompt, prepared.params, call.num_answers))
    reply = named(
        thinking=prepared.prompt.opens_thinking and prepared.prompt.shows_reasoning,
        think_end_id=llm.tokenizer.token_id(END_THINK) if llm.tokenizer.has(END_THINK) else None,
        num_answers=call.num_answers,
        with_logprobs=call.params.logprobs is not None,
        new_parser=prepared.new_parser,
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


def starts(request: Request, prompt: ChatPrompt, params: SamplingParams, number: int) -> Iterator[Start]:
    """What hands so many answers to one prompt to the engine; of a seed, each further one has the next."""
    llm: LLM = request.app.state.llm
    user = request.client.host if request.client else None  # users take turns
    for index in range(number):
        own = params if params.seed is None or index == 0 else replace(params, seed=_next_seed(params.seed, index))
        yield partial(llm.submit, prompt, own, user=user)


def _next_seed(seed: int, index: int) -> int:
    return (seed + index + 2**63) % 2**64 - 2**63
