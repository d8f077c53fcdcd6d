"""What is served -> Ollama's JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np


def tags_json(name: str, details: dict[str, Any], created: int) -> dict[str, Any]:
    """The answer of GET /api/tags: one model."""
    entry = {
        "name": name,
        "model": name,
        "modified_at": _time(created),
        "size": 0,  # on disk, which is nobody's business here
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "details": details,
    }
    return {"models": [entry]}


def details_json(family: str, quantization: str) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "huozhong",
        "family": family,
        "families": [family],
        "parameter_size": "",
        "quantization_level": quantization,
    }


def show_json(
    details: dict[str, Any], template: str, created: int, family: str, context: int, can: Sequence[str]
) -> dict[str, Any]:
    """The answer of POST /api/show.  can: "completion", "tools", "thinking"."""
    return {
        "modelfile": "",
        "parameters": "",
        "template": template,
        "details": details,
        "model_info": {"general.architecture": family, f"{family}.context_length": context},
        "capabilities": list(can),
        "modified_at": _time(created),
    }


def embed_json(model: str, vectors: list[np.ndarray], num_tokens: int) -> dict[str, Any]:
    """The answer of POST /api/embed."""
    return {"model": model, "embeddings": [v.tolist() for v in vectors], "prompt_eval_count": num_tokens}


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
