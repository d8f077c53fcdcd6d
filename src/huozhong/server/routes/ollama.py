"""What Ollama's programs ask for: /api/chat, /api/generate, /api/embed, /api/tags, /api/show, /api/ps, /api/version."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.engine.llm import LLM, SamplingParams
from huozhong.errors import RequestError
from huozhong.server.dialects.ollama.models import (
    details_json,
    embed_json,
    info_json,
    process_json,
    show_json,
    tag_json,
)
from huozhong.server.dialects.ollama.reply import OllamaChatReply, OllamaTextReply, loaded_json
from huozhong.server.dialects.ollama.requests import (
    ChatRequest,
    EmbedRequest,
    GenerateRequest,
    OlderEmbedRequest,
    ShowRequest,
    kept_seconds,
    parse_chat,
    parse_embed,
    parse_generate,
    parse_older_embed,
)
from huozhong.server.dialects.ollama.schemas import (
    CHAT,
    EMBEDDINGS,
    ERROR,
    OLDER_EMBEDDING,
    PROCESSES,
    SHOWN,
    TAGS,
    TEXT,
    VERSION,
)
from huozhong.server.dialects.schemas import body_of, described
from huozhong.server.here import may_keep
from huozhong.server.http import json_body, json_response
from huozhong.server.identity import owner_only
from huozhong.server.models import Shelf
from huozhong.server.opening import About
from huozhong.server.preparing import parsed
from huozhong.server.routes.chat import answer
from huozhong.server.routes.elsewhere import answered_elsewhere, vectors_elsewhere
from huozhong.server.routes.embeddings import vectors_of
from huozhong.server.routes.models import asked, model_for, model_name

router = APIRouter(prefix="/api")

LINES = "application/x-ndjson"
CHATTING = described(CHAT, ERROR, takes=body_of(ChatRequest, "ollama"), streams=LINES)
TEXTS = described(TEXT, ERROR, takes=body_of(GenerateRequest, "ollama"), streams=LINES)
VECTOR = described(OLDER_EMBEDDING, ERROR, takes=body_of(OlderEmbedRequest, "ollama"))
VECTORS = described(EMBEDDINGS, ERROR, takes=body_of(EmbedRequest, "ollama"))
NAMES = described(TAGS, ERROR)
SHOWING = described(SHOWN, ERROR, takes=body_of(ShowRequest, "ollama"))

# Programs ask which version of Ollama's API this is before they use what is newer; thinking came with 0.9.
SPOKEN = "0.9.0"


@router.post("/chat", openapi_extra=CHATTING)
async def chat(request: Request) -> Response:
    if await _put_away(request, parse_chat):
        return json_response(loaded_json(await _named(request), "message", "unload"))
    far = await answered_elsewhere(
        request, parse_chat, lambda call: OllamaChatReply, chat=lambda call: call, empty=_there("message")
    )
    if far is not None:
        return far
    llm, call = await asked(request, parse_chat)
    await _keep(request, llm)
    if call is None:
        return json_response(loaded_json(llm.name, "message"))
    return await answer(request, llm, call, OllamaChatReply)


@router.post("/generate", openapi_extra=TEXTS)
async def generate(request: Request) -> Response:
    if await _put_away(request, parse_generate):
        return json_response(loaded_json(await _named(request), "response", "unload"))
    far = await answered_elsewhere(
        request, parse_generate, lambda call: OllamaTextReply, chat=lambda call: call, empty=_there("response")
    )
    if far is not None:
        return far
    llm, call = await asked(request, parse_generate)
    await _keep(request, llm)
    if call is None:
        return json_response(loaded_json(llm.name, "response"))
    return await answer(request, llm, call, OllamaTextReply)


@router.post("/embed", openapi_extra=VECTORS)
async def embed(request: Request) -> Response:
    body = await json_body(request)
    call = await parsed(request, lambda: parse_embed(body))
    if (far := await vectors_elsewhere(request, call)) is not None:
        return json_response(embed_json(*far))
    llm = await model_for(request, call.model)
    await _keep(request, llm)
    vectors, num_tokens = await vectors_of(request, llm, call)
    return json_response(embed_json(llm.name, vectors, num_tokens))


@router.post("/embeddings", openapi_extra=VECTOR)
async def embeddings(request: Request) -> Response:
    """What /api/embed was called first: one text, and its vector alone."""
    call = parse_older_embed(await json_body(request))
    if (far := await vectors_elsewhere(request, call)) is not None:
        return json_response({"embedding": far[1][0].tolist()})
    llm = await model_for(request, call.model)
    await _keep(request, llm)
    [vector], _ = await vectors_of(request, llm, call)
    return json_response({"embedding": vector.tolist()})


@router.get("/tags", openapi_extra=NAMES)
async def tags(request: Request) -> Response:
    """Every model that can be asked for, loaded or not."""
    shelf: Shelf = request.app.state.shelf
    created = request.app.state.created
    return json_response({"models": [tag_json(s.name, s.size, _details(s.llm), created) for s in shelf.states()]})


@router.get("/ps", openapi_extra=described(PROCESSES, ERROR))
async def processes(request: Request) -> Response:
    """The models that are in memory."""
    shelf: Shelf = request.app.state.shelf
    loaded = [
        process_json(state.name, state.memory, _details(state.llm), state.context or 0, state.left)
        for state in shelf.states()
        if state.llm is not None
    ]
    return json_response({"models": loaded})


@router.post("/show", openapi_extra=SHOWING)
async def show(request: Request) -> Response:
    """What a model is; it is not loaded for that."""
    asked, shelf = ShowRequest.parse(await json_body(request)), request.app.state.shelf
    name = asked.model or asked.name
    if name is None:
        raise RequestError("'model' is missing.", param="model", code="missing_required_parameter")
    found = model_name(request, name)
    if shelf.elsewhere(found) is not None:  # what it is made of is not told; it can be talked with and given tools
        info, can = {"general.basename": found}, ["completion", "tools"]
        return json_response(show_json(details_json("", ""), "", request.app.state.created, info, can))
    about: About = await asyncio.to_thread(shelf.about, found)
    can, source = ["completion"], ""
    if about.template is not None:
        source = about.template.source
        can += ["tools"] + (["thinking"] if about.template.opens_thinking() or about.template.may_think() else [])
    details = details_json(about.architecture.family, about.quantization, about.parameters)
    info = info_json(name, about.architecture, about.parameters, about.context)
    return json_response(show_json(details, source, request.app.state.created, info, can))


@router.get("/version", openapi_extra=described(VERSION, ERROR))
async def version() -> Response:
    return json_response({"version": SPOKEN})


def _there(what: Literal["message", "response"]) -> Callable[[str], Response]:
    """The answer to who only wants a model to be there that is elsewhere."""
    return lambda model: json_response(loaded_json(model, what))


async def _keep(request: Request, llm: LLM) -> None:
    """What a request says of how long its model stays, obeyed where who asks may say so."""
    seconds = kept_seconds(await json_body(request))
    if seconds is not None and may_keep(request):
        shelf: Shelf = request.app.state.shelf
        shelf.keep_for(llm, seconds)


async def _put_away(request: Request, parse: Callable[[dict[str, Any], SamplingParams], Any]) -> bool:
    """Whether a body asks for nothing but that a model be put away now: it is, once its answers are complete."""
    body = await json_body(request)
    if kept_seconds(body) != 0 or await parsed(request, lambda: parse(body, SamplingParams())) is not None:
        return False
    name = await _named(request)
    owner_only(request)
    shelf: Shelf = request.app.state.shelf
    await asyncio.to_thread(shelf.unload, name)
    return True


async def _named(request: Request) -> str:
    return model_name(request, (await json_body(request)).get("model"))


def _details(llm: LLM | None) -> dict[str, Any]:
    """Of a model that is not loaded, nothing: its files are not read for a list."""
    return details_json("", "") if llm is None else details_json(llm.config.family, llm.quantization)
