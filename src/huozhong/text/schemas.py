"""JSON schemas as clients write them: where further schemas stand in one, and what means the same written otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, unquote

from huozhong.errors import RequestError

# Keywords whose value is a schema, a list of schemas, or schemas by name; all other values are no schemas.
_ONE = frozenset(
    {
        "items",
        "additionalItems",
        "additionalProperties",
        "contains",
        "not",
        "if",
        "then",
        "else",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_LISTED = frozenset({"prefixItems", "allOf", "anyOf", "oneOf", "items"})
NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_WHOLE = frozenset({"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"})
_MAY_BE_NULL = frozenset({"const", "default", "example"})


def tidy(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that means the same.

    `null` for a keyword is a keyword that was not given (as everywhere in these APIs), `"minLength": 1.0` is 1, and a
    `$ref` is percent-encoded where it must be, as for names in Chinese.  Raises `RequestError` (param "guide") for a
    schema that is nested too deeply.
    """
    try:
        return _tidy(schema)
    except RecursionError:
        raise RequestError("the JSON schema is nested too deeply; simplify it.", param="guide") from None


def _tidy(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        word: _tidy_value(word, value) for word, value in schema.items() if value is not None or word in _MAY_BE_NULL
    }


def _tidy_value(word: str, value: Any) -> Any:
    if word == "$ref" and isinstance(value, str):
        return _encoded(value)
    if word in _WHOLE and isinstance(value, float) and value.is_integer():
        return int(value)
    return with_inner(word, value, "", lambda schema, _: _tidy(schema))


def with_inner(word: str, value: Any, path: str, change: Callable[[Mapping[str, Any], str], Any]) -> Any:
    """A keyword's value with `change(schema, its path)` in the place of each schema that stands in it."""

    def changed(inner: Any, where: str) -> Any:
        return change(inner, where) if isinstance(inner, Mapping) else inner

    if word in NAMED and isinstance(value, Mapping):
        return {name: changed(inner, f"{path}.{name}") for name, inner in value.items()}
    if word in _LISTED and isinstance(value, list):
        return [changed(inner, f"{path}.{i}") for i, inner in enumerate(value)]
    return changed(value, path) if word in _ONE else value


def pointed(root: Any, reference: str) -> Any:
    """What a `$ref` such as `#/$defs/a` points at, None where it points nowhere."""
    for step in reference.removeprefix("#").split("/")[1:]:
        name = unquote(step).replace("~1", "/").replace("~0", "~")
        root = root.get(name) if isinstance(root, Mapping) else None
    return root


def _encoded(reference: str) -> str:
    """As RFC 3986 wants it; what is encoded already stays."""
    bare = re.sub(r"%(?![0-9a-fA-F]{2})", "%25", reference)
    return quote(bare, safe="/#%:?=&@+,;!$'()*~")
