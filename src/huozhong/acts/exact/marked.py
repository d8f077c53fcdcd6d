"""A text with its numbers numbered, for patterns that say which is which: 头⟨0⟩个，脚⟨1⟩只."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from huozhong.verify.numbers import mentions


@dataclass(frozen=True)
class Marked:
    """values[i] is what stands at ⟨i⟩; at most ten are marked."""

    text: str
    values: tuple[Fraction, ...]


def marked(text: str) -> Marked:
    """The text with ⟨i⟩ in place of each number that is meant as one."""
    out, at = "", 0
    values: list[Fraction] = []
    named = [one for one in mentions(text) if text[one.start : one.end].lower() != "two"]  # the two numbers
    for mention in named[:10]:
        out += f"{text[at : mention.start]}⟨{len(values)}⟩"
        at = mention.end
        values.append(mention.number.value)
    return Marked(out + text[at:], tuple(values))
