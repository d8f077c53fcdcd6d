"""Vectors that are kept and searched (`routes/vectors.py`): a house's own addition beside OpenAI's embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from huozhong.errors import RequestError
from huozhong.server.calls import EmbeddingCall
from huozhong.server.dialects.fields import TEXTS, Strict
from huozhong.server.dialects.openai.embeddings import parse_embeddings

MOST_FOUND = 1000


class KeepRequest(Strict):
    """The body of POST /v1/vectors/NAME.  ids: numbers of one's own, as many as there are inputs."""

    model: str
    input: Annotated[Any, TEXTS]
    ids: list[int] | None = None


class VectorSearchRequest(Strict):
    """The body of POST /v1/vectors/NAME/search.  k: how many are wanted."""

    model: str
    input: Annotated[Any, TEXTS]
    k: int = 10


@dataclass(frozen=True)
class Keep:
    """What is to be kept: texts, and under which numbers."""

    texts: EmbeddingCall
    ids: list[int] | None


@dataclass(frozen=True)
class Sought:
    """What is searched for: one text, and how many like it are wanted."""

    text: EmbeddingCall
    k: int


def parse_keep(body: dict[str, Any]) -> Keep:
    """Raises `RequestError` naming the first field that is wrong."""
    request = KeepRequest.parse(body)
    texts = parse_embeddings({"model": request.model, "input": request.input})
    if request.ids is not None and len(request.ids) != len(texts.inputs):
        raise RequestError(
            f"'ids' has {len(request.ids)} numbers for {len(texts.inputs)} inputs; one each is needed.", param="ids"
        )
    if not all(0 <= id < 2**63 for id in request.ids or ()):
        raise RequestError("'ids' must be numbers not below 0 that fit 64 bits.", param="ids")
    return Keep(texts, request.ids)


def parse_search(body: dict[str, Any]) -> Sought:
    """Raises `RequestError` naming the first field that is wrong."""
    request = VectorSearchRequest.parse(body)
    text = parse_embeddings({"model": request.model, "input": request.input})
    if len(text.inputs) != 1:
        raise RequestError("'input' must be one text to search for.", param="input")
    if not 1 <= request.k <= MOST_FOUND:
        raise RequestError(f"'k' is {request.k}; it must lie between 1 and {MOST_FOUND}.", param="k")
    return Sought(text, request.k)


def kept_json(name: str, ids: np.ndarray, tokens: int) -> dict[str, Any]:
    return {"object": "vectors.kept", "name": name, "ids": ids.tolist(), "usage": _usage(tokens)}


def found_json(name: str, ids: np.ndarray, likeness: np.ndarray, tokens: int) -> dict[str, Any]:
    """The nearest first; likeness: the cosine."""
    data = [{"id": int(id), "likeness": round(float(one), 6)} for id, one in zip(ids, likeness, strict=True)]
    return {"object": "list", "name": name, "data": data, "usage": _usage(tokens)}


def _usage(tokens: int) -> dict[str, int]:
    return {"prompt_tokens": tokens, "total_tokens": tokens}
