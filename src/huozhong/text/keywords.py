"""LFM's way to write a call's arguments: `place='北京', days=2, sure=True`, as Python does.

The parser gives back JSON text when the arguments are complete.  The template writes a string between quotation marks
as it is, so a mark inside one ends it only where something follows that may follow a value.
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
    lengths,
    listed,
    literal,
    properties,
    schema_json,
    value_kinds,
)
from huozhong.text.pairs import in_order

_KEY = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*")
_ATOM = re.compile(r"[^\s,:'\"(){}\[\]]+")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
_WORDS = {"True": True, "False": False, "None": None, "true": True, "false": False, "null": None}
_MORE: Any = object()  # the text ends before the value does


@dataclass(frozen=True)
class Keywords:
    """(KEY=VALUE (, KEY=VALUE)*)?"""

    marks: str = ""  # all of them are ordinary characters
    sample: str = "PARAMETER=VALUE"

    def written(self, arguments: Mapping[str, Any]) -> str:
        """Arguments as they stand in a call."""
        return ", ".join(f"{key}={_shown(value)}" for key, value in arguments.items())

    def rules(self, name: str, schema: Mapping[str, Any], *, strict: bool, split: Split) -> tuple[str, list[str]]:
        """As `Form.rules`."""
        required = schema.get("required") or []
        lines: list[str] = []
        known = list(properties(schema).items())
        for j, (key, value) in enumerate(known):
            if not _KEY.fullmatch(f"{key}="):
                raise RequestError(
                    f"the parameter name {key!r} cannot be written in this model's calls.", param="tools"
                )
            if strict and (unheld := self._unheld(value, schema)):
                raise RequestError(
                    f"parameter {key!r}: {unheld[0]!r} cannot be enforced in the form in which this model writes "
                    "calls; leave it out, or set strict to false.",
                    param="tools",
                )
            lines.append(f"{name}_{j}: {literal([key + '='])} ({' | '.join(_values(key, value, schema))})")
        return in_order(name, [key not in required for key, _ in known], ", ", lines)

    def reader(self, after: str, schema: Mapping[str, Any]) -> KeywordArguments:
        """What reads them back; after: what ends the call."""
        return KeywordArguments(after, schema)

    def left_out(self, schema: Mapping[str, Any]) -> Iterator[str]:
        """Paths of what the rules do not hold an answer to, where they are not strict."""
        for key, value in properties(schema).items():
            yield from (f"properties.{key}.{word}" for word in self._unheld(value, schema))

    def _unheld(self, value: Any, root: Mapping[str, Any]) -> list[str]:
        """What a text's rule does not hold; all other values are JSON."""
        return Tags("", "", "'").unheld(value, root)


def _values(key: str, value: Any, root: Mapping[str, Any]) -> list[str]:
    """The forms of a grammar's value."""
    kinds = value_kinds(value, root)
    if (only := listed(value)) is not None:
        return [literal([_shown(one)]) for one in only]
    low, high = lengths(key, value if kinds == {"string"} and isinstance(value, Mapping) else {})
    count = f"{{{low},{high}}}"
    text = r"""([^'\\]|\\[nrt\\'"])"""  # what is escaped is one character
    forms = [f"/'{text}{count}'/"] if "string" in kinds else []
    forms += ['"True"', '"False"'] if "boolean" in kinds else []
    forms += ['"None"'] if "null" in kinds else []
    if rest := sorted(kinds - {"string", "boolean", "null"}):
        more = {k: root[k] for k in ("$defs", "definitions") if k in root}
        said = {**value, **more} if isinstance(value, Mapping) and "string" not in kinds else {}
        if len(rest) < len(kinds):
            said = {"type": rest}
        forms.append(f"%json {schema_json(said or {'type': rest}, strict=False)}")
    return forms


def _shown(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
        return f"'{escaped}'"
    if value is None or isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


class KeywordArguments:
    """Waits for what ends the call, which is left, and gives the arguments' JSON."""

    def __init__(self, after: str, schema: Mapping[str, Any]) -> None:
        self._after, self._schema = after, schema

    def read(self, text: str) -> tuple[str, str, Progress]:
        """(JSON text, what is left of `text`, how it goes on)"""
        found: dict[str, Any] = {}
        at = 0
        try:
            while not text.startswith(self._after, at):
                key = _KEY.match(text, at)
                if key is None:
                    begun = text[at:].strip()
                    may_be = not begun or begun.isidentifier()
                    return "", text, "more" if may_be else "wrong"
                value, end = _value(text, key.end())
                if value is not _MORE:
                    end = _blank(text, end)
                if value is _MORE or end == len(text):
                    return "", text, "more"
                kinds = value_kinds(properties(self._schema).get(key[1]), self._schema)
                found[key[1]] = text[key.end() : end].strip() if _is_text(value, kinds) else value
                at = _blank(text, end + 1) if text[end] == "," else end
                if at == end and not text.startswith(self._after, at):
                    return "", text, "wrong"
        except ValueError:
            return "", text, "wrong"
        return json.dumps(found, ensure_ascii=False), text[at:], "ended"


def _is_text(value: Any, kinds: frozenset[str]) -> bool:
    """Whether a value that was written without quotation marks can only be meant as a text."""
    return kinds == {"string"} and not isinstance(value, str)


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _value(text: str, at: int) -> tuple[Any, int]:
    """A value and where it ends; _MORE where the text ends before it does.  Raises ValueError."""
    at = _blank(text, at)
    if at == len(text):
        return _MORE, at
    if text[at] in "'\"":
        return _string(text, at)
    if text[at] in "[{":
        return _several(text, at)
    atom = _ATOM.match(text, at)
    if atom is None:
        raise ValueError("no value")
    if atom.end() == len(text):
        return _MORE, at
    return (_WORDS[atom[0]] if atom[0] in _WORDS else json.loads(atom[0])), atom.end()


def _string(text: str, at: int) -> tuple[Any, int]:
    """Up to a mark that a value may end with: behind it stands a comma, a colon, a bracket, or nothing yet."""
    mark, out = text[at], ""
    at += 1
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            out += _ESCAPED.get(text[at + 1], text[at : at + 2])
            at += 2
            continue
        if text[at] == mark:
            next_at = _blank(text, at + 1)
            if next_at == len(text):
                return _MORE, at
            if text[next_at] in ",:)]}":
                return out, at + 1
        out += text[at]
        at += 1
    return _MORE, at


def _several(text: str, at: int) -> tuple[Any, int]:
    """A list or a dictionary."""
    closes = "]" if text[at] == "[" else "}"
    items: list[Any] = []
    pairs: dict[str, Any] = {}
    at = _blank(text, at + 1)
    while at < len(text) and text[at] != closes:
        value, at = _value(text, at)
        if value is not _MORE and closes == "}":
            at = _blank(text, at)
            if at < len(text) and text[at] != ":":
                raise ValueError("no key")
            key = value
            value, at = _value(text, at + 1) if at < len(text) else (_MORE, at)
            pairs[str(key)] = value
        if value is _MORE:
            return _MORE, at
        items.append(value)
        at = _blank(text, at)
        if at < len(text) and text[at] == ",":
            at = _blank(text, at + 1)
        elif at < len(text) and text[at] != closes:
            raise ValueError("no comma")
    if at == len(text):
        return _MORE, at
    return (items if closes == "]" else pairs), at + 1
