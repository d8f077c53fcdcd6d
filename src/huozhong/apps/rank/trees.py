"""The second rung: boosted trees, LightGBM's, where it is installed.

A category's values are put into an order first, by how often their rows count, so that trees can cut between them.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.rank.fields import Ids

Floats = NDArray[np.float64]
_LEAN = 20.0  # average rows that a value is given
_ROUNDS, _PATIENCE = 400, 30


def is_here() -> bool:
    return importlib.util.find_spec("lightgbm") is not None


@dataclass(frozen=True)
class Trees:
    """order [values]: the number that trees see for each value.  text: the model as LightGBM writes it."""

    order: NDArray[np.float32]
    text: str

    @cached_property
    def _booster(self) -> Any:
        import lightgbm

        return lightgbm.Booster(model_str=self.text)

    def scores(self, ids: Ids) -> NDArray[np.float32]:
        """The log-odds of every row."""
        return np.asarray(self._booster.predict(self.order[ids], raw_score=True, num_threads=1), np.float32)

    def parts(self, ids: Ids) -> NDArray[np.float32]:
        """[rows, fields]: what every field adds to a row's log-odds (Shapley values of the trees)."""
        return np.asarray(self._booster.predict(self.order[ids], pred_contrib=True, num_threads=1), np.float32)[:, :-1]

    @property
    def multiply_adds(self) -> int:
        """Comparisons and additions that a row takes: a path through every tree."""
        told = self._booster.dump_model()["tree_info"]
        return sum(1 + int(np.ceil(np.log2(max(2, tree["num_leaves"])))) for tree in told)


def fit_trees(ids: Ids, outcome: Floats, valid_ids: Ids, valid_outcome: Floats, num_values: int, seed: int) -> Trees:
    """Fit trees; they end where the rows to stop by get no better."""
    import lightgbm

    repeated = np.repeat(outcome, ids.shape[1])
    rows = np.bincount(ids.ravel(), minlength=num_values)
    good = np.bincount(ids.ravel(), weights=repeated, minlength=num_values)
    order = ((good + _LEAN * outcome.mean()) / (rows + _LEAN)).astype(np.float32)
    data = lightgbm.Dataset(order[ids], outcome)
    settings = {
        "objective": "binary", "metric": "binary_logloss", "learning_rate": 0.05, "num_leaves": 31,
        "min_data_in_leaf": 50, "feature_fraction": 0.8, "bagging_fraction": 0.8, "bagging_freq": 1, "seed": seed,
        "verbosity": -1, "num_threads": 2,
    }  # fmt: skip
    booster = lightgbm.train(
        settings, data, _ROUNDS, valid_sets=[lightgbm.Dataset(order[valid_ids], valid_outcome, reference=data)],
        callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
    )  # fmt: skip
    return Trees(order, booster.model_to_string(num_iteration=booster.best_iteration))
