"""A model of ours, or any that we read, as a GGUF file for llama.cpp and Ollama.  No torch.

The metadata say what `Architecture` says, in GGUF's words.  Three tensors change on the way: the experts of a layer
become one stack, `kv_b_proj` becomes its two halves (the first transposed, one matrix a head), and where a family's
rotation pairs halves but llama.cpp's pairs neighbours (Llama), the rows of queries and keys are put in that order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from huozhong.errors import CheckpointError, ConfigError
from huozhong.formats.gguf.blocks import FORMATS, quantize
from huozhong.formats.gguf.file import NewTensor, write_gguf
from huozhong.formats.gguf.names import ROPE_FACTORS, gguf_name
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

GgufType = Literal["f32", "f16", "bf16", "q8_0", "q4_0"]
TYPES: dict[str, tuple[str, int]] = {  # our word: (GGUF's format, its number for a whole file)
    "f32": ("F32", 0),
    "f16": ("F16", 1),
    "q4_0": ("Q4_0", 2),
    "q8_0": ("Q8_0", 7),
    "bf16": ("BF16", 32),
}
_FAMILIES = {
    "deepseek_v3": "deepseek2", "deepseek_v32": "deepseek32", "glm_moe_dsa": "glm-dsa",
    "deepseek_v2": "deepseek2", "llama": "llama",
    "qwen2": "qwen2", "qwen3": "qwen3", "qwen3_moe": "qwen3moe",
}  # fmt: skip
_SOFTMAX, _SIGMOID = 1, 2
# Small, and the model is sensitive to them: never rounded below single precision.
_ALWAYS_F32 = (
    "norm.weight", "layernorm.weight", "mlp.gate.weight", "correction_bias", ".bias", "weights_proj.weight",
)  # fmt: skip
_EXPERT = re.compile(r"(model\.layers\.\d+\.mlp\.experts)\.(\d+)\.(gate|up|down)_proj\.weight")


def export_gguf(
    source: ModelSource,
    path: str | Path,
    type: str = "f16",
    *,
    vocabulary: Mapping[str, Any],
    name: str | None = None,
    prediction: bool = True,
) -> None:
    """Write, or atomically replace, one GGUF file.

    type: a key of `TYPES`; matrices whose rows are not whole blocks stay F16, and with q4_0 the embedding and the
    head are Q8_0.  vocabulary: `gguf.vocab.vocab_metadata` of the source's small files.
    name: `general.name`, the source's own without one.
    prediction: also write the prediction modules (MTP), as layers behind the last one.  llama.cpp reads such files
    since it drafts with them; older versions refuse them.
    Raises CheckpointError, or ConfigError for an architecture that GGUF has no words for.
    """
    if type not in TYPES:
        raise ConfigError(f"type {type!r} cannot be exported; choose {', '.join(TYPES)}.")
    modules = prediction_modules(source.architecture) if prediction else 0
    metadata = gguf_metadata(source.architecture, modules) | dict(vocabulary)
    metadata["general.name"] = name or source.path.stem
    metadata["general.file_type"] = TYPES[type][1]
    metadata["general.quantization_version"] = 2
    write_gguf(path, metadata, list(_tensors(source, type, source.architecture.num_layers + modules)))


def prediction_modules(architecture: Architecture) -> int:
    """How many of the model's prediction modules a GGUF file can hold.

    Only deepseek2 has words for them, and there none for a dense module behind layers of experts.
    """
    a = architecture
    if not isinstance(a.attention, LatentAttention):
        return 0
    every = a.num_layers + a.num_nextn_predict_layers
    moe = [a.is_moe_layer(i) for i in range(every)]
    return a.num_nextn_predict_layers if moe == sorted(moe) else 0


# -- metadata --------------------------------------------------------------------------------------------


def gguf_metadata(architecture: Architecture, modules: int = 0) -> dict[str, Any]:
    """The keys that describe an architecture and so many of its prediction modules, `general.architecture` first."""
    a = architecture
    if isinstance(a.attention, CompressedAttention):
        raise ConfigError("DeepSeek-V4 models are run here, but not written; copy the model's own files.")
    word = _FAMILIES[architecture.family]
    out: dict[str, Any] = {
        "block_count": a.num_layers + modules,
        "context_length": a.max_position_embeddings,
        "embedding_length": a.hidden_size,
        "feed_forward_length": a.intermediate_size,
        "vocab_size": a.vocab_size,
        "attention.layer_norm_rms_epsilon": float(a.rms_norm_eps),
        "rope.freq_base": float(a.rope.theta),
        "rope.dimension_count": a.rope.dim,
    }
    if isinstance(a.attention, LatentAttention):
        out |= _latent_metadata(a.attention) | _indexer_metadata(a.attention.indexer, a.num_layers)
    else:
        out |= {
            "attention.head_count": a.attention.num_heads,
            "attention.head_count_kv": a.attention.num_kv_heads,
            "attention.key_length": a.attention.head_dim,
            "attention.value_length": a.attention.head_dim,
        }
    if modules:
        out["nextn_predict_layers"] = modules
    out |= _expert_metadata(a, modules) | _rope_metadata(a)
    return {"general.architecture": word, "general.type": "model"} | {f"{word}.{k}": v for k, v in out.items()}


def _latent_metadata(a: LatentAttention) -> dict[str, Any]:
    """llama.cpp runs MLA absorbed: one key and value head as wide as the latent."""
    if a.q_lora_rank is None:
        lora: dict[str, Any] = {}
    else:
        lora = {"attention.q_lora_rank": a.q_lora_rank}
    return lora | {
        "attention.head_count": a.num_heads,
        "attention.head_count_kv": 1,
        "attention.kv_lora_rank": a.kv_lora_rank,
        "attention.key_length": a.row_dim,
        "attention.value_length": a.kv_lora_rank,
        "attention.key_length_mla": a.qk_head_dim,
        "attention.value_length_mla": a.v_head_dim,
    }


def _indexer_metadata(indexer: Indexer | None, layers: int) -> dict[str, Any]:
    """types: whether each layer chooses for itself; left out where all do."""
    if indexer is None:
        return {}
    out: dict[str, Any] = {
        "attention.indexer.head_count": indexer.num_heads,
        "attention.indexer.key_length": indexer.head_dim,
        "attention.indexer.top_k": indexer.top_k,
    }
    if any(indexer.shared_layers):
        out["attention.indexer.types"] = np.array([not indexer.is_shared(i) for i in range(layers)], np.int32)
    return out


def _expert_metadata(a: Architecture, modules: int) -> dict[str, Any]:
    latent = isinstance(a.attention, LatentAttention)
    moe = a.moe_layers[: a.num_layers + modules]
    if a.experts is None or not any(moe):
        if not latent:
            return {}
        # A dense DeepSeek: every layer is a "leading dense" one.  llama.cpp asks for these two keys all the same.
        return {
            "leading_dense_block_count": a.num_layers + modules,
            "expert_feed_forward_length": a.intermediate_size,
            "expert_shared_count": 0,
        }
    e, dense = a.experts, moe.index(True)
    if not all(moe[dense:]) or (dense and not latent):
        raise ConfigError("GGUF has no words for dense layers between layers of experts.")
    out: dict[str, Any] = {
        "expert_count": e.count,
        "expert_used_count": e.per_token,
        "expert_feed_forward_length": e.hidden,
    }
    if latent:
        out |= {
            "leading_dense_block_count": dense,
            "expert_shared_count": e.shared_hidden // e.hidden,
            "expert_gating_func": _SIGMOID if e.scoring == "sigmoid" else _SOFTMAX,
            "expert_weights_scale": float(e.scale),
            "expert_weights_norm": e.normalize,
        }
        if e.groups > 1:
            out |= {"expert_group_count": e.groups, "expert_group_used_count": e.top_groups}
    return out


def _rope_metadata(a: Architecture) -> dict[str, Any]:
    scaling = a.rope.scaling
    if isinstance(scaling, LinearScaling):
        return {"rope.scaling.type": "linear", "rope.scaling.factor": float(scaling.factor)}
    if not isinstance(scaling, YarnScaling):
        return {}  # Llama 3's scaling is a tensor of factors
    out: dict[str, Any] = {
        "rope.scaling.type": "yarn",
        "rope.scaling.factor": float(scaling.factor),
        "rope.scaling.original_context_length": scaling.original_max_position_embeddings,
        "rope.scaling.yarn_beta_fast": float(scaling.beta_fast),
        "rope.scaling.yarn_beta_slow": float(scaling.beta_slow),
    }
    if isinstance(a.attention, LatentAttention):
        if scaling.mscale != scaling.mscale_all_dim:
            raise ConfigError("GGUF has no words for mscale that differs from mscale_all_dim; it cannot be exported.")
        # A tenth, by which llama.cpp's reader divides again.
        out["rope.scaling.yarn_log_multiplier"] = 0.1 * scaling.mscale_all_dim
    elif a.rope.attention_factor is not None:
        out["rope.scaling.attn_factor"] = float(a.rope.attention_factor)
    return out


# -- tensors ---------------------------------------------------------------------------------------------


def _tensors(source: ModelSource, type: str, layers: int) -> Iterator[NewTensor]:
    """Every tensor of the file's first `layers` layers, each made only when its turn to be written comes."""
    a = source.architecture
    if isinstance(a.rope.scaling, Llama3Scaling) or a.rope.factors is not None:
        factors = _factors(a)
        yield _new(ROPE_FACTORS, "F32", factors.shape, lambda: factors)
    for name in source.names():
        if _layer_of(name) >= layers:
            continue
        match = _EXPERT.fullmatch(name)
        if match is None:
            yield from _plain(source, name, type)
        elif match[2] == "0":
            yield _stack(source, f"{match[1]}.{{}}.{match[3]}_proj.weight", type)


def _layer_of(name: str) -> int:
    number = name.removeprefix("model.layers.").partition(".")[0]
    return int(number) if number.isdecimal() else -1


def _plain(source: ModelSource, name: str, type: str) -> Iterator[NewTensor]:
    a, shape = source.architecture, source.stored(name).shape
    if name.endswith("kv_b_proj.weight"):
        assert isinstance(a.attention, LatentAttention)
        yield from _key_and_value(source, name, a.attention, type)
        return
    target = gguf_name(name)
    if target is None:
        raise CheckpointError(f"{source.path}: tensor {name!r} has no name in GGUF.")
    heads = _rotated_heads(a, name)
    if heads:
        yield _new(target, _format(name, shape, type), shape, lambda: _neighbours(source.tensor(name), heads))
    else:
        yield _new(target, _format(name, shape, type), shape, lambda: source.tensor(name))


def _key_and_value(source: ModelSource, name: str, a: LatentAttention, type: str) -> Iterator[NewTensor]:
    """`kv_b_proj` [heads * (nope + v), latent] as k_b [heads, latent, nope] and v_b [heads, v, latent]."""
    nope, shape = a.qk_nope_head_dim, (a.num_heads, a.qk_nope_head_dim + a.v_head_dim, a.kv_lora_rank)

    def key() -> np.ndarray:
        return source.tensor(name).reshape(shape)[:, :nope].transpose(0, 2, 1)

    def value() -> np.ndarray:
        return source.tensor(name).reshape(shape)[:, nope:]

    halves: tuple[tuple[str, Shape, Callable[[], np.ndarray]], ...] = (
        ("k_b", (a.num_heads, a.kv_lora_rank, nope), key),
        ("v_b", (a.num_heads, a.v_head_dim, a.kv_lora_rank), value),
    )
    for half, new_shape, read in halves:
        target = gguf_name(name.replace("kv_b_proj", f"{half}_proj"))
        assert target is not None
        yield _new(target, _format(name, new_shape, type), new_shape, read)


def _stack(source: ModelSource, pattern: str, type: str) -> NewTensor:
    experts = source.architecture.experts
    assert experts is not None
    shape = (experts.count, *source.stored(pattern.format(0)).shape)
    target = gguf_name(pattern.replace("{}.", ""))
    assert target is not None

    def read() -> np.ndarray:
        return np.stack([source.tensor(pattern.format(expert)) for expert in range(experts.count)])

    return _new(target, _format(pattern, shape, type), shape, read)


def _new(name: str, form: str, shape: Shape, read: Callable[[], np.ndarray]) -> NewTensor:
    def packed() -> np.ndarray:
        values = read()
        assert values.shape == shape, f"{name}: {values.shape} is not {shape}"
        return quantize(values, form)

    return NewTensor(name, form, shape, packed)


def _format(name: str, shape: Shape, type: str) -> str:
    form = TYPES[type][0]
    if len(shape) == 1 or name.endswith(_ALWAYS_F32):
        return "F32"
    if form == "Q4_0" and name in ("model.embed_tokens.weight", "lm_head.weight"):
        form = "Q8_0"
    return form if shape[-1] % FORMATS[form].size == 0 else "F16"


def _rotated_heads(a: Architecture, name: str) -> int:
    """How many heads' rows must be reordered: in GGUF, Llama's queries and keys rotate neighbours."""
    if a.family != "llama" or a.rope.interleaved or not isinstance(a.attention, GroupedAttention):
        return 0
    if ".q_proj." in name:
        return a.attention.num_heads
    return a.attention.num_kv_heads if ".k_proj." in name else 0


def _neighbours(values: np.ndarray, heads: int) -> np.ndarray:
    """Rows of each head from halves (x[i], x[i + d / 2]) to neighbours (x[2i], x[2i + 1])."""
    halves = values.reshape(heads, 2, -1, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)


def _factors(a: Architecture) -> np.ndarray:
    if a.rope.factors is not None:
        return np.array(a.rope.factors, np.float32)
    assert isinstance(a.rope.scaling, Llama3Scaling)
    return rope_factors(a.rope.theta, a.rope.dim, a.rope.scaling)


def rope_factors(theta: float, dim: int, scaling: Llama3Scaling) -> np.ndarray:
    """Llama 3.1's scaling as the divisor of each frequency, float32 [dim / 2]."""
    s = scaling
    frequency = theta ** -(np.arange(0, dim, 2) / dim)
    turns = s.original_max_position_embeddings * frequency / (2 * np.pi)  # in the original context
    blend = np.clip((turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor), 0, 1)
    return (1 / (blend + (1 - blend) / s.factor)).astype(np.float32)
