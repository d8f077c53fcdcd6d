"""Tiny real objects that many tests share: a trained tokenizer, a random model, its folder on disk."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings

# One thread for torch and NumPy, here and in what tests start; they read it when they are imported.  Several spin while
# they wait for each other: on cores that others use too, a thousand small products took six to sixty times as much of
# them.  Our own kernels have threads of their own, and are tested with one and with several.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from huozhong.model.config import ModelConfig
from huozhong.text.tokenizer import Tokenizer

# What the profile in use says, but that a fifth of a second, Hypothesis's own limit for an example, may pass on a busy
# machine without any fault.
settings.register_profile("patient", settings(deadline=None, suppress_health_check=[HealthCheck.too_slow]))
settings.load_profile("patient")

LINES = [
    "小明有3个苹果，又买了5个，一共有几个？3+5=8，一共有8个苹果。",
    "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。",
    "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。",
    "The quick brown fox jumps over the lazy dog. A small fire can start a great blaze.",
    "What is two plus three? Two plus three is five. The answer is 5.",
]


def tiny_config(vocab_size: int, **changes: object) -> ModelConfig:
    """A DeepSeek-V3 model small enough for any test: one dense layer, one with experts."""
    values: dict[str, object] = {
        "vocab_size": vocab_size, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 2, "kv_lora_rank": 16, "q_lora_rank": 24, "qk_nope_head_dim": 16,
        "qk_rope_head_dim": 8, "v_head_dim": 16, "moe_intermediate_size": 16, "n_shared_experts": 1,
        "n_routed_experts": 4, "num_experts_per_tok": 2, "first_k_dense_replace": 1,
        "max_position_embeddings": 256, "initializer_range": 0.3, "tie_word_embeddings": False,
        "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
    }  # fmt: skip
    return ModelConfig(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="session", autouse=True)
def _home_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test, and no command that one starts, touches the data of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUOZHONG_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _patient_requests() -> Iterator[None]:
    """A request that names no patience has a minute of it: five seconds, httpx's own, may pass on a busy machine."""
    default = inspect.signature(httpx.get).parameters["timeout"].default  # the one object that all of httpx starts from
    with pytest.MonkeyPatch.context() as patch:
        for stage in ("connect", "read", "write", "pool"):
            patch.setattr(default, stage, 60.0)
        yield


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """320 tokens: the specials, the bytes, and a few merges."""
    return Tokenizer.train(LINES * 4, 320)


@pytest.fixture(scope="session")
def tiny_model(tokenizer: Tokenizer):  # type: ignore[no-untyped-def]  # torch only inside
    """A random `Transformer` (float32) whose answers vary: its weights are large and its ends untied."""
    import torch

    from huozhong.model.transformer import Transformer

    torch.manual_seed(7)
    return Transformer(tiny_config(tokenizer.vocab_size)).eval()


@pytest.fixture(scope="session")
def tiny_folder(tiny_model, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:  # type: ignore[no-untyped-def]
    """`tiny_model` and `tokenizer` as a Hugging Face folder with float32 weights."""
    from huozhong.train.model_folder import save_transformer

    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_transformer(tiny_model, folder, extra_files=tokenizer.files(), dtype="float32")
    return folder


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of an app's fields that are looked at for distress from now on, in order."""
    from huozhong.skills import given

    seen: list[str] = []
    real = given.check

    def check(messages: list[dict[str, Any]]) -> Any:
        seen.append(messages[-1]["content"])
        return real(messages)

    monkeypatch.setattr(given, "check", check)
    return seen
