"""llama.cpp's own paths: POST /completion and /infill, GET /props; what is not here is said."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.engine.llm import LLM
from huozhong.errors import RequestError, TokenizerError
from huozhong.server.careful import Careful
from huozhong.server.dialects.llamacpp.reply import NativeReply, settings_json
from huozhong.server.dialects.llamacpp.requests import (
    CompletionRequest,
    InfillRequest,
    NativeCall,
    parse_completion,
    parse_infill,
)
from huozhong.server.dialects.llamacpp.schemas import ANYTHING, COMPLETED, ERROR, NOTHING, PROPS
from huozhong.server.dialects.schemas import body_of, described
from huozhong.server.household import admit
from huozhong.server.http import RunningAnswers, json_body, json_response
from huozhong.server.preparing import hold_to, parsed, part_tokens, reading
from huozhong.server.routes.chat import respond, starts
from huozhong.server.routes.models import defaults_of, model_for
from huozhong.text.fim import middle_prompt
from huozhong.text.template import ChatPrompt

router = APIRouter()
TEXT = described(COMPLETED, ERROR, takes=body_of(CompletionRequest, "llamacpp"), streams="text/event-stream")
FILLED = described(COMPLETED, ERROR, takes=body_of(InfillRequest, "llamacpp"), streams="text/event-stream")
UNRANKED = described(NOTHING, ERROR, takes=ANYTHING)


@router.post("/completion", openapi_extra=TEXT)
async def completion(request: Request) -> Response:
    llm = await model_for(request)
    body, defaults = await json_body(request), defaults_of(request, llm)
    call = await parsed(request, lambda: parse_completion(body, defaults))
    size = sum(len(part) if isinstance(part, str) else 1 for parts in call.prompts for part in parts)
    prompts = await reading(request, size, lambda: [part_tokens(llm, parts, "prompt") for parts in call.prompts])
    return await _answer(request, llm, call, prompts)


@router.post(
    "/infill",
    openapi_extra=described(COMPLETED, ERROR, takes=body_of(InfillRequest, "llamacpp"), streams="text/event-stream"),
)
async def infill(request: Request) -> Response:
    llm = await model_for(request)
    body, defaults = await json_body(request), defaults_of(request, llm)
    call = await parsed(request, lambda: parse_infill(body, defaults))
    before = "".join(f"{text}\n" for _, text in call.extra) + call.prefix
    prompt = await reading(
        request, len(before) + len(call.suffix), lambda: middle_prompt(llm.tokenizer, before, call.suffix)
    )
    if prompt is None:
        raise RequestError(
            "This model cannot fill in the middle: its tokenizer has no marks for it.", code="not_supported"
        )
    return await _answer(request, llm, call.native, [prompt])


@router.get("/props", openapi_extra=described(PROPS, ERROR))
async def props(request: Request) -> Response:
    llm = await model_for(request)
    tokenizer = llm.tokenizer
    try:
        template = llm.template.source
    except TokenizerError:  # a model that only continues texts
        template = ""
    params = settings_json(defaults_of(request, llm), None, frozenset(llm.guides.eos_ids))
    return json_response(
        {
            "default_generation_settings": {"n_ctx": llm.max_context, "params": params},
            "total_slots": llm.max_running,
            "model_alias": llm.name,
            "model_path": llm.path.name,  # where on this machine is nobody's business
            "chat_template": template,
            "bos_token": "" if tokenizer.bos_id is None else tokenizer.bytes_of(tokenizer.bos_id).decode(),
            "eos_token": tokenizer.bytes_of(tokenizer.eos_id).decode(),
            "modalities": {"vision": False, "audio": False},
            "build_info": "huozhong",
        }
    )


@router.get("/slots", openapi_extra=described(NOTHING, ERROR))
async def slots() -> Response:
    raise RequestError(
        "There are no slots here: requests share one cache, however many there are; GET /metrics tells how busy it is.",
        code="not_supported",
    )


@router.post("/rerank", openapi_extra=UNRANKED)
@router.post("/reranking", openapi_extra=UNRANKED)
@router.post("/v1/rerank", openapi_extra=UNRANKED)
@router.post("/v1/reranking", openapi_extra=UNRANKED)
async def rerank() -> Response:
    raise RequestError("This model cannot rank texts; compare the vectors of /v1/embeddings.", code="not_supported")


async def _answer(request: Request, llm: LLM, call: NativeCall, prompts: list[list[int]]) -> Response:
    texts = await parsed(
        request, lambda: [llm.tokenizer.decode_bytes(ids).decode("utf-8", "replace") for ids in prompts]
    )
    number = call.num_answers
    limit = None if call.only_reads else call.params.max_tokens
    named = partial(
        NativeReply,
        model=llm.name,
        params=call.params,
        eos_ids=frozenset(llm.guides.eos_ids),
        context=llm.max_context,
        limit=0 if call.only_reads else limit,
        return_tokens=call.return_tokens,
        timings_per_token=call.timings_per_token,
        tells_progress=call.tells_progress,
        response_fields=call.response_fields,
        only_reads=call.only_reads,
    )
    careful: Careful = request.app.state.careful
    for text in texts:
        said: list[dict[str, Any]] = [{"role": "user", "content": text}]
        fixed = await careful.answer(llm, request, said, lambda f: named(prompts=[""], fixed=f), stream=call.stream)
        if fixed is not None:
            return fixed
    await admit(request)
    biases = {**dict(call.params.logit_bias)}
    for part, bias in call.biases:
        for token in [part] if isinstance(part, int) else llm.tokenizer.encode(part):
            biases[token] = bias
    params, headers = await hold_to(
        request, llm, replace(call.params, logit_bias=tuple(biases.items())), call.guide, call.source
    )
    watched = call.stream and (call.timings_per_token or call.tells_progress)
    running = RunningAnswers(
        start
        for ids in prompts
        for start in starts(request, llm, ChatPrompt(ids, splits_reasoning=False), params, number, watched=watched)
    )
    reply = named(prompts=[text for text in texts for _ in range(number)])
    return await respond(request, running, reply, stream=call.stream, headers=headers)
