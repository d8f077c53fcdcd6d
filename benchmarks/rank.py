"""Does reading fewer fields cost anything, and is a network needed at all?

    python benchmarks/rank.py [--data FILE --target COLUMN --good NUMBER] [--seeds 10] [--reads 0.42]

The dense network reads every field of a row, the gated one a part of them that it picks for each row.  Both are
trained from each seed on the same rows; what differs is compared pair by pair.  Beside them: logistic regression,
LightGBM where it is installed, and the dense network with as many fields, the same for all rows.  FILE: a CSV as
`huozhong rank fit` takes it.  Without it rows are made up of which it is known what matters in each.  A time is
the least of some runs, taken by turns, on one thread.  Words for people go to stderr; the last line, on stdout,
is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchlib.switched import VALUES, needed, switched
from numpy.typing import NDArray

from huozhong.apps.rank.columns import columns_of, fields_of
from huozhong.apps.rank.fields import Field, Fields
from huozhong.apps.rank.fit import in_order
from huozhong.apps.rank.ladder import READS, Sets
from huozhong.apps.rank.logistic import fit_logistic
from huozhong.apps.rank.measure import auc
from huozhong.apps.rank.table import read_table
from huozhong.apps.rank.task import understand
from huozhong.apps.rank.train import Rows, Training, for_the_kernel, train_dense, train_gated, train_static
from huozhong.apps.rank.trees import fit_trees
from huozhong.apps.rank.trees import is_here as trees_are_here
from huozhong.engine.kernels.gated import GatedNetwork

MADE_UP_FIELDS = 24
T_95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}  # Student's, of n means


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="a CSV; default: rows that are made up")
    parser.add_argument("--target")
    parser.add_argument("--good", type=float)
    parser.add_argument("--seeds", type=int, default=10, choices=range(2, 11), metavar="2..10")
    parser.add_argument("--reads", type=float, default=READS, help="the part of the fields that the gate picks")
    options = parser.parse_args()
    torch.set_num_threads(2)
    sets, fields = of_file(options) if options.data else made_up()
    k = max(1, round(options.reads * len(fields.all)))
    rows, test = learnt_from(sets, fields), slice(sets.report, None)
    areas: dict[str, list[float]] = {"dense": [], "gated": [], "static": []}
    found: list[float] = []
    for seed in range(options.seeds):
        training = replace(Training.for_rows(sets.decide), seed=seed)
        dense = train_dense(rows, fields.num_values, training, silent)
        student, gate = train_gated(dense, k, rows, training, silent)
        whole, picking = for_the_kernel(dense, None, 0), for_the_kernel(student, gate, k)
        areas["dense"].append(auc(sets.outcome[test], whole.scores(sets.ids[test])))
        areas["gated"].append(auc(sets.outcome[test], picking.scores(sets.ids[test])))
        same = train_static(picking, rows, fields.num_values, training, silent)
        areas["static"].append(auc(sets.outcome[test], same.scores(sets.ids[test])))
        if not options.data:
            assert picking.gate is not None
            own = sets.ids[test] - VALUES * np.arange(len(fields.all))
            found.append(float(picking.gate.choose(sets.ids[test])[needed(own)].mean()))
        print(f"seed {seed}: " + ", ".join(f"{name} {area[-1]:.5f}" for name, area in areas.items()), file=sys.stderr)
    result = told(areas, whole, picking, sets, fields)
    result |= peers(sets, fields) | ({"needed_fields_found": float(np.mean(found))} if found else {})
    print(json.dumps({"benchmark": "rank", "fields": len(fields.all), "reads": k, "seeds": options.seeds, **result}))


def silent(done: float, area: float) -> None:
    pass


def of_file(options: argparse.Namespace) -> tuple[Sets, Fields]:
    table = read_table(options.data)
    task = understand(table, target=options.target, good=options.good)
    if task.target is None:
        sys.exit("The benchmark needs a table with an outcome: give --target COLUMN.")
    table = in_order(table, task, 0)
    outcome = task.outcome(table)
    columns, _ = columns_of(table, task, outcome, np.ones(len(outcome)), task.moments(table))
    learn = int(0.8 * len(outcome))
    fields = fields_of({name: column[:learn] for name, column in columns.items()})
    return Sets.cut(fields.ids(columns), outcome), fields


def made_up() -> tuple[Sets, Fields]:
    ids, outcome = switched(60_000, seed=1, fields=MADE_UP_FIELDS)
    values = {str(value): value for value in range(1, VALUES)}
    fields = Fields(tuple(Field(str(n), values=values) for n in range(MADE_UP_FIELDS)))
    return Sets.cut(ids, outcome), fields


def learnt_from(sets: Sets, fields: Fields) -> Rows:
    learn, decide = slice(None, sets.decide), slice(sets.decide, sets.report)
    return Rows(sets.ids[learn], sets.outcome[learn], sets.ids[decide], sets.outcome[decide], fields.offsets)


def told(
    areas: dict[str, list[float]], whole: GatedNetwork, picking: GatedNetwork, sets: Sets, fields: Fields
) -> dict[str, Any]:
    lost = np.array(areas["gated"]) - np.array(areas["dense"])
    half = T_95[len(lost)] * float(lost.std(ddof=1)) / len(lost) ** 0.5
    many = np.ascontiguousarray(np.resize(sets.ids, (4096, sets.ids.shape[1])))
    forms = {"dense": whole, "gated": picking, "dense_folded": whole.folded(fields.offsets),
             "gated_folded": picking.folded(fields.offsets)}  # fmt: skip
    return {
        "auc": {name: float(np.mean(area)) for name, area in areas.items()},
        "gated_less_dense": [float(lost.mean()), float(lost.mean() - half), float(lost.mean() + half)],
        "multiply_adds": {name: form.multiply_adds for name, form in forms.items()},
        "microseconds_of_4096": seconds(forms, many, 30),
        "microseconds_of_1": seconds(forms, many[:1].copy(), 3000),
        "multiply_adds_fewer": 1 - picking.multiply_adds / whole.multiply_adds,
    }


def seconds(forms: dict[str, GatedNetwork], ids: NDArray[np.int32], times: int) -> dict[str, float]:
    """Microseconds, the least of `times` runs of each, by turns."""
    least = dict.fromkeys(forms, float("inf"))
    for _ in range(times):
        for name, form in forms.items():
            began = time.perf_counter()
            form.scores(ids)
            least[name] = min(least[name], time.perf_counter() - began)
    return {name: round(1e6 * one, 2) for name, one in least.items()}


def peers(sets: Sets, fields: Fields) -> dict[str, Any]:
    learn, decide, test = slice(None, sets.decide), slice(sets.decide, sets.report), slice(sets.report, None)
    tried = [fit_logistic(sets.ids[learn], sets.outcome[learn], fields.num_values, ridge) for ridge in (3, 10, 30, 100)]
    logistic = max(tried, key=lambda model: auc(sets.outcome[decide], model.scores(sets.ids[decide])))
    found = {"logistic": auc(sets.outcome[test], logistic.scores(sets.ids[test]))}
    if trees_are_here():
        trees = fit_trees(
            sets.ids[learn], sets.outcome[learn], sets.ids[decide], sets.outcome[decide], fields.num_values, 0
        )
        found["lightgbm"] = auc(sets.outcome[test], trees.scores(sets.ids[test]))
    return {"auc_of_peers": found}


if __name__ == "__main__":
    main()
