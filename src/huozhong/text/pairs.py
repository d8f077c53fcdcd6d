"""Gemma 4's way to write a call's arguments: `place:<|"|>北京<|"|>,days:2,more:{a:[1,true]}`.

JSON with keys and strings in a quotation mark of its own, where nothing is escaped.  The parser gives back JSON text
when the arguments are complete.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from huozhong.errors import RequestError
from huozhong.text.arguments import (
    Progress,
    Split,
    Tags,
    literal,
    more_than_kinds,
    properties,
    schema_json,
    value_kinds,
)

_KEY = re.compile(r"[^:,{}\[\]]+")
_ATOM = re.compile(r"[^,{}\[\]]+")


def in_order(name: str, may_lack: Sequence[bool], between: str, lines: list[str]) -> tuple[str, list[str]]:
    """A grammar's sequence of the rules `name`_0, `name`_1, ..., and `lines` with what it needs.

    may_lack: of each rule, whether it may be left out.
    """
    for j, lacks in enumerate(may_lack):
        first, other = f"{name}_{j} {name}_rest_{j + 1}", f"{literal([between])} {name}_{j} {name}_rest_{j + 1}"
        lines.append(f"{name}_first_{j}: {first}" + (f" | {name}_first_{j + 1}" if lacks else ""))
        lines.append(f"{name}_rest_{j}: {other}" + (f" | {name}_rest_{j + 1}" if lacks else ""))
    lines += [f'{name}_first_{len(may_lack)}: ""', f'{name}_rest_{len(may_lack)}: ""']
    return f"{name}_first_0", lines


@dataclass(frozen=True)
class Pairs:
    """(KEY:VALUE (,KEY:VALUE)*)?"""

    quote: str

    @property
    def marks(self) -> str:
        return self.quote

    @property
    def sample(self) -> str:
        """How a parameter is written, for a description."""
        return f"PARAMETER:{self.quote}VALUE{self.quote}"

    def written(self, arguments: Mapping[str, Any]) -> str:
        """Arguments as they stand in a call."""
        return ",".join(f"{key}:{self._shown(value)}" for key, value in arguments.items())

    def _shown(self, value: Any) -> str:
        if isinstance(value, str):
            return f"{self.quote}{value}{self.quote}"
        if isinstance(value, Mapping):
            return f"{{{self.written(value)}}}"
        if isinstance(value, list):
            return f"[{','.join(map(self._shown, value))}]"
        return json.dumps(value)

    def rules(self, name: str, schema: Mapping[str, Any], *, strict: bool, split: Split) -> tuple[str, list[str]]:
        """A grammar's arguments in the schema's order, and the rules that they need, named `name`_...

        Raises RequestError where strict is asked for and a value's schema says more than its kind.
        """
        required = schema.get("required") or []
        lines: list[str] = []
        known = list(properties(schema).items())
        for j, (key, value) in enumerate(known):
            if not _KEY.fullmatch(key):
                raise RequestError(
                    f"the parameter name {key!r} cannot be written in this model's calls.", param="tools"
                )
            body, more = self._value(f"{name}_{j}", key, value, schema, strict, split)
            lines += [f"{name}_{j}: {literal([key + ':'])} {body}", *more]
        sequence, lines = in_order(name, [key not in required for key, _ in known], ",", lines)
        return sequence, [*lines, *self._shared_rules(name, split)]

    def reader(self, after: str, schema: Mapping[str, Any]) -> PairArguments:
        """What reads them back."""
        return PairArguments(self)

    def left_out(self, schema: Mapping[str, Any]) -> Iterator[str]:
        """Paths of what the rules do not hold an answer to, where they are not strict."""
        for key, value in properties(schema).items():
            yield from (f"properties.{key}.{word}" for word in self._unheld(value, schema))

    def _unheld(self, value: Any, root: Mapping[str, Any]) -> list[str]:
        kinds = value_kinds(value, root)
        if kinds == {"string"}:
            return Tags("", "", self.quote).unheld(value, root)
        return [] if kinds <= {"number", "boolean", "null"} else sorted(more_than_kinds(value, root))

    def _value(
        self, rule: str, key: str, value: Any, root: Mapping[str, Any], strict: bool, split: Split
    ) -> tuple[str, list[str]]:
        kinds = value_kinds(value, root)
        if kinds == {"string"}:
            body, more = Tags("", "", self.quote).value_rule(rule, key, value, root, strict, split)
            return f"{literal([*split(self.quote)])} {body}", more
        if kinds <= {"number", "boolean", "null"}:
            named = {k: root[k] for k in ("$defs", "definitions") if k in root}
            return f"%json {schema_json({**value, **named}, strict=strict)}", []
        if strict and (unheld := sorted(more_than_kinds(value, root))):
            raise RequestError(
                f"parameter {key!r}: {unheld[0]!r} cannot be enforced in the form in which this model writes calls; "
                "leave it out, or set strict to false.",
                param="tools",
            )
        shared = rule.rpartition("_")[0]
        forms = [f"{shared}_text"] if "string" in kinds else []
        if plain := sorted(kinds & {"number", "boolean", "null"}):
            forms.append(f"%json {schema_json({'type': plain}, strict=False)}")
        forms += [f"{shared}_{kind}" for kind in ("object", "array") if kind in kinds]
        return f"({' | '.join(forms)})", []

    def _shared_rules(self, name: str, split: Split) -> list[str]:
        quote = list(split(self.quote))
        if len(quote) == 1 and isinstance(quote[0], int):  # a control token, which no text contains
            text = f"{name}_text: {literal(quote)} /(.|\\n)*/ {literal(quote)}"
            texts = [text]
        else:
            ends = f"{name}_quoted[lazy]: /(.|\\n)*/ {literal(quote)}"
            texts = [f"{name}_text: {literal(quote)} {name}_quoted", ends]
        plain = schema_json({"type": ["number", "boolean", "null"]}, strict=False)
        return [
            *texts,
            f"{name}_any: {name}_text | {name}_object | {name}_array | %json {plain}",
            f'{name}_pair: /[a-zA-Z0-9_]+/ ":" {name}_any',
            f'{name}_object: "{{" ({name}_pair ("," {name}_pair)*)? "}}"',
            f'{name}_array: "[" ({name}_any ("," {name}_any)*)? "]"',
        ]


class PairArguments:
    """Waits for the brace that ends the arguments, which is left, and gives their JSON."""

    def __init__(self, pairs: Pairs) -> None:
        self._quote = pairs.quote

    def read(self, text: str) -> tuple[str, str, Progress]:
        """(JSON text, what is left of `text`, how it goes on)"""
        depth, at = 0, 0
        while at < len(text):
            if text.startswith(self._quote, at):
                end = text.find(self._quote, at + len(self._quote))
                if end < 0:
                    return "", text, "more"
                at = end + len(self._quote)
                continue
            if text[at] == "}" and depth == 0:
                try:
                    value, rest = self._pairs(text[:at])
                except (ValueError, IndexError, RecursionError):
                    return "", text, "wrong"
                return ("", text, "wrong") if rest else (json.dumps(value, ensure_ascii=False), text[at:], "ended")
            depth += (text[at] in "{[") - (text[at] in "}]")
            at += 1
        return "", text, "more"

    def _pairs(self, text: str) -> tuple[dict[str, Any], str]:
        """The pairs at the beginning of `text`, as far as its end or a brace."""
        found: dict[str, Any] = {}
        while text and text[0] != "}":
            if text.startswith(self._quote):
                key, _, text = text.removeprefix(self._quote).partition(self._quote)
            else:
                name = _KEY.match(text)
                key, text = (name[0], text[name.end() :]) if name else ("", text)
            if not key or text[:1] != ":":
                raise ValueError("no key")
            found[key.strip()], text = self._one(text[1:])
            text = text[1:] if text[:1] == "," else text
        return found, text

    def _one(self, text: str) -> tuple[Any, str]:
        if text.startswith(self._quote):
            value, closed, rest = text.removeprefix(self._quote).partition(self._quote)
            if not closed:
                raise ValueError("an open string")
            return value, rest
        if text[:1] == "{":
            found, rest = self._pairs(text[1:])
            if rest[:1] != "}":
                raise ValueError("an open object")
            return found, rest[1:]
        if text[:1] == "[":
            items, rest = [], text[1:]
            while rest[:1] != "]":
                item, rest = self._one(rest)
                items.append(item)
                rest = rest[1:] if rest[:1] == "," else rest
            return items, rest[1:]
        atom = _ATOM.match(text)
        if atom is None:
            raise ValueError("no value")
        try:
            return json.loads(atom[0]), text[atom.end() :]
        except ValueError:
            return atom[0].strip(), text[atom.end() :]
