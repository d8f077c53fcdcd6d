"""Every family in torch against transformers on small random models, from folders and from GGUF files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tests.engine.oracles import make_model, oracle
from tests.engine.sparse_models import add_indexers
from tests.engine.test_architectures import CONFIGS, GQA, LLAMA3, VOCAB, float8

from huozhong.errors import ConfigError
from huozhong.formats.gguf.export import export_gguf
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.formats.source import open_model
from huozhong.model.families import CausalLM, load_causal_lm
from huozhong.model.frozen import Storage
from huozhong.model.layers import IGNORED

TOKENS = np.random.default_rng(0).integers(0, VOCAB, 40)


def loaded(path: Path, storage: Storage | None = None) -> CausalLM:
    view = HuggingFaceView(open_model(path))
    return load_causal_lm(view.architecture, view, storage=storage)


def logits_of(model: CausalLM) -> np.ndarray:
    with torch.no_grad():
        return model.logits(model(torch.from_numpy(TOKENS)[None]))[0].numpy()


def test_sparse_attention_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not trained further"):
        loaded(add_indexers(tiny_folder, tmp_path / "sparse", top_k=8))


@pytest.mark.parametrize("name", list(CONFIGS))
@pytest.mark.parametrize("storage", [None, "float32"])
def test_logits_are_those_of_transformers(name: str, storage: Storage | None, tmp_path: Path) -> None:
    model = make_model(CONFIGS[name])
    model.save_pretrained(tmp_path)
    np.testing.assert_allclose(logits_of(loaded(tmp_path, storage)), oracle(model, TOKENS), atol=1e-4)


LLAMA31 = transformers.LlamaConfig(**GQA, rope_parameters=LLAMA3 | {"original_max_position_embeddings": 8192})

ALL_MOE = transformers.Qwen3MoeConfig(
    **GQA, head_dim=16, num_experts=8, num_experts_per_tok=3, moe_intermediate_size=24, norm_topk_prob=True
)


@pytest.mark.parametrize("name", ["llama3.1", "qwen2_tied", "qwen3", "all_moe", "deepseek_v3_yarn"])
def test_a_gguf_file_is_the_same_model(name: str, tmp_path: Path) -> None:
    """Llama's rows come back from llama.cpp's order, stacked experts come apart."""
    model = make_model((CONFIGS | {"llama3.1": LLAMA31, "all_moe": ALL_MOE})[name])
    model.save_pretrained(tmp_path / "hf")
    export_gguf(open_model(tmp_path / "hf"), tmp_path / "model.gguf", "f32", vocabulary={})
    np.testing.assert_allclose(logits_of(loaded(tmp_path / "model.gguf")), oracle(model, TOKENS), atol=1e-4)


def test_float8_folders_are_read(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    model = make_model(CONFIGS["deepseek_v3"])
    model.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    name = "model.layers.0.mlp.gate_proj.weight"
    stored, scale = float8(tensors[name])
    model.model.layers[0].mlp.gate_proj.weight.data = stored.float() * scale
    save_file(tensors | {name: stored, f"{name}_scale_inv": scale}, tmp_path / "model.safetensors")
    np.testing.assert_allclose(logits_of(loaded(tmp_path)), oracle(model, TOKENS), atol=1e-4)


@pytest.mark.parametrize("name", ["deepseek_v3", "deepseek_v2_lite", "qwen2_tied", "qwen3_moe"])
def test_gradients_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    theirs = make_model(CONFIGS[name])
    theirs.save_pretrained(tmp_path)
    ours = loaded(tmp_path)
    tokens = torch.from_numpy(TOKENS)[None]
    theirs(tokens, labels=tokens).loss.backward()
    log_probs, _ = ours.log_probs(tokens[:, :-1], tokens[:, 1:])
    (-log_probs.mean()).backward()
    for part in ("embed_tokens", "layers.0.input_layernorm", "layers.2.self_attn.o_proj"):
        a, b = (m.model.get_submodule(part).weight.grad for m in (ours, theirs))
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-3)


def test_packed_documents_do_not_see_each_other(tmp_path: Path) -> None:
    make_model(CONFIGS["qwen3"]).save_pretrained(tmp_path)
    model = loaded(tmp_path)
    one, two = torch.arange(5, 14), torch.arange(20, 33)
    rows = torch.cat((one, two))[None]
    doc = torch.tensor([[0] * 9 + [1] * 13])
    pos = torch.cat((torch.arange(9), torch.arange(13)))[None]
    both = model(rows, doc_BT=doc, pos_BT=pos)
    apart = torch.cat((model(one[None]), model(two[None])), dim=1)
    torch.testing.assert_close(both, apart, atol=1e-5, rtol=1e-4)


def test_recomputed_blocks_give_the_same_gradients(tmp_path: Path) -> None:
    make_model(CONFIGS["deepseek_v2_groups_yarn"]).save_pretrained(tmp_path)
    model, tokens = loaded(tmp_path), torch.from_numpy(TOKENS)[None]
    targets = tokens.roll(-1, 1).masked_fill(torch.arange(40) % 3 == 0, IGNORED)
    grads = []
    for model.recompute in (False, True):
        model.zero_grad()
        log_probs, places = model.log_probs(tokens, targets)
        assert len(log_probs) == len(places) == 26
        log_probs.sum().backward()
        grads.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    assert grads[0].keys() == grads[1].keys()
    for name, grad in grads[0].items():
        torch.testing.assert_close(grads[1][name], grad)


@pytest.mark.parametrize("name", ["qwen2_tied", "deepseek_v3"])
def test_a_head_that_does_not_learn_gives_the_same_gradients(name: str, tmp_path: Path) -> None:
    """And an embedding that does: of several tokens at a place, as of the one that was said."""
    make_model(CONFIGS[name]).save_pretrained(tmp_path)
    tokens = torch.from_numpy(TOKENS)[None]
    targets = tokens.roll(-1, 1).masked_fill(torch.arange(40) % 3 == 0, IGNORED)
    wanted = torch.randint(VOCAB, (26, 5), generator=torch.Generator().manual_seed(1))
    weights = torch.linspace(-1.0, 2.0, 26 * 5).view(26, 5)
    found = []
    for learns in (True, False):
        model = loaded(tmp_path)
        model.head_weight.requires_grad_(learns)
        log_probs = model.log_probs_of(tokens, targets, wanted)
        (log_probs * weights).sum().backward()
        layers = {n: p.grad for n, p in model.named_parameters() if ".layers." in n and p.grad is not None}
        found.append((log_probs.detach(), layers))
    torch.testing.assert_close(found[1][0], found[0][0])
    assert found[0][1].keys() == found[1][1].keys()
    for place, grad in found[0][1].items():
        torch.testing.assert_close(found[1][1][place], grad, atol=1e-5 * float(grad.abs().max()), rtol=1e-3)


@pytest.mark.parametrize("name", ["qwen2_tied", "deepseek_v3"])
def test_layers_that_do_not_learn_get_no_gradient_and_change_no_other(name: str, tmp_path: Path) -> None:
    make_model(CONFIGS[name]).save_pretrained(tmp_path)
    view, tokens = HuggingFaceView(open_model(tmp_path)), torch.from_numpy(TOKENS)[None]
    whole, part = (load_causal_lm(view.architecture, view, storage=None, still=still) for still in (0, 2))
    for model in (whole, part):
        log_probs, _ = model.log_probs(tokens[:, :-1], tokens[:, 1:])
        log_probs.sum().backward()
    upper = {n: p.grad for n, p in part.named_parameters() if p.requires_grad}
    assert upper
    assert all(n.startswith("model.layers.2.") for n in upper)
    assert all(p.grad is None for p in part.parameters() if not p.requires_grad)
    for n, p in whole.named_parameters():
        if n in upper and p.grad is not None:
            torch.testing.assert_close(upper[n], p.grad, atol=1e-5 * float(p.grad.abs().max()), rtol=1e-3)
