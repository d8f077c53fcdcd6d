"""POST /tokenize, /detokenize, /apply-template (as llama.cpp has them)."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from pydantic_core import to_json
from starlette.responses import Response

from huozhong.engine.llm import LLM
from huozhong.errors import RequestError
from huozhong.server.dialects.fields import Strict
from huozhong.server.dialects.llamacpp.schemas import CONTENT, PROMPT, TOKENS
from huozhong.server.dialects.openai.chat import TemplateSwitches
from huozhong.server.dialects.openai.messages import ChatMessage, for_template, readable
from huozhong.server.dialects.openai.schemas import ERROR
from huozhong.server.dialects.openai.structure import Tool, functions_of
from huozhong.server.dialects.schemas import body_of, described
from huozhong.server.http import json_body, json_response
from huozhong.server.preparing import parsed, reading
from huozhong.server.routes.models import model_for

router = APIRouter()


class TokenizeRequest(Strict):
    content: str
    add_special: bool | None = None  # the begin-of-text token before it
    parse_special: bool | None = None
    with_pieces: bool | None = None


class DetokenizeRequest(Strict):
    tokens: list[int]


class TemplateRequest(Strict):
    messages: list[ChatMessage]
    add_generation_prompt: bool | None = None
    enable_thinking: bool | None = None
    chat_template_kwargs: TemplateSwitches | None = None
    tools: list[Tool] | None = None


@router.post("/tokenize", openapi_extra=described(TOKENS, ERROR, takes=body_of(TokenizeRequest, "llamacpp")))
async def tokenize(request: Request) -> Response:
    llm = await model_for(request)
    asked = TokenizeRequest.parse(await json_body(request))
    told = await reading(request, len(asked.content), lambda: to_json({"tokens": _tokens(llm, asked)}))
    return Response(told, media_type="application/json")


def _tokens(llm: LLM, asked: TokenizeRequest) -> list[Any]:
    tokenizer = llm.tokenizer
    ids: list[int] = []
    for piece in tokenizer.split_specials(asked.content) if asked.parse_special is not False else [asked.content]:
        ids += [piece] if isinstance(piece, int) else tokenizer.encode(piece)
    if asked.add_special:
        ids = tokenizer.begin + ids
    if not asked.with_pieces:
        return ids
    return [{"id": token, "piece": _piece(tokenizer.bytes_of(token))} for token in ids]


def _piece(raw: bytes) -> str | list[int]:
    """A token's text; its bytes where they are but a part of a character."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return list(raw)


@router.post("/detokenize", openapi_extra=described(CONTENT, ERROR, takes=body_of(DetokenizeRequest, "llamacpp")))
async def detokenize(request: Request) -> Response:
    llm = await model_for(request)
    body = await json_body(request)
    text = await parsed(request, lambda: _text(llm, DetokenizeRequest.parse(body)))
    return json_response({"content": text})


def _text(llm: LLM, asked: DetokenizeRequest) -> str:
    wrong = next((token for token in asked.tokens if not 0 <= token < llm.config.vocab_size), None)
    if wrong is not None:
        raise RequestError(f"'tokens' has the id {wrong}, which is not in the vocabulary.", param="tokens")
    return b"".join(map(llm.tokenizer.bytes_of, asked.tokens)).decode("utf-8", "replace")


@router.post("/apply-template", openapi_extra=described(PROMPT, ERROR, takes=body_of(TemplateRequest, "llamacpp")))
async def apply_template(request: Request) -> Response:
    llm = await model_for(request)
    body = await json_body(request)
    asked = await parsed(request, lambda: TemplateRequest.parse(body | {"messages": readable(body.get("messages"))}))
    if not asked.messages:
        raise RequestError("'messages' is empty.", param="messages")
    messages, begun = for_template(asked.messages)
    switches = asked.chat_template_kwargs or TemplateSwitches()
    thinking = next(
        (one for one in (asked.enable_thinking, switches.enable_thinking, switches.thinking) if one is not None), True
    )
    text = await asyncio.to_thread(
        llm.template.render,
        messages,
        add_generation_prompt=asked.add_generation_prompt is not False,
        thinking=thinking,
        tools=functions_of(asked.tools or []),
    )
    return json_response({"prompt": text + (begun.content if begun else "")})
