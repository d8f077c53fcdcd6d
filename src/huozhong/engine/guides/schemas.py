"""What of a JSON schema a guide can hold exactly, told before it is compiled.

What no guide can hold (look-around, back-references, `uniqueItems`) is an error with its path where the schema is
strict, and is otherwise left out and told.  What would take the compiler seconds is refused by its size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from huozhong.errors import RequestError
from huozhong.text.schemas import tidy, with_inner

# The compiler's time grows with the square of the properties that may be left out: 1,000 take 0.06 s, 5,000 take 2.4;
# and so does each token's mask: 7 ms of 1,000, 29 of 2,000.
MAX_OPTIONAL = 1_000
MAX_PARTS = 20_000
# What llguidance 1.9 knows of and does not follow (the tests ask it about each), and what asks for nothing there.
UNHELD: Mapping[str, tuple[Any, ...]] = {
    "uniqueItems": (False,),
    "contains": (),
    "minContains": (),
    "maxContains": (),
    "dependencies": ({},),
    "dependentRequired": ({},),
    "dependentSchemas": ({},),
    "propertyNames": ({}, True),
    "if": ({}, True),
    "then": ({}, True),
    "else": ({}, True),
    "not": (False,),
    "unevaluatedItems": ({}, True),
    "unevaluatedProperties": ({}, True),
    "$dynamicRef": (),
    "$recursiveRef": (),
    "$dynamicAnchor": (),
    "$recursiveAnchor": (False,),
}
_LONGEST_PATTERN = 4_000


@dataclass(frozen=True)
class Fitted:
    """schema: what a guide can hold.  left_out: paths of what it cannot, such as `properties.a.pattern`."""

    schema: dict[str, Any]
    left_out: tuple[str, ...] = ()


def fit(schema: Mapping[str, Any], *, strict: bool) -> Fitted:
    """`schema` as a guide can hold it; the schema itself is not changed.

    Raises `RequestError` (param "guide") for a schema too large to compile, and where it is strict and says what no
    guide can hold.
    """
    fitting = _Fitting()
    tidied = tidy(schema)
    try:
        fitted = fitting.schema(tidied, "")
    except RecursionError:
        raise RequestError("the JSON schema is nested too deeply; simplify it.", param="guide") from None
    if strict and fitting.left_out:
        where, why = next(iter(fitting.left_out.items()))
        raise RequestError(
            f"'{where}' of the JSON schema cannot be held exactly{why}; change it, or leave it out.", param="guide"
        )
    return Fitted(fitted, tuple(fitting.left_out))


class _Fitting:
    """One schema on its way.  left_out: path -> why, as the end of a sentence."""

    def __init__(self) -> None:
        self.left_out: dict[str, str] = {}
        self._parts = 0

    def schema(self, schema: Mapping[str, Any], path: str) -> dict[str, Any]:
        self._count(1)
        fitted: dict[str, Any] = {}
        for word, value in schema.items():
            where = f"{path}.{word}" if path else word
            if word in UNHELD:
                if not any(value == nothing and type(value) is type(nothing) for nothing in UNHELD[word]):
                    self.left_out[where] = ""
            elif word == "pattern" and isinstance(value, str) and (why := unheld_pattern(value)):
                self.left_out[where] = f" ({why})"
            else:
                if word == "patternProperties" and isinstance(value, dict):
                    value = self._held_patterns(value, where)
                if isinstance(value, list):
                    self._count(len(value))  # an enum's values are alternatives too
                fitted[word] = with_inner(word, value, where, self.schema)
        self._check_properties(fitted, path)
        return fitted

    def _held_patterns(self, schemas: dict[str, Any], where: str) -> dict[str, Any]:
        unheld = {pattern: why for pattern in schemas if (why := unheld_pattern(pattern))}
        self.left_out |= {f"{where}.{pattern}": f" ({why})" for pattern, why in unheld.items()}
        return {pattern: schema for pattern, schema in schemas.items() if pattern not in unheld}

    def _check_properties(self, schema: dict[str, Any], path: str) -> None:
        properties, required = schema.get("properties"), schema.get("required", [])
        if not isinstance(properties, dict) or not isinstance(required, list):
            return  # the compiler says what is wrong
        optional = len(properties.keys() - {name for name in required if isinstance(name, str)})
        if optional > MAX_OPTIONAL:
            where = f"'{path}' of the JSON schema" if path else "the JSON schema"
            raise RequestError(
                f"{where} has {optional} properties that may be left out; at most {MAX_OPTIONAL} are possible.",
                param="guide",
            )

    def _count(self, parts: int) -> None:
        self._parts += parts
        if self._parts > MAX_PARTS:
            raise RequestError(
                f"the JSON schema has more than {MAX_PARTS} parts (schemas and listed values); simplify it.",
                param="guide",
            )


@lru_cache(maxsize=1024)
def unheld_pattern(pattern: str) -> str:
    """Why a guide cannot hold this regular expression, in a few words; empty if it can."""
    from llguidance import LLMatcher

    if len(pattern) > _LONGEST_PATTERN:
        return f"it has more than {_LONGEST_PATTERN} characters"
    grammar = LLMatcher.grammar_from_json_schema({"type": "string", "pattern": pattern})
    is_wrong, told = LLMatcher.validate_grammar_with_warnings(grammar)
    if not is_wrong:
        return ""
    lines = [line.strip() for line in "\n".join(told).splitlines() if line.strip()]
    reason = next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), lines[0])
    return reason[:200].rstrip(".")
