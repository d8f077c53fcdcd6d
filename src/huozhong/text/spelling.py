"""How a vocabulary spells: its tokens' written forms <-> the bytes they stand for.

Byte-level BPE (GPT-2 and most since) writes each byte as a printable character.  SentencePiece's BPE (Llama 2, Mistral,
Phi-3, Gemma) writes text as it is with "▁" for a blank, and a byte that no token holds as `<0x1F>`.  WordPiece (BERT)
writes words, and "##" before what goes on with one.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from huozhong.errors import TokenizerError
from huozhong.text.byte_level import BYTE_OF_CHAR, CHAR_OF_BYTE, WORDPIECE, check_vocabulary

BLANK = "▁"
BEGIN = "<｜begin▁of▁sentence｜>"  # DeepSeek's begin token, and ours
GOES_ON = "##"  # before a token that goes on with a word
_BYTE = re.compile("<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True)
class Spelling:
    """bytes_of: what a token of the merging vocabulary stands for.  token_of: the token of one byte, if any.

    prefix: a blank that is put before a text is no part of it: before "every" stretch between control tokens, only
    before the "first" stretch of a whole text, or "never".
    """

    bytes_of: Callable[[str], bytes]
    token_of: Callable[[int], str]
    prefix: Literal["every", "first", "never"] = "never"


def _byte_level(token: str) -> bytes:
    if all(c in BYTE_OF_CHAR for c in token):
        return bytes(BYTE_OF_CHAR[c] for c in token)
    return token.encode()


def _sentencepiece(token: str) -> bytes:
    if (byte := _BYTE.fullmatch(token)) is not None:
        return bytes([int(byte[1], 16)])
    return token.replace(BLANK, " ").encode()


def _wordpiece(token: str) -> bytes:
    return (token.removeprefix(GOES_ON) if token.startswith(GOES_ON) else f" {token}").encode()


BYTE_LEVEL = Spelling(_byte_level, CHAR_OF_BYTE.__getitem__)


def find_spelling(data: dict[str, Any], where: str) -> Spelling:
    """How the vocabulary of a parsed tokenizer.json spells.  TokenizerError for a kind that cannot be read here."""
    check_vocabulary(data, where)
    if data["model"].get("type") == WORDPIECE:
        return Spelling(_wordpiece, "<0x{:02X}>".format, "every")
    parts = [part for key in ("normalizer", "pre_tokenizer", "decoder") for part in _parts(data.get(key))]
    kinds = {part["type"] for part in parts}
    if "ByteLevel" in kinds:
        return BYTE_LEVEL
    blanks = "Metaspace" in kinds or any(p["type"] == "Replace" and p.get("content") == BLANK for p in parts)
    if not blanks or not data["model"].get("byte_fallback"):
        raise TokenizerError(
            f"{where} is neither byte-level BPE (as DeepSeek's is) nor SentencePiece's BPE with byte fallback "
            "(as Llama 2's is); other kinds cannot be read"
        )
    return Spelling(_sentencepiece, "<0x{:02X}>".format, _prefix(data))


def _prefix(data: dict[str, Any]) -> Literal["every", "first", "never"]:
    if any(part["type"] == "Prepend" for part in _parts(data.get("normalizer"))):
        return "every"
    for part in _parts(data.get("pre_tokenizer")):
        if part["type"] == "Metaspace":
            scheme = part.get("prepend_scheme") or ("always" if part.get("add_prefix_space", True) else "never")
            return "every" if scheme == "always" else "first" if scheme == "first" else "never"
    return "never"


def begin_tokens(data: dict[str, Any], config: dict[str, Any], bos: str | None) -> list[str]:
    """What a text that stands for itself begins with, as tokenizer.json and its config say it.

    What neither says is as with the classes of these vocabularies: SentencePiece's begin with `bos`, byte-level ones
    with nothing, although they may name such a token (Qwen's and SmolLM's do).
    """
    if bos == BEGIN:
        return [bos]  # whatever the config says: ours tells the library not to add it
    stated = config.get("add_bos_token")
    if stated is False:
        return []
    for part in _parts(data.get("post_processor")):
        if part["type"] == "TemplateProcessing":
            front = itertools.takewhile(lambda piece: "SpecialToken" in piece, part.get("single") or [])
            if found := [piece["SpecialToken"]["id"] for piece in front]:
                return found
    sentencepiece = not any(
        p["type"] == "ByteLevel" for key in ("pre_tokenizer", "decoder") for p in _parts(data.get(key))
    )
    return [bos] if bos is not None and (stated is True or (stated is None and sentencepiece)) else []


def without_prefix(data: dict[str, Any]) -> dict[str, Any]:
    """A tokenizer.json that puts no blank in front of a text."""
    return data | {key: _unprefixed(data.get(key)) for key in ("normalizer", "pre_tokenizer")}


def _unprefixed(node: Any) -> Any:
    if isinstance(node, list):
        return [_unprefixed(one) for one in node if not (isinstance(one, dict) and one.get("type") == "Prepend")]
    if not isinstance(node, dict) or node.get("type") == "Prepend":
        return None if isinstance(node, dict) else node
    node = {key: _unprefixed(value) for key, value in node.items()}
    return node | {"prepend_scheme": "never"} if node.get("type") == "Metaspace" else node


def _parts(node: Any) -> Iterator[dict[str, Any]]:
    """Every part that has a type in a normalizer, pre-tokenizer or decoder tree."""
    if isinstance(node, dict):
        if isinstance(node.get("type"), str):
            yield node
        for child in node.values():
            yield from _parts(child)
    elif isinstance(node, list):
        for child in node:
            yield from _parts(child)
