"""DeepSeek-V4 against transformers on small random models, on every kernel set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tests.cli.test_serve import process, url_in
from tests.engine.compressed_models import KINDS, VOCAB, v4_config
from tests.engine.oracles import make_model, oracle

from huozhong.engine import kernels
from huozhong.engine.llm import LLM, SamplingParams
from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.weights.load import load_weights
from huozhong.formats.ready import check_words
from huozhong.formats.source import open_model
from huozhong.text.tokenizer import Tokenizer

PAGE = 64
PAGES = np.array([5, 2, 7, 0], np.int32)
LENGTH = 150  # windows of 12, of 4 and 16, six entries chosen of up to 37, two seams of pages


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    model = make_model(v4_config())
    folder = tmp_path_factory.mktemp("model") / "v4"
    model.save_pretrained(folder)
    return model, folder


def tokens_of(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, VOCAB, n).astype(np.int32)


def runner_of(folder: Path, quantization: str = "none", page: int = PAGE, **options: Any) -> Runner:
    weights = load_weights(folder, quantization, folder.parent / "cache")  # type: ignore[arg-type]
    return Runner(weights, 8, page, **options)


@pytest.mark.parametrize("name", kernels.available())
def test_logits_are_those_of_transformers(pair: tuple[Any, Path], name: str) -> None:
    """A prompt in pieces that end within windows, then generated rows, one by one and several."""
    model, folder = pair
    kernels.use(name)
    tokens = tokens_of(LENGTH)
    runner = runner_of(folder)
    found, at = [], 0
    for piece in (1, 2, 8, 50, 59, 1, 1, 12, 16):
        chunk = Chunk(tokens[at : at + piece], at, PAGES, "all", prefill=at < 120)
        found += runner.forward([chunk])
        at += piece
    assert at == LENGTH
    np.testing.assert_allclose(np.concatenate(found), oracle(model, tokens), atol=1e-4)  # type: ignore[arg-type]


def test_windows_as_wide_as_the_true_models(tmp_path: Path) -> None:
    rates = {"compressed_sparse_attention": 4, "heavily_compressed_attention": 128}
    config = v4_config(kinds=KINDS[1:], compress_rates=rates, sliding_window=128, index_topk=40)
    model = make_model(config)
    model.save_pretrained(tmp_path / "v4")
    tokens = tokens_of(270)
    runner = runner_of(tmp_path / "v4", page=128)
    (found,) = runner.forward([Chunk(tokens, 0, PAGES, "all", prefill=True)])
    np.testing.assert_allclose(found, oracle(model, tokens), atol=1e-4)


@pytest.mark.parametrize("quantization", ["q8", "q4"])
def test_quantised_models_stay_near(pair: tuple[Any, Path], quantization: str) -> None:
    model, folder = pair
    tokens = tokens_of(70)
    expected = oracle(model, tokens)
    runner = runner_of(folder, quantization, cache_format="f16")
    (found,) = runner.forward([Chunk(tokens, 0, PAGES, "all", prefill=True)])
    assert found is not None
    distance = np.sqrt(np.mean((found - expected) ** 2)) / expected.std()
    assert 0 < distance < {"q8": 0.3, "q4": 1.2}[quantization]  # entries and experts near a tie amplify it


@pytest.mark.parametrize("cache_format", ["f32", "f16", "q8"])
@pytest.mark.parametrize("quantization", ["f32", "q8"])
def test_chunks_company_guesses_and_threads_change_no_bit(
    pair: tuple[Any, Path], quantization: str, cache_format: Any
) -> None:
    """Guesses that were refused are overwritten, also where they had closed a window."""
    tokens, other = tokens_of(100), tokens_of(50, seed=3)
    mine, yours = PAGES, np.array([4, 6], np.int32)

    def run(pieces: list[int], threads: int, beside: bool) -> np.ndarray:
        runner = runner_of(pair[1], quantization, num_threads=threads, cache_format=cache_format)
        out, at, theirs = [], 0, 0
        for piece in pieces:
            chunks = [Chunk(tokens[at : at + piece], at, mine, "all", prefill=at + piece <= 64)]
            if beside and theirs < 32:
                chunks.insert(0, Chunk(other[theirs : theirs + 4], theirs, yours, "none", prefill=theirs < 12))
                theirs += 4
            if beside and at >= 64:
                guess = np.concatenate([tokens[at : at + 1], other[:8]])
                runner.forward([Chunk(guess, at, mine, "none", prefill=False)])
            out.append(runner.forward(chunks)[-1])
            at += piece
        return np.concatenate(out)  # type: ignore[arg-type]

    whole = run([64, 36], 1, False)
    for pieces in ([20, 10, 34, 1, 15, 20], [23, 1, 1, 39, 4, 12, *[1] * 20]):
        np.testing.assert_array_equal(run(pieces, 3, True), whole)


@pytest.fixture(scope="module")
def talking(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A model with words, and as DeepSeek publishes them without a chat template."""
    model = make_model(v4_config(vocab_size=tokenizer.vocab_size))
    folder = tmp_path_factory.mktemp("talking") / "v4"
    model.save_pretrained(folder)
    for name, data in tokenizer.files().items():
        if name == "tokenizer_config.json":
            data = json.dumps({k: v for k, v in json.loads(data).items() if k != "chat_template"}).encode()
        if name != "chat_template.jinja":
            (folder / name).write_bytes(data)
    return model, folder


def is_greedy(model: Any, prompt: list[int], answer: list[int]) -> bool:
    """Whether transformers would have chosen every token of an answer."""
    best = oracle(model, np.array([*prompt, *answer], np.int32)).argmax(axis=1)
    return bool(best[len(prompt) - 1 : -1].tolist() == answer)


def test_greedy_answers_are_those_of_transformers(talking: tuple[Any, Path], tmp_path: Path) -> None:
    """Two at once through the engine, with a beginning that they share, and again from what it has kept of them."""
    model, folder = talking
    shared = np.random.default_rng(1).integers(5, 320, 70).tolist()
    prompts = [[1, *shared, 20], [1, *shared, 30, 31, 32]]
    params = SamplingParams(temperature=0, max_tokens=20, ignore_eos=True)
    with LLM(folder, quantization="none", cache_dir=tmp_path / "cache", prefix_cache_bytes=1 << 24) as llm:
        first = llm.generate(prompts, params)
        again = llm.generate(prompts, params)
    assert [answer.token_ids for answer in again] == [answer.token_ids for answer in first]
    assert all(answer.usage.cache_hit_tokens == 64 for answer in again)
    for prompt, answer in zip(prompts, first, strict=True):
        assert is_greedy(model, prompt, list(answer.token_ids))


@pytest.mark.slow
def test_a_server_answers_as_transformers_does(talking: tuple[Any, Path], tokenizer: Tokenizer, tmp_path: Path) -> None:
    model, folder = talking
    template = check_words(open_model(folder))
    assert template is not None
    assert template.tool_format.opens == "<｜DSML｜tool_calls>\n"
    text = "春眠不觉晓，处处闻啼鸟。" * 3
    ids = [tokenizer.bos_id, *tokenizer.encode(text)]
    with process(folder, tmp_path, "--quantization", "none", seconds=300) as (_, said):
        body = {"model": "v4", "prompt": text, "max_tokens": 12, "temperature": 0, "ignore_eos": True}
        answer = httpx.post(f"{url_in(said)}/v1/completions", json=body, timeout=240).json()["choices"][0]["text"]
    known = np.array(ids, np.int32)
    for _ in range(12):
        known = np.append(known, np.int32(oracle(model, known)[-1].argmax()))
    assert answer == tokenizer.decode(known[len(ids) :].tolist())
