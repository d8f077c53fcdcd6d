"""Which kind of talk a message is: a linear model over the characters and words of what was said.

The model decides whether a message is a problem, a poem to write, an idiom or talk.  Between the forty kinds of talk
(small talk, an honest no, a joke, a riddle) 7.5 million parameters guess: on messages that nobody had written for its
training it named the right one 17 times of 60.  Weights for n-grams of characters (as fastText has them: Joulin et al.
2017, arXiv:1607.01759, with a hash instead of a dictionary), learnt from the same phrases in half a minute, are better
at it and say how sure they are.  `recipes/ember/openings.py` makes them.
"""

from __future__ import annotations

import re
import zlib
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 15
LONGEST = 200  # characters that are looked at
UNSURE = 0.2  # less than this is no opinion

_FILE = Path(__file__).parent / "data" / "openings.npz"
_NAME = re.compile(r"小火苗|ember")
_LATIN = re.compile(r"[a-z' ]+")
_WORD = re.compile(r"[a-z']+")


def features(text: str) -> NDArray[np.int64]:
    """int64 [n]: the buckets of 1 to 3 characters, 1 and 2 Latin words and their beginnings, each once."""
    text = _NAME.sub("@", text[:LONGEST].lower().strip())
    signs = f"^{_LATIN.sub(' ', text)}$"
    found = {signs[at : at + size] for size in (1, 2, 3) for at in range(len(signs) - size + 1)}
    words = _WORD.findall(text)
    found.update(f"w{word}" for word in words)
    found.update(f"p{word[:4]}" for word in words)
    found.update(f"b{one} {two}" for one, two in pairwise(words))
    return np.array(sorted({zlib.crc32(gram.encode()) % BUCKETS for gram in found}), np.int64)


def chances(
    weights_DL: NDArray[np.generic], scale_L: NDArray[np.floating] | float, bias_L: NDArray[np.floating], text: str
) -> NDArray[np.float64]:
    """float64 [L]: how likely each label is.  D buckets, L labels; weights times scale."""
    buckets = features(text)
    logits = weights_DL[buckets].sum(0, dtype=np.float64) * scale_L / np.sqrt(len(buckets)) + bias_L
    found: NDArray[np.float64] = np.exp(logits - logits.max())
    found /= found.sum()
    return found


@cache
def _model() -> tuple[tuple[str, ...], NDArray[np.int8], NDArray[np.float32], NDArray[np.float32]]:
    with np.load(_FILE, allow_pickle=False) as stored:
        return tuple(map(str, stored["labels"])), stored["weights"], stored["scale"], stored["bias"]


def known() -> frozenset[str]:
    """The labels that it tells apart."""
    return frozenset(_model()[0])


def likely(text: str) -> frozenset[str]:
    """The label that fits, with those that fit almost as well; empty for no opinion."""
    labels, weights_DL, scale_L, bias_L = _model()
    found = chances(weights_DL, scale_L, bias_L, text)
    best = found.max()
    if best < UNSURE:
        return frozenset()
    return frozenset(label for label, chance in zip(labels, found, strict=True) if chance >= best / 2)
