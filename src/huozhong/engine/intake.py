"""What may enter the engine: token ids that are the model's, and no more of them than its context holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from huozhong.errors import ContextLengthError, RequestError


def check_text(ids: Any, max_context: int, vocab_size: int) -> np.ndarray:
    """A text to score or embed as int32 [T]; `RequestError` or `ContextLengthError` if it cannot be."""
    text = token_ids(ids, vocab_size)
    if len(text) > max_context:
        raise ContextLengthError(
            f"the text has {len(text)} tokens, but the model's context is {max_context}: cut it.", param="prompt"
        )
    return text


def check_prompt(ids: Any, max_context: int, vocab_size: int) -> np.ndarray:
    """A prompt as int32 [T]; `RequestError` or `ContextLengthError` if it cannot be answered."""
    prompt = token_ids(ids, vocab_size)
    if len(prompt) >= max_context:
        raise ContextLengthError(
            f"the prompt has {len(prompt)} tokens, but the model's context of {max_context} must "
            "hold it and at least one token of the answer: shorten it or begin a new conversation."
        )
    return prompt


def token_ids(ids: Any, vocab_size: int) -> np.ndarray:
    """int32 [T]; `RequestError` for anything that is not a non-empty list of the model's token ids."""
    try:
        tokens = np.asarray(ids)
    except ValueError:  # a ragged list
        tokens = np.zeros(1)
    if tokens.size == 0:
        raise RequestError("the prompt is empty; give at least one token.", param="prompt")
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
        raise RequestError("the prompt must be a text or a list of token ids.", param="prompt")
    wrong = tokens[(tokens < 0) | (tokens >= vocab_size)]
    if len(wrong):
        raise RequestError(f"token id {wrong[0]} is not in the vocabulary of {vocab_size}.", param="prompt")
    return tokens.astype(np.int32)
