"""POST /v1/embeddings: texts to vectors, batched with whatever else the engine does."""

from __future__ import annotations

from functools import partial

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from starlette.responses import Response

from huozhong.engine.llm import LLM, EmbeddedText
from huozhong.errors import RequestError
from huozhong.server.calls import EmbeddingCall
from huozhong.server.dialects.openai.embeddings import EmbeddingRequest, embeddings_json, parse_embeddings
from huozhong.server.dialects.openai.schemas import EMBEDDINGS, ERROR
from huozhong.server.dialects.schemas import body_of, described
from huozhong.server.household import admit
from huozhong.server.http import RunningAnswers, json_response, watched
from huozhong.server.identity import person_of
from huozhong.server.ledger import Ledger
from huozhong.server.preparing import parsed, part_tokens, reading
from huozhong.server.routes.elsewhere import passed_on
from huozhong.server.routes.models import body_with_model, model_for

router = APIRouter()
VECTORS = described(EMBEDDINGS, ERROR, takes=body_of(EmbeddingRequest, "openai"))


@router.post("/v1/embeddings", openapi_extra=VECTORS)
@router.post("/embeddings", openapi_extra=VECTORS)
async def embeddings(request: Request) -> Response:
    if (passed := await passed_on(request, "/v1/embeddings")) is not None:
        return passed
    body = await body_with_model(request)
    call = await parsed(request, lambda: parse_embeddings(body))
    llm = await model_for(request, call.model)
    vectors, num_tokens = await vectors_of(request, llm, call)
    return json_response(embeddings_json(llm.name, vectors, num_tokens, as_base64=call.as_base64))


async def vectors_of(request: Request, llm: LLM, call: EmbeddingCall) -> tuple[list[NDArray[np.float32]], int]:
    """Every text's vector, and how many tokens all of them had."""
    await admit(request)
    inputs = await reading(request, sum(map(len, call.inputs)), lambda: _tokens(llm, call))
    ledger: Ledger = request.app.state.ledger
    person = person_of(request)
    answers = RunningAnswers(
        ledger.counted(person, llm.name, partial(llm.submit_embed, ids), len(ids)) for ids in inputs
    )
    async with watched(answers, request.receive):
        found = [EmbeddedText.from_deltas(deltas) for deltas in await answers.all()]
    return [text.unit_vector(call.dimensions) for text in found], sum(len(ids) for ids in inputs)


def _tokens(llm: LLM, call: EmbeddingCall) -> list[list[int]]:
    """Every input's ids, all of them checked before the first one runs."""
    width = llm.config.hidden_size
    if call.dimensions is not None and call.dimensions > width:
        raise RequestError(f"'dimensions' is {call.dimensions}; this model's vectors have {width}.", param="dimensions")
    inputs = [
        llm.text_tokens(text) if isinstance(text, str) else part_tokens(llm, text, "input") for text in call.inputs
    ]
    for ids in inputs:
        try:
            llm.check_text(ids)
        except RequestError as error:
            raise RequestError(str(error), param="input", code=error.code) from None
    return inputs
