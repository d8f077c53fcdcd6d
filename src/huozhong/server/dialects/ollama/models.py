"""What is served -> Ollama's JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from huozhong.model.architecture import Architecture


def tag_json(name: str, size: int, details: dict[str, Any], created: int) -> dict[str, Any]:
    """A model of GET /api/tags.  size: bytes on disk."""
    return {
        "name": name,
        "model": name,
        "modified_at": _time(created),
        "size": size,
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "details": details,
    }


def process_json(
    name: str, memory: int, details: dict[str, Any], context: int, seconds_left: float | None
) -> dict[str, Any]:
    """A model of GET /api/ps.  memory: bytes.  seconds_left: until it is put away, None for never."""
    away = _FOR_EVER if seconds_left is None else datetime.now(UTC) + timedelta(seconds=seconds_left)
    return {
        "name": name,
        "model": name,
        "size": memory,
        "size_vram": 0,
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "details": details,
        "context_length": context,
        "expires_at": away.isoformat().replace("+00:00", "Z"),
    }


_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)


def details_json(family: str, quantization: str, parameters: int = 0) -> dict[str, Any]:
    """parameters: how many numbers, 0 where they were not counted."""
    return {
        "parent_model": "",
        "format": "huozhong",
        "family": family,
        "families": [family],
        "parameter_size": _size(parameters),
        "quantization_level": quantization,
    }


def show_json(
    details: dict[str, Any], template: str, created: int, info: dict[str, Any], can: Sequence[str]
) -> dict[str, Any]:
    """The answer of POST /api/show.  info: see `info_json`.  can: "completion", "tools", "thinking"."""
    return {
        "modelfile": "",
        "parameters": "",
        "template": template,
        "details": details,
        "model_info": info,
        "capabilities": list(can),
        "modified_at": _time(created),
    }


def info_json(name: str, model: Architecture, parameters: int, context: int) -> dict[str, Any]:
    """`model_info`, in GGUF's words: what programs size their prompts and their memory by.  context: tokens."""
    family = model.family
    return {
        "general.architecture": family,
        "general.basename": name,
        "general.parameter_count": parameters,
        f"{family}.context_length": context,
        f"{family}.embedding_length": model.hidden_size,
        f"{family}.block_count": model.num_layers,
        f"{family}.feed_forward_length": model.intermediate_size,
        f"{family}.attention.head_count": model.attention.num_heads,
        f"{family}.vocab_size": model.vocab_size,
    }


def _size(parameters: int) -> str:
    """As Ollama writes it: 7.6B, 135.0M."""
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if parameters >= unit:
            return f"{parameters / unit:.1f}{letter}"
    return str(parameters or "")


def embed_json(model: str, vectors: list[np.ndarray], num_tokens: int) -> dict[str, Any]:
    """The answer of POST /api/embed."""
    return {"model": model, "embeddings": [v.tolist() for v in vectors], "prompt_eval_count": num_tokens}


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
