"""A drafter beside a model, in place of the model's own prediction module: `train draft`'s, or of the DSpark kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from huozhong.engine.weights.dspark import load_dspark
from huozhong.engine.weights.layout import PredictionWeights, Weights
from huozhong.engine.weights.packing import PackedFormat, pack_module
from huozhong.engine.weights.quant import pack
from huozhong.errors import ConfigError
from huozhong.formats.drafter import DrafterSource
from huozhong.formats.dspark import is_dspark
from huozhong.formats.source import ModelSource

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def with_guesser(weights: Weights, base: ModelSource, drafter: str | Path | None, speculation: object) -> Weights:
    """The weights with the one module that guesses: the drafter in that folder, or the model's own first.

    One module guesses on its own guesses where more are wanted; further ones would be for nothing.
    Raises CheckpointError, or ConfigError for a drafter of another model or without speculation.
    """
    on = speculation not in ("off", 0)
    if drafter is None:
        return replace(weights, prediction=weights.prediction[: int(on)])
    if not on:
        raise ConfigError(f"{drafter}: a drafter guesses, and speculation is {speculation!r}; leave one of them out.")
    if is_dspark(drafter):
        return replace(weights, prediction=(), block=load_dspark(drafter, base))
    return replace(weights, prediction=(load_drafter(drafter, base),))


def load_drafter(folder: str | Path, base: ModelSource, quantization: PackedFormat = "q8") -> PredictionWeights:
    """A drafter's packed weights.  Raises CheckpointError or ConfigError, see `DrafterSource`."""
    source = DrafterSource(folder, base)
    guessed = np.array(source.config.guessed, np.intp)
    head = base.rows(EMBEDDING if base.architecture.tie_word_embeddings else HEAD, guessed)
    module = pack_module(source, quantization)
    packed = pack(head, "f32" if quantization == "none" else quantization)
    return replace(module, head=packed, guessed=guessed.astype(np.int32), mark=source.mark)
