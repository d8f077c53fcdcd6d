"""The index's search against BM25 written out plainly, and the bytes it lies on disk as."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest

from huozhong.errors import DataError
from huozhong.memory.index import K1, B, Hit, Index, search
from huozhong.memory.terms import terms

PASSAGES = [
    "母猪怀孕一百一十四天左右，产前一周要准备好产房。",
    "仔猪出生后三天内要补铁，七天开始教槽。",
    "春季养鸡要注意通风，防止呼吸道疾病。",
    "Piglets need iron within three days of birth.",
    "猪。",
]


def plain_bm25(documents: list[list[str]], question: str) -> list[Hit]:
    passages = [(d, p, Counter(terms(text))) for d, texts in enumerate(documents) for p, text in enumerate(texts)]
    mean = sum(counts.total() for *_, counts in passages) / len(passages)
    hits = []
    for document, passage, counts in passages:
        score = 0.0
        for term in terms(question):
            having = sum(term in other for *_, other in passages)
            weight = math.log(1 + (len(passages) - having + 0.5) / (having + 0.5))
            score += weight * counts[term] * (K1 + 1) / (counts[term] + K1 * (1 - B + B * counts.total() / mean))
        if score > 0:
            hits.append(Hit(document, passage, score))
    return sorted(hits, key=lambda hit: (-hit.score, hit.index, hit.passage))


def test_it_finds_what_answers() -> None:
    index = Index.of(PASSAGES)
    assert search([index], "母猪要怀孕多少天？", 3)[0].passage == 0
    assert search([index], "小猪什么时候补铁", 3)[0].passage == 1
    assert search([index], "When does a piglet need iron?", 3)[0].passage == 3
    assert search([index], "完全无关", 3) == []
    assert search([index], "", 3) == [] == search([], "猪", 3)


def test_it_agrees_with_bm25_written_out() -> None:
    random.seed(5)
    alphabet = "猪鸡牛羊春夏秋冬养种收卖"
    for _ in range(30):
        documents = [
            ["".join(random.choices(alphabet, k=random.randint(1, 40))) for _ in range(random.randint(1, 8))]
            for _ in range(random.randint(1, 4))
        ]
        question = "".join(random.choices(alphabet, k=random.randint(1, 8)))
        got = search([Index.of(texts) for texts in documents], question, 100)
        wanted = plain_bm25(documents, question)
        assert {(hit.index, hit.passage) for hit in got} == {(hit.index, hit.passage) for hit in wanted}
        assert [hit.score for hit in got] == pytest.approx([hit.score for hit in wanted])


def test_bytes_and_back() -> None:
    index = Index.of(PASSAGES)
    again = Index.from_bytes(index.to_bytes())
    for name in ("keys", "starts", "passages", "counts", "lengths"):
        assert np.array_equal(getattr(index, name), getattr(again, name))
    assert search([again], "补铁", 2) == search([index], "补铁", 2)
    assert Index.from_bytes(Index.of([]).to_bytes()).lengths.size == 0


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 not really", Index.of(PASSAGES).to_bytes()[:200]])
def test_damaged_bytes_are_said_to_be_damaged(data: bytes) -> None:
    with pytest.raises(DataError, match="index of a document is damaged"):
        Index.from_bytes(data)
