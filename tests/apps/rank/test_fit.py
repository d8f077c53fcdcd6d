"""The whole ladder, on tables whose truth is known; and what the terminal and the API make of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.benchlib.switched import needed, switched
from tests.apps.rank.shop import TASTES, till
from typer.testing import CliRunner

from huozhong.apps.rank.fields import Field, Fields
from huozhong.apps.rank.kept import load
from huozhong.apps.rank.ladder import Sets, climb
from huozhong.apps.rank.measure import auc
from huozhong.apps.rank.offers import offers, score_rows
from huozhong.apps.rank.train import Rows, Training, for_the_kernel, train_dense, train_gated, train_static
from huozhong.cli.main import build
from huozhong.errors import SkillError

SMALL = Training(
    width=8,
    hidden=(32, 32),
    epochs=12,
    gate_epochs=10,
    batch=256,
    decay=0.01,
    dropout=0.0,
    learning_rate=2e-3,
    unseen=0.05,
)


def test_the_gate_finds_the_fields_that_a_row_needs() -> None:
    ids, outcome = switched(12_000, seed=1)
    rows = Rows(ids[:10_000], outcome[:10_000], ids[10_000:], outcome[10_000:], (6 * np.arange(12)).astype(np.int32))
    told: list[float] = []
    dense = train_dense(rows, 72, SMALL, lambda done, _: told.append(done))
    assert told[-1] == 1.0
    student, gate = train_gated(dense, 4, rows, SMALL, lambda done, _: None)
    whole, picking = for_the_kernel(dense, None, 0), for_the_kernel(student, gate, 4)
    test_ids, test_outcome = switched(4_000, seed=2)
    area = auc(test_outcome, picking.scores(test_ids))
    assert area > auc(test_outcome, whole.scores(test_ids)) - 0.01
    assert picking.multiply_adds < 0.55 * whole.multiply_adds
    static = train_static(picking, rows, 72, SMALL, lambda done, _: None)
    assert auc(test_outcome, static.scores(test_ids)) < area  # which fields matter is another question in every row
    assert picking.gate is not None
    found = picking.gate.choose(test_ids)[needed(test_ids - 6 * np.arange(12))]
    assert found.mean() > 0.88  # about 0.93: what the row needs is read, and little else has room


def test_where_a_straight_sum_is_enough_it_is_taken() -> None:
    chance = np.random.default_rng(0)
    ids = (chance.integers(1, 5, (4_000, 4)) + 5 * np.arange(4)).astype(np.int32)
    logits = chance.normal(size=20)[ids].sum(1)
    outcome = (chance.random(4_000) < 1 / (1 + np.exp(-logits))).astype(float)
    fields = Fields(tuple(Field(str(n), values={str(v): v for v in range(1, 5)}) for n in range(4)))
    rungs = climb(Sets.cut(ids, outcome), fields, lambda name, done: None)
    assert rungs[0].name == "logistic"
    assert {rung.name for rung in rungs} == {"logistic", "trees", "static", "gated", "dense"}
    assert rungs[0].is_enough


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A till, fitted by the terminal's command."""
    folder = tmp_path_factory.mktemp("rank")
    (folder / "till.csv").write_text(till(), encoding="gb18030")
    result = CliRunner().invoke(build(), ["rank", "fit", str(folder / "till.csv"), "-m", str(folder / "m"), "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["rungs"][0]["auc"] > 0.75  # nine of ten purchases follow the age
    return folder / "m"


def test_everybody_is_offered_what_they_like(fitted: Path) -> None:
    model = load(fitted)
    for person, row in model.people.items():
        best = offers(model, who=person, top=3)
        kinds = [model.things[one.name]["类别"] for one in best]
        assert kinds.count(TASTES[row["年龄"]]) >= 2, (person, row, best)
        assert all(one.reasons and 0 <= one.chance <= 1 for one in best)
    assert model.people[offers(model, what="化肥", top=1)[0].name]["年龄"] == "中年"


def test_what_cannot_be_asked(fitted: Path, tmp_path: Path) -> None:
    model = load(fitted)
    with pytest.raises(SkillError, match="no 顾客 '外人'"):
        offers(model, who="外人")
    with pytest.raises(SkillError, match="not both"):
        offers(model, who="赵一", what="酱油")
    with pytest.raises(SkillError, match="does not know column '颜色'"):
        score_rows(model, [{"颜色": "红"}])
    with pytest.raises(SkillError, match="no usable model"):
        load(tmp_path)
    (tmp_path / "about.json.gz").write_bytes(b"torn")
    with pytest.raises(SkillError, match="no usable model"):
        load(tmp_path)
