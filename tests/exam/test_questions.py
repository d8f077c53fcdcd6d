"""What the exam asks: hand-written, generated, and kept apart from training."""

from __future__ import annotations

from huozhong.exam.questions import written_questions


def test_written_questions_are_many_varied_and_different() -> None:
    inside, outside = written_questions("in_scope"), written_questions("out_of_scope")
    assert len(inside) >= 120
    assert len(outside) >= 120
    fresh = written_questions("out_of_scope_fresh")
    assert len(fresh) == 200
    assert len({q.kind for q in fresh}) >= 12
    everything = [*inside, *outside, *fresh]
    assert len({q.question for q in everything}) == len({q.id for q in everything}) == len(everything)
    assert len({q.kind for q in outside}) >= 12
    assert {q.kind for q in inside} == {
        "word_problem",
        "arithmetic",
        "poem",
        "riddle",
        "idiom",
        "greeting",
        "identity",
    }
    for questions in (inside, outside):
        assert sum(q.lang == "en" for q in questions) >= 12
