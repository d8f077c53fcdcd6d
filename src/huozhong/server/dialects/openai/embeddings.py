"""OpenAI's embeddings: JSON -> `EmbeddingCall`, and vectors -> JSON.

Source: platform.openai.com/docs/api-reference/embeddings.
"""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import numpy as np

from huozhong.errors import RequestError
from huozhong.server.calls import EmbeddingCall
from huozhong.server.dialects.fields import TEXTS, Strict

MAX_INPUTS = 2048


class EmbeddingRequest(Strict):
    """The body of POST /v1/embeddings."""

    model: str
    input: Annotated[Any, TEXTS]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    user: str | None = None


def parse_embeddings(body: dict[str, Any]) -> EmbeddingCall:
    """Raises `RequestError` naming the first field that is wrong."""
    request = EmbeddingRequest.parse(body)
    if request.dimensions is not None and request.dimensions < 1:
        raise RequestError(f"'dimensions' is {request.dimensions}; it must be at least 1.", param="dimensions")
    return EmbeddingCall(
        model=request.model,
        inputs=_inputs(request.input),
        dimensions=request.dimensions,
        as_base64=request.encoding_format == "base64",
    )


def _inputs(given: Any) -> list[str | list[str | int]]:
    """Ids alone, or ids and texts, are one input; any other list is several."""
    one = not isinstance(given, list) or any(type(part) is int for part in given)
    many = [given] if one else given
    if len(many) > MAX_INPUTS:
        raise RequestError(f"'input' has {len(many)} texts; at most {MAX_INPUTS} are possible.", param="input")
    if not many:
        raise _wrong()
    return [_input(one) for one in many]


def _input(given: Any) -> str | list[str | int]:
    """A text, ids, both, or one of the two objects that llama.cpp takes for a text."""
    match given:
        case {"prompt_string": str(text), **others} if not others:
            return text
        case {"content": [*parts], **others} if not others and parts and all(map(_is_text, parts)):
            return "".join(part["text"] for part in parts)
        case str(text):  # also one of no words, among many; a model without a mark of the beginning refuses it
            return text
        case [*parts] if parts and all(isinstance(part, str) or type(part) is int for part in parts):
            return parts
    raise _wrong()


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)


def _wrong() -> RequestError:
    return RequestError(
        "'input' must be a text, a list of texts, a list of token ids or a list of such lists, no list empty.",
        param="input",
    )


def embeddings_json(model: str, vectors: list[np.ndarray], num_tokens: int, *, as_base64: bool) -> dict[str, Any]:
    """The `list` object of one request's vectors (float32; base64 is of their little-endian bytes)."""
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(vector.astype("<f4").tobytes()).decode() if as_base64 else vector.tolist(),
        }
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": num_tokens, "total_tokens": num_tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}
