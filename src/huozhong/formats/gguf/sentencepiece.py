"""SentencePiece vocabularies in GGUF files: what tokenizer.json says of them, and scores for the way back.

Two kinds.  `llama` (Llama 2, Mistral, Phi-3, Baichuan): tokens with scores; what lies side by side and is a token
together is joined, the best score first.  `gemma4`: the same spelling, but with a list of merges.

The `tokenizers` library has merges only.  A score says the same: every way to cut a token into two tokens is a merge,
in the order of scores, which is how transformers converts such vocabularies too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from huozhong.text.spelling import BLANK


def model_json(
    vocab: Mapping[str, int], merges: Sequence[tuple[str, str]], *, unknown: str | None, prefix: bool, lines: bool
) -> dict[str, Any]:
    """The parts of tokenizer.json that say how text is cut, joined and written.

    prefix: a blank is put in front of every text.  lines: line breaks are never joined with other text.
    """
    blanks = {"type": "Replace", "pattern": {"String": " "}, "content": BLANK}
    before = [{"type": "Prepend", "prepend": BLANK}] if prefix else []
    after = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if prefix else []
    breaks = {"type": "Split", "pattern": {"Regex": r"[^\n]+|[\n]+"}, "behavior": "Isolated", "invert": False}
    return {
        "normalizer": {"type": "Sequence", "normalizers": [*before, blanks]},
        "pre_tokenizer": breaks if lines else None,
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": BLANK}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                *after,
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": unknown,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": dict(vocab),
            "merges": [list(merge) for merge in merges],
        },
    }


def merges_of(scores: Mapping[str, float], vocab: Mapping[str, int]) -> list[tuple[str, str]]:
    """Every way to make a token of two, the best score first; scores: of the tokens that text may become."""
    found = []
    for token, score in scores.items():
        ways = [(token[:i], token[i:]) for i in range(1, len(token))]
        known = [way for way in ways if way[0] in scores and way[1] in scores]
        found += [(-score, vocab[left], vocab[right], left, right) for left, right in known]
    return [(left, right) for _, _, _, left, right in sorted(found)]


def scores_of(tokens: Sequence[str], merges: Sequence[Sequence[str]]) -> list[float]:
    """Scores that join in the order of the merges; what no merge makes has the lowest one."""
    first: dict[str, int] = {}
    for rank, (left, right) in enumerate(merges):
        first.setdefault(left + right, rank)
    return [-float(first.get(token, len(merges))) for token in tokens]
