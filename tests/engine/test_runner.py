"""The runner against the torch model, and against itself: cut, batched, paged and threaded otherwise."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from huozhong.engine import kernels
from huozhong.engine.runner import Chunk, Runner
from huozhong.engine.weights.layout import Weights
from huozhong.engine.weights.load import load_weights
from huozhong.model.architecture import Architecture, CacheFormat
from huozhong.model.config import ModelConfig, YarnScaling
from huozhong.model.rope import rope_table
from huozhong.model.transformer import Transformer, generate
from huozhong.train.model_folder import save_transformer

BASE: dict[str, object] = {
    "vocab_size": 120, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3,
    "num_attention_heads": 3, "kv_lora_rank": 24, "q_lora_rank": 40, "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8, "v_head_dim": 20, "max_position_embeddings": 512, "initializer_range": 0.15,
}  # fmt: skip
MOE: dict[str, object] = {
    "moe_intermediate_size": 24,
    "n_routed_experts": 8,
    "num_experts_per_tok": 3,
    "first_k_dense_replace": 1,
    "routed_scaling_factor": 1.5,
}
YARN = YarnScaling(factor=4.0, original_max_position_embeddings=64, mscale=0.707, mscale_all_dim=0.9)
CONFIGS: dict[str, dict[str, object]] = {
    "dense-tied": {},
    "dense-no-query-latent-untied": {"q_lora_rank": None, "tie_word_embeddings": False},
    "moe": MOE,
    "moe-groups-shared": MOE | {"n_group": 4, "topk_group": 2, "n_shared_experts": 1},
    "moe-two-shared-not-normalised": MOE | {"n_shared_experts": 2, "norm_topk_prob": False},
    "all-moe-untied": MOE | {"first_k_dense_replace": 0, "n_shared_experts": 1, "tie_word_embeddings": False},
    "yarn": {"rope_scaling": YARN},
    "yarn-mtp-ignored": {"rope_scaling": YARN, "num_nextn_predict_layers": 1},
}
PAGE = 8


def make_model(changes: dict[str, object], seed: int = 0) -> Transformer:
    torch.manual_seed(seed)
    model = Transformer(ModelConfig(**(BASE | changes)))  # type: ignore[arg-type]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.normal_(0.0, 0.15)
        for name, buffer in model.named_buffers():
            if "correction_bias" in name:
                buffer.normal_(0.0, 0.1)
    return model.eval()


@pytest.fixture(scope="module", params=list(CONFIGS))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Transformer, Path]:
    model = make_model(CONFIGS[request.param])
    folder = tmp_path_factory.mktemp("model") / "model"
    save_transformer(model, folder, dtype="float32")
    return model, folder


@pytest.fixture(scope="module")
def moe_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "moe"
    save_transformer(make_model(CONFIGS["moe-groups-shared"]), folder, dtype="float32")
    return folder


def load(folder: Path, format: str = "f32") -> Weights:
    return load_weights(folder, format, folder.parent / "cache")  # type: ignore[arg-type]


def tokens_of(n: int, seed: int = 0, vocab: int = 120) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, vocab, n).astype(np.int32)


def pages_of(tokens: int, first: int = 0) -> np.ndarray:
    return np.arange(first, first - (-tokens // PAGE), dtype=np.int32)


def prompt(tokens: np.ndarray, pages: np.ndarray, start: int = 0, want: str = "all") -> Chunk:
    return Chunk(tokens, start, pages, want, prefill=True)  # type: ignore[arg-type]


def generated(tokens: np.ndarray, pages: np.ndarray, start: int, want: str = "all") -> Chunk:
    return Chunk(tokens, start, pages, want, prefill=False)  # type: ignore[arg-type]


def logits_of(runner: Runner, *chunks: Chunk) -> list[np.ndarray]:
    out = runner.forward(chunks)
    return [logits for logits in out if logits is not None]


# -- against torch ---------------------------------------------------------------------------------------


@torch.no_grad()
def test_logits_are_the_torch_models(pair: tuple[Transformer, Path]) -> None:
    model, folder = pair
    tokens = tokens_of(150)
    expected = model.logits(model(torch.from_numpy(tokens)[None].long()))[0].numpy()
    for name in ("reference", kernels.available()[0]):
        kernels.use(name)
        runner = Runner(load(folder), 20, PAGE)
        (un_absorbed,) = logits_of(runner, prompt(tokens, pages_of(150)))
        np.testing.assert_allclose(un_absorbed, expected, atol=1e-4)
        (absorbed,) = logits_of(runner, generated(tokens[100:], pages_of(150), 100))
        np.testing.assert_allclose(absorbed, expected[100:], atol=1e-4)


def test_greedy_tokens_are_the_torch_models(pair: tuple[Transformer, Path]) -> None:
    model, folder = pair
    tokens = tokens_of(30, seed=3)
    expected = generate(model, tokens.tolist(), 20)
    runner = Runner(load(folder), 10, PAGE)
    logits = runner.forward([prompt(tokens, pages_of(80), want="last")])[0]
    new: list[int] = []
    while len(new) < 20:
        assert logits is not None
        new.append(int(logits.argmax()))
        position = len(tokens) + len(new) - 1
        logits = runner.forward([generated(np.array(new[-1:], np.int32), pages_of(80), position, "last")])[0]
    assert new == expected


@pytest.mark.parametrize("yarn", [None, YARN])
def test_rope_table_is_the_torch_models(yarn: YarnScaling | None) -> None:
    config = ModelConfig(**(BASE | {"rope_scaling": yarn}))  # type: ignore[arg-type]
    model = Transformer(config)
    angles = torch.arange(200)[:, None].float() * model.frequencies
    expected = torch.stack([angles.cos(), angles.sin()], dim=1) * model.rope_factor
    np.testing.assert_allclose(rope_table(Architecture.from_config(config).rope, 200), expected.numpy(), atol=1e-6)


# -- against itself: the same bits -------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "cache"), [("f32", "f32"), ("q8", "f16"), ("q8", "q8"), ("q4", "f32")])
def test_chunks_pages_and_threads_change_no_bit(moe_folder: Path, format: str, cache: CacheFormat) -> None:
    weights, tokens = load(moe_folder, format), tokens_of(150)
    (whole,) = logits_of(Runner(weights, 20, PAGE, num_threads=1, cache_format=cache), prompt(tokens, pages_of(150)))
    shuffled = np.random.default_rng(1).permutation(40).astype(np.int32)
    for cuts in ([0, 1, 2, 66, 149, 150], [0, 64, 128, 150], [0, 149, 150]):
        runner = Runner(weights, 40, PAGE, num_threads=2, cache_format=cache)
        pieces = [logits_of(runner, prompt(tokens[a:b], shuffled, a))[0] for a, b in pairwise(cuts)]
        np.testing.assert_array_equal(np.concatenate(pieces), whole)
    other_pages = Runner(weights, 3, page_size=50, num_threads=3, cache_format=cache)
    (other,) = logits_of(other_pages, prompt(tokens, np.array([2, 0, 1])))
    np.testing.assert_array_equal(other, whole)


@pytest.mark.parametrize(("format", "cache"), [("f32", "f32"), ("q8", "f16"), ("q8", "q8"), ("q4", "f32")])
def test_company_changes_no_bit(moe_folder: Path, format: str, cache: CacheFormat) -> None:
    """Three sequences, prompts and generated tokens, alone and mixed in one batch."""
    weights = load(moe_folder, format)
    a, b, c = tokens_of(40, 1), tokens_of(75, 2), tokens_of(20, 3)
    page_a, page_b, page_c = pages_of(48), pages_of(80, 6), pages_of(24, 16)

    def alone(tokens: np.ndarray, pages: np.ndarray, prompt_length: int) -> list[np.ndarray]:
        runner = Runner(weights, 20, PAGE, num_threads=1, cache_format=cache)
        out = logits_of(runner, prompt(tokens[:prompt_length], pages))
        for t in range(prompt_length, len(tokens)):
            out += logits_of(runner, generated(tokens[t : t + 1], pages, t))
        return out

    alone_a, alone_b, alone_c = alone(a, page_a, 38), alone(b, page_b, 74), alone(c, page_c, 20)
    runner = Runner(weights, 20, PAGE, num_threads=2, cache_format=cache)
    first = logits_of(runner, prompt(a[:38], page_a), prompt(b[:50], page_b))
    np.testing.assert_array_equal(first[0], alone_a[0])
    np.testing.assert_array_equal(first[1], alone_b[0][:50])
    second = logits_of(runner, prompt(c, page_c), generated(a[38:39], page_a, 38), prompt(b[50:74], page_b, 50))
    np.testing.assert_array_equal(second[0], alone_c[0])
    np.testing.assert_array_equal(second[1], alone_a[1])
    np.testing.assert_array_equal(second[2], alone_b[0][50:])
    third = logits_of(runner, generated(b[74:], page_b, 74), generated(a[39:], page_a, 39))
    np.testing.assert_array_equal(third[0], alone_b[1])
    np.testing.assert_array_equal(third[1], alone_a[2])


@pytest.mark.parametrize(("format", "cache"), [("f32", "f32"), ("q8", "f16"), ("q8", "q8"), ("q4", "f32")])
def test_generated_tokens_together_or_one_by_one(moe_folder: Path, format: str, cache: CacheFormat) -> None:
    """What recomputation after a preemption does, and later the verification of a guess."""
    weights, tokens, pages = load(moe_folder, format), tokens_of(50), pages_of(50)
    runner = Runner(weights, 20, PAGE, cache_format=cache)
    logits_of(runner, prompt(tokens[:30], pages))
    one_by_one = np.concatenate([logits_of(runner, generated(tokens[t : t + 1], pages, t))[0] for t in range(30, 50)])
    fresh = Runner(weights, 20, PAGE, cache_format=cache)
    logits_of(fresh, prompt(tokens[:30], pages))
    np.testing.assert_array_equal(logits_of(fresh, generated(tokens[30:], pages, 30))[0], one_by_one)


@pytest.mark.parametrize("format", ["f32", "q8", "q4"])
def test_every_instruction_set_gives_the_same_bits(moe_folder: Path, format: str) -> None:
    weights, tokens, pages = load(moe_folder, format), tokens_of(90), pages_of(96)
    results = []
    for name in kernels.available():
        if name == "reference":
            continue
        kernels.use(name)
        runner = Runner(weights, 12, PAGE)
        results.append(logits_of(runner, prompt(tokens[:80], pages), generated(tokens[:1], pages[11:], 0)))
    for result in results:
        np.testing.assert_array_equal(result[0], results[0][0])
        np.testing.assert_array_equal(result[1], results[0][1])


# -- rounding --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "limit"), [("q8", 0.06), ("q4", 0.6)])
def test_distance_of_the_packed_model(tmp_path: Path, format: str, limit: float) -> None:
    """Root mean square distance of the logits, relative to their spread: 0.047 and 0.46 when written.

    Random weights amplify small differences from layer to layer, trained ones do not.
    """
    model = make_model({"hidden_size": 128, "num_attention_heads": 4, "kv_lora_rank": 64})
    save_transformer(model, tmp_path / "model", dtype="float32")
    tokens, pages = tokens_of(60), pages_of(64)
    exact, rounded = (
        logits_of(Runner(load(tmp_path / "model", f), 8, PAGE), prompt(tokens, pages))[0] for f in ("f32", format)
    )
    distance = np.sqrt(np.mean((rounded - exact) ** 2)) / exact.std()
    assert 0 < distance < limit


# -- what is asked for, and what is refused --------------------------------------------------------------


def test_wanted_logits_have_the_documented_shapes(moe_folder: Path) -> None:
    runner = Runner(load(moe_folder, "q8"), 20, PAGE)
    tokens = tokens_of(10)
    last, every, none = runner.forward(
        [
            prompt(tokens, pages_of(10), want="last"),
            prompt(tokens, pages_of(10, 4), want="all"),
            prompt(tokens, pages_of(10, 8), want="none"),
        ]
    )
    assert last is not None
    assert every is not None
    assert none is None
    assert last.shape == (120,)
    assert every.shape == (10, 120)
    assert last.dtype == every.dtype == np.float32
    np.testing.assert_array_equal(every[-1], last)


def test_hostile_batches_are_exceptions(moe_folder: Path) -> None:
    runner = Runner(load(moe_folder, "q8"), 4, PAGE)
    with pytest.raises(ValueError, match="vocabulary"):
        runner.forward([prompt(np.array([120], np.int32), pages_of(8))])
    with pytest.raises(ValueError, match="vocabulary"):
        runner.forward([prompt(np.array([-1], np.int32), pages_of(8))])
    with pytest.raises(ValueError, match="page"):
        runner.forward([prompt(tokens_of(3), np.array([4], np.int32))])
    with pytest.raises(ValueError, match="page"):
        runner.forward([prompt(tokens_of(3), np.array([-1], np.int32))])
    with pytest.raises(ValueError, match="rope"):
        runner.forward([prompt(tokens_of(3), np.zeros(100, np.int32), start=500)])
    with pytest.raises(AssertionError):
        runner.forward([prompt(tokens_of(9), pages_of(8))])
    with pytest.raises(AssertionError):
        runner.forward([prompt(tokens_of(0), pages_of(8))])
