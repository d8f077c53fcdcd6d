"""Export to GGUF: what is written is what the model is, for the `gguf` package's reader and for ours."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from tests.formats.families import EMBER, MODELS, exported, rounded

from huozhong.errors import ConfigError
from huozhong.formats.checkpoint import CheckpointReader, expected_tensors, write_checkpoint
from huozhong.formats.gguf.export import TYPES, _layer_of, export_gguf, prediction_modules
from huozhong.formats.gguf.file import GgufFile
from huozhong.formats.gguf.names import hf_name
from huozhong.formats.gguf.vocab import small_files
from huozhong.formats.hf.export import export_hf
from huozhong.formats.source import open_model
from huozhong.model.architecture import Architecture
from huozhong.model.config import ModelConfig
from huozhong.text.tokenizer import Tokenizer


def twins(folder: Path, file: GgufFile) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """GGUF name -> (tensor of the file, what the folder's weights say it should be)."""
    source, pairs = open_model(folder), {}
    a = source.architecture.attention
    for name, tensor in file.tensors.items():
        theirs = hf_name(name)
        assert theirs is not None
        if ".k_b_proj" in theirs or ".v_b_proj" in theirs:
            whole = source.tensor(theirs.replace(".k_b_proj", ".kv_b_proj").replace(".v_b_proj", ".kv_b_proj"))
            heads = whole.reshape(a.num_heads, -1, a.kv_lora_rank)  # type: ignore[union-attr]
            split = a.qk_nope_head_dim  # type: ignore[union-attr]
            wanted = heads[:, :split].swapaxes(1, 2) if ".k_b_proj" in theirs else heads[:, split:]
        elif ".mlp.experts." in theirs:
            count = source.architecture.experts.count  # type: ignore[union-attr]
            wanted = np.stack([source.tensor(theirs.replace("experts.", f"experts.{i}.")) for i in range(count)])
        else:
            wanted = source.tensor(theirs)
        pairs[name] = tensor.values(), wanted
    return pairs


@pytest.mark.parametrize("type", ["f32", "f16", "bf16"])
def test_ember_is_the_same_tensor_by_tensor(type: str, tmp_path: Path) -> None:
    file = exported(EMBER, tmp_path / "ember.gguf", type)
    for name, (found, wanted) in twins(EMBER, file).items():
        if type == "f16" and wanted.ndim > 1:
            wanted = wanted.astype(np.float16).astype(np.float32)
        assert np.array_equal(found, wanted), name
    reader = gguf.GGUFReader(tmp_path / "ember.gguf")
    assert {tensor.name for tensor in reader.tensors} == set(file.tensors)
    for tensor in reader.tensors:
        ours = file.tensors[tensor.name]
        assert tuple(tensor.shape[::-1]) == ours.shape
        assert np.array_equal(gguf.quants.dequantize(tensor.data, tensor.tensor_type), ours.values()), tensor.name


@pytest.mark.parametrize(("type", "levels", "furthest"), [("q8_0", 127, 0.5), ("q4_0", 8, 1.0)])
def test_quantised_ember_is_near(type: str, levels: int, furthest: float, tmp_path: Path) -> None:
    """No value is further off than the format allows: half a step of its block of 32, whose largest value sets the
    step, and what the step loses as a float16.  Q4_0 has no +8: there the largest's opposite is off by a whole step.
    """
    for name, (found, wanted) in twins(EMBER, exported(EMBER, tmp_path / "ember.gguf", type)).items():
        if wanted.ndim < 2:  # norms stay float32
            assert np.array_equal(found, wanted), name
            continue
        found, wanted = found.reshape(-1, 32), wanted.reshape(-1, 32)
        step = np.abs(wanted).max(axis=1, keepdims=True) / levels
        most = np.where(np.abs(wanted) > step * (levels - 0.5), furthest, 0.5) + levels * 2**-11
        assert (np.abs(found - wanted) <= step * most + 2**-24 * levels).all(), name


def test_ember_opens_again_as_the_same_model(tmp_path: Path) -> None:
    file = exported(EMBER, tmp_path / "ember.gguf", "bf16")
    there, here = open_model(tmp_path / "ember.gguf"), open_model(EMBER)
    # GGUF does not tell a dense V3 from a dense V2, which compute the same.
    assert rounded(there.architecture, family="deepseek_v3") == rounded(here.architecture)
    for name in here.names():
        assert np.array_equal(there.tensor(name), here.tensor(name)), name
    folder = tmp_path / "small"
    folder.mkdir()
    for name, content in small_files(file.metadata).items():
        (folder / name).write_bytes(content)
    assert Tokenizer.load(folder).fingerprint == Tokenizer.load(EMBER).fingerprint


@pytest.mark.parametrize("family", MODELS)
def test_other_families(family: str, tmp_path: Path) -> None:
    """Read again as GGUF, every weight and every number is the folder's; Llama's slowed rotations are transformers'."""
    torch.manual_seed(0)
    model = MODELS[family]()
    model.save_pretrained(tmp_path / "folder")
    export_gguf(open_model(tmp_path / "folder"), tmp_path / "m.gguf", "f32", vocabulary={})
    there, here = open_model(tmp_path / "m.gguf"), open_model(tmp_path / "folder")
    a = here.architecture.attention
    for name in here.names():
        values = there.tensor(name)
        if family == "llama" and (".q_proj" in name or ".k_proj" in name):
            heads = a.num_heads if ".q_proj" in name else a.num_kv_heads  # type: ignore[union-attr]
            values = values.reshape(heads, -1, 2, 64).swapaxes(1, 2).reshape(values.shape)
        assert np.array_equal(values, here.tensor(name)), name
    changed = {"rope": there.architecture.rope, "bos_token_id": None, "eos_token_ids": ()}
    assert rounded(there.architecture) == rounded(here.architecture, **changed)
    if family == "llama":
        inverse = model.model.rotary_emb.inv_freq.numpy()
        plain = 10000.0 ** -(np.arange(0, 16, 2) / 16)
        assert np.allclose(plain / np.array(there.architecture.rope.factors), inverse, rtol=1e-6)


def test_an_unknown_type(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="choose " + ", ".join(TYPES)):
        export_gguf(open_model(EMBER), tmp_path / "x.gguf", "q3", vocabulary={})


@pytest.mark.parametrize("changes", [
    {}, {"num_nextn_predict_layers": 2},
    {"num_nextn_predict_layers": 1, "n_routed_experts": 0, "n_shared_experts": 0, "first_k_dense_replace": 3},
], ids=["no modules", "modules of experts", "all dense"])  # fmt: skip
def test_our_models_both_ways(tmp_path: Path, changes: dict[str, int]) -> None:
    """With their prediction modules, and without."""
    config = moe(**changes)
    numbers = np.random.default_rng(0)
    tensors = {name: numbers.normal(size=shape).astype(np.float32) for name, shape in expected_tensors(config).items()}
    write_checkpoint(tmp_path / "folder", config, tensors, dtype="float32")
    file = exported(tmp_path / "folder", tmp_path / "m.gguf", "f32")
    modules = config.num_nextn_predict_layers
    assert file.metadata["deepseek2.block_count"] == 3 + modules
    assert file.metadata.get("deepseek2.nextn_predict_layers", 0) == modules
    assert f"blk.{2 + modules}.nextn.eh_proj.weight" in file.tensors or not modules
    for name, (found, wanted) in twins(tmp_path / "folder", file).items():
        assert np.array_equal(found, wanted), name
    export_hf(open_model(tmp_path / "m.gguf"), tmp_path / "back", small_files={}, dtype="float32")
    there = CheckpointReader(tmp_path / "back")
    copies = (".embed_tokens.weight", ".shared_head.head.weight")  # a module's own, which are the model's
    own = [name for name in tensors if not (name.startswith("model.layers.") and name.endswith(copies))]
    assert all(np.array_equal(there.tensor(name), tensors[name]) for name in own)
    again = dataclasses.replace(there.config, rms_norm_eps=1e-6)
    assert Architecture.from_config(again) == Architecture.from_config(config)
    source = open_model(tmp_path / "folder")
    export_gguf(source, tmp_path / "without.gguf", "f32", vocabulary={}, prediction=False)
    without = open_model(tmp_path / "without.gguf")
    assert (without.architecture.num_layers, without.architecture.num_nextn_predict_layers) == (3, 0)
    assert set(without.names()) == {n for n in open_model(tmp_path / "m.gguf").names() if _layer_of(n) < 3}


def test_modules_without_words_are_left_out() -> None:
    a = Architecture.from_config(moe(num_nextn_predict_layers=1))
    assert prediction_modules(a) == 1
    assert prediction_modules(dataclasses.replace(a, moe_layers=(*a.moe_layers[:3], False))) == 0


def moe(**changes: int) -> ModelConfig:
    values: dict[str, Any] = {
        "vocab_size": 64, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3,
        "num_attention_heads": 2, "kv_lora_rank": 32, "q_lora_rank": None, "qk_nope_head_dim": 32,
        "qk_rope_head_dim": 8, "v_head_dim": 16, "moe_intermediate_size": 32, "n_shared_experts": 1,
        "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 2, "topk_group": 1, "routed_scaling_factor": 2.5,
        "first_k_dense_replace": 1, "tie_word_embeddings": False,
    }  # fmt: skip
    return ModelConfig(**(values | changes))
