"""Drafters of the DSpark kind (Cheng et al. 2026, arXiv:2607.05147), as they are published for Qwen3-4B, 8B and 14B.

    config.json          architectures ["Qwen3DSparkModel"], block_size, mask_token_id, target_layer_ids, markov_rank
    model.safetensors    fc, hidden_norm, layers, norm, markov_head, confidence_head; embed_tokens and lm_head are the
                         model's own and not used

Some layers of the model are looked at; a few layers of the drafter's own read that for every position before the last
token, and guess a whole block behind it at once.  A table of rank `markov_rank` says which token follows which, so that
the guesses of a block fit each other, and a last row says how sure each is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.errors import CheckpointError, ConfigError
from huozhong.formats.drafter import check_can_have, fits, mark_of
from huozhong.formats.hf.configs import architecture_from_hf
from huozhong.formats.hf.export import hf_config
from huozhong.formats.hf.folder import (
    CONFIG,
    WEIGHTS,
    find_folder,
    needed_entry,
    read_entries,
    read_json,
    replace_model_folder,
)
from huozhong.formats.hf.safetensors import Entry, HfTensor, safetensors_pieces
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.formats.source import ModelSource
from huozhong.model.architecture import Architecture, GroupedAttention
from huozhong.model.tensors import Shape

KIND = "Qwen3DSparkModel"
_BASIC = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
    "vocab_size", "rms_norm_eps", "rope_theta", "rope_scaling", "rope_parameters", "max_position_embeddings",
    "attention_bias", "hidden_act",
)  # fmt: skip
_NAMES = {  # ours, that an optimiser reads, and the published ones
    "after.embed_tokens": "markov_head.markov_w1",
    "follows.lm_head": "markov_head.markov_w2",
    "sure.": "confidence_head.proj.",
}
_SAMPLED = 16  # rows of the embedding that tell whose drafter it is
_ALIKE = 0.95  # their mean cosine: a quantised model's are a little off


@dataclass(frozen=True, kw_only=True)
class DSparkConfig:
    """What config.json says.

    architecture: of the drafter's layers.  block: tokens guessed at once.  mask: the token that stands where one is to
    be guessed.  taps: the layers of the model that are looked at, rising.  rank: of the table of followers; 0 for none.
    sure: whether a last row tells how sure a guess is, and sure_of_token: also by the token before.  guessed: the
    tokens that may be guessed; empty for all, as in published ones.
    """

    architecture: Architecture
    block: int
    mask: int
    taps: tuple[int, ...]
    rank: int
    sure: bool
    sure_of_token: bool
    guessed: tuple[int, ...] = ()


def is_dspark(folder: str | Path) -> bool:
    """Whether config.json there speaks of such a drafter."""
    path = find_folder(folder) / CONFIG
    return path.is_file() and KIND in (read_json(path).get("architectures") or [])


def belongs(drafter: str | Path, base: ModelSource) -> bool:
    """Whether a drafter of either kind is this model's.  Raises CheckpointError for what is no drafter."""
    if not is_dspark(drafter):
        return fits(drafter, base)
    try:
        DSparkSource(drafter, base)
    except ConfigError:
        return False
    return True


class DSparkSource:
    """Such a drafter on disk, checked when opened.

    Raises CheckpointError, or ConfigError when it belongs to another model than `base`.
    """

    def __init__(self, folder: str | Path, base: ModelSource) -> None:
        check_can_have(base)
        self.path = find_folder(folder)
        self.metadata = read_json(self.path / CONFIG)
        self.config = _read_config(self.path / CONFIG, self.metadata, base)
        self._entries = read_entries(self.path)
        for name, shape in dspark_tensors(self.config):
            needed_entry(self.path, self._entries, name, shape)
        self._check_belongs(base)

    def tensor(self, name: str) -> NDArray[np.float32]:
        return self._entry(name).read()

    @property
    def mark(self) -> str:
        """What it holds, in few letters."""
        mark = hashlib.blake2b(digest_size=12)
        for name, _ in dspark_tensors(self.config):
            mark.update(np.ascontiguousarray(self._entry(name).data[:4096]).tobytes())
        return mark.hexdigest()

    def _entry(self, name: str) -> Entry:
        return self._entries[name]

    def _check_belongs(self, base: ModelSource) -> None:
        entry = self._entries.get("embed_tokens.weight")
        if entry is None:
            if self.metadata.get("base") != mark_of(base):
                self._refuse(base)
            return
        rows = np.linspace(0, entry.shape[0] - 1, _SAMPLED).astype(np.intp)
        step = entry.data.size // entry.shape[0]
        own = np.stack([_decoded(entry, entry.data[row * step : (row + 1) * step]) for row in rows])
        theirs = base.rows("model.embed_tokens.weight", rows)
        sizes = np.linalg.norm(own, axis=1) * np.linalg.norm(theirs, axis=1)
        if np.mean((own * theirs).sum(1) / np.maximum(sizes, 1e-12)) < _ALIKE:
            self._refuse(base)

    def _refuse(self, base: ModelSource) -> None:
        name, own = self.metadata.get("base_name"), base.path.name
        raise ConfigError(
            f"{self.path}: this drafter was trained for another model{f' ({name})' if name else ''}, not for {own}; "
            f"take that model's, or make one with 'huozhong train draft {own} --data FILE'."
        )


def dspark_tensors(config: DSparkConfig) -> list[tuple[str, Shape]]:
    """Name and shape of each tensor that is read."""
    a = config.architecture
    assert isinstance(a.attention, GroupedAttention)
    width, inner, head = a.hidden_size, a.intermediate_size, a.attention.head_dim
    queries, keys = a.attention.num_heads * head, a.attention.num_kv_heads * head
    found: list[tuple[str, Shape]] = [
        ("fc.weight", (width, len(config.taps) * width)),
        ("hidden_norm.weight", (width,)),
        ("norm.weight", (width,)),
    ]
    for layer in range(a.num_layers):
        found += [
            (f"layers.{layer}.{name}.weight", shape)
            for name, shape in (
                ("input_layernorm", (width,)), ("post_attention_layernorm", (width,)),
                ("self_attn.q_proj", (queries, width)), ("self_attn.k_proj", (keys, width)),
                ("self_attn.v_proj", (keys, width)), ("self_attn.o_proj", (width, queries)),
                ("self_attn.q_norm", (head,)), ("self_attn.k_norm", (head,)),
                ("mlp.gate_proj", (inner, width)), ("mlp.up_proj", (inner, width)), ("mlp.down_proj", (width, inner)),
            )
        ]  # fmt: skip
    if config.rank:
        guessed = len(config.guessed) or a.vocab_size
        found += [(f"markov_head.markov_w{i}.weight", (n, config.rank)) for i, n in ((1, a.vocab_size), (2, guessed))]
    if config.sure:
        seen = width + config.rank * config.sure_of_token
        found += [("confidence_head.proj.weight", (1, seen)), ("confidence_head.proj.bias", (1,))]
    return found


def _decoded(entry: Entry, data: NDArray[np.uint8]) -> NDArray[np.float32]:
    return Entry(entry.path, entry.dtype, (entry.shape[1],), data).read()


def write_dspark(
    folder: Path,
    view: HuggingFaceView,
    state: Mapping[str, NDArray[np.float32]],
    *,
    attention: GroupedAttention,
    layers: int,
    block: int,
    mask: int,
    taps: tuple[int, ...],
    rank: int,
    guessed: NDArray[np.int32],
    base_name: str,
) -> None:
    """Write, or atomically replace, a drafter's folder in the published form, but that only some tokens are guessed.

    view: the model's.  state: the weights of `train.draft.block.BlockNetwork`.  Raises CheckpointError.
    """
    a = view.architecture
    said = hf_config(a)
    config = {name: said[name] for name in _BASIC if name in said} | {
        "architectures": [KIND],
        "model_type": "qwen3",
        "num_hidden_layers": layers,
        "num_attention_heads": attention.num_heads,
        "num_key_value_heads": attention.num_kv_heads,
        "head_dim": attention.head_dim,
        "num_target_layers": a.num_layers,
        "block_size": block,
        "mask_token_id": mask,
        "target_layer_ids": list(taps),
        "markov_rank": rank,
        "markov_head_type": "vanilla",
        "enable_confidence_head": True,
        "confidence_head_with_markov": True,
        "attention_bias": False,
        "hidden_act": "silu",
        "base": mark_of(view.source),
        "base_name": base_name,
        "guessed": guessed.tolist(),
    }
    tensors = [_tensor(name, values) for name, values in state.items()]
    text = json.dumps(config).encode() + b"\n"
    replace_model_folder(folder, {CONFIG: [text], WEIGHTS: safetensors_pieces(tensors, "bfloat16")})


def _tensor(name: str, values: NDArray[np.float32]) -> HfTensor:
    for ours, theirs in _NAMES.items():
        name = name.replace(ours, theirs)
    return HfTensor(name, values.shape, lambda: values)


def _read_config(path: Path, said: dict[str, Any], base: ModelSource) -> DSparkConfig:
    for name, least in (("block_size", 1), ("mask_token_id", 0), ("markov_rank", 0)):
        if type(said.get(name)) is not int or said[name] < least:
            raise CheckpointError(f"{path}: {name} must be a whole number of at least {least}, not {said.get(name)!r}.")
    taps, a = said.get("target_layer_ids"), base.architecture
    if not isinstance(taps, list) or not taps or not all(type(tap) is int for tap in taps) or taps != sorted(set(taps)):
        raise CheckpointError(f"{path}: target_layer_ids must be a rising list of layers, not {taps!r}.")
    if said["markov_rank"] and said.get("markov_head_type") != "vanilla":
        raise ConfigError(
            f"{path}: markov_head_type {said.get('markov_head_type')!r} is not known here, only 'vanilla'."
        )
    if "sliding_attention" in (said.get("layer_types") or []) or said.get("attention_bias"):
        raise ConfigError(f"{path}: drafters with sliding attention or biases are not known here.")
    own = architecture_from_hf(
        {"model_type": "qwen3", "tie_word_embeddings": False} | {k: said[k] for k in _BASIC if said.get(k) is not None}
    )
    layers = said.get("num_target_layers", a.num_layers)
    if (own.hidden_size, own.vocab_size, layers) != (a.hidden_size, a.vocab_size, a.num_layers):
        raise ConfigError(
            f"{path.parent}: this drafter is for a model of {layers} layers, width {own.hidden_size} and "
            f"{own.vocab_size} tokens, and {base.path.name} has {a.num_layers}, {a.hidden_size} and {a.vocab_size}."
        )
    if taps[0] < 0 or taps[-1] >= a.num_layers:
        raise ConfigError(f"{path}: target_layer_ids {taps} are not all layers 0 to {a.num_layers - 1} of the model.")
    if said["mask_token_id"] >= a.vocab_size:
        raise CheckpointError(f"{path}: mask_token_id is {said['mask_token_id']} of {a.vocab_size} tokens.")
    return DSparkConfig(
        architecture=own,
        block=said["block_size"],
        mask=said["mask_token_id"],
        taps=tuple(taps),
        rank=said["markov_rank"],
        sure=bool(said.get("enable_confidence_head")),
        sure_of_token=_known_flag(said, "confidence_head_with_markov"),
        guessed=_guessed(path, said, a.vocab_size),
    )


def _guessed(path: Path, said: dict[str, Any], vocab: int) -> tuple[int, ...]:
    guessed = said.get("guessed", [])
    if not isinstance(guessed, list) or not all(type(one) is int and 0 <= one < vocab for one in guessed):
        raise CheckpointError(f"{path}: guessed must be a list of tokens of the model.")
    return tuple(guessed)


def _known_flag(said: dict[str, Any], name: str) -> bool:
    return bool(said.get("enable_confidence_head")) and bool(said.get(name)) and said["markov_rank"] > 0
