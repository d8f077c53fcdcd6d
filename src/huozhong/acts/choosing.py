"""One text out of several: none that was said in this conversation already, otherwise as the seed has it."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

Messages = Sequence[Mapping[str, Any]]
Thing = TypeVar("Thing")


@cache
def table(name: str) -> dict[str, Any]:
    """A TOML file of acts/data, read once."""
    return tomllib.loads((files("huozhong.acts") / "data" / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def rows(name: str) -> tuple[tuple[str, ...], ...]:
    """The lines of a .tsv file of acts/data, without the comments at its head."""
    text = (files("huozhong.acts") / "data" / f"{name}.tsv").read_text(encoding="utf-8")
    return tuple(tuple(line.split("\t")) for line in text.splitlines() if line and not line.startswith("#"))


def content(message: Mapping[str, Any]) -> str:
    """What a message says."""
    return str(message.get("content") or "").strip()


def question(messages: Messages) -> str:
    """What the user said last."""
    return content(messages[-1]) if messages else ""


def answers(messages: Messages) -> list[str]:
    """What the assistant said, the last first."""
    return [content(message) for message in reversed(messages) if message.get("role") == "assistant"]


def choose(things: Sequence[Thing], messages: Messages, seed: int, as_text: Callable[[Thing], str] = str) -> Thing:
    """One that the assistant has not said yet, if there is one; the same for the same seed and the same messages."""
    said = "\n".join(answers(messages))
    left = [thing for thing in things if as_text(thing) not in said] or list(things)
    mixed = hashlib.sha256(f"{seed}\n{question(messages)}\n{len(messages)}".encode()).digest()
    return left[int.from_bytes(mixed[:8]) % len(left)]


def say(texts: Sequence[str], messages: Messages, seed: int) -> str:
    """The same for plain texts."""
    return choose(texts, messages, seed)
