"""How big a model is, from its config alone: parameters and operations.  No torch, no weights needed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from huozhong.formats.checkpoint import iterate_expected_tensors
from huozhong.model.config import ModelConfig


@dataclass(frozen=True)
class ParameterCount:
    """Numbers of weights, prediction modules included.

    total: all (a tied head counts once).  active: those that one token meets; of the routed experts,
    `num_experts_per_tok` per layer.  embedding: the input embedding, which is looked up, not multiplied.
    matrices: active weights that are multiplied with, the vocabulary projection once (tied or not).
    """

    total: int
    active: int
    embedding: int
    matrices: int


def count_parameters(config: ModelConfig) -> ParameterCount:
    """Count the weights of a config; the balancing bias is counted too, as it is stored."""
    total = routed = vectors = 0
    for name, shape in iterate_expected_tensors(config):
        size = math.prod(shape)
        total += size
        if ".mlp.experts." in name:
            routed += size
        elif len(shape) == 1:
            vectors += size
    idle = 0
    if routed:
        idle = routed - routed * config.num_experts_per_tok // config.n_routed_experts
    active = total - idle
    embedding = config.vocab_size * config.hidden_size
    matrices = active - vectors - (0 if config.tie_word_embeddings else embedding)
    return ParameterCount(total, active, embedding, matrices)


def num_parameters(config: ModelConfig) -> int:
    """All weights of a config."""
    return count_parameters(config).total


def flops_per_token(config: ModelConfig, length: int, *, training: bool = True) -> float:
    """Floating point operations per token, a multiply-add as two, averaged over a row of `length` positions.

    Forward: 2 per multiplied weight, and for causal attention (un-absorbed) H·(qk + v) per earlier position,
    two operations each, over length/2 positions on average.  Training: three times that (Kaplan et al. 2020,
    arXiv:2001.08361, §2.1).  Prediction modules and their use of the head are counted when there are any.
    """
    modules = config.num_nextn_predict_layers
    weights = count_parameters(config).matrices + modules * config.vocab_size * config.hidden_size
    layers = config.num_hidden_layers + modules
    attention = layers * config.num_attention_heads * (config.qk_head_dim + config.v_head_dim) * length / 2
    return (6 if training else 2) * (weights + attention)
