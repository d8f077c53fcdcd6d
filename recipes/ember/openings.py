"""Make the weights that tell kinds of talk apart: `python recipes/ember/openings.py DATA_FOLDER` (a minute).

A linear model (`huozhong.acts.opening`) by Adagrad with features dropped at random, from the phrases of
talk_questions.toml, from utterances.tsv and from questions that people asked of other systems.
"""

from __future__ import annotations

import argparse
import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import talk_questions
from numpy.typing import NDArray
from sources import Sources

from huozhong.acts import opening
from huozhong.files import whole_file

EPOCHS, RATE, DROPPED = 14, 0.3, 0.25
ELSEWHERE = 5000  # questions from public sources
OUT = Path(opening.__file__).parent / "data" / "openings.npz"
Example = tuple[NDArray[np.int64], int]


def phrases(rng: random.Random, elsewhere: list[str]) -> Iterator[tuple[str, str]]:
    """(what is said, its label)."""
    for label, kind in talk_questions.KIND_OF.items():
        for english in (False, True):
            for text in talk_questions.texts(kind, english):
                for _ in range(6 if "{" in text else 3):
                    filled = talk_questions.filled(text, rng)
                    yield (talk_questions.vary(filled, rng) if not english and rng.random() < 0.3 else filled), label
    for question in rng.sample(elsewhere, min(ELSEWHERE, len(elsewhere))):
        yield question, talk_questions.cannot_kind(question)


def learnt(examples: list[tuple[str, str]], seed: int) -> tuple[list[str], NDArray[np.float32], NDArray[np.float32]]:
    """labels, float32 [D, L], float32 [L]."""
    rng = np.random.default_rng(seed)
    labels = sorted({label for _, label in examples})
    place = {label: at for at, label in enumerate(labels)}
    rows: list[Example] = [(opening.features(text), place[label]) for text, label in examples]
    weights_DL = np.zeros((opening.BUCKETS, len(labels)), np.float32)
    squares_DL = np.full_like(weights_DL, 1e-6)
    bias_L = np.zeros(len(labels), np.float32)
    for _ in range(EPOCHS):
        for at in rng.permutation(len(rows)):
            buckets, label = rows[at]
            kept = buckets[rng.random(len(buckets)) > DROPPED]
            kept = kept if len(kept) else buckets
            share = 1 / np.sqrt(len(kept))
            logits_L = weights_DL[kept].sum(0) * share + bias_L
            error_L = np.exp(logits_L - logits_L.max())
            error_L /= error_L.sum()
            error_L[label] -= 1
            gradient_L = error_L * share
            squares_DL[kept] += gradient_L * gradient_L
            weights_DL[kept] -= RATE * gradient_L / np.sqrt(squares_DL[kept])
            bias_L -= 0.01 * error_L
    return labels, weights_DL, bias_L


def held_out(examples: list[tuple[str, str]], seed: int) -> float:
    """How often it is right about phrases of which it was shown no version."""
    apart = {text for text, _ in examples if zlib.crc32(text[:12].encode()) % 10 == 0}
    labels, weights_DL, bias_L = learnt([row for row in examples if row[0] not in apart], seed)
    rows = [row for row in examples if row[0] in apart]
    right = [labels[opening.chances(weights_DL, 1.0, bias_L, text).argmax()] == label for text, label in rows]
    return sum(right) / len(right)


def make(data: Path, out: Path, seed: int = 5) -> None:
    rng = random.Random(seed)
    examples = list(phrases(rng, Sources(data).out_of_scope))
    print(f"of a tenth that it was not shown: {held_out(examples, seed):.1%} right")
    labels, weights_DL, bias_L = learnt(examples, seed)
    scale_L = np.abs(weights_DL).max(0) / 127
    packed_DL = np.round(weights_DL / scale_L).astype(np.int8)
    with whole_file(out) as file:
        np.savez_compressed(file, labels=np.array(labels), weights=packed_DL, scale=scale_L, bias=bias_L)
    print(f"{len(examples):,} examples, {len(labels)} labels, {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, help="the data folder, see README.md")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    make(arguments.data, arguments.out)
