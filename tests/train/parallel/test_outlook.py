"""What a team is told before the start."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from huozhong.train.parallel.outlook import Outlook
from huozhong.train.parallel.settings import Rounds, Squeeze, TeamRecipe


def outlook(members: int, **settings: float) -> Outlook:
    rounds = Rounds(TeamRecipe(**settings), 1000)  # type: ignore[arg-type]
    return Outlook(rounds, 1_000_000, members, 0, 3600.0, 50.0)


def test_a_line_of_20_mbit() -> None:
    four = outlook(4, local_steps=10, keep=0.1, bits=2)
    message = Squeeze(0.1, 2).size(1_000_000)
    assert four.message_bytes == len(four.rounds.all) * message
    assert four.line_bytes == 4 * four.message_bytes
    assert four.line_seconds == pytest.approx(9 * four.message_bytes * 8 / 20e6)
    # 6 MB there and 6 MB back a step, of which a line carries both at once
    assert four.dense_bytes == 12_000_000 * 1000
    assert four.dense_seconds == pytest.approx(900 + 6e9 * 8 / 20e6)
    assert four.joules == pytest.approx(50 * 4 * four.seconds)
    shown = Console(file=StringIO(), width=120)
    shown.print(four.table())
    said = shown.file.getvalue()  # type: ignore[attr-defined]
    for part in ("a line, an hour", "20 Mbit/s", "energy (estimated)", "MB"):
        assert part in said


def test_rounds_grow_and_settle() -> None:
    rounds = Rounds(TeamRecipe(local_steps=4, keep=0.05, bits=2, settle=0.2, settle_bits=8, settle_steps=2), 30)
    assert [(each.start, each.end) for each in rounds.all] == [
        (0, 1), (1, 3), (3, 6), (6, 10), (10, 14), (14, 18), (18, 22), (22, 24), (24, 26), (26, 28), (28, 30)
    ]  # fmt: skip
    assert [each.how for each in rounds.all] == [Squeeze(0.05, 2)] * 8 + [Squeeze(1, 8)] * 3
    assert outlook(1).line_bytes == 0
    assert outlook(1).seconds == pytest.approx(3600)
