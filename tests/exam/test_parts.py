"""The parts of the exam: which there are, and where their questions come from."""

from __future__ import annotations

from fractions import Fraction

import pytest

from huozhong.errors import ConfigError, DataError
from huozhong.exam.parts import PART_NAMES, PARTS, Setting, choose
from huozhong.verify.arithmetic import evaluate


def test_choose_parts() -> None:
    assert choose(None) == PART_NAMES
    assert choose("poems, math23k") == ("math23k", "poems")
    assert choose("arithmetic,refusal") == ("one_step", "two_step", "out_of_scope", "out_of_scope_fresh", "in_scope")
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
