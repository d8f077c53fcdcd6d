"""/v1/vectors: texts kept as vectors under a name, searched by likeness, deleted.  Everybody has their own."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.errors import DataError, RequestError
from huozhong.memory.vectors import Found
from huozhong.server.dialects.openai.schemas import ERROR
from huozhong.server.dialects.openai.vectors import (
    KeepRequest,
    VectorSearchRequest,
    found_json,
    kept_json,
    parse_keep,
    parse_search,
)
from huozhong.server.dialects.schemas import (
    INTEGER,
    NUMBER,
    STRING,
    Component,
    array,
    body_of,
    described,
    one_of,
    record,
)
from huozhong.server.http import json_response
from huozhong.server.identity import person_of
from huozhong.server.keeping import MOST_VECTORS, Collections
from huozhong.server.routes.embeddings import vectors_of
from huozhong.server.routes.models import body_with_model, model_for

router = APIRouter()
PATH = "/v1/vectors"
_USAGE = record({"prompt_tokens": INTEGER, "total_tokens": INTEGER})
_KEPT = Component(
    "VectorsKept",
    record({"object": one_of("vectors.kept"), "name": STRING, "ids": array(INTEGER), "usage": _USAGE}),
)
_HITS = array(record({"id": INTEGER, "likeness": NUMBER}))
_FOUND = Component("VectorsFound", record({"object": one_of("list"), "name": STRING, "data": _HITS, "usage": _USAGE}))


_NAMES = Component("VectorsNames", record({"object": one_of("list"), "data": array(STRING)}))
_DELETED = Component("VectorsDeleted", record({"object": one_of("vectors.deleted"), "name": STRING}))


@router.get(PATH, openapi_extra=described(_NAMES, ERROR))
def names(request: Request) -> Response:
    """The names under which whoever asks keeps vectors."""
    return json_response({"object": "list", "data": _collections(request).names(person_of(request).id)})


@router.post(PATH + "/{name}", openapi_extra=described(_KEPT, ERROR, takes=body_of(KeepRequest, "openai")))
async def keep(request: Request, name: str) -> Response:
    """Keep texts' vectors; they are on the disk when this is answered."""
    asked = parse_keep(await body_with_model(request))
    llm = await model_for(request, asked.texts.model)
    vectors, tokens = await vectors_of(request, llm, asked.texts)
    person, collections = person_of(request).id, _collections(request)

    def kept() -> Any:
        with collections.held(person, name, dim=llm.config.hidden_size, space=llm.name, new=True) as there:
            if len(there) + len(vectors) > MOST_VECTORS:
                raise RequestError(f"A collection has at most {MOST_VECTORS} vectors.", param="input")
            try:
                return there.add(vectors, asked.ids)
            except DataError as error:
                raise RequestError(str(error), param="ids") from None

    return json_response(kept_json(name, await asyncio.to_thread(kept), tokens))


@router.post(
    PATH + "/{name}/search", openapi_extra=described(_FOUND, ERROR, takes=body_of(VectorSearchRequest, "openai"))
)
async def search(request: Request, name: str) -> Response:
    """The kept texts that are most like one, best first."""
    asked = parse_search(await body_with_model(request))
    llm = await model_for(request, asked.text.model)
    vectors, tokens = await vectors_of(request, llm, asked.text)
    person, collections = person_of(request).id, _collections(request)

    def found() -> Found:
        with collections.held(person, name, dim=llm.config.hidden_size, space=llm.name, new=False) as there:
            return there.search(vectors[0], asked.k)

    best = await asyncio.to_thread(found)
    return json_response(found_json(name, best.ids, best.likeness, tokens))


@router.delete(PATH + "/{name}", openapi_extra=described(_DELETED, ERROR))
async def delete(request: Request, name: str) -> Response:
    """Delete everything of a name."""
    await asyncio.to_thread(_collections(request).delete, person_of(request).id, name)
    return json_response({"object": "vectors.deleted", "name": name})


def _collections(request: Request) -> Collections:
    collections: Collections = request.app.state.collections
    return collections
