"""How a recipe's fields are read: names and kinds of values come from a frozen dataclass and its annotations.

Everything unknown, missing or of the wrong kind is a ConfigError that begins with `where`: the file and the section.
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from huozhong.errors import ConfigError

Section = TypeVar("Section")
_KINDS: dict[type, str] = {int: "a whole number", float: "a number", str: "text in quotes", bool: "true or false"}


def read_toml(path: str | Path) -> dict[str, Any]:
    """A recipe file as it stands.  Raises ConfigError."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"recipe {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"recipe {path} is not valid TOML: {error}.") from None


def check_sections(raw: Mapping[str, Any], known: set[str], where: str) -> None:
    """ConfigError for a section that does not exist, or a key outside any; `[[ramp]]` is a list of sections."""
    if unknown := sorted(set(raw) - known):
        raise ConfigError(f"{where}: unknown section [{unknown[0]}]; known sections: {', '.join(sorted(known))}.")
    for name, value in raw.items():
        if name != "ramp" and not isinstance(value, dict):
            raise ConfigError(f"{where}: {name} stands outside a section; write it under [{name}].")


def read_section(kind: type[Section], raw: dict[str, Any], where: str) -> Section:
    """Fill the dataclass `kind` from a section's dict."""
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]  # Section is a dataclass
    if unknown := sorted(set(raw) - set(fields)):
        raise ConfigError(f"{where} has no key {unknown[0]!r}; known keys: {', '.join(sorted(fields))}.")
    for name, info in fields.items():
        if name not in raw and info.default is dataclasses.MISSING:
            raise ConfigError(f"{where} {name} is missing.")
    values = {name: read_value(hints[name], value, f"{where} {name}") for name, value in raw.items()}
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f"{where} {error}") from None


def read_value(hint: Any, value: Any, where: str) -> Any:
    """`value` as the annotation `hint` wants it."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return read_value(next(arg for arg in args if arg is not types.NoneType), value, where)
    if origin is Literal:
        if value not in args:
            raise ConfigError(f"{where} is {value!r}; it must be one of {', '.join(map(str, args))}.")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where} is {value!r}; it must be a list.")
        if args[-1] is Ellipsis:
            return tuple(read_value(args[0], item, f"{where}[{i}]") for i, item in enumerate(value))
        if len(value) != len(args):
            raise ConfigError(f"{where} has {len(value)} values; it needs {len(args)}.")
        return tuple(read_value(arg, item, where) for arg, item in zip(args, value, strict=True))
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise ConfigError(f'{where} is {value!r}; it must be a table such as {{ path = "..." }}.')
        return read_section(typing.cast(type, hint), value, where)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if hint is float and is_number:
        return float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)  # TOML writes large counts most readably as 3e8
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"{where} is {value!r}; it must be {_KINDS[hint]}.")
    return value


def check_at_least(part: Any, **limits: float) -> None:
    """ConfigError for a field of `part` below its limit; None, a field that is left out, is below none."""
    for name, limit in limits.items():
        value = getattr(part, name)
        if value is not None and value < limit:
            raise ConfigError(f"{name} is {value}; it must be at least {limit}.")


def check_shares(part: Any, *names: str) -> None:
    """ConfigError for a field of `part` outside [0, 1]."""
    for name in names:
        if not 0 <= getattr(part, name) <= 1:
            raise ConfigError(f"{name} is {getattr(part, name)}; it must lie between 0 and 1.")


def flat(**sections: Mapping[str, Any] | None) -> dict[str, Any]:
    """Sections with their keys as one dict ("data.seq_len" -> 512), as JSON would give it back."""
    return {
        f"{section}.{key}": _as_json(value)
        for section, values in sections.items()
        for key, value in (values or {}).items()
    }


def _as_json(value: Any) -> Any:
    return [_as_json(item) for item in value] if isinstance(value, list | tuple) else value
