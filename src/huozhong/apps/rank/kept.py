"""A fitted model on disk: one folder, written whole or not at all."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from huozhong.apps.rank.columns import Known, columns_now
from huozhong.apps.rank.fields import Field, Fields, Ids
from huozhong.apps.rank.history import Totals
from huozhong.apps.rank.ladder import Model
from huozhong.apps.rank.logistic import Logistic
from huozhong.apps.rank.table import Table
from huozhong.apps.rank.task import Task
from huozhong.apps.rank.trees import Trees
from huozhong.apps.rank.trees import is_here as trees_are_here
from huozhong.engine.kernels.gated import Gate, GatedNetwork
from huozhong.errors import SkillError
from huozhong.files import whole_folder

_FORM = 1
_FRESH = 7 * 86_400.0  # seconds: nobody came in the time that a table does not tell of


@dataclass(frozen=True)
class Fitted:
    """Everything that answers later: the task, the fields, what is known of everybody, and the model that was enough.

    people, things: the last row of each, by name.  last: the moment of the table's last row, None where it has none.
    figures: of every rung, as `fit` told them.
    """

    task: Task
    fields: Fields
    known: Known
    model: Model
    name: str
    people: Mapping[str, Mapping[str, str]]
    things: Mapping[str, Mapping[str, str]]
    last: float | None
    figures: Mapping[str, Any]

    def ids(self, table: Table, now: float) -> Ids:
        """Rows that come now, as numbered values; of an old table, rows of the week after its end."""
        moments = None if self.last is None else np.full(table.num_rows, min(now, self.last + _FRESH))
        return self.fields.ids(columns_now(table, self.task, self.known, moments))


def save(fitted: Fitted, folder: Path) -> None:
    """Write a folder that `load` reads."""
    arrays, model = _arrays(fitted.model)
    task = fitted.task
    told = {
        "form": _FORM,
        "name": fitted.name,
        "model": model,
        "task": {
            "kinds": dict(task.kinds), "who": task.who, "what": task.what, "when": task.when, "target": task.target,
            "yes": task.yes, "good": task.good, "left_out": [list(one) for one in task.left_out],
        },
        "fields": [field.as_json() for field in fitted.fields.all],
        "rarity": fitted.known.rarity,
        "totals": [[list(key), one.average, one.seen] for key, one in fitted.known.totals.items()],
        "people": fitted.people,
        "things": fitted.things,
        "last": fitted.last,
        "figures": fitted.figures,
    }  # fmt: skip
    with whole_folder(folder) as partial:
        (partial / "about.json.gz").write_bytes(gzip.compress(json.dumps(told, ensure_ascii=False).encode(), mtime=0))
        np.savez(partial / "model.npz", **arrays)


def load(folder: Path) -> Fitted:
    """Read what `save` wrote; `SkillError` for anything else."""
    try:
        told = json.loads(gzip.decompress((folder / "about.json.gz").read_bytes()))
        with np.load(folder / "model.npz", allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if told["form"] != _FORM:
            raise ValueError(f"form {told['form']}")
        task = told["task"]
        return Fitted(
            Task(**task | {"left_out": tuple(tuple(one) for one in task["left_out"])}),
            Fields(tuple(Field.from_json(field) for field in told["fields"])),
            Known(told["rarity"], {tuple(key): _totals(average, seen) for key, average, seen in told["totals"]}),
            _model(told["model"], arrays),
            told["name"],
            told["people"],
            told["things"],
            told["last"],
            told["figures"],
        )
    except FileNotFoundError:
        raise SkillError(
            "这台机器还没有学过您的记录。先在这台机器上运行：huozhong rank fit 表格.csv",
            "This machine has not learnt from your records yet; there is no usable model.  "
            "First run on it: huozhong rank fit TABLE.csv",
        ) from None
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise SkillError(
            f"{folder} 里没有能用的推荐模型（{error}）。先运行：huozhong rank fit 表格.csv",
            f"There is no usable model in {folder} ({error}). First run: huozhong rank fit TABLE.csv",
        ) from None


def _totals(average: float, seen: Mapping[str, list[float]]) -> Totals:
    return Totals({key: (n, s, t) for key, (n, s, t) in seen.items()}, average)


def _arrays(model: Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """A model as arrays and what stands beside them."""
    if isinstance(model, Logistic):
        return {"weights": model.weights}, {"kind": "logistic", "bias": model.bias, "num_fields": model.num_fields}
    if isinstance(model, Trees):
        return {"order": model.order}, {"kind": "trees", "text": model.text}
    assert isinstance(model, GatedNetwork)
    arrays = {
        name: getattr(model, name)
        for name in ("vectors", "linear", "first_bias", "second", "second_bias", "last", "first")
        if getattr(model, name) is not None
    }
    told: dict[str, Any] = {"kind": "network", "last_bias": model.last_bias, "num_fields": model.num_fields}
    if model.gate is not None:
        arrays |= {"gate_scores": model.gate.scores, "gate_mixing": model.gate.mixing, "gate_bias": model.gate.bias}
        told["picked"] = model.gate.picked
    return arrays, told


def _model(told: Mapping[str, Any], arrays: dict[str, Any]) -> Model:
    if told["kind"] == "logistic":
        return Logistic(arrays["weights"], told["bias"], told["num_fields"])
    if told["kind"] == "trees":
        if not trees_are_here():
            raise SkillError(
                "这个模型是树，要先装：pip install 'huozhong[rank]'。",
                "This model is made of trees: pip install 'huozhong[rank]' first.",
            )
        return Trees(arrays["order"], told["text"])
    gate = None
    if "picked" in told:
        gate = Gate(arrays.pop("gate_scores"), arrays.pop("gate_mixing"), arrays.pop("gate_bias"), told["picked"])
    first = arrays.pop("first", None)
    return GatedNetwork(**arrays, first=first, last_bias=told["last_bias"], num_fields=told["num_fields"], gate=gate)
