"""A GGUF file as a model."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.model.tiny_models import lively_model, moe_config

from huozhong.errors import CheckpointError, ConfigError, HuozhongError
from huozhong.formats.gguf.blocks import quantize
from huozhong.formats.gguf.file import GgufFile, NewTensor, write_gguf
from huozhong.formats.gguf.names import gguf_name
from huozhong.formats.source import ModelSource, open_model
from huozhong.train.model_folder import save_transformer

KEYS: dict[str, Any] = {
    "general.architecture": "deepseek2", "deepseek2.block_count": 2, "deepseek2.context_length": 128,
    "deepseek2.embedding_length": 32, "deepseek2.feed_forward_length": 48, "deepseek2.attention.head_count": 2,
    "deepseek2.attention.head_count_kv": 2, "deepseek2.attention.layer_norm_rms_epsilon": 1e-6,
    "deepseek2.attention.q_lora_rank": 24, "deepseek2.attention.kv_lora_rank": 16,
    "deepseek2.attention.key_length": 16, "deepseek2.attention.value_length": 8, "deepseek2.rope.dimension_count": 8,
    "deepseek2.rope.freq_base": 10000.0, "deepseek2.expert_count": 8, "deepseek2.expert_used_count": 2,
    "deepseek2.expert_feed_forward_length": 16, "deepseek2.expert_shared_count": 1,
    "deepseek2.leading_dense_block_count": 1, "deepseek2.expert_gating_func": 2,
    "deepseek2.expert_weights_norm": True, "deepseek2.expert_weights_scale": 1.0,
    "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.eot_token_id": 5,
}  # fmt: skip


def arrays(folder: Path) -> dict[str, np.ndarray]:
    """The tensors of a folder under their GGUF names, experts stacked."""
    source = open_model(folder)
    out: dict[str, np.ndarray] = {}
    stacks: dict[str, list[np.ndarray]] = {}
    for name in source.names():
        before, found, after = name.partition(".experts.")
        if found:
            stacks.setdefault(f"{before}.experts.{after.partition('.')[2]}", []).append(source.tensor(name))
        else:
            out[str(gguf_name(name))] = source.tensor(name)
    return out | {str(gguf_name(name)): np.stack(values) for name, values in stacks.items()}


def write(path: Path, tensors: dict[str, np.ndarray], keys: dict[str, Any] | None = None) -> ModelSource:
    new = [NewTensor(n, "F32", v.shape, lambda v=v: quantize(v, "F32")) for n, v in tensors.items()]  # type: ignore[misc]
    write_gguf(path, KEYS if keys is None else keys, new)
    return open_model(path)


@pytest.fixture
def tensors(tmp_path: Path) -> dict[str, np.ndarray]:
    save_transformer(lively_model(moe_config()), tmp_path / "model", dtype="float32")
    return arrays(tmp_path / "model")


def test_a_gguf_file_is_the_folder(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    source, original = write(tmp_path / "a.gguf", tensors), open_model(tmp_path / "model")
    assert source.kind == "gguf"
    found, expected = source.architecture, original.architecture
    assert (found.attention, found.rope, found.experts) == (expected.attention, expected.rope, expected.experts)
    assert found.moe_layers == (False, True)
    assert found.tie_word_embeddings
    assert found.eos_token_ids == (2, 5)
    assert found.bos_token_id == 1
    for name in original.names():
        if ".experts." not in name:
            np.testing.assert_array_equal(source.tensor(name), original.tensor(name))
    stack = "model.layers.1.mlp.experts.up_proj.weight"
    single = original.tensor("model.layers.1.mlp.experts.3.up_proj.weight")
    np.testing.assert_array_equal(source.rows(stack, slice(48, 64)), single)
    assert source.files() == [tmp_path / "a.gguf"]
    assert source.small_files() == {}


def test_split_halves_are_the_whole(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    whole = tensors.pop("blk.0.attn_kv_b.weight").reshape(2, 16, 16)
    tensors["blk.0.attn_k_b.weight"] = np.ascontiguousarray(whole[:, :8].swapaxes(1, 2))
    tensors["blk.0.attn_v_b.weight"] = np.ascontiguousarray(whole[:, 8:])
    source = write(tmp_path / "a.gguf", tensors)
    name = "model.layers.0.self_attn.kv_b_proj.weight"
    np.testing.assert_array_equal(source.tensor(name), whole.reshape(32, 16))
    np.testing.assert_array_equal(source.rows(name, slice(3, 5)), whole.reshape(32, 16)[3:5])
    assert source.stored(name).shape == (32, 16)


def test_modules_that_are_not_whole_are_left_out(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    """llama.cpp takes files that state modules and hold none, or not all of their tensors."""
    keys = KEYS | {"deepseek2.block_count": 3, "deepseek2.nextn_predict_layers": 1}
    layer = {n.replace("blk.1.", "blk.2."): v for n, v in tensors.items() if n.startswith("blk.1.")}
    module = {
        "eh_proj": np.zeros((32, 64), np.float32),
        "enorm": np.ones(32, np.float32),
        "hnorm": np.ones(32, np.float32),
        "shared_head_norm": np.ones(32, np.float32),
    }
    whole = tensors | layer | {f"blk.2.nextn.{part}.weight": value for part, value in module.items()}
    found = write(tmp_path / "whole.gguf", whole, keys).architecture
    assert (found.num_layers, found.num_nextn_predict_layers, found.moe_layers) == (2, 1, (False, True, True))
    del whole["blk.2.nextn.shared_head_norm.weight"]
    for i, kept in enumerate((whole, tensors)):
        found = write(tmp_path / f"{i}.gguf", kept, keys).architecture
        assert (found.num_layers, found.num_nextn_predict_layers, found.moe_layers) == (2, 0, (False, True))


def test_what_old_files_leave_out(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    gone = ("expert_gating_func", "expert_weights_norm", "expert_weights_scale", "q_lora_rank", "freq_base")
    keys = {key: value for key, value in KEYS.items() if not key.endswith(gone)}
    del tensors["blk.1.exp_probs_b.bias"]
    for layer in (0, 1):
        for part in ("q_a", "q_a_norm", "q_b"):
            del tensors[f"blk.{layer}.attn_{part}.weight"]
        tensors[f"blk.{layer}.attn_q.weight"] = np.zeros((32, 32), np.float32)
    found = write(tmp_path / "a.gguf", tensors, keys).architecture
    assert found.family == "deepseek_v2"
    assert found.experts is not None
    assert (found.experts.scoring, found.experts.normalize, found.experts.scale) == ("softmax", False, 1.0)
    assert not found.experts.bias


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"general.architecture": "mamba"}, "architecture 'mamba'; the engine runs llama"),
        ({"deepseek2.block_count": None}, "'deepseek2.block_count' is missing"),
        ({"deepseek2.block_count": 0}, "must be a whole number of at least 1"),
        ({"deepseek2.block_count": 10**9}, "number of layers"),
        ({"deepseek2.block_count": 3}, "'model.layers.2.input_layernorm.weight' is missing"),
        ({"deepseek2.block_count": 1}, "no place|block_count"),
        ({"deepseek2.embedding_length": 64}, "its keys need"),
        ({"deepseek2.attention.sliding_window": 128}, "sliding window"),
        ({"deepseek2.expert_gating_func": 3}, "expert_gating_func 3"),
        ({"deepseek2.expert_used_count": 9}, "num_experts_per_tok is 9"),
        ({"deepseek2.attention.key_length": 8}, "not wider than its rotated part"),
        ({"deepseek2.rope.scaling.type": "longrope"}, "'longrope' is not supported"),
        ({"deepseek2.rope.freq_base": "x"}, "'deepseek2.rope.freq_base' is 'x'"),
        ({"deepseek2.nextn_predict_layers": 7}, "number of layers"),
        ({"deepseek2.attention.head_count": np.array([4, 2], np.int32)}, "head_count' differs from layer to layer"),
    ],
)
def test_gguf_keys_that_are_refused(
    tmp_path: Path, tensors: dict[str, np.ndarray], change: dict[str, Any], words: str
) -> None:
    keys = {key: value for key, value in (KEYS | change).items() if value is not None}
    if change == {"deepseek2.block_count": 1}:  # a layer too many is taken for a prediction module
        assert write(tmp_path / "a.gguf", tensors, keys).architecture.num_layers == 1
        return
    with pytest.raises((CheckpointError, ConfigError), match=words):
        write(tmp_path / "a.gguf", tensors, keys)


def test_the_same_number_for_every_layer_and_tokens_that_are_none(
    tmp_path: Path, tensors: dict[str, np.ndarray]
) -> None:
    plain = write(tmp_path / "a.gguf", tensors)
    heads = KEYS["deepseek2.attention.head_count"]
    keys = KEYS | {"deepseek2.attention.head_count": np.array([heads] * 2, np.int32)}
    assert write(tmp_path / "b.gguf", tensors, keys).architecture == plain.architecture
    for nothing in (-1, 2**32 - 1):
        keys = KEYS | {f"tokenizer.ggml.{name}_token_id": nothing for name in ("bos", "eot")}
        found = write(tmp_path / "c.gguf", tensors, keys).architecture
        assert (found.bos_token_id, found.eos_token_ids) == (None, plain.architecture.eos_token_ids[:1])


def test_a_tensor_that_nothing_explains(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    with pytest.raises(CheckpointError, match=r"'blk.0.ssm_a' has no place"):
        write(tmp_path / "a.gguf", tensors | {"blk.0.ssm_a": np.zeros(4, np.float32)})
    with pytest.raises(CheckpointError, match=r"'blk.0.attn_q_norm.weight' has no place"):
        write(tmp_path / "b.gguf", tensors | {"blk.0.attn_q_norm.weight": np.zeros(4, np.float32)})


def test_hostile_gguf_keys_are_one_error_or_a_model(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    rng = random.Random(0)
    nonsense = [-1, 0, 2**40, 1e30, True, "x", ["a", "b"], 0.5, float("nan"), np.zeros(3, np.int32)]
    for _ in range(150):
        key = rng.choice(sorted(KEYS))
        with contextlib.suppress(HuozhongError):
            write(tmp_path / "a.gguf", tensors, KEYS | {key: rng.choice(nonsense)})
    assert GgufFile(tmp_path / "a.gguf").tensors
