"""Filling in the middle: the marks between which a model was taught to write what stands between two texts."""

from __future__ import annotations

from collections.abc import Iterator

from huozhong.text.tokenizer import Tokenizer

# (before the prefix, before the suffix, behind it), by family; all are control tokens.
_MARKS = (
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # DeepSeek
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),  # Qwen
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),  # StarCoder, SmolLM
    ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),  # GLM
)


def middle_prompt(tokenizer: Tokenizer, prefix: str, suffix: str) -> list[int] | None:
    """The ids after which a model writes what stands between; None where its tokenizer has no such marks."""
    for marks in _MARKS:
        if all(tokenizer.has(mark) for mark in marks):
            return list(_between(tokenizer, marks, prefix, suffix))
    return None


def _between(tokenizer: Tokenizer, marks: tuple[str, str, str], prefix: str, suffix: str) -> Iterator[int]:
    yield from tokenizer.begin
    for mark, text in zip(marks, (prefix, suffix, ""), strict=True):
        yield tokenizer.token_id(mark)
        yield from tokenizer.encode(text)
