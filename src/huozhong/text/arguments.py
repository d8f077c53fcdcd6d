"""How the arguments of a tool call are written: as one JSON object, or each between tags (Qwen3-Coder, GLM).

Between tags a string stands as it is, without quotes and escapes; every other value is JSON.  Either way the parser
gives back the text of a JSON object, bit by bit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NoReturn, Protocol

from huozhong.errors import RequestError
from huozhong.text.schemas import pointed

JSON_BLANKS = r" |\n[ \t]{0,24}"  # between two JSON tokens; see engine.guides.constraint
Split = Callable[[str], Iterator[str | int]]  # text -> ordinary pieces and the ids of control tokens
Progress = Literal["more", "ended", "wrong"]

_LONGEST = 2000  # characters up to which a string's length is counted
_SAYS_NOTHING = {"type", "title", "description", "default", "examples", "deprecated", "$comment"}
_EVERY = frozenset({"string", "number", "boolean", "null", "array", "object"})
_KINDS = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}


class Reader(Protocol):
    """Reads a call's arguments back while they arrive."""

    def read(self, text: str) -> tuple[str, str, Progress]:
        """(JSON text, what is left of `text`, how it goes on)"""


class Form(Protocol):
    """How arguments are written that are no JSON object."""

    @property
    def marks(self) -> str:
        """All marks, one after the other."""

    @property
    def sample(self) -> str:
        """How a parameter is written, for a description."""

    def written(self, arguments: Mapping[str, Any]) -> str:
        """Arguments as they stand in a call."""

    def rules(self, name: str, schema: Mapping[str, Any], *, strict: bool, split: Split) -> tuple[str, list[str]]:
        """A grammar's arguments in the schema's order, and the rules that they need, named `name`_...

        Raises RequestError where strict is asked for and a value's schema says more than can be held.
        """

    def reader(self, after: str, schema: Mapping[str, Any]) -> Reader:
        """What reads them back.  after: what ends the call."""

    def left_out(self, schema: Mapping[str, Any]) -> Iterator[str]:
        """Paths of what the rules do not hold an answer to, where they are not strict."""


@dataclass(frozen=True)
class Tags:
    """(key_opens KEY key_closes VALUE value_closes)*

    key_closes_json: instead of key_closes before a value that is JSON, where the form tells the two apart; with {kind}
    where it names the value's kind.
    wraps: what stands around a string that holds one of `wrapped` (MiniCPM's CDATA), and nothing around others.
    """

    key_opens: str
    key_closes: str
    value_closes: str
    key_closes_json: str = ""
    wraps: tuple[str, str] | None = None
    wrapped: str = "<&\n"

    @property
    def marks(self) -> str:
        around = "" if self.wraps is None else "".join(self.wraps)
        return self.key_opens + "".join(self._closings) + around + self.value_closes

    @cached_property
    def _closings(self) -> dict[str, bool]:
        """What may end a key, and whether a text follows."""
        kinds = sorted(_EVERY - {"string"}) if "{kind}" in self.key_closes_json else [""]
        json_ends = [self.key_closes_json.replace("{kind}", kind) for kind in kinds if self.key_closes_json]
        return {self.key_closes: True, **dict.fromkeys(json_ends, False)}

    def _closes(self, kinds: Collection[str]) -> list[str]:
        """What ends the key of a value of these kinds."""
        if "string" in kinds or not self.key_closes_json:
            return [self.key_closes]
        return list(dict.fromkeys(self.key_closes_json.replace("{kind}", kind) for kind in sorted(kinds)))

    def _shown(self, value: Any) -> str:
        if not isinstance(value, str):
            return json.dumps(value, ensure_ascii=False)
        if self.wraps is None or not set(self.wrapped) & set(value):
            return value
        return f"{self.wraps[0]}{value}{self.wraps[1]}"

    @property
    def sample(self) -> str:
        """How a parameter is written, for a description."""
        return f"{self.key_opens}PARAMETER{self.key_closes}VALUE{self.value_closes}"

    def written(self, arguments: Mapping[str, Any]) -> str:
        """Arguments as they stand in a call."""
        out = []
        for key, value in arguments.items():
            (closes,) = self._closes([_kind(value)])
            out.append(f"{self.key_opens}{key}{closes}{self._shown(value)}{self.value_closes}")
        return "".join(out)

    def key_end(self, text: str) -> tuple[str, bool, str] | None:
        """(key, whether its value is said to be text, what follows the mark) where a key ends in `text`."""
        found = [(at, mark) for mark in self._closings if (at := text.find(mark)) >= 0]
        if not found:
            return None
        at, mark = min(found)
        return text[:at], self._closings[mark], text[at + len(mark) :]

    def rules(self, name: str, schema: Mapping[str, Any], *, strict: bool, split: Split) -> tuple[str, list[str]]:
        """A grammar's sequence of arguments, in the schema's order, and the rules that it needs, named `name`_...

        Raises RequestError where strict is asked for and a string's schema says more than can be held.
        """
        required, sequence, lines = schema.get("required", []), [], []
        if not isinstance(required, list):
            _refuse(f"'required' is {required!r}; it must be a list of names.")
        for j, (key, value) in enumerate(properties(schema).items()):
            if self.key_closes in key or (self.key_closes_json and '"' in key):
                _refuse(f"the parameter name {key!r} cannot be written in this model's calls.")
            rule = f"{name}_{j}"
            closes = " | ".join(literal(list(split(one))) for one in self._closes(value_kinds(value, schema)))
            opened = f"{literal([*split(self.key_opens), key])} ({closes})"
            body, more = self.value_rule(rule, key, value, schema, strict, split)
            lines += [f"{rule}: {opened} {body}", *more]
            sequence.append(rule if key in required else f"{rule}?")
        return " ".join(sequence), lines

    def reader(self, after: str, schema: Mapping[str, Any]) -> TaggedArguments:
        """What reads them back; after: what ends the call."""
        return TaggedArguments(self, after, schema)

    def left_out(self, schema: Mapping[str, Any]) -> Iterator[str]:
        """Paths of what the rules do not hold an answer to, where they are not strict."""
        for key, value in properties(schema).items():
            yield from (f"properties.{key}.{word}" for word in self.unheld(value, schema))

    def unheld(self, value: Any, root: Mapping[str, Any]) -> list[str]:
        """The keywords that a parameter's rule does not hold, where it may be a string: all but a short length."""
        kinds = value_kinds(value, root)
        said: Mapping[str, Any] = value if isinstance(value, Mapping) and "$ref" not in value else {}
        if "string" not in kinds or listed(said) is not None:
            return []
        held = {word for word in ("minLength", "maxLength") if kinds == {"string"} and _is_short(said.get(word, 0))}
        return sorted(more_than_kinds(value, root) - held)

    def value_rule(
        self, rule: str, key: str, value: Any, root: Mapping[str, Any], strict: bool, split: Split
    ) -> tuple[str, list[str]]:
        """A grammar's value up to its closing mark, and the rules that it needs."""
        closes = list(split(self.value_closes))
        kinds = value_kinds(value, root)
        if "string" not in kinds:
            more = {k: root[k] for k in ("$defs", "definitions") if k in root}
            return f"%json {schema_json({**value, **more}, strict=strict)} {literal(closes)}", []
        said: Mapping[str, Any] = value if isinstance(value, Mapping) and "$ref" not in value else {}
        if (only := listed(said)) is not None:
            texts = [text if isinstance(text, str) else json.dumps(text) for text in only if _kind(text) in kinds]
            if not texts:
                _refuse(f"parameter {key!r}: none of its enum is of its type.")
            return f"({' | '.join(json.dumps(t, ensure_ascii=False) for t in texts)}) {literal(closes)}", []
        if strict and (unheld := self.unheld(value, root)):
            _refuse(
                f"parameter {key!r}: {unheld[0]!r} cannot be enforced in the form in which this model writes calls; "
                "leave it out, or set strict to false."
            )
        low, high = lengths(key, said if kinds == {"string"} else {})
        if isinstance(closes[0], int):  # a control token, which no text contains
            text = f"/(.|\\n){{{max(low, 1)},{high}}}/" + ("" if low else "?")
            return f"{text if high != 0 else ''} {literal(closes)}", []
        if self.wraps is not None:
            opens, ended = literal([*split(self.wraps[0])]), literal([*split(self.wraps[1] + self.value_closes)])
            bare = "[^" + re.escape(self.wrapped).replace("\n", "n") + "]"
            lines = [f"{rule}_wrapped[lazy]: /(.|\\n){{{low},{high}}}/ {ended}"]
            return f"(/{bare}{{{low},{high}}}/ {literal(closes)} | {opens} {rule}_wrapped)", lines
        ends = [f"{rule}_text[lazy]: /(.|\\n){{{low},{high}}}/ {literal(closes[:1])}"]
        return f"{rule}_text {literal(closes[1:])}", ends


def value_kinds(schema: Any, root: Mapping[str, Any]) -> frozenset[str]:
    """Which kinds of value a schema allows: string, number, boolean, null, array, object; all where it does not say."""
    return _kinds(schema, root, set()) or _EVERY


def _kinds(schema: Any, root: Mapping[str, Any], seen: set[str]) -> frozenset[str]:
    """seen: references that were followed already, which can add nothing."""
    if not isinstance(schema, Mapping):
        return _EVERY
    if isinstance(reference := schema.get("$ref"), str):
        if reference in seen:
            return frozenset()
        seen.add(reference)
        return _kinds(pointed(root, reference), root, seen)
    stated = schema.get("type")
    if isinstance(stated, str | list):
        names = [stated] if isinstance(stated, str) else stated
        return frozenset("number" if name == "integer" else str(name) for name in names)
    if (values := listed(schema)) is not None:
        return frozenset(map(_kind, values))
    for word in ("anyOf", "oneOf"):
        if isinstance(choices := schema.get(word), list) and choices:
            return frozenset().union(*(_kinds(choice, root, seen) for choice in choices))
    return _EVERY


def more_than_kinds(schema: Any, root: Mapping[str, Any]) -> set[str]:
    """The keywords that say more than which kinds of value are allowed."""
    return _more_than_kinds(schema, root, set())


def _more_than_kinds(schema: Any, root: Mapping[str, Any], seen: set[str]) -> set[str]:
    """seen: references that were followed already."""
    if not isinstance(schema, Mapping):
        return set()
    if isinstance(reference := schema.get("$ref"), str):
        if reference in seen:
            return set()
        seen.add(reference)
        return _more_than_kinds(pointed(root, reference), root, seen)
    words = set(schema) - _SAYS_NOTHING
    for word in ("anyOf", "oneOf"):
        if isinstance(choices := schema.get(word), list):
            words = (words - {word}).union(*(_more_than_kinds(choice, root, seen) for choice in choices))
    return words


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "null")


def listed(schema: Any) -> list[Any] | None:
    """The only values that are allowed, where a schema lists them."""
    if not isinstance(schema, Mapping):
        return None
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return values if isinstance(values, list) else None


def _is_short(length: Any) -> bool:
    return type(length) is int and length <= _LONGEST


def _length(key: str, schema: Mapping[str, Any], word: str, default: int | None) -> int | None:
    found = schema.get(word, default)
    if found is not default and (type(found) is not int or found < 0):
        _refuse(f"parameter {key!r}: {word} is {found!r}; it must be a whole number.")
    return found


def lengths(key: str, schema: Mapping[str, Any]) -> tuple[int, int | Literal[""]]:
    """(least, most) characters of a text, as far as they are counted; "" for any number."""
    least, most = _length(key, schema, "minLength", 0), _length(key, schema, "maxLength", None)
    low = least if least is not None and least <= _LONGEST else 0
    high: int | Literal[""] = most if most is not None and most <= _LONGEST else ""
    if isinstance(high, int) and low > high:
        _refuse(f"parameter {key!r}: its minLength is above its maxLength.")
    return low, high


def properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters of a function, by name; RequestError where they are no object."""
    found = schema.get("properties", {})
    if not isinstance(found, Mapping):
        _refuse(f"'properties' is {found!r}; it must be an object.")
    return found


def _refuse(sentence: str) -> NoReturn:
    raise RequestError(sentence, param="tools")


class JsonArguments:
    """Arguments that are a JSON object: found as far as its last brace."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = self._escaped = False

    def read(self, text: str) -> tuple[str, str, Progress]:
        """(JSON text, what is left of `text`, how it goes on)"""
        end = self._end(text)
        return (text, "", "more") if end is None else (text[:end], text[end:], "ended")

    def _end(self, text: str) -> int | None:
        for index, char in enumerate(text):
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                elif char == "\\":
                    self._escaped = True
                elif char == '"':
                    self._in_string = False
            elif char == '"':
                self._in_string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if self._depth <= 0:
                    return index + 1
        return None


class TaggedArguments:
    """Arguments between tags, as JSON; what is certainly a string goes on while it is being written.

    after: what follows the last argument; it is left.
    """

    def __init__(self, tags: Tags, after: str, schema: Mapping[str, Any]) -> None:
        self._tags, self._after, self._schema = tags, after, schema
        self._kinds: frozenset[str] | None = None  # of the value that is open
        self._in_string = self._in_wraps = False
        self._first = True

    def read(self, text: str) -> tuple[str, str, Progress]:
        """(JSON text, what is left of `text`, how it goes on)"""
        out = ""
        while True:
            if self._kinds is not None:
                piece, text, closed = self._value(text, self._kinds)
                out += piece
                if not closed:
                    return out, text, "more"
            elif text.startswith(self._after):
                return out + ("{}" if self._first else "}"), text, "ended"
            elif self._after.startswith(text):
                return out, text, "more"
            elif text.startswith(self._tags.key_opens):
                ended = self._tags.key_end(text.removeprefix(self._tags.key_opens))
                if ended is None:
                    return out, text, "more"
                key, is_text, text = ended
                out += self._key(key)
                if self._tags.key_closes_json:  # the call itself says which
                    self._kinds = frozenset({"string"}) if is_text else _EVERY - {"string"}
            else:
                return out, text, "more" if self._tags.key_opens.startswith(text) else "wrong"

    def _key(self, key: str) -> str:
        self._kinds = value_kinds(properties(self._schema).get(key), self._schema)
        before, self._first = "{" if self._first else ", ", False
        return f"{before}{json.dumps(key, ensure_ascii=False)}: "

    def _value(self, text: str, kinds: frozenset[str]) -> tuple[str, str, bool]:
        """(JSON text, what is left, whether the value is complete)"""
        if (wraps := self._tags.wraps) is not None and not (self._in_string or self._in_wraps):
            if not text.startswith(wraps[0]) and wraps[0].startswith(text):
                return "", text, False
            self._in_wraps, text = text.startswith(wraps[0]), text.removeprefix(wraps[0])
        closes = (wraps[1] if wraps is not None and self._in_wraps else "") + self._tags.value_closes
        raw, found, rest = text.partition(closes)
        if kinds != {"string"} and not self._in_wraps:
            if not found:
                return "", text, False
            self._kinds = None
            return json.dumps(as_json(raw, kinds), ensure_ascii=False), rest, True
        out, self._in_string = "" if self._in_string else '"', True
        if not found:
            keep = next((n for n in range(min(len(closes) - 1, len(raw)), 0, -1) if raw.endswith(closes[:n])), 0)
            raw, rest = raw[: len(raw) - keep], raw[len(raw) - keep :]
        out += json.dumps(raw, ensure_ascii=False)[1:-1]
        if found:
            out, self._in_string, self._in_wraps, self._kinds = out + '"', False, False, None
        return out, rest, bool(found)


def as_json(raw: str, kinds: frozenset[str]) -> Any:
    """The value that a tag's text stands for: JSON of an allowed kind, else the text itself."""
    try:
        value = json.loads(raw)
    except ValueError:
        return raw
    return value if "string" not in kinds or _kind(value) in kinds - {"string"} else raw


# -- grammar text ----------------------------------------------------------------------------------


def literal(pieces: Sequence[str | int]) -> str:
    """Control tokens by id, the rest as string literals."""
    merged: list[str | int] = []
    for piece in pieces:
        if merged and isinstance(piece, str) and isinstance(merged[-1], str):
            merged[-1] += piece
        elif piece != "":
            merged.append(piece)
    return " ".join(f"<[{p}]>" if isinstance(p, int) else json.dumps(p, ensure_ascii=False) for p in merged)


def schema_json(schema: Mapping[str, Any], *, strict: bool) -> str:
    options = {"lenient": not strict, "whitespace_flexible": True, "whitespace_pattern": JSON_BLANKS}
    return json.dumps({**schema, "x-guidance": options}, ensure_ascii=False)
