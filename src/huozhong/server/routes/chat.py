"""POST /v1/chat/completions: one chat's way from its body to the engine and back, in whatever dialect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.engine.guides.guide import Grammar
from huozhong.engine.llm import LLM, SamplingParams
from huozhong.errors import RequestError
from huozhong.server.calls import ChatCall
from huozhong.server.careful import Careful
from huozhong.server.dialects import ChatReply, Reply
from huozhong.server.dialects.openai.chat import parse_chat
from huozhong.server.dialects.openai.reply import ChatCompletionReply
from huozhong.server.household import admit
from huozhong.server.http import EventStream, RunningAnswers, Start, json_response, whole_answers
from huozhong.server.identity import person_of, user_of
from huozhong.server.ledger import Ledger, expected_tokens
from huozhong.server.routes.models import asked
from huozhong.text.template import ChatPrompt
from huozhong.text.tokenizer import END_THINK
from huozhong.text.tools import ToolCallParser

router = APIRouter()


@router.post("/v1/chat/completions")
@router.post("/chat/completions")  # DeepSeek's path
@router.post("/beta/chat/completions")  # and its path for messages with "prefix"
async def chat_completions(request: Request) -> Response:
    llm, call = await asked(request, parse_chat)
    return await answer(request, llm, call, ChatCompletionReply)


async def answer(request: Request, llm: LLM, call: ChatCall, dialect: type[ChatReply]) -> Response:
    """The model's answer to a call, whole or as a stream, in the dialect's words."""
    careful: Careful = request.app.state.careful
    named = partial(dialect, model=llm.name, include_usage=call.include_usage)
    plain = partial(named, thinking=False, think_end_id=None)
    if (
        fixed := await careful.answer(llm, request, call.messages, lambda f: plain(fixed=f), stream=call.stream)
    ) is not None:
        return fixed  # before the engine: an emergency waits for nobody, and wants neither tools nor JSON
    await admit(request)
    # In a thread: a prompt as long as a book takes a while to tokenize, as a large schema takes to compile, and
    # others are being answered.
    prepared = await asyncio.to_thread(prepare, llm, call)
    running = RunningAnswers(starts(request, llm, prepared.prompt, prepared.params, call.num_answers))
    reply = named(
        thinking=prepared.prompt.opens_thinking and prepared.prompt.shows_reasoning,
        think_end_id=llm.tokenizer.token_id(END_THINK) if llm.tokenizer.has(END_THINK) else None,
        num_answers=call.num_answers,
        with_logprobs=call.params.logprobs is not None,
        new_parser=prepared.new_parser,
    )
    return await respond(request, running, reply, stream=call.stream)


async def respond(request: Request, running: RunningAnswers, reply: Reply, *, stream: bool) -> Response:
    """What is running, as a stream or once it is whole."""
    if stream:
        return EventStream(running, reply)
    return json_response(reply.whole(await whole_answers(running, request.receive)))


def starts(request: Request, llm: LLM, prompt: ChatPrompt, params: SamplingParams, number: int) -> Iterator[Start]:
    """What hands so many answers to one prompt to the engine; of a seed, each further one has the next."""
    user = user_of(request)  # users take turns
    ledger: Ledger = request.app.state.ledger
    expected = expected_tokens(len(prompt.ids), params.max_tokens)
    for index in range(number):
        own = params if params.seed is None or index == 0 else replace(params, seed=_next_seed(params.seed, index))
        start = partial(llm.submit, prompt, own, user=user)
        yield ledger.counted(person_of(request), llm.name, start, expected)


def _next_seed(seed: int, index: int) -> int:
    return (seed + index + 2**63) % 2**64 - 2**63


@dataclass(frozen=True)
class PreparedChat:
    """A call ready for the engine.  new_parser: makes what finds tool calls in an answer, where tools were offered."""

    prompt: ChatPrompt
    params: SamplingParams
    new_parser: Callable[[], ToolCallParser] | None = None


def prepare(llm: LLM, call: ChatCall) -> PreparedChat:
    """The prompt, and the guide compiled; `RequestError` for what the model cannot do."""
    form, params = call.form, call.params
    prompt = llm.prompt(
        call.messages, thinking=call.thinking, functions=form.functions, acts=form.guide is None, begun=call.begun
    )
    guide, new_parser = form.guide, None
    if form.functions:
        tool_format = llm.template.tool_format
        guide = Grammar(tool_format.grammar(form.functions, form.choice, llm.tokenizer.split_specials))
        must_call = form.choice.kind != "auto"
        new_parser = partial(ToolCallParser, tool_format, form.functions)
        if must_call:
            params = replace(params, stop=())  # they end what is said, and nothing but calls can be said here
    if guide is None:
        return PreparedChat(prompt, params)
    try:
        llm.prepare(guide)
    except RequestError as error:
        raise RequestError(f"'{form.source}': {error}", param=form.source) from None
    return PreparedChat(prompt, replace(params, guide=guide), new_parser)
