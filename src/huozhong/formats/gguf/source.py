"""A GGUF file as a model: its keys become an `Architecture`, its tensors get their Hugging Face names.

Two things are told apart by what the file holds rather than by its keys, as llama.cpp does: which projections have
biases, and which layers route to experts.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import CheckpointError
from huozhong.formats.gguf.blocks import dequantize
from huozhong.formats.gguf.compressed import compressed_parts
from huozhong.formats.gguf.file import GgufFile, GgufTensor, parts_of
from huozhong.formats.gguf.keys import FAMILIES, MetadataKeys
from huozhong.formats.gguf.names import ROPE_FACTORS, hf_name
from huozhong.formats.keys import REQUIRED
from huozhong.formats.stored import Rows, Stored
from huozhong.model.architecture import (
    Architecture,
    Experts,
    GroupedAttention,
    Indexer,
    LatentAttention,
    LinearScaling,
    Rope,
)
from huozhong.model.config import YarnScaling
from huozhong.model.tensors import TABLE, Shape, expected_tensors

_LATENT = ("deepseek2", "deepseek32", "glm-dsa")  # with latent attention
GLM_52_CONTEXT = 1 << 20  # by which llama.cpp tells GLM-5.2 from its forerunners
_SOFTMAX, _SIGMOID = 1, 2  # llama.cpp's numbers for expert_gating_func
# What tells a prediction module (MTP) that is whole.  llama.cpp also takes files that state modules and leave their
# tensors out, or the last norm; those are models without modules.
_OF_MODULE = ("eh_proj", "enorm", "hnorm", "shared_head.norm", "self_attn.kv_a_layernorm")


class GgufSource:
    """See `source.ModelSource`."""

    kind: Literal["folder", "gguf"] = "gguf"

    def __init__(self, path: str | Path) -> None:
        """Raises CheckpointError or ConfigError."""
        self.path = Path(path)
        file = GgufFile(path)
        self.metadata: dict[str, Any] = file.metadata
        self._tensors: dict[str, GgufTensor] = {}
        word = file.metadata.get("general.architecture")
        compressed = isinstance(word, str) and word == "deepseek4"
        for name, tensor in file.tensors.items():
            if (canonical := hf_name(name, compressed=compressed)) is not None:
                self._tensors[canonical] = tensor
            elif name != ROPE_FACTORS:
                raise CheckpointError(f"{path}: tensor {name!r} has no place in the models that are supported.")
        self.architecture = _architecture(file, self._tensors)
        self._names: list[str] = []
        for name, shape in expected_tensors(self.architecture, stacked_experts=True):
            self._check(name, shape)
            self._names.append(name)
        self._refuse_unknown()
        self.modules_left_out = len(self._layers_behind())

    def names(self) -> list[str]:
        return list(self._names)

    def stored(self, name: str) -> Stored:
        """The split layout's `kv_b_proj` has a type and a shape, but no rows of its own: use `tensor`."""
        if (halves := self._halves(name)) is not None:
            key, value = halves
            shape = (key.shape[0] * (key.shape[2] + value.shape[1]), key.shape[1])
            return Stored(key.type, shape, np.empty((shape[0], 0), np.uint8))
        tensor = self._tensor(name)
        return Stored(tensor.type, tensor.shape, tensor.data)

    def rows(self, name: str, rows: Rows) -> NDArray[np.float32]:
        if self._halves(name) is not None:
            return self.tensor(name)[rows]
        tensor = self._tensor(name)
        return dequantize(tensor.data[rows], tensor.type)

    def tensor(self, name: str) -> NDArray[np.float32]:
        if (halves := self._halves(name)) is not None:
            key, value = halves
            both = np.concatenate([key.values().swapaxes(1, 2), value.values()], axis=1)
            return both.reshape(-1, both.shape[2])
        return self._tensor(name).values()

    def files(self) -> list[Path]:
        return parts_of(self.path)

    def small_files(self) -> dict[str, bytes]:
        return {}

    def _tensor(self, name: str) -> GgufTensor:
        if (tensor := self._tensors.get(name)) is None:
            raise CheckpointError(f"{self.path}: the model has no tensor {name!r}.")
        return tensor

    def _halves(self, name: str) -> tuple[GgufTensor, GgufTensor] | None:
        """Keys' [heads, latent, key] and values' [heads, value, latent] halves of a kv_b_proj that is stored split."""
        if name in self._tensors or not name.endswith("kv_b_proj.weight"):
            return None
        key, value = (self._tensors.get(name.replace("kv_b_proj", f"{part}_b_proj")) for part in "kv")
        return None if key is None or value is None else (key, value)

    def _check(self, name: str, shape: Shape) -> None:
        if (halves := self._halves(name)) is not None:
            a = self.architecture.attention
            assert isinstance(a, LatentAttention)
            key, value = halves
            self._check_shape(key, (a.num_heads, a.kv_lora_rank, a.qk_nope_head_dim))
            self._check_shape(value, (a.num_heads, a.v_head_dim, a.kv_lora_rank))
            return
        tensor = self._tensors.get(name)
        if tensor is None:
            raise CheckpointError(f"{self.path}: the tensor for {name!r} is missing; the file's keys need it.")
        if (tensor.type == "I32") != name.endswith(TABLE):
            raise CheckpointError(f"{self.path}: tensor {tensor.name!r} is stored as {tensor.type}.")
        self._check_shape(tensor, shape)

    def _check_shape(self, tensor: GgufTensor, shape: Shape) -> None:
        if tensor.shape != shape:
            raise CheckpointError(
                f"{self.path}: tensor {tensor.name!r} has shape {list(tensor.shape)}; its keys need {list(shape)}."
            )

    def _layers_behind(self) -> set[int]:
        """Numbers of layers behind those of the model and of its modules, as far as there are tensors of them."""
        every = self.architecture.num_layers + self.architecture.num_nextn_predict_layers
        numbers = {name.split(".")[2] for name in self._tensors if name.startswith("model.layers.")}
        return {int(number) for number in numbers if int(number) >= every}

    def _refuse_unknown(self) -> None:
        known = set(self._names)
        for name, tensor in self._tensors.items():
            half = name.endswith(("k_b_proj.weight", "v_b_proj.weight"))
            duplicate = name.endswith((".shared_head.head.weight", ".embed_tokens.weight"))
            if name in known or half or duplicate:
                continue
            layer = name.removeprefix("model.layers.").split(".")[0]
            if layer.isdecimal() and int(layer) >= self.architecture.num_layers:
                continue  # prediction modules that are not whole
            raise CheckpointError(f"{self.path}: tensor {tensor.name!r} has no place in the model of the file's keys.")


def _architecture(file: GgufFile, tensors: dict[str, GgufTensor]) -> Architecture:
    keys = MetadataKeys(file)
    if keys.whole("attention.sliding_window", 0, 0) and keys.prefix != "deepseek4":
        raise CheckpointError(f"{file.path}: attends to a sliding window, which is not supported.")
    embedding = tensors.get("model.embed_tokens.weight")
    if embedding is None or len(embedding.shape) != 2:
        raise CheckpointError(f"{file.path}: tensor 'token_embd.weight' is missing.")
    stated = keys.whole("nextn_predict_layers", 0, 0)
    layers = keys.whole("block_count") - stated
    if not 0 < layers <= Architecture.MAX_LAYERS or stated > Architecture.MAX_LAYERS:
        raise CheckpointError(f"{file.path}: the number of layers, {layers}, is not possible.")
    modules = 0
    while modules < stated and all(f"model.layers.{layers + modules}.{part}.weight" in tensors for part in _OF_MODULE):
        modules += 1
    moe_layers = tuple(f"model.layers.{i}.mlp.gate.weight" in tensors for i in range(layers + modules))
    family = FAMILIES[keys.prefix]
    if family == "deepseek_v4":
        parts = compressed_parts(keys, layers)
        modules, moe_layers = 0, moe_layers[:layers]
    else:
        parts = _parts(keys, file, tensors, layers, any(moe_layers))
    experts = parts["experts"]
    if family == "deepseek_v3" and (experts is None or experts.scoring == "softmax"):
        family = "deepseek_v2"
    ends = (keys.token("eos"), keys.token("eot"))
    return Architecture(
        family=family,
        vocab_size=embedding.shape[0],
        hidden_size=keys.whole("embedding_length"),
        intermediate_size=keys.whole("feed_forward_length", 1 if all(moe_layers) else REQUIRED),
        num_layers=layers,
        moe_layers=moe_layers,
        rms_norm_eps=keys.number("attention.layer_norm_rms_epsilon"),
        max_position_embeddings=keys.whole("context_length"),
        tie_word_embeddings="lm_head.weight" not in tensors,
        num_nextn_predict_layers=modules,
        bos_token_id=keys.token("bos"),
        eos_token_ids=tuple(dict.fromkeys(i for i in ends if i is not None)),
        **parts,
    )


def _parts(
    keys: MetadataKeys, file: GgufFile, tensors: dict[str, GgufTensor], layers: int, routes: bool
) -> dict[str, Any]:
    """Attention, rotation and experts of every family but DeepSeek-V4."""
    attention: LatentAttention | GroupedAttention
    if keys.prefix in _LATENT:
        attention = _latent(keys, layers)
        width = attention.qk_rope_head_dim
    else:
        attention = _grouped(keys, tensors)
        width = attention.head_dim
    experts = _experts(keys, tensors, layers) if routes else None
    return {"attention": attention, "rope": _rope(keys, file, width), "experts": experts}


def _latent(keys: MetadataKeys, layers: int) -> LatentAttention:
    """The newer layout states the absorbed widths, and the true ones as key_length_mla and value_length_mla."""
    rope = keys.whole("rope.dimension_count")
    key = keys.whole("attention.key_length_mla", keys.value("attention.key_length", REQUIRED))
    rank = keys.whole("attention.q_lora_rank", 0, 0)
    if key <= rope:
        raise CheckpointError(f"{keys.where}: a key of {key} numbers is not wider than its rotated part, {rope}.")
    return LatentAttention(
        num_heads=keys.whole("attention.head_count"),
        q_lora_rank=rank or None,
        kv_lora_rank=keys.whole("attention.kv_lora_rank"),
        qk_nope_head_dim=key - rope,
        qk_rope_head_dim=rope,
        v_head_dim=keys.whole("attention.value_length_mla", keys.value("attention.value_length", REQUIRED)),
        indexer=None if keys.prefix == "deepseek2" else _indexer(keys, layers),
    )


def _indexer(keys: MetadataKeys, layers: int) -> Indexer:
    return Indexer(
        num_heads=keys.whole("attention.indexer.head_count"),
        head_dim=keys.whole("attention.indexer.key_length"),
        top_k=keys.whole("attention.indexer.top_k"),
        interleaved=keys.prefix == "glm-dsa",
        shared_layers=_shared_layers(keys, layers) if keys.prefix == "glm-dsa" else (),
    )


def _shared_layers(keys: MetadataKeys, layers: int) -> tuple[bool, ...]:
    """Which layers look at the keys that the one before chose.  Files of GLM-5.2 without the list have its pattern."""
    found = keys.every("attention.indexer.types")
    if found is None:
        old = keys.whole("context_length") < GLM_52_CONTEXT
        return () if old else tuple(i > 2 and i % 4 != 2 for i in range(layers))
    if len(found) < layers or any(each not in (0, 1) for each in found):
        raise CheckpointError(f"{keys.words('attention.indexer.types')} must be 0 or 1 for each of {layers} layers.")
    shared = tuple(not each for each in found[:layers])
    return shared if any(shared) else ()


def _grouped(keys: MetadataKeys, tensors: dict[str, GgufTensor]) -> GroupedAttention:
    heads = keys.whole("attention.head_count")
    head_dim = keys.whole("attention.key_length", keys.whole("embedding_length") // heads)
    if keys.whole("attention.value_length", head_dim) != head_dim:
        raise CheckpointError(f"{keys.where}: keys and values of different widths are not supported.")
    first = "model.layers.0.self_attn."
    return GroupedAttention(
        num_heads=heads,
        num_kv_heads=keys.whole("attention.head_count_kv", heads),
        head_dim=head_dim,
        qkv_bias=f"{first}q_proj.bias" in tensors,
        out_bias=f"{first}o_proj.bias" in tensors,
        qk_norm=f"{first}q_norm.weight" in tensors,
    )


def _experts(keys: MetadataKeys, tensors: dict[str, GgufTensor], layers: int) -> Experts:
    if keys.prefix not in ("qwen3moe", *_LATENT):
        raise CheckpointError(f"{keys.where}: a {keys.prefix} with experts is not supported.")
    deepseek = keys.prefix in _LATENT
    bias = any(f"model.layers.{i}.mlp.gate.e_score_correction_bias" in tensors for i in range(layers))
    # Older files say nothing, early ones of GLM-4.7-Flash among them; what balances sigmoids is in no softmax's file.
    gating = keys.whole("expert_gating_func", 0, 0) or (_SIGMOID if deepseek and bias else _SOFTMAX)
    if gating not in (_SOFTMAX, _SIGMOID):
        raise CheckpointError(f"{keys.where}: expert_gating_func {gating} is not supported.")
    hidden = keys.whole("expert_feed_forward_length")
    return Experts(
        count=keys.whole("expert_count"),
        per_token=keys.whole("expert_used_count"),
        hidden=hidden,
        shared_hidden=hidden * keys.whole("expert_shared_count", 0, 0) if deepseek else 0,
        scoring="sigmoid" if gating == _SIGMOID else "softmax",
        bias=bias,
        groups=keys.whole("expert_group_count", 1),
        top_groups=keys.whole("expert_group_used_count", 1),
        group_score="top2" if gating == _SIGMOID else "max",
        normalize=keys.of_type("expert_weights_norm", not deepseek),
        scale=keys.number("expert_weights_scale", 0.0) or 1.0,
    )


def _rope(keys: MetadataKeys, file: GgufFile, width: int) -> Rope:
    """Llama's and DeepSeek's rows lie so that neighbours rotate together; Qwen's so that halves do."""
    dim = keys.whole("rope.dimension_count", width)
    scaling: YarnScaling | LinearScaling | None = None
    attention_factor = None
    kind = keys.of_type("rope.scaling.type", "none")
    if kind == "linear" and (factor := keys.number("rope.scaling.factor", 0.0)):
        scaling = LinearScaling(factor=factor)
    elif kind == "yarn":
        scaling, attention_factor = _yarn(keys)
    elif kind not in ("none", "linear"):
        raise CheckpointError(f"{keys.where}: rope scaling {kind!r} is not supported; linear and yarn are.")
    factors = None
    if (tensor := file.tensors.get(ROPE_FACTORS)) is not None:
        values = tensor.values().reshape(-1)
        if len(values) != dim // 2 or not (np.isfinite(values) & (values > 0)).all():
            raise CheckpointError(f"{keys.where}: tensor {ROPE_FACTORS!r} must hold {dim // 2} numbers above 0.")
        factors = tuple(float(value) for value in values)
    return Rope(
        dim=dim,
        theta=keys.number("rope.freq_base", 10000.0),
        interleaved=keys.prefix in ("llama", *_LATENT),
        scaling=scaling,
        factors=factors,
        attention_factor=attention_factor,
    )


def _yarn(keys: MetadataKeys) -> tuple[YarnScaling, float]:
    """YaRN, and what cosines and sines are multiplied by.

    For DeepSeek that is 1, and `yarn_log_multiplier` is 0.1 mscale_all_dim, which goes into the softmax scale.
    """
    factor = keys.number("rope.scaling.factor")
    multiplier = keys.number("rope.scaling.yarn_log_multiplier", 0.0)
    mscale = 10 * multiplier if keys.prefix in _LATENT else 0.0
    yarn = YarnScaling(
        factor=factor,
        mscale=mscale,
        mscale_all_dim=mscale,
        original_max_position_embeddings=keys.whole(
            "rope.scaling.original_context_length", keys.whole("context_length")
        ),
        beta_fast=keys.number("rope.scaling.yarn_beta_fast", 32.0),
        beta_slow=keys.number("rope.scaling.yarn_beta_slow", 1.0),
    )
    extra = keys.number("rope.scaling.attn_factor", 1.0)
    return yarn, 1.0 if keys.prefix in _LATENT else extra * (0.1 * math.log(max(factor, 1.0)) + 1.0)
