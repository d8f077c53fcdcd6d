"""What Ollama's programs ask for: /api/chat, /api/generate, /api/embed, /api/tags, /api/show, /api/ps, /api/version."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.engine.llm import LLM
from huozhong.errors import RequestError, TokenizerError
from huozhong.server.dialects.ollama.models import details_json, embed_json, show_json, tags_json
from huozhong.server.dialects.ollama.reply import OllamaChatReply, OllamaTextReply, loaded_json
from huozhong.server.dialects.ollama.requests import (
    ChatRequest,
    EmbedRequest,
    GenerateRequest,
    ShowRequest,
    model_name,
    parse_chat,
    parse_embed,
    parse_generate,
)
from huozhong.server.dialects.ollama.schemas import CHAT, EMBEDDINGS, ERROR, SHOWN, TAGS, TEXT, VERSION
from huozhong.server.dialects.schemas import body_of, described
from huozhong.server.http import json_body, json_response
from huozhong.server.routes.chat import answer
from huozhong.server.routes.embeddings import vectors_of
from huozhong.server.routes.models import check_model

router = APIRouter(prefix="/api")

LINES = "application/x-ndjson"
CHATTING = described(CHAT, ERROR, takes=body_of(ChatRequest, "ollama"), streams=LINES)
TEXTS = described(TEXT, ERROR, takes=body_of(GenerateRequest, "ollama"), streams=LINES)
VECTORS = described(EMBEDDINGS, ERROR, takes=body_of(EmbedRequest, "ollama"))
NAMES = described(TAGS, ERROR)
SHOWING = described(SHOWN, ERROR, takes=body_of(ShowRequest, "ollama"))

# Programs ask which version of Ollama's API this is before they use what is newer; thinking came with 0.9.
SPOKEN = "0.9.0"


@router.post("/chat", openapi_extra=CHATTING)
async def chat(request: Request) -> Response:
    body = await json_body(request)
    call = parse_chat(body, request.app.state.defaults)
    if call is None:
        return _loaded(request, body, OllamaChatReply)
    return await answer(request, call, OllamaChatReply)


@router.post("/generate", openapi_extra=TEXTS)
async def generate(request: Request) -> Response:
    body = await json_body(request)
    call = parse_generate(body, request.app.state.defaults)
    if call is None:
        return _loaded(request, body, OllamaTextReply)
    return await answer(request, call, OllamaTextReply)


def _loaded(request: Request, body: dict[str, Any], reply: type[OllamaChatReply]) -> Response:
    check_model(request, model_name(body["model"]))
    name = request.app.state.llm.name
    return json_response(loaded_json(name, "response" if reply is OllamaTextReply else "message"))


@router.post("/embed", openapi_extra=VECTORS)
async def embed(request: Request) -> Response:
    vectors, num_tokens = await vectors_of(request, parse_embed(await json_body(request)))
    return json_response(embed_json(request.app.state.llm.name, vectors, num_tokens))


@router.get("/tags", openapi_extra=NAMES)
@router.get("/ps", openapi_extra=NAMES)  # what is loaded: the same
async def tags(request: Request) -> Response:
    state = request.app.state
    return json_response(tags_json(state.llm.name, _details(state.llm), state.created))


@router.post("/show", openapi_extra=SHOWING)
async def show(request: Request) -> Response:
    state = request.app.state
    asked = ShowRequest.parse(await json_body(request))
    name = asked.model or asked.name
    if name is None:
        raise RequestError("'model' is missing.", param="model", code="missing_required_parameter")
    check_model(request, model_name(name))
    llm: LLM = state.llm
    can, source = ["completion"], ""
    try:
        template = llm.template
    except TokenizerError:  # a model that only continues texts
        pass
    else:
        source = template.source
        can += ["tools"] + (["thinking"] if template.opens_thinking() or template.may_think() else [])
    family = llm.config.family
    return json_response(show_json(_details(llm), source, state.created, family, llm.max_context, can))


@router.get("/version", openapi_extra=described(VERSION, ERROR))
async def version() -> Response:
    return json_response({"version": SPOKEN})


def _details(llm: LLM) -> dict[str, Any]:
    return details_json(llm.config.family, llm.quantization)
