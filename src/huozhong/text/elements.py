"""MiniMax M3's way to write a call's arguments: XML elements of their names, each tag behind a mark of its own.

    MARK<place>北京MARK</place>MARK<days>2MARK</days>MARK<more>MARK<item>1MARK</item>MARK</more>

Texts stand as they are; objects and lists are elements again, a list's of the name `item`.  The parser gives back JSON
text when the arguments are complete, by the kinds that the function's schema says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from huozhong.errors import RequestError
from huozhong.text.arguments import (
    Progress,
    Split,
    Tags,
    as_json,
    literal,
    more_than_kinds,
    properties,
    value_kinds,
)
from huozhong.text.schemas import pointed

_NAME = re.compile(r"[^<>/\s][^<>\s]*")
_ITEM = "item"


@dataclass(frozen=True)
class Elements:
    """(mark <KEY> VALUE mark </KEY>)*"""

    mark: str

    @property
    def marks(self) -> str:
        return self.mark

    @property
    def sample(self) -> str:
        """How a parameter is written, for a description."""
        return f"{self.mark}<PARAMETER>VALUE{self.mark}</PARAMETER>"

    def written(self, arguments: Mapping[str, Any]) -> str:
        """Arguments as they stand in a call; what is null is left out."""
        return "".join(self._element(key, value) for key, value in arguments.items() if value is not None)

    def _element(self, key: str, value: Any) -> str:
        if isinstance(value, Mapping):
            inner = self.written(value)
        elif isinstance(value, list):
            inner = "".join(self._element(_ITEM, one) for one in value)
        else:
            inner = value if isinstance(value, str) else json.dumps(value)
        return f"{self.mark}<{key}>{inner}{self.mark}</{key}>"

    def rules(self, name: str, schema: Mapping[str, Any], *, strict: bool, split: Split) -> tuple[str, list[str]]:
        """As `Form.rules`."""
        required, sequence, lines = schema.get("required") or [], [], []
        for j, (key, value) in enumerate(properties(schema).items()):
            if not _NAME.fullmatch(key):
                raise RequestError(
                    f"the parameter name {key!r} cannot be written in this model's calls.", param="tools"
                )
            rule, closes = f"{name}_{j}", f"{self.mark}</{key}>"
            more: list[str] = []
            if value_kinds(value, schema) & {"object", "array"}:
                if strict and (unheld := sorted(more_than_kinds(value, schema))):
                    raise RequestError(
                        f"parameter {key!r}: {unheld[0]!r} cannot be enforced in the form in which this model writes "
                        "calls; leave it out, or set strict to false.",
                        param="tools",
                    )
                body = f"{name}_inner {literal([*split(closes)])}"
            else:
                tags = Tags("", "", closes)
                body, more = tags.value_rule(rule, key, value, schema, strict, split)
            lines += [f"{rule}: {literal([*split(f'{self.mark}<{key}>')])} {body}", *more]
            sequence.append(rule if key in required else f"{rule}?")
        opens, ends = (literal([*split(self.mark + bracket)]) for bracket in ("<", "</"))
        lines += [
            f"{name}_inner: {name}_tree+ | /[^<>\\]\\[]*/",
            f'{name}_tree: {opens} /[a-zA-Z0-9_-]+/ ">" {name}_inner {ends} /[a-zA-Z0-9_-]+/ ">"',
        ]
        return " ".join(sequence), lines

    def reader(self, after: str, schema: Mapping[str, Any]) -> ElementArguments:
        """What reads them back; after: what ends the call."""
        return ElementArguments(self.mark, after, schema)

    def left_out(self, schema: Mapping[str, Any]) -> Iterator[str]:
        """Paths of what the rules do not hold an answer to, where they are not strict."""
        for key, value in properties(schema).items():
            if value_kinds(value, schema) & {"object", "array"}:
                unheld = sorted(more_than_kinds(value, schema))
            else:
                unheld = Tags("", "", self.mark).unheld(value, schema)
            yield from (f"properties.{key}.{word}" for word in unheld)


class ElementArguments:
    """Waits for what ends the call, which is left, and gives the arguments' JSON."""

    def __init__(self, mark: str, after: str, schema: Mapping[str, Any]) -> None:
        self._mark, self._after, self._schema = mark, after, schema

    def read(self, text: str) -> tuple[str, str, Progress]:
        """(JSON text, what is left of `text`, how it goes on)"""
        body, ended, _ = text.partition(self._after)
        if not ended:
            return "", text, "more"
        try:
            children, rest = self._children(body)
        except (ValueError, RecursionError):
            return "", text, "wrong"
        if rest.strip():
            return "", text, "wrong"
        value = {key: self._value(inner, properties(self._schema).get(key)) for key, inner in children}
        return json.dumps(value, ensure_ascii=False), text[len(body) :], "ended"

    def _children(self, text: str) -> tuple[list[tuple[str, Any]], str]:
        """(elements with what they hold: a text or elements again, what follows them).  Raises ValueError."""
        found: list[tuple[str, Any]] = []
        while text.startswith(f"{self._mark}<") and not text.startswith(f"{self._mark}</"):
            key, closed, text = text.removeprefix(f"{self._mark}<").partition(">")
            if not closed or not _NAME.fullmatch(key):
                raise ValueError("no name")
            inner: Any
            if text.startswith(f"{self._mark}<") and not text.startswith(f"{self._mark}</"):
                inner, text = self._children(text)
            else:
                inner = text.partition(f"{self._mark}</{key}>")[0]
                text = text[len(inner) :]
            if not text.startswith(f"{self._mark}</{key}>"):
                raise ValueError("an open element")
            found.append((key, inner))
            text = text.removeprefix(f"{self._mark}</{key}>")
        return found, text

    def _value(self, inner: Any, schema: Any) -> Any:
        if isinstance(schema, Mapping) and isinstance(reference := schema.get("$ref"), str):
            schema = pointed(self._schema, reference)
        kinds = value_kinds(schema, self._schema)
        said: Mapping[str, Any] = schema if isinstance(schema, Mapping) else {}
        if isinstance(inner, str):
            if not inner and "string" not in kinds:
                return [] if "array" in kinds else {} if "object" in kinds else None
            return as_json(inner, kinds)
        if "array" in kinds and all(key == _ITEM for key, _ in inner):
            return [self._value(one, said.get("items")) for _, one in inner]
        return {key: self._value(one, properties(said).get(key)) for key, one in inner}
