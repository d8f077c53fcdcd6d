"""Whether vectors find a document's passages better than shared words do, or the two together.

    python benchmarks/passages.py --data qa.jsonl.xz                      the built-in model's vectors
    python benchmarks/passages.py --data qa.jsonl.xz --model smollm2      another's

DATA: lines {"context", "question", "answer"} (CMRC2018, DRCD, FairytaleQA), .xz or not.  Every context is cut into
passages as a document is; a question counts as answered by rank r if the passage at r is of its own context and holds
the answer's words.  Both by ranks: reciprocal ranks, summed with a weight (Cormack and others 2009).  Both by scores:
the words' score as a part of the best one, and the likeness times a weight.  Ends in one JSON line.
"""

from __future__ import annotations

import argparse
import json
import lzma
import time
from pathlib import Path
from typing import Any

import numpy as np

from huozhong.engine.llm import LLM
from huozhong.memory.index import Hit, Index, search
from huozhong.memory.passages import cut

DEPTH, CONSTANT = 50, 60  # ranks that count; the constant of reciprocal rank fusion
WEIGHTS = (0.1, 0.3, 1.0)


def read(path: Path, contexts: int, questions: int) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Contexts drawn by lot, and questions about them with their answers."""
    data = path.read_bytes()
    text = (lzma.decompress(data) if path.suffix == ".xz" else data).decode("utf-8")
    lines = [json.loads(line) for line in text.splitlines() if line]
    rng = np.random.default_rng(0)
    all_contexts = list(dict.fromkeys(line["context"] for line in lines))
    chosen = [all_contexts[i] for i in rng.permutation(len(all_contexts))[:contexts]]
    kept = set(chosen)
    asked = [(one["question"], one["context"], str(one["answer"])) for one in lines if one["context"] in kept]
    asked = [one for one in asked if one[2] and one[2] in one[1]]
    return chosen, [asked[i] for i in rng.permutation(len(asked))[:questions]]


def ranks(order: list[list[int]], good: list[set[int]]) -> np.ndarray[Any, Any]:
    """Of each question the rank of the first good passage, from 1; infinite where there is none."""
    return np.array([next((r for r, p in enumerate(o, 1) if p in g), np.inf) for o, g in zip(order, good, strict=True)])


def by_ranks(words: list[Hit], likeness: np.ndarray[Any, Any], weight: float) -> list[int]:
    """Passages by both, whatever the scores are."""
    scores: dict[int, float] = {}
    for order, worth in (([hit.passage for hit in words], 1.0), (np.argsort(-likeness)[:DEPTH].tolist(), weight)):
        for rank, passage in enumerate(order, 1):
            scores[passage] = scores.get(passage, 0.0) + worth / (CONSTANT + rank)
    return sorted(scores, key=lambda one: -scores[one])


def by_scores(words: list[Hit], likeness: np.ndarray[Any, Any], weight: float) -> list[int]:
    """Passages by both, where words that are sure outweigh vectors that are not."""
    scores = weight * likeness
    for hit in words:
        scores[hit.passage] += hit.score / words[0].score
    return [int(one) for one in np.argsort(-scores)[:DEPTH]]


def figures(found: np.ndarray[Any, Any], base: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Hits at 1 and 4, mean reciprocal rank, and its difference to words alone with a bootstrap interval."""
    gain = 1 / found - 1 / base
    rng = np.random.default_rng(1)
    means = gain[rng.integers(0, len(gain), (2000, len(gain)))].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return {
        "hit@1": round(float((found <= 1).mean()), 4), "hit@4": round(float((found <= 4).mean()), 4),
        "mrr": round(float((1 / found).mean()), 4), "gain": [round(float(x), 4) for x in (gain.mean(), low, high)],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="ember")
    parser.add_argument("--contexts", type=int, default=150)
    parser.add_argument("--questions", type=int, default=200)
    asked = parser.parse_args()
    contexts, questions = read(asked.data, asked.contexts, asked.questions)
    passages, of = [], []
    for number, context in enumerate(contexts):
        pieces = [piece.text for piece in cut([context], paged=False)]
        passages += pieces
        of += [contexts[number]] * len(pieces)
    good = [
        {p for p, text in enumerate(passages) if of[p] == context and answer in text}
        for _, context, answer in questions
    ]
    kept = [i for i, one in enumerate(good) if one]  # an answer that a cut went through is nobody's
    questions, good = [questions[i] for i in kept], [good[i] for i in kept]
    begin = time.perf_counter()
    index = Index.of(passages)
    indexed, begin = time.perf_counter() - begin, time.perf_counter()
    by_words = [search([index], question, DEPTH) for question, _, _ in questions]
    searched = time.perf_counter() - begin
    with LLM(asked.model, num_threads=2) as llm:
        begin = time.perf_counter()
        rows = llm.embed(passages)
        embedded = time.perf_counter() - begin
        wanted = llm.embed([question for question, _, _ in questions])
    centre = rows.mean(0)  # a causal model's vectors all lean one way
    rows, wanted = rows - centre, wanted - centre
    likeness = (wanted / np.linalg.norm(wanted, axis=1, keepdims=True)) @ (
        rows / np.linalg.norm(rows, axis=1, keepdims=True)
    ).T
    by_vectors = [list(order) for order in np.argsort(-likeness, axis=1)[:, :DEPTH].tolist()]
    base = ranks([[hit.passage for hit in hits] for hits in by_words], good)
    out: dict[str, Any] = {
        "model": asked.model, "passages": len(passages), "questions": len(questions),
        "seconds": {"words: index": round(indexed, 2), "words: a question": round(searched / len(questions), 5),
                    "vectors: a passage": round(embedded / len(passages), 3)},
        "words": figures(base, base), "vectors": figures(ranks(by_vectors, good), base),
    }  # fmt: skip
    for way in (by_ranks, by_scores):
        for weight in WEIGHTS:
            mixed = [way(w, one, weight) for w, one in zip(by_words, likeness, strict=True)]
            out[f"both {way.__name__}, vectors {weight}"] = figures(ranks(mixed, good), base)
    for name, value in out.items():
        print(f"{name:28} {value}")
    print(json.dumps(out))


if __name__ == "__main__":
    main()
