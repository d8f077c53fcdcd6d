"""/openapi.json: what every route takes and gives, as the routes say it themselves.

The routes that do not say it are the page's and the house's own, which change with the page: they are not in it.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_ABOUT = (
    "What this server takes and gives, in the dialects of DeepSeek, OpenAI, Anthropic, Ollama and llama.cpp. A field "
    "that is not told of here is refused by its name; one that is told to change nothing is taken and does nothing."
)
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application, made of its routes (`dialects.schemas.described`)."""
    whole: dict[str, Any] = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    schemas: dict[str, Any] = {}
    for path, operations in [*whole["paths"].items()]:
        for method in [method for method, told in operations.items() if "x-components" not in told]:
            del operations[method]
        if not operations:
            del whole["paths"][path]
        for operation in operations.values():
            schemas |= operation.pop("x-components")
            # FastAPI's own refusal of a path's parameter is told as every other one.
            operation["responses"].pop("422", None)
    # A key is asked for only where the operator gave some.
    whole["security"] = [{}, *({name: []} for name in _KEYS)]
    whole["components"] = {"schemas": dict(sorted(schemas.items())), "securitySchemes": _KEYS}
    return whole
