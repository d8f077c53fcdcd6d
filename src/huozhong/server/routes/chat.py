"""POST /v1/chat/completions: one chat's way from its body to the engine and back, in whatever dialect."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.engine.guides.guide import Grammar
from huozhong.engine.llm import LLM, SamplingParams
from huozhong.errors import RequestError
from huozhong.server.calls import ChatCall
from huozhong.server.dialects import ChatReply
from huozhong.server.dialects.openai.chat import parse_chat
from huozhong.server.dialects.openai.reply import ChatCompletionReply
from huozhong.server.http import EventStream, RunningAnswer, json_body, json_response, whole_answer
from huozhong.server.routes.models import check_model
from huozhong.text.template import ChatPrompt
from huozhong.text.tokenizer import END_THINK
from huozhong.text.tools import ToolCallParser

router = APIRouter()


@router.post("/v1/chat/completions")
@router.post("/chat/completions")  # DeepSeek's path
async def chat_completions(request: Request) -> Response:
    call = parse_chat(await json_body(request), request.app.state.defaults)
    return await answer(request, call, ChatCompletionReply)


async def answer(request: Request, call: ChatCall, dialect: type[ChatReply]) -> Response:
    """The answer to a call, whole or as a stream, in the dialect's words."""
    llm: LLM = request.app.state.llm
    check_model(llm, call.model)
    # In a thread: a prompt as long as a book takes a while to tokenize, as a large schema takes to compile, and
    # others are being answered.
    prepared = await asyncio.to_thread(prepare, llm, call)
    user = request.client.host if request.client else None  # users take turns
    running = RunningAnswer(lambda on_delta: llm.submit(prepared.prompt, prepared.params, on_delta, user=user))
    reply = dialect(
        model=llm.name,
        thinking=prepared.prompt.opens_thinking and prepared.prompt.shows_reasoning,
        think_end_id=llm.tokenizer.token_id(END_THINK) if llm.tokenizer.has(END_THINK) else None,
        include_usage=call.include_usage,
        with_logprobs=call.params.logprobs is not None,
        tool_calls=prepared.tool_calls,
    )
    if call.stream:
        return EventStream(running, reply)
    return json_response(reply.whole(await whole_answer(running, request.receive)))


@dataclass(frozen=True)
class PreparedChat:
    """A call ready for the engine.  tool_calls: finds them in the answer, where tools were offered."""

    prompt: ChatPrompt
    params: SamplingParams
    tool_calls: ToolCallParser | None = None


def prepare(llm: LLM, call: ChatCall) -> PreparedChat:
    """The prompt, and the guide compiled; `RequestError` for what the model cannot do."""
    form = call.form
    prompt = llm.prompt(call.messages, thinking=call.thinking, functions=form.functions, acts=form.guide is None)
    guide, parser = form.guide, None
    if form.functions:
        tool_format = llm.template.tool_format
        assert tool_format is not None, "the prompt has no functions then"
        guide = Grammar(tool_format.grammar(form.functions, form.choice, llm.tokenizer.split_specials))
        parser = ToolCallParser(tool_format, form.functions)
    if guide is None:
        return PreparedChat(prompt, call.params)
    try:
        llm.prepare(guide)
    except RequestError as error:
        raise RequestError(f"'{form.source}': {error}", param=form.source) from None
    return PreparedChat(prompt, replace(call.params, guide=guide), parser)
