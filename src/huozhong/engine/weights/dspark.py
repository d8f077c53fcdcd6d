"""A drafter of the DSpark kind, packed: the engine multiplies with it as with the model's own matrices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.weights.quant import Format, PackedMatrix, pack
from huozhong.formats.dspark import DSparkConfig, DSparkSource
from huozhong.formats.source import ModelSource

F32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class BlockLayer:
    """kv: (keys; values).  gate_up: (gate; up)."""

    input_norm: F32
    query: PackedMatrix
    kv: PackedMatrix
    query_norm: F32
    key_norm: F32
    out: PackedMatrix
    mlp_norm: F32
    gate_up: PackedMatrix
    down: PackedMatrix


@dataclass(frozen=True, eq=False)
class BlockWeights:
    """after: [V, rank], which token follows which, with `follows` rank -> V; None without such a table.

    sure: [D (+ rank)] and a bias; None where nothing says how sure a guess is.  head: those rows of the model's that
    are for the tokens `guessed`; None for all of it.  mark: what it holds.
    """

    config: DSparkConfig
    fc: PackedMatrix
    hidden_norm: F32
    layers: tuple[BlockLayer, ...]
    norm: F32
    after: NDArray[np.float16] | None
    follows: PackedMatrix | None
    sure: tuple[F32, float] | None
    head: PackedMatrix | None
    guessed: NDArray[np.int32] | None
    mark: str


def load_dspark(folder: str | Path, base: ModelSource, format: Format = "q8") -> BlockWeights:
    """Packed weights of such a drafter.  Raises CheckpointError or ConfigError, see `DSparkSource`."""
    source = DSparkSource(folder, base)
    config, tensor = source.config, source.tensor

    def packed(*names: str) -> PackedMatrix:
        return pack(np.concatenate([tensor(f"{name}.weight") for name in names]), format)

    layers = []
    for number in range(config.architecture.num_layers):
        at = f"layers.{number}."
        layers.append(
            BlockLayer(
                input_norm=tensor(at + "input_layernorm.weight"),
                query=packed(at + "self_attn.q_proj"),
                kv=packed(at + "self_attn.k_proj", at + "self_attn.v_proj"),
                query_norm=tensor(at + "self_attn.q_norm.weight"),
                key_norm=tensor(at + "self_attn.k_norm.weight"),
                out=packed(at + "self_attn.o_proj"),
                mlp_norm=tensor(at + "post_attention_layernorm.weight"),
                gate_up=packed(at + "mlp.gate_proj", at + "mlp.up_proj"),
                down=packed(at + "mlp.down_proj"),
            )
        )
    guessed = np.array(config.guessed, np.int32) if config.guessed else None
    head = None
    if guessed is not None:
        table = "model.embed_tokens.weight" if base.architecture.tie_word_embeddings else "lm_head.weight"
        head = pack(base.rows(table, guessed.astype(np.intp)), format)
    sure = None
    if config.sure:
        weight, bias = tensor("confidence_head.proj.weight"), tensor("confidence_head.proj.bias")
        sure = weight[0], float(bias[0])
    return BlockWeights(
        config=config,
        fc=packed("fc"),
        hidden_norm=tensor("hidden_norm.weight"),
        layers=tuple(layers),
        norm=tensor("norm.weight"),
        after=tensor("markov_head.markov_w1.weight").astype(np.float16) if config.rank else None,
        follows=packed("markov_head.markov_w2") if config.rank else None,
        sure=sure,
        head=head,
        guessed=guessed,
        mark=source.mark,
    )
