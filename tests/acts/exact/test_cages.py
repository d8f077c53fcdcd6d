"""Animals in a cage and what is the same."""

from __future__ import annotations

from fractions import Fraction

from huozhong.acts.exact.cages import in_cage
from huozhong.acts.exact.marked import marked


def test_every_cage_is_solved_as_it_was_made() -> None:
    for hens in range(1, 12):
        for rabbits in range(1, 12):
            text = f"鸡兔同笼，有{hens + rabbits}个头，{2 * hens + 4 * rabbits}条腿，鸡兔各几只"
            found = in_cage(marked(text), english=False)
            assert found is not None
            assert found.results == (("鸡", Fraction(hens)), ("兔", Fraction(rabbits)))


def test_coins_questions_and_boats() -> None:
    def results(text: str) -> list[Fraction]:
        found = in_cage(marked(text), english=False)
        return [value for _, value in found.results] if found else []

    assert results("2分和5分的硬币共15枚，一共48分，各有几枚") == [9, 6]
    assert results("答对一题得10分，答错一题扣5分，做了10题，得了70分，答对几题") == [8, 2]
    assert results("大车坐45人，小车坐20人，8辆车坐了260人，大车小车各几辆") == [4, 4]
    assert results("小明有5元和2元") == []
