"""A model that we read, as a Hugging Face folder that transformers, vLLM and SGLang load.  No torch.

Weights become bfloat16 (or float32): quantised blocks are unpacked, stacked experts come apart, and where rows lie in
llama.cpp's order (Llama's queries and keys in a GGUF file) they are put back.  config.json is the folder's own, or
written from the `Architecture`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from huozhong.errors import ConfigError
from huozhong.formats.gguf.export import rope_factors
from huozhong.formats.hf.folder import CONFIG, WEIGHTS, replace_model_folder
from huozhong.formats.hf.safetensors import WRITABLE, HfTensor, safetensors_pieces
from huozhong.formats.source import ModelSource
from huozhong.model.architecture import (
    Architecture,
    CompressedAttention,
    GroupedAttention,
    Indexer,
    LatentAttention,
    LinearScaling,
    Llama3Scaling,
)
from huozhong.model.config import YarnScaling
from huozhong.model.tensors import Shape

_CLASSES = {
    "deepseek_v3": "DeepseekV3ForCausalLM", "deepseek_v32": "DeepseekV32ForCausalLM",
    "glm_moe_dsa": "GlmMoeDsaForCausalLM", "deepseek_v2": "DeepseekV2ForCausalLM", "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM", "qwen3_moe": "Qwen3MoeForCausalLM",
}  # fmt: skip
_MODULES = ("deepseek_v3", "deepseek_v32", "glm_moe_dsa")  # families that have prediction modules


def export_hf(
    source: ModelSource, folder: str | Path, *, small_files: Mapping[str, bytes], dtype: str = "bfloat16"
) -> None:
    """Write, or atomically replace, a Hugging Face folder with one model.safetensors.

    small_files: tokenizer.json and its neighbours (of a GGUF file: `gguf.vocab.small_files`).
    dtype: "bfloat16" or "float32".  Prediction modules (MTP) are kept.  One tensor is in memory at a time.
    Raises CheckpointError, or ConfigError for what config.json has no words for.
    """
    if dtype not in WRITABLE:
        raise ConfigError(f"dtype {dtype!r} cannot be exported; choose {' or '.join(WRITABLE)}.")
    if source.kind == "folder":
        config = {key: value for key, value in source.metadata.items() if key not in ("quantization_config", "dtype")}
        config |= _corrected_layer_counts(source.architecture, config)
    else:
        config = hf_config(source.architecture)
    config["torch_dtype"] = dtype
    files = {name: [content] for name, content in small_files.items()}
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    pieces = safetensors_pieces([*hf_tensors(source), *_explicit_head(source)], dtype)
    replace_model_folder(Path(folder), {**files, CONFIG: [text.encode()], WEIGHTS: pieces})


# -- config.json -----------------------------------------------------------------------------------------


def hf_config(architecture: Architecture) -> dict[str, Any]:
    """The config.json of an architecture; `architecture_from_hf` reads the same back."""
    a = architecture
    if isinstance(a.attention, CompressedAttention):
        raise ConfigError("DeepSeek-V4 models are run here, but not written; copy the folder itself.")
    if isinstance(a.attention, LatentAttention) and a.experts is None:
        a = dataclasses.replace(a, family="deepseek_v3")  # a dense V2 computes the same, and only V3 can be trained on
    out: dict[str, Any] = {
        "architectures": [_CLASSES[a.family]],
        "model_type": a.family,
        "hidden_act": "silu",
        "vocab_size": a.vocab_size,
        "hidden_size": a.hidden_size,
        "intermediate_size": a.intermediate_size,
        "num_hidden_layers": a.num_layers,
        "rms_norm_eps": a.rms_norm_eps,
        "rope_theta": a.rope.theta,
        "max_position_embeddings": a.max_position_embeddings,
        "tie_word_embeddings": a.tie_word_embeddings,
        "attention_bias": False,
        "bos_token_id": a.bos_token_id,
        "eos_token_id": a.eos_token_ids[0] if len(a.eos_token_ids) == 1 else list(a.eos_token_ids) or None,
    }
    if a.family == "qwen2":
        del out["attention_bias"]  # Qwen2 has no such key: its queries, keys and values always have one
    if isinstance(a.attention, LatentAttention):
        out |= _latent(a, a.attention)
    else:
        assert isinstance(a.attention, GroupedAttention)
        out |= _grouped(a, a.attention)
    scaling = _rope_scaling(a)
    return out if scaling is None else out | {"rope_scaling": scaling}


def _latent(a: Architecture, latent: LatentAttention) -> dict[str, Any]:
    out: dict[str, Any] = {
        "num_attention_heads": latent.num_heads,
        "num_key_value_heads": latent.num_heads,
        "q_lora_rank": latent.q_lora_rank,
        "kv_lora_rank": latent.kv_lora_rank,
        "qk_nope_head_dim": latent.qk_nope_head_dim,
        "qk_rope_head_dim": latent.qk_rope_head_dim,
        "v_head_dim": latent.v_head_dim,
        "moe_layer_freq": 1,
        "first_k_dense_replace": _dense_layers(a),
        "n_routed_experts": 0,
        "n_shared_experts": 0,
        "num_experts_per_tok": 0,
        "moe_intermediate_size": 0,
        "n_group": 1,
        "topk_group": 1,
        "norm_topk_prob": a.family in _MODULES,
        "routed_scaling_factor": 1.0,
    }
    e = a.experts
    if e is not None:
        out |= {
            "n_routed_experts": e.count,
            "n_shared_experts": e.shared_hidden // e.hidden,
            "num_experts_per_tok": e.per_token,
            "moe_intermediate_size": e.hidden,
            "n_group": e.groups,
            "topk_group": e.top_groups,
            "norm_topk_prob": e.normalize,
            "routed_scaling_factor": e.scale,
        }
    if latent.indexer is not None:
        out |= _indexer(a, latent.indexer)
    if a.family in _MODULES:
        methods = {"scoring_func": "sigmoid", "topk_method": "noaux_tc", "rope_interleave": True}
        return out | methods | {"num_nextn_predict_layers": a.num_nextn_predict_layers}
    grouped = e is not None and e.groups > 1
    return out | {"scoring_func": "softmax", "topk_method": "group_limited_greedy" if grouped else "greedy"}


def _indexer(a: Architecture, indexer: Indexer) -> dict[str, Any]:
    out: dict[str, Any] = {
        "index_n_heads": indexer.num_heads,
        "index_head_dim": indexer.head_dim,
        "index_topk": indexer.top_k,
    }
    if a.family == "glm_moe_dsa":
        kinds = ["shared" if indexer.is_shared(i) else "full" for i in range(a.num_layers)]
        out |= {"indexer_rope_interleave": True, "indexer_types": kinds}
    return out


def _dense_layers(a: Architecture) -> int:
    """How many leading layers are dense; without experts the prediction modules count too, for vLLM asks this alone."""
    moe = a.moe_layers[: a.num_layers]
    if any(moe):
        return moe.index(True)
    return a.num_layers if any(a.moe_layers) else a.num_layers + a.num_nextn_predict_layers


def _corrected_layer_counts(a: Architecture, config: Mapping[str, Any]) -> dict[str, Any]:
    """What a DeepSeek-V3 folder's config.json says of layers, corrected to what is there."""
    if a.family not in _MODULES or config.get("model_type") == "youtu":  # Youtu has no words for them
        return {}
    out = {"num_nextn_predict_layers": a.num_nextn_predict_layers}
    return out if config.get("n_routed_experts") else out | {"first_k_dense_replace": _dense_layers(a)}


def _grouped(a: Architecture, grouped: GroupedAttention) -> dict[str, Any]:
    out: dict[str, Any] = {
        "num_attention_heads": grouped.num_heads,
        "num_key_value_heads": grouped.num_kv_heads,
        "head_dim": grouped.head_dim,
    }
    if a.family != "qwen2":
        out["attention_bias"] = grouped.out_bias
    e = a.experts
    if e is not None:
        out |= {
            "num_experts": e.count,
            "num_experts_per_tok": e.per_token,
            "moe_intermediate_size": e.hidden,
            "norm_topk_prob": e.normalize,
            "decoder_sparse_step": 1,
            "mlp_only_layers": [i for i in range(a.num_layers) if not a.is_moe_layer(i)],
        }
    return out


def _rope_scaling(a: Architecture) -> dict[str, Any] | None:
    if a.rope.factors is not None:
        return {"rope_type": "llama3", **_llama3_settings(a)}
    scaling = a.rope.scaling
    if scaling is None:
        return None
    kind = {LinearScaling: "linear", Llama3Scaling: "llama3", YarnScaling: "yarn"}[type(scaling)]
    out: dict[str, Any] = {"rope_type": kind, **vars(scaling)}
    if isinstance(scaling, YarnScaling) and isinstance(a.attention, GroupedAttention):
        del out["mscale"], out["mscale_all_dim"]
        if a.rope.attention_factor is not None:
            out["attention_factor"] = a.rope.attention_factor
    return out


def _llama3_settings(a: Architecture) -> dict[str, Any]:
    """Llama 3's settings from GGUF's factors: the published models' are tried, and must fit.

    Source: the rope_scaling of Meta's Llama 3.1 (factor 8) and 3.2 (factor 32).
    """
    for factor in (8.0, 32.0, 16.0, 4.0):
        tried = Llama3Scaling(
            factor=factor, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192
        )
        if np.allclose(rope_factors(a.rope.theta, a.rope.dim, tried), a.rope.factors or (), rtol=1e-4):
            return vars(tried)
    raise ConfigError("the file's own rope factors are not Llama 3's; config.json has no words for them.")


# -- tensors ---------------------------------------------------------------------------------------------


def hf_tensors(source: ModelSource) -> Iterator[HfTensor]:
    """The tensors of any model as a Hugging Face folder has them: experts apart, rows in its order."""
    for name in source.names():
        shape = source.stored(name).shape
        if ".mlp.experts." in name and len(shape) == 3:
            yield from _single_experts(source, name, shape)
            continue
        heads = _llama_heads(source.architecture, name)
        if heads and source.kind == "gguf":
            yield HfTensor(name, shape, lambda name=name, heads=heads: _to_split_halves(source.tensor(name), heads))  # type: ignore[misc]
        else:
            yield HfTensor(name, shape, lambda name=name: source.tensor(name))  # type: ignore[misc]


def _explicit_head(source: ModelSource) -> Iterator[HfTensor]:
    """The tied head of a DeepSeek model once more: vLLM would leave its own uninitialised."""
    a, name = source.architecture, "model.embed_tokens.weight"
    if a.tie_word_embeddings and isinstance(a.attention, LatentAttention):
        yield HfTensor("lm_head.weight", source.stored(name).shape, lambda: source.tensor(name))


def _single_experts(source: ModelSource, name: str, shape: Shape) -> Iterator[HfTensor]:
    """The experts of a stack one by one."""
    rows = shape[1]
    for expert in range(shape[0]):
        part = slice(expert * rows, (expert + 1) * rows)
        new = name.replace(".experts.", f".experts.{expert}.")
        yield HfTensor(new, shape[1:], lambda part=part: source.rows(name, part))  # type: ignore[misc]


def _llama_heads(a: Architecture, name: str) -> int:
    if a.family != "llama" or not isinstance(a.attention, GroupedAttention):
        return 0
    if ".q_proj." in name:
        return a.attention.num_heads
    return a.attention.num_kv_heads if ".k_proj." in name else 0


def _to_split_halves(values: np.ndarray, heads: int) -> np.ndarray:
    """Rows of each head from neighbours (x[2i], x[2i + 1]) to halves (x[i], x[i + d / 2])."""
    pairs = values.reshape(heads, -1, 2, *values.shape[1:])
    return pairs.swapaxes(1, 2).reshape(values.shape)
