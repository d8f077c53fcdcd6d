"""Guides: what an answer must look like.  `engine.guides.constraint` holds an answer to one, token by token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from huozhong.errors import RequestError

# Far above any schema a person writes; it keeps hostile ones from taking the compiler's time.
MAX_GUIDE_CHARS = 2**18


@dataclass(frozen=True)
class JsonObject:
    """Any JSON object."""


@dataclass(frozen=True, init=False)
class JsonSchema:
    """A JSON value that a JSON schema accepts; object keys come in the schema's order.

    schema: a mapping, or its JSON text.  strict: a keyword that cannot be enforced is an error that names it;
    otherwise such keywords are left out (OpenAI's `strict`).
    """

    schema: str
    strict: bool

    def __init__(self, schema: Mapping[str, Any] | str, *, strict: bool = True) -> None:
        try:
            value = json.loads(schema) if isinstance(schema, str) else schema
            text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise RequestError(f"the JSON schema is not valid JSON: {error}.", param="guide") from None
        if not isinstance(value, Mapping):
            raise RequestError("the JSON schema must be a JSON object.", param="guide")
        object.__setattr__(self, "schema", _checked(text, "the JSON schema"))
        object.__setattr__(self, "strict", strict)


@dataclass(frozen=True)
class Regex:
    """Text that a regular expression (Rust's syntax, without look-around and back-references) matches whole."""

    pattern: str

    def __post_init__(self) -> None:
        _checked(self.pattern, "the regular expression")


@dataclass(frozen=True)
class Grammar:
    """Text of a context-free grammar in llguidance's Lark dialect; it begins at the rule `start`."""

    lark: str

    def __post_init__(self) -> None:
        _checked(self.lark, "the grammar")


@dataclass(frozen=True, eq=False)
class Acts:
    """The dialogue acts of a small model (`huozhong.acts`): it says what is to be done, and code does what it can.

    messages: the conversation that is answered.  seed: chooses among replies that are equally good.
    """

    messages: tuple[Mapping[str, Any], ...]
    seed: int = 0


Guide = JsonObject | JsonSchema | Regex | Grammar | Acts


def _checked(text: Any, what: str) -> str:
    if not isinstance(text, str) or not text:
        raise RequestError(f"{what} must be a text that is not empty.", param="guide")
    if len(text) > MAX_GUIDE_CHARS:
        raise RequestError(f"{what} has {len(text)} characters; at most {MAX_GUIDE_CHARS} are possible.", param="guide")
    return text
