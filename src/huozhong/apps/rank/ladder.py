"""The ladder: from the cheapest model up, and which rung is enough.

Rows are cut in their order, by time where there is one: the first 80% are learnt from, the next 10% decide (when to
stop, which rung is enough), the last 10% are only reported.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.rank.fields import Fields, Ids
from huozhong.apps.rank.logistic import Logistic, fit_logistic
from huozhong.apps.rank.measure import Difference, auc, difference
from huozhong.apps.rank.trees import Trees, fit_trees
from huozhong.apps.rank.trees import is_here as trees_are_here
from huozhong.engine.kernels.gated import GatedNetwork

Floats = NDArray[np.float64]
Say = Callable[[str, float], None]  # which rung, and how much of it is done

AS_GOOD = 0.0005  # AUC by which a model may fall behind the best and still be as good
READS = 0.42  # of the fields, that a gate may pick
_RIDGES = (3.0, 10.0, 30.0, 100.0)
_ORDER = ("logistic", "trees", "static", "gated", "dense")
_FOLDED_BYTES = 64 << 20  # of folded vectors, up to which they are kept


class Model(Protocol):
    """What a rung holds."""

    @property
    def multiply_adds(self) -> int: ...
    def scores(self, ids: Ids) -> NDArray[np.float32]: ...
    def parts(self, ids: Ids) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Rung:
    """name: logistic, trees, static, gated, dense.  seconds: of its training.  micros: of one row alone, on one core.

    behind: by how much the best rung is better on the rows that decide.  area: on the rows that are only reported.
    """

    name: str
    model: Model
    seconds: float
    micros: float
    area: float
    behind: Difference

    @property
    def is_enough(self) -> bool:
        """Whether it is as good as any: nearly equal, or not to be told apart with these rows."""
        return self.behind.mean <= AS_GOOD or self.behind.low <= 0.0


@dataclass(frozen=True)
class Sets:
    """ids [rows, fields] and outcomes, and where the rows to decide by and the last ones begin."""

    ids: Ids
    outcome: Floats
    decide: int
    report: int

    @classmethod
    def cut(cls, ids: Ids, outcome: Floats) -> Sets:
        return cls(ids, outcome, int(0.8 * len(outcome)), int(0.9 * len(outcome)))


def climb(sets: Sets, fields: Fields, say: Say, seed: int = 0) -> list[Rung]:
    """All rungs that can be trained on this machine, from the lowest up, which is from the cheapest to run."""
    makers: list[tuple[str, Callable[[], Model]]] = [("logistic", lambda: _logistic(sets, fields))]
    if trees_are_here():
        makers.append(("trees", lambda: _trees(sets, fields, seed)))
    made: list[tuple[str, Model, float]] = []
    for name, make in makers:
        began = time.perf_counter()
        say(name, 0.0)
        made.append((name, make(), time.perf_counter() - began))
        say(name, 1.0)
    if importlib.util.find_spec("torch") is not None:
        made += _networks(sets, fields, say, seed)
    decide, report = slice(sets.decide, sets.report), slice(sets.report, None)
    told = [model.scores(sets.ids[decide]) for _, model, _ in made]
    best = max(told, key=lambda scores: auc(sets.outcome[decide], scores))
    rungs = [
        Rung(
            name, model, seconds, _micros(model, sets.ids),
            auc(sets.outcome[report], model.scores(sets.ids[report])),
            difference(sets.outcome[decide], best, scores),
        )
        for (name, model, seconds), scores in zip(made, told, strict=True)
    ]  # fmt: skip
    return sorted(rungs, key=lambda rung: _ORDER.index(rung.name))


def cheapest(rungs: list[Rung]) -> Rung:
    """The first that is as good as any."""
    return next(rung for rung in rungs if rung.is_enough)


def folded(model: Model, fields: Fields) -> Model:
    """A network with its first layer computed beforehand, where that takes little memory; anything else as it is."""
    if not isinstance(model, GatedNetwork) or model.first is None:
        return model
    small = fields.num_values * len(model.first_bias) * 4 <= _FOLDED_BYTES
    return model.folded(fields.offsets) if small else model


def _logistic(sets: Sets, fields: Fields) -> Logistic:
    learn, decide = slice(None, sets.decide), slice(sets.decide, sets.report)
    tried = [fit_logistic(sets.ids[learn], sets.outcome[learn], fields.num_values, ridge) for ridge in _RIDGES]
    return max(tried, key=lambda model: auc(sets.outcome[decide], model.scores(sets.ids[decide])))


def _trees(sets: Sets, fields: Fields, seed: int) -> Trees:
    learn, decide = slice(None, sets.decide), slice(sets.decide, sets.report)
    return fit_trees(
        sets.ids[learn], sets.outcome[learn], sets.ids[decide], sets.outcome[decide], fields.num_values, seed
    )


def _networks(sets: Sets, fields: Fields, say: Say, seed: int) -> list[tuple[str, Model, float]]:
    from huozhong.apps.rank.train import Rows, Training, for_the_kernel, train_dense, train_gated, train_static

    learn, decide = slice(None, sets.decide), slice(sets.decide, sets.report)
    rows = Rows(sets.ids[learn], sets.outcome[learn], sets.ids[decide], sets.outcome[decide], fields.offsets)
    training = replace(Training.for_rows(sets.decide), seed=seed)
    began = time.perf_counter()
    dense = train_dense(rows, fields.num_values, training, lambda done, _: say("dense", done))
    dense_seconds = time.perf_counter() - began
    k = max(1, round(READS * len(fields.all)))
    student, gate = train_gated(dense, k, rows, training, lambda done, _: say("gated", done))
    gated = for_the_kernel(student, gate, k)
    gated_seconds = time.perf_counter() - began
    static = train_static(gated, rows, fields.num_values, training, lambda done, _: say("static", done))
    return [
        ("dense", for_the_kernel(dense, None, 0), dense_seconds),
        ("gated", gated, gated_seconds),
        ("static", static, time.perf_counter() - began),
    ]


def _micros(model: Model, ids: Ids) -> float:
    """Microseconds for a row alone: the best of some, as other work disturbs."""
    one, times = np.ascontiguousarray(ids[:1]), []
    for _ in range(50):
        began = time.perf_counter()
        model.scores(one)
        times.append(time.perf_counter() - began)
    return 1e6 * min(times)
