"""generation_config.json: how a model wants to be sampled, and which tokens end its answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huozhong.engine.requests import SamplingParams
from huozhong.errors import CheckpointError, RequestError

NAME = "generation_config.json"
_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")


def sampling_defaults(files: Mapping[str, bytes], *, where: str) -> SamplingParams:
    """The sampling that a model's own files ask for; where: whose files they are, for errors.

    `"do_sample": false` is greedy.  Hugging Face writes `top_k: 50` where nothing was chosen, and 0 for none;
    here a missing key is no restriction, and temperature 1.
    Raises `CheckpointError` when the file cannot be read or holds an impossible value.
    """
    try:
        config = _read(files)
        chosen = {key: config[key] for key in _SAMPLING if config.get(key) is not None}
        if config.get("do_sample") is False:
            chosen = {"temperature": 0.0}
        if chosen.get("top_k") == 0:
            del chosen["top_k"]
        return SamplingParams(**chosen)
    except (ValueError, RequestError) as error:
        raise CheckpointError(f"{Path(where) / NAME} cannot be used: {error}; fetch the model again.") from error


def eos_ids(files: Mapping[str, bytes], *, where: str) -> list[int]:
    """The tokens it names that end an answer.  Raises `CheckpointError` when the file cannot be read."""
    try:
        named = _read(files).get("eos_token_id")
    except ValueError as error:
        raise CheckpointError(f"{NAME} of {where} is not a JSON object ({error}); fetch the model again.") from error
    return [i for i in (named if isinstance(named, list) else [named]) if isinstance(i, int)]


def uses_acts(files: Mapping[str, bytes], *, where: str) -> bool:
    """Whether it says `"acts": true`: that the model was taught dialogue acts (`huozhong.acts`).

    Raises `CheckpointError` when the file cannot be read.
    """
    try:
        return _read(files).get("acts") is True
    except ValueError as error:
        raise CheckpointError(f"{NAME} of {where} is not a JSON object ({error}); fetch the model again.") from error


def _read(files: Mapping[str, bytes]) -> dict[str, Any]:
    """The file's fields, none where there is no file; ValueError for anything but a JSON object."""
    config = json.loads(files.get(NAME, b"{}"))
    if not isinstance(config, dict):
        raise ValueError(f"it holds a {type(config).__name__}")
    return config
