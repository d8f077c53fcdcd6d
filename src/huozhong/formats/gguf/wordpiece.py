"""WordPiece vocabularies in GGUF files (BERT and bge): what tokenizer.json says of them.

Words are cut at blanks, marks and Han characters; each is the longest token it begins with, then the longest one that
goes on, and so forth.  A GGUF file writes a token that begins a word with "▁" before it; tokenizer.json writes one that
goes on with "##".  Such vocabularies are lossy: small letters, no accents, one blank between words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from huozhong.text.spelling import BLANK, GOES_ON

_LONGEST_WORD = 100  # characters; transformers' own, too, makes one unknown token of a longer word


def wordpiece_json(vocab: Mapping[str, int], *, unknown: str, lowercase: bool, strip_accents: bool) -> dict[str, Any]:
    """The parts of tokenizer.json; vocab: as GGUF spells it."""
    return {
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": strip_accents,
            "lowercase": lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "WordPiece", "prefix": GOES_ON, "cleanup": False},
        "model": {
            "type": "WordPiece",
            "unk_token": unknown,
            "continuing_subword_prefix": GOES_ON,
            "max_input_chars_per_word": _LONGEST_WORD,
            "vocab": {_respelt(token, unknown): id for token, id in vocab.items()},
        },
    }


def _respelt(token: str, unknown: str) -> str:
    if token == unknown:
        return token
    return token.removeprefix(BLANK) if token.startswith(BLANK) else f"{GOES_ON}{token}"
