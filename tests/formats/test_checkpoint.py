"""Our strict folders: what is written, and what is read again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.formats.strict import expect, tensors_of
from tests.model.tiny_models import lively_model, moe_config, tiny_config

from huozhong.errors import CheckpointError
from huozhong.formats.checkpoint import (
    CheckpointReader,
    expected_tensors,
    read_config,
    write_checkpoint,
)
from huozhong.model.transformer import Transformer
from huozhong.train.model_folder import load_transformer, save_transformer

# -- what is written -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_round_trip(tmp_path: Path, dtype: str) -> None:
    config = moe_config(num_nextn_predict_layers=1, tie_word_embeddings=False)
    tensors = tensors_of(config)
    write_checkpoint(tmp_path / "m", config, tensors, dtype=dtype, extra_files={"tokenizer.json": b"{}"})
    reader = CheckpointReader(tmp_path / "m")
    assert reader.config == read_config(tmp_path / "m") == config
    assert reader.names() == list(expected_tensors(config))
    for name, values in tensors.items():
        exact = dtype == "float32" or name.endswith("correction_bias")
        expected = values if exact else torch.from_numpy(values).bfloat16().float().numpy()
        np.testing.assert_array_equal(reader.tensor(name), expected)
    files = {item.name for item in (tmp_path / "m").iterdir()}
    assert files == {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}
    assert [item.name for item in tmp_path.iterdir()] == ["m"]


def test_the_folder_is_strict_hugging_face(tmp_path: Path) -> None:
    config = tiny_config(eos_token_id=2)
    write_checkpoint(tmp_path / "m", config, tensors_of(config))
    written = json.loads((tmp_path / "m/config.json").read_text())
    assert written["model_type"] == "deepseek_v3"
    assert written["architectures"] == ["DeepseekV3ForCausalLM"]
    assert written["num_nextn_predict_layers"] == 0
    assert written["first_k_dense_replace"] == 2  # dense in transformers means this, not "no experts"
    assert written["torch_dtype"] == "bfloat16"
    assert json.loads((tmp_path / "m/generation_config.json").read_text()) == {"eos_token_id": 2}
    stored = load_file(tmp_path / "m/model.safetensors")
    assert {value.dtype for value in stored.values()} == {torch.bfloat16}
    assert "lm_head.weight" not in stored


def test_prediction_modules_carry_duplicates(tmp_path: Path) -> None:
    for tied in (True, False):
        model = lively_model(tiny_config(num_nextn_predict_layers=2, tie_word_embeddings=tied))
        save_transformer(model, tmp_path / "m", dtype="float32")
        stored = load_file(tmp_path / "m/model.safetensors")
        for layer in ("model.layers.2.", "model.layers.3."):
            names = [f"{layer}embed_tokens.weight", f"{layer}shared_head.head.weight"]
            if tied:  # where the model's own file does not repeat the head, its modules do not either
                assert not set(names) & set(stored)
                continue
            embedding, head = (stored[name] for name in names)
            torch.testing.assert_close(embedding, stored["model.embed_tokens.weight"])
            torch.testing.assert_close(head, model.head_weight.detach())
        assert set(stored) >= set(model.state_dict())
        back = load_transformer(tmp_path / "m")
        for name, value in model.state_dict().items():
            torch.testing.assert_close(back.state_dict()[name], value)


def test_state_dict_is_exactly_what_the_format_expects() -> None:
    for config in (
        tiny_config(),
        tiny_config(q_lora_rank=None, tie_word_embeddings=False),
        moe_config(num_nextn_predict_layers=1),
        moe_config(n_shared_experts=0),
    ):
        state = Transformer(config).state_dict()
        assert {name: tuple(value.shape) for name, value in state.items()} == expected_tensors(config)


# -- what is read --------------------------------------------------------------------------------------


def test_a_config_of_endless_layers_fails_at_once(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config.update(num_hidden_layers=10**12, first_k_dense_replace=10**12)
    (folder / "config.json").write_text(json.dumps(config))
    expect(folder, "tensor 'model.layers.1.input_layernorm.weight' is missing")


def test_unknown_tensor_name(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="the model has no tensor 'x'"):
        CheckpointReader(folder).tensor("x")
