"""A model's own sampling defaults, from its generation_config.json."""

from __future__ import annotations

import json
from pathlib import Path

from huozhong.engine.sequence import SamplingParams
from huozhong.errors import CheckpointError, RequestError

_KEYS = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")


def sampling_defaults(folder: Path) -> SamplingParams:
    """What a request that says nothing about sampling gets from the model in `folder`.

    `"do_sample": false` is greedy.  Hugging Face writes `top_k: 50` where nothing was chosen, and 0 for none;
    here a missing key is no restriction, and temperature 1.
    Raises `CheckpointError` when the file cannot be read or holds an impossible value.
    """
    file = folder / "generation_config.json"
    if not file.is_file():
        return SamplingParams()
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        chosen = {key: raw[key] for key in _KEYS if raw.get(key) is not None}
        if raw.get("do_sample") is False:
            chosen = {"temperature": 0.0}
        if chosen.get("top_k") == 0:
            del chosen["top_k"]
        return SamplingParams(**chosen)
    except (ValueError, AttributeError, RequestError) as error:
        raise CheckpointError(f"{file} cannot be used: {error}; fetch the model again.") from error
