"""Embeddings: pooled states of the reference model, the same bits however they are computed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from huozhong import LLM, ContextLengthError, RequestError, SamplingParams
from huozhong.model.transformer import Transformer

TEXTS = ["春眠不觉晓，处处闻啼鸟。", "The quick brown fox jumps over the lazy dog.", "5", "夜来风雨声" * 12]


@pytest.fixture(scope="module")
def llm(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LLM]:
    cache = tmp_path_factory.mktemp("packed")
    with LLM(tiny_folder, num_threads=1, quantization="none", cache_dir=cache) as model:
        yield model


def states(model: Transformer, ids: list[int]) -> np.ndarray:
    """States after the final norm, float64 [T, D]."""
    with torch.no_grad():
        return model(torch.tensor([ids]))[0].double().numpy()


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_the_vectors_are_the_references(llm: LLM, tiny_model: Transformer, pooling: str) -> None:
    for text, vector in zip(TEXTS, llm.embed(TEXTS, pooling=pooling), strict=True):  # type: ignore[arg-type]
        found = states(tiny_model, llm.text_tokens(text))
        expected = found.mean(axis=0) if pooling == "mean" else found[-1]
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=2e-4)


def test_alone_batched_chunked_and_beside_others_the_same_bits(llm: LLM) -> None:
    together = llm.embed(TEXTS)
    for index, text in enumerate(TEXTS):
        np.testing.assert_array_equal(llm.embed(text)[0], together[index])
    scheduler = llm._engine.scheduler
    budget, running = scheduler.token_budget, scheduler.max_running
    scheduler.token_budget = scheduler.max_running = 7
    try:
        stream = llm.stream("小明", SamplingParams(max_tokens=60, ignore_eos=True))
        next(stream)
        np.testing.assert_array_equal(llm.embed(TEXTS), together)
        assert sum(len(delta.token_ids) for delta in stream) > 0
    finally:
        scheduler.token_budget, scheduler.max_running = budget, running
    assert together.dtype == np.float32
    assert llm.embed([]).shape == (0, llm.config.hidden_size)


def test_texts_that_cannot_be_embedded(llm: LLM) -> None:
    with pytest.raises(ContextLengthError):
        llm.embed("火" * 400)
    with pytest.raises(RequestError, match="empty"):
        llm.embed([[]])
    with pytest.raises(RequestError, match="'mean' or 'last'"):
        llm.embed("a", pooling="max")  # type: ignore[arg-type]
