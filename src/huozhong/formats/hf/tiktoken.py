"""Moonshot's vocabularies (Moonlight, Kimi K2): the file tiktoken.model as the tokenizer.json that it means.

Each line is a token's bytes in base64 and its rank, which is its id.  Two neighbours are merged where what they make is
a token, the lowest rank first: so every way to cut a token into two tokens is a merge, in the order of the ranks.
Where text is cut before merging, and what the ids behind the ranks are called, stands in Moonshot's Python code; no
code of a model is run here, so both stand below, and only folders that name that class are read.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from huozhong.errors import TokenizerError
from huozhong.text.byte_level import CHAR_OF_BYTE, byte_level_json

TIKTOKEN = "tiktoken.model"
_CLASS = "TikTokenTokenizer"
_RESERVED = 256  # ids behind the ranks; those without a name of their own are <|reserved_token_ID|>
_HIGH, _LOW = (rf"[{kinds}\p{{Lm}}\p{{Lo}}\p{{M}}&&[^\p{{Han}}]]" for kinds in (r"\p{Lu}\p{Lt}", r"\p{Ll}"))
_BEFORE, _TAIL = r"[^\r\n\p{L}\p{N}]?", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
# Han characters; capitals, then small letters, with one mark before them; up to three digits; marks; blanks.
RULE = (
    rf"\p{{Han}}+|{_BEFORE}{_HIGH}*{_LOW}+{_TAIL}|{_BEFORE}{_HIGH}+{_LOW}*{_TAIL}"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def tokenizer_json(files: Mapping[str, bytes], *, where: str) -> bytes:
    """tokenizer.json out of tiktoken.model and tokenizer_config.json.  Raises TokenizerError."""
    config = _config(files, where)
    if config.get("tokenizer_class") != _CLASS:
        found = config.get("tokenizer_class")
        raise TokenizerError(f"{where}: {TIKTOKEN} of the tokenizer {found!r} cannot be read; only {_CLASS}'s can")
    ranks = _ranks(files[TIKTOKEN], f"{TIKTOKEN} of {where}")
    data = {
        "version": "1.0",
        "added_tokens": _control_tokens(config, len(ranks), where),
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": RULE}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
            ],
        },
        "post_processor": None,
        # tiktoken takes a piece that is a token whole
        **byte_level_json({_spelt(token): rank for token, rank in ranks.items()}, _merges(ranks), ignore_merges=True),
    }
    return json.dumps(data, ensure_ascii=False).encode()


def _config(files: Mapping[str, bytes], where: str) -> dict[str, Any]:
    try:
        config = json.loads(files.get("tokenizer_config.json", b"{}"))
    except ValueError as error:
        raise TokenizerError(f"tokenizer_config.json of {where} is not valid JSON ({error})") from None
    return config if isinstance(config, dict) else {}


def _ranks(content: bytes, where: str) -> dict[bytes, int]:
    """{token: rank}, in the order of the ranks, which must be 0, 1, 2 ..."""
    found: dict[bytes, int] = {}
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            token, rank = line.split()
            found[base64.b64decode(token, validate=True)] = int(rank)
        except (ValueError, binascii.Error):
            raise TokenizerError(f"{where}: line {number} is not a token in base64 and its rank") from None
    ordered = dict(sorted(found.items(), key=lambda item: item[1]))
    if b"" in ordered or list(ordered.values()) != list(range(len(ordered))):
        raise TokenizerError(f"{where}: its ranks are not 0, 1, 2 ... without a gap")
    return ordered


def _control_tokens(config: Mapping[str, Any], first: int, where: str) -> list[dict[str, Any]]:
    named = config.get("added_tokens_decoder", {})
    if not isinstance(named, dict) or not all(isinstance(entry, dict) for entry in named.values()):
        raise TokenizerError(f"tokenizer_config.json of {where}: added_tokens_decoder must map ids to tokens")
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    out = []
    for id in range(first, first + _RESERVED):
        out.append({"id": id, "content": f"<|reserved_token_{id}|>"} | plain | named.get(str(id), {}))
    return out


def _merges(ranks: Mapping[bytes, int]) -> list[str]:
    out = []
    for token in ranks:
        for cut in range(1, len(token)):
            left, right = token[:cut], token[cut:]
            if left in ranks and right in ranks:
                out.append(f"{_spelt(left)} {_spelt(right)}")
    return out


def _spelt(token: bytes) -> str:
    return "".join(CHAR_OF_BYTE[byte] for byte in token)
