"""The models that are served -> JSON.  Source: platform.openai.com/docs/api-reference/models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def models_json(names: Iterable[str], created: int) -> dict[str, Any]:
    """The answer of GET /v1/models."""
    return {"object": "list", "data": [model_json(name, created) for name in names]}


def model_json(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "huozhong"}
