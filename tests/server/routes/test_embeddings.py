"""Embeddings through the real `openai` client."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from tests.server.conftest import Running


def test_embeddings(server: Running) -> None:
    texts = ["春眠不觉晓", "The quick brown fox", "春眠不觉晓" * 60]
    many = server.client.embeddings.create(model=server.llm.name, input=texts, encoding_format="float")
    vectors = np.array([item.embedding for item in many.data], np.float32)
    width = server.llm.config.hidden_size
    assert vectors.shape == (3, width)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert many.usage.prompt_tokens == sum(len(server.llm.text_tokens(text)) for text in texts)
    assert [item.index for item in many.data] == [0, 1, 2]
    np.testing.assert_array_equal(vectors, server.llm.embed(texts))
    np.testing.assert_array_equal(vectors[2], server.llm.embed(texts[2])[0])
    # The client asks for base64 by itself, and decodes it.
    same = server.client.embeddings.create(model=server.llm.name, input=server.llm.text_tokens(texts[0]))
    np.testing.assert_array_equal(np.array(same.data[0].embedding, np.float32), vectors[0])
    short = server.client.embeddings.create(model=server.llm.name, input=texts[0], dimensions=8).data[0].embedding
    np.testing.assert_allclose(short, vectors[0][:8] / np.linalg.norm(vectors[0][:8]), rtol=1e-5)
    raw = server.client.embeddings.with_raw_response.create(
        model=server.llm.name, input=texts[0], encoding_format="base64"
    )
    given = json.loads(raw.text)["data"][0]["embedding"]
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(given), "<f4"), vectors[0])


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"input": []}, "input", "no list empty"), ({"input": [[]]}, "input", "no list empty"),
        ({"input": ["a", None]}, "input", "must be a text"), ({"input": [10**7]}, "input", "vocabulary"),
        ({"input": ["a"] * 2049}, "input", "at most 2048"), ({"input": "火" * 9000}, "input", "context"),
        ({"dimensions": 0}, "dimensions", "at least 1"), ({"dimensions": 1000}, "dimensions", "vectors have"),
        ({"encoding_format": "int8"}, "encoding_format", "'base64'"),
        ({"extra_body": {"color": 1}}, "color", "Unknown field"),
    ],
)  # fmt: skip
def test_bad_embedding_requests(server: Running, fields: dict[str, Any], param: str, words: str) -> None:
    with pytest.raises(openai.BadRequestError, match=words) as caught:
        server.client.embeddings.create(**({"model": server.llm.name, "input": "a"} | fields))
    assert caught.value.param == param


def test_inputs_as_llama_cpps_programs_give_them(server: Running) -> None:
    ids = server.llm.text_tokens("春眠")

    def vectors(given: object) -> list[list[float]]:
        body = {"model": server.llm.name, "input": given}
        answer = httpx.post(f"{server.url}/v1/embeddings", json=body, timeout=60)
        return [one["embedding"] for one in answer.json()["data"]]

    [plain] = vectors("春眠")
    parts = {"content": [{"type": "text", "text": "春"}, {"type": "text", "text": "眠"}]}
    for given in (ids, {"prompt_string": "春眠"}, parts):
        assert vectors(given) == [plain]
    assert vectors(["春眠", ids, parts]) == [plain] * 3
    assert len(vectors([*ids, "不觉晓"])) == 1
    image = {"content": [{"type": "image_url", "image_url": {"url": "data:"}}]}
    refused = httpx.post(f"{server.url}/v1/embeddings", json={"model": server.llm.name, "input": image})
    assert refused.status_code == 400
