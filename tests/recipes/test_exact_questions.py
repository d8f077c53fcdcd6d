"""What ember learns exact acts from: answerable, of every kind, and not in the words of the exam."""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

RECIPE = Path(__file__).parents[2] / "recipes/ember"
sys.path.insert(0, str(RECIPE))

import exact_questions  # noqa: E402

from huozhong.acts import labels  # noqa: E402
from huozhong.acts.exact import do, kinds_possible  # noqa: E402
from huozhong.exam.exact.asked import asked  # noqa: E402

ROWS = list(islice(exact_questions.questions(random.Random(5)), 4000))


def wording(text: str) -> str:
    """A question without its numbers, letters and signs."""
    return re.sub(r"[\W\d_a-zA-Z零一二三四五六七八九十百千万两半点]|分之", "", text)


def test_every_question_can_be_answered_under_its_label() -> None:
    counts = Counter(label for _, label in ROWS)
    assert set(counts) == set(labels.EXACT_ACTS)
    assert min(counts.values()) > 150
    assert all(do(label, question) is not None for question, label in ROWS[::7])


def test_hardly_any_question_is_of_two_kinds() -> None:
    several = [question for question, label in ROWS[:1500] if kinds_possible(question) != [label]]
    assert len(several) < 60, several[:20]


def test_they_vary() -> None:
    assert len({question for question, _ in ROWS}) > 3900
    assert len({wording(question) for question, _ in ROWS}) > 1500
    assert 0.08 < sum(question.isascii() for question, _ in ROWS) / len(ROWS) < 0.35


def test_the_exam_asks_in_other_words() -> None:
    learnt = {wording(question) for question, _ in ROWS}
    examined = [wording(question.text) for seed in range(3) for question in asked(seed)]
    shared = Counter(w for w in examined if len(w) > 3 and w in learnt)
    assert sum(shared.values()) < 0.04 * len(examined), shared.most_common(20)
