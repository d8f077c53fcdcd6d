from __future__ import annotations

import pytest
from tests.skills.scripted import Scripted

from huozhong.errors import SkillError
from huozhong.skills.check import check_examples, read_examples
from huozhong.skills.skill import Skill, read_skill


def app(examples: str) -> Skill:
    return read_skill(
        f"---\nname: a\ndescription: b\n---\n```fields\nwho: text\nage: number(0, 150)\n```\nGreet {{{{who}}}}.\n"
        f"## Examples\n\n{examples}\n"
    )


GOOD = """Some words first.

- who: 小明
  age: 8
  → 小明
  → not 彩票
* who：Ann
  age: 200
  -> error
"""


def test_examples_are_read() -> None:
    first, second = read_examples(app(GOOD))
    assert first.given == {"who": "小明", "age": "8"}
    assert (first.holds, first.lacks, first.refused) == (("小明",), ("彩票",), False)
    assert second.refused
    assert read_examples(app("")) == []


def test_examples_are_run() -> None:
    assert [outcome.problems for outcome in check_examples(app(GOOD), Scripted("你好，小明"))] == [(), ()]
    first, _ = check_examples(app(GOOD), Scripted("买彩票吧"))
    assert first.problems == ("'小明' is missing", "'彩票' stands there")
    refused = app("- who: a\n  age: 1\n  → error")
    assert "should be refused" in next(check_examples(refused, Scripted("hi"))).problems[0]
    failing = app("- who: a\n  age: old\n  → a")
    assert "give a number" in next(check_examples(failing, Scripted("a"))).problems[0]


def test_an_example_that_cannot_be_read_is_said() -> None:
    with pytest.raises(SkillError, match="neither 'field: value'"):
        read_examples(app("- who 小明"))
