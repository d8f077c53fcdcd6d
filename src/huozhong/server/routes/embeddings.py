"""POST /v1/embeddings: texts to vectors, batched with whatever else the engine does."""

from __future__ import annotations

import asyncio
from functools import partial

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from starlette.responses import Response

from huozhong.engine.llm import LLM, EmbeddedText
from huozhong.errors import RequestError
from huozhong.server.calls import EmbeddingCall
from huozhong.server.dialects.openai.embeddings import embeddings_json, parse_embeddings
from huozhong.server.failures import stopped
from huozhong.server.http import RunningAnswer, json_body, json_response, watched
from huozhong.server.routes.models import check_model

router = APIRouter()


@router.post("/v1/embeddings")
@router.post("/embeddings")
async def embeddings(request: Request) -> Response:
    llm: LLM = request.app.state.llm
    call = parse_embeddings(await json_body(request))
    check_model(llm, call.model)
    inputs = await asyncio.to_thread(_tokens, llm, call)
    answers: list[RunningAnswer] = []
    vectors: list[NDArray[np.float32]] = []

    async with watched(answers, request.receive):
        for ids in inputs:
            answers.append(RunningAnswer(partial(llm.submit_embed, ids)))
        for answer in answers:
            deltas = await answer.next()  # a text to embed has one delta, its last
            if deltas[-1].finish_reason == "abort":
                raise stopped()
            vectors.append(EmbeddedText.from_deltas(deltas).unit_vector(call.dimensions))
    num_tokens = sum(len(ids) for ids in inputs)
    return json_response(embeddings_json(llm.name, vectors, num_tokens, as_base64=call.as_base64))


def _tokens(llm: LLM, call: EmbeddingCall) -> list[list[int]]:
    """Every input's ids, all of them checked before the first one runs."""
    width = llm.config.hidden_size
    if call.dimensions is not None and call.dimensions > width:
        raise RequestError(f"'dimensions' is {call.dimensions}; this model's vectors have {width}.", param="dimensions")
    inputs = [llm.text_tokens(text) for text in call.inputs]
    for ids in inputs:
        try:
            llm.check_text(ids)
        except RequestError as error:
            raise RequestError(str(error), param="input", code=error.code) from None
    return inputs
