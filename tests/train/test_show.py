"""What people without a terminal read of a run."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from huozhong.cost import Bill
from huozhong.train.show import Display, running_mean

BILL = Bill(10, 1.0, 2.0, 0.1, "CNY", "estimated", "")
RECORD: dict[str, Any] = {"step": 1, "loss": 2.5, "tokens_per_second": 1234.5, "lr_scale": 0.5}


def told(*records: dict[str, Any]) -> list[str]:
    console = Console(file=StringIO(), width=400)
    with Display(console, total_steps=100, done_steps=0, log_every=10) as display:
        for record in records:
            display.step(RECORD | record, BILL)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


def test_every_tenth_step_the_last_and_what_was_scored_is_told() -> None:
    lines = told(
        {"step": 1}, {"step": 10}, {"step": 11, "heldout_bpb": 1.5}, {"step": 12, "accepted_1": 0.5}, {"step": 100}
    )
    assert [line.split(" · ")[0] for line in lines] == ["step 10/100", "step 11/100", "step 12/100", "step 100/100"]
    assert "loss 2.5000 · 1,234 tok/s · lr 0.500 · " in lines[0]
    assert "held-out 1.5000 bits/byte" in lines[1]
    assert "accepted 50.0%" in lines[2]
    assert "0.0 min left · 10 tokens" in lines[3]


def test_a_running_mean_follows_slowly() -> None:
    values = [0.0] * 50 + [1.0] * 50
    mean = running_mean(values)
    assert mean[:50] == [0.0] * 50
    assert mean[50] == pytest.approx(0.2)
    assert mean == sorted(mean)
