"""What the exam asks: hand-written, generated, and kept apart from training."""

from __future__ import annotations

from fractions import Fraction

import pytest

from huozhong.errors import ConfigError, DataError
from huozhong.exam.held_out import held_out_texts, overlaps
from huozhong.exam.parts import PART_NAMES, PARTS, Setting, choose
from huozhong.exam.poems import poem_requests
from huozhong.exam.questions import written_questions
from huozhong.exam.sums import LARGEST, Sum, one_step, two_step
from huozhong.verify.arithmetic import canonical, evaluate, is_exam_expression
from huozhong.verify.poem import FORMS


def test_written_questions_are_many_varied_and_different() -> None:
    inside, outside = written_questions("in_scope"), written_questions("out_of_scope")
    assert len(inside) >= 120
    assert len(outside) >= 120
    everything = [*inside, *outside]
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


def test_generated_sums_are_the_exams_own() -> None:
    sums = one_step(100, 0) + two_step(300, 0)
    assert len({canonical(s.expression) for s in sums}) == 400
    for entry in sums:
        assert is_exam_expression(entry.expression)
        assert entry.expression in entry.question
        assert evaluate(entry.expression) == entry.value
        assert 0 <= entry.value <= LARGEST
        assert entry.value.denominator in (1, 2, 4, 5, 10, 20, 25, 50, 100)  # a short decimal at most


def test_generated_sums_follow_the_seed() -> None:
    assert two_step(20, 3) == two_step(20, 3)
    assert two_step(20, 3) != two_step(20, 4)
    assert two_step(20, 3) == two_step(40, 3)[:20]
    assert isinstance(one_step(1, 0)[0], Sum)


def test_whole_numbers_divide_exactly_in_between() -> None:
    for entry in two_step(300, 0):
        if "÷" in entry.expression and "." not in entry.expression:
            assert entry.value.denominator == 1, entry


def test_poem_requests_name_form_and_theme() -> None:
    requests = poem_requests()
    assert len(requests) == len({r.question for r in requests}) == 120
    for request in requests:
        assert request.form in request.question
        assert request.theme in request.question
        assert request.form in FORMS


def test_held_out_text_knows_itself() -> None:
    texts = held_out_texts()
    assert {text.kind for text in texts} == {"poem", "novel", "modern", "english"}
    assert 20_000 < sum(len(text.text.encode()) for text in texts) < 60_000
    for text in texts:
        assert overlaps(text.text)
        assert text.licence.startswith("public domain")
        assert text.source
    assert overlaps("前面的话。" + texts[2].text.replace("，", " "))
    assert not overlaps("床前明月光，疑是地上霜。举头望明月，低头思故乡。")
    assert not overlaps("The end. He said so.")


def test_choose_parts() -> None:
    assert choose(None) == PART_NAMES
    assert choose("poems, math23k") == ("math23k", "poems")
    assert choose("arithmetic,refusal") == ("one_step", "two_step", "out_of_scope", "in_scope")
    with pytest.raises(ConfigError, match=r"'chess'.*math23k.*perplexity"):
        choose("math23k,chess")


def test_limit_below_one_is_an_error() -> None:
    with pytest.raises(ConfigError, match="limit is 0"):
        Setting(limit=0)


def test_math23k_is_read_from_the_test_split(tmp_path) -> None:  # type: ignore[no-untyped-def]
    import lzma

    part = PARTS[0]
    assert "--data" in str(part.ask(Setting()))
    with pytest.raises(DataError, match=r"math23k\.jsonl"):
        part.ask(Setting(data=tmp_path))
    (tmp_path / "math23k").mkdir()
    rows = (
        '{"id":1,"question":"甲","equation":"1+1","answer":"2","split":"train"}\n'
        '{"id":2,"question":"乙","equation":"1/2","answer":"((1)/(2))","split":"test"}\n'
    )
    with lzma.open(tmp_path / "math23k" / "math23k.jsonl.xz", "wt", encoding="utf-8") as stream:
        stream.write(rows)
    questions = part.ask(Setting(data=tmp_path))
    assert [(q.id, q.text, q.gold) for q in questions] == [("math23k-2", "乙", "((1)/(2))")]  # type: ignore[union-attr]
    assert Fraction(1, 2) == evaluate("((1)/(2))")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"id":2,"question":"乙","answer":"三","split":"test"}', "'三'.*not a number"),
        ('{"id":2,"question":"乙","split":"test"}', "no field 'answer'"),
        ('{"id":2,"split":"train"}', "no problem with split 'test'"),
        ("[1]", "Line 1 .*not a JSON object"),
        ("{", "Line 1 .*not JSON"),
    ],
)
def test_bad_math23k_is_one_sentence(tmp_path, row: str, message: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "math23k").mkdir()
    (tmp_path / "math23k" / "math23k.jsonl").write_text(row, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        PARTS[0].ask(Setting(data=tmp_path))
