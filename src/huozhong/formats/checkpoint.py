"""Models of ours: strict Hugging Face `deepseek_v3` folders, checked against their config.  No torch here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import CheckpointError
from huozhong.formats.hf.folder import (
    CONFIG,
    GENERATION,
    INDEX,
    WEIGHTS,
    find_folder,
    needed_entry,
    read_entries,
    read_json,
    refuse_unknown,
    replace_model_folder,
)
from huozhong.formats.hf.safetensors import WRITABLE, HfTensor, safetensors_pieces
from huozhong.formats.stored import Shape
from huozhong.model.config import ModelConfig

# -- what a folder must hold -----------------------------------------------------------------------------


def iterate_expected_tensors(config: ModelConfig) -> Iterator[tuple[str, Shape]]:
    """Names and shapes in order; an iterator, so that a nonsensical config cannot make an endless list."""
    width, vocab = config.hidden_size, config.vocab_size
    yield "model.embed_tokens.weight", (vocab, width)
    for layer in range(config.num_hidden_layers):
        yield from _block_tensors(config, layer)
    yield "model.norm.weight", (width,)
    if not config.tie_word_embeddings:
        yield "lm_head.weight", (vocab, width)
    for layer in _prediction_layers(config):
        yield from _block_tensors(config, layer)
        prefix = f"model.layers.{layer}."
        for norm in ("enorm", "hnorm", "shared_head.norm"):
            yield f"{prefix}{norm}.weight", (width,)
        yield f"{prefix}eh_proj.weight", (width, 2 * width)


def expected_tensors(config: ModelConfig) -> dict[str, Shape]:
    """Every tensor that a model of this config has, by Hugging Face name, with its shape."""
    return dict(iterate_expected_tensors(config))


def _prediction_layers(config: ModelConfig) -> range:
    return range(config.num_hidden_layers, config.num_hidden_layers + config.num_nextn_predict_layers)


def _block_tensors(config: ModelConfig, layer: int) -> Iterator[tuple[str, Shape]]:
    width, heads = config.hidden_size, config.num_attention_heads
    prefix = f"model.layers.{layer}."
    yield f"{prefix}input_layernorm.weight", (width,)
    yield f"{prefix}post_attention_layernorm.weight", (width,)
    attention = f"{prefix}self_attn."
    if config.q_lora_rank is None:
        yield f"{attention}q_proj.weight", (heads * config.qk_head_dim, width)
    else:
        yield f"{attention}q_a_proj.weight", (config.q_lora_rank, width)
        yield f"{attention}q_a_layernorm.weight", (config.q_lora_rank,)
        yield f"{attention}q_b_proj.weight", (heads * config.qk_head_dim, config.q_lora_rank)
    yield f"{attention}kv_a_proj_with_mqa.weight", (config.latent_dim, width)
    yield f"{attention}kv_a_layernorm.weight", (config.kv_lora_rank,)
    kv_rows = heads * (config.qk_nope_head_dim + config.v_head_dim)
    yield f"{attention}kv_b_proj.weight", (kv_rows, config.kv_lora_rank)
    yield f"{attention}o_proj.weight", (width, heads * config.v_head_dim)
    if not config.is_moe_layer(layer):
        yield from _swiglu_tensors(f"{prefix}mlp.", width, config.intermediate_size)
        return
    inner, experts = config.moe_intermediate_size, config.n_routed_experts
    yield f"{prefix}mlp.gate.weight", (experts, width)
    yield f"{prefix}mlp.gate.e_score_correction_bias", (experts,)
    for expert in range(experts):
        yield from _swiglu_tensors(f"{prefix}mlp.experts.{expert}.", width, inner)
    if config.n_shared_experts:
        yield from _swiglu_tensors(f"{prefix}mlp.shared_experts.", width, inner * config.n_shared_experts)


def _swiglu_tensors(prefix: str, width: int, inner: int) -> Iterator[tuple[str, Shape]]:
    yield f"{prefix}gate_proj.weight", (inner, width)
    yield f"{prefix}up_proj.weight", (inner, width)
    yield f"{prefix}down_proj.weight", (width, inner)


def _duplicates(config: ModelConfig) -> Iterator[tuple[str, str]]:
    """(name, the tensor it repeats): each prediction module ships the embedding and the head again.

    Not where head and embedding are tied: such a file does not repeat them for the main model either.
    """
    for layer in () if config.tie_word_embeddings else _prediction_layers(config):
        yield f"model.layers.{layer}.embed_tokens.weight", "model.embed_tokens.weight"
        yield f"model.layers.{layer}.shared_head.head.weight", "lm_head.weight"


# -- reading ---------------------------------------------------------------------------------------------


def read_config(folder: str | Path) -> ModelConfig:
    """The config of a model folder.  Raises CheckpointError (no folder, no JSON) or ConfigError."""
    return ModelConfig.from_hf(read_json(find_folder(folder) / CONFIG))


class CheckpointReader:
    """A model folder, checked when opened: every tensor that its config needs is there, whole and in shape.

    folder: Hugging Face folder.  Raises CheckpointError or ConfigError.  Data is memory-mapped and converted
    tensor by tensor.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = find_folder(folder)
        self.config = ModelConfig.from_hf(read_json(self.folder / CONFIG))
        self._entries = read_entries(self.folder)
        self._names: dict[str, Shape] = {}
        for name, shape in iterate_expected_tensors(self.config):
            self._check(name, shape)
            self._names[name] = shape
        refuse_unknown(self._entries, self._names, self.config.num_hidden_layers)

    def names(self) -> list[str]:
        """The tensors of the model, embedding first; the duplicates of prediction modules are left out."""
        return list(self._names)

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A fresh float32 array.  Raises CheckpointError when there is no such tensor."""
        if name not in self._names:
            raise CheckpointError(f"{self.folder}: the model has no tensor {name!r}.")
        return self._entries[name].read()

    def _check(self, name: str, shape: Shape) -> None:
        entry = needed_entry(self.folder, self._entries, name, shape)
        if entry.dtype not in ("BF16", "F16", "F32"):
            raise CheckpointError(
                f"{entry.path}: tensor {name!r} is stored as {entry.dtype}; convert it to BF16, F16 or F32."
            )


# -- writing ---------------------------------------------------------------------------------------------


def write_checkpoint(
    folder: str | Path,
    config: ModelConfig,
    tensors: Mapping[str, NDArray[np.float32]],
    *,
    dtype: str = "bfloat16",
    extra_files: Mapping[str, bytes] | None = None,
) -> None:
    """Write, or atomically replace, a model folder.

    tensors: `expected_tensors(config)` by name, float32 (an `lm_head.weight` that is tied is left out).
    dtype: "bfloat16" or "float32" on disk; `e_score_correction_bias` is float32 always.
    extra_files: more files by plain name (tokenizer.json ...).
    Raises CheckpointError when the disk refuses, or when `folder` holds something other than a model.
    """
    if dtype not in WRITABLE:
        raise CheckpointError(f"dtype {dtype!r} cannot be written; choose 'bfloat16' or 'float32'.")
    for name in extra_files or {}:
        assert Path(name).name == name, f"{name} is not a plain file name"
        assert name not in (CONFIG, GENERATION, WEIGHTS, INDEX), f"{name} is written by this function"
    files = {name: [content] for name, content in _small_files(config, dtype, extra_files or {}).items()}
    weights = safetensors_pieces(_tensors_to_write(config, tensors), dtype)
    replace_model_folder(Path(folder), {**files, WEIGHTS: weights})


def _small_files(config: ModelConfig, dtype: str, extra: Mapping[str, bytes]) -> dict[str, bytes]:
    special = {key: getattr(config, key) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    generation = {key: value for key, value in special.items() if value is not None}
    texts = {CONFIG: {**config.to_hf(), "torch_dtype": dtype}, GENERATION: generation}
    encoded = {name: (json.dumps(value, indent=2) + "\n").encode() for name, value in texts.items()}
    return {**extra, **encoded}


def _tensors_to_write(config: ModelConfig, tensors: Mapping[str, NDArray[np.float32]]) -> Iterator[HfTensor]:
    shapes = expected_tensors(config)
    sources = {name: name for name in shapes} | dict(_duplicates(config))
    unknown = set(tensors) - set(sources) - {"lm_head.weight"}
    assert not unknown, f"tensors that the config does not have: {sorted(unknown)}"
    for name, source in sources.items():
        values, shape = tensors[source], shapes[source]
        assert values.shape == shape, f"{name}: {values.shape} is not {shape}"
        yield HfTensor(name, shape, lambda values=values: values)  # type: ignore[misc]
