"""What a plan counts."""

from __future__ import annotations

import pytest
from rich.console import Console

from huozhong.cost import Bill
from huozhong.model.footprint import count_parameters
from huozhong.train.plan import expected_bill, flops_of_step, make_plan
from huozhong.train.recipe import Recipe
from huozhong.train.stages.pretrain import TextRun


def test_the_plan_counts_the_ramp(ramped: Recipe, console: Console) -> None:
    config = TextRun(ramped, console).model.config
    plan = make_plan(ramped, config, tokens_per_epoch=1000)
    first, second, rest = (flops_of_step(ramped, config, stretch) for stretch in ramped.stretches)
    assert first < second / 2 < rest / 2
    assert plan.flops == pytest.approx(4 * first + 2 * second + 4 * rest)
    assert plan.step_flops == rest


def test_the_plan_counts_parts(recipe: Recipe, console: Console) -> None:
    config = TextRun(recipe, console).model.config
    one, two = (make_plan(recipe, config, tokens_per_epoch=1, holders=count).memory_bytes for count in (1, 2))
    weights = 16 * count_parameters(config).total
    assert one - two == weights // 2


def test_a_bill_grows_with_the_time() -> None:
    trial = Bill(10, 2.0, 30.0, 0.5, "CNY", "measured", "RAPL")
    assert expected_bill(trial, 6.0, 99) == Bill(99, 6.0, 90.0, 1.5, "CNY", "estimated", "RAPL")
    assert expected_bill(Bill(0, 0.0, 0.0, 0.0, "CNY", "measured", ""), 6.0, 99).joules == 0
