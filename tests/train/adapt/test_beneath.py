"""What layers that do not learn make of the rows: kept, and the same as made anew."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.train.adapt.adapting import opened

from huozhong.model.families import CausalLM, load_causal_lm
from huozhong.model.frozen import Storage
from huozhong.train.adapt.beneath import Beneath
from huozhong.train.adapt.lora import add_adapters, trained_weights
from huozhong.train.adapt.tasks import SftTask


def upper(folder: Path, storage: Storage | None = "float32") -> CausalLM:
    """The upper of two layers learns; adapters already say something."""
    view, _ = opened(folder)
    model = load_causal_lm(view.architecture, view, storage=storage, still=1)
    if storage is not None:
        add_adapters(model, 4, 8.0, seed=1)
        torch.manual_seed(2)
        for name, weight in trained_weights(model).items():
            if name.endswith("lora_B"):
                weight.data.normal_(0.0, 0.1)
    return model.train()


def learnt(model: CausalLM, task: SftTask, rows: int = 300) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and gradients of an epoch."""
    model.zero_grad()
    total = 0.0
    for part in task.parts(task.epoch(0, 0), rows):
        loss = task.loss(model, part)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's
        total += float(loss.detach())
    return total, {n: w.grad.clone() for n, w in trained_weights(model).items() if w.grad is not None}


@pytest.mark.parametrize("kind", ["qwen2", "deepseek", "llama"])
@pytest.mark.parametrize("storage", ["float32", None])
def test_kept_states_change_neither_loss_nor_gradients(
    kind: str, storage: Any, folders: dict[str, Path], task: SftTask
) -> None:
    model = upper(folders[kind], storage)
    slow, anew = learnt(model, task)
    model.beneath = beneath = Beneath(model, task.rows, 300)
    assert beneath.left == 0
    fast, kept = learnt(model, task)
    assert fast == pytest.approx(slow, rel=1e-5)
    assert anew.keys() == kept.keys()
    assert all(".layers.1." in name for name in kept)
    for name, grad in anew.items():
        torch.testing.assert_close(kept[name], grad, atol=1e-5 * float(grad.abs().max()) + 1e-8, rtol=1e-4, msg=name)


def test_lower_layers_run_once_for_every_row(
    folders: dict[str, Path], task: SftTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, runs = upper(folders["qwen2"]), []
    lower = model.model.layers[0].forward
    monkeypatch.setattr(model.model.layers[0], "forward", lambda *args: (runs.append(1), lower(*args))[1])
    model.beneath = beneath = Beneath(model, task.rows, 300)
    for _ in range(3):
        learnt(model, task)
        task.score(model, 300)
    distinct = {tuple(ids) for ids, _ in task.rows}
    assert beneath.kept == sum(map(len, distinct))
    assert len(runs) <= 1 + 2 * beneath.kept // 300


def test_the_same_bits_whichever_row_comes_first(folders: dict[str, Path], task: SftTask) -> None:
    """A run that is gone on with asks in another order than one that was never stopped."""
    rows = [e.row for e in [*task.training, *task.heldout_examples]]
    found = []
    for seed in (1, 2):
        model = upper(folders["qwen2"])
        beneath, order = Beneath(model, rows, 300), list(range(len(rows)))
        random.Random(seed).shuffle(order)
        states = {}
        for i in order:
            tokens = torch.tensor([rows[i][0]])
            states[i] = beneath.states(tokens, torch.zeros_like(tokens))
        found.append(states)
    for i, one in found[0].items():
        assert one is not None
        assert torch.equal(one, found[1][i])


def test_rows_without_room_go_through_all_layers(folders: dict[str, Path], task: SftTask) -> None:
    model = upper(folders["qwen2"])
    slow, _ = learnt(model, task)
    bytes_of_a_token = 64 * 4
    model.beneath = beneath = Beneath(model, task.rows, 300, room=100 * bytes_of_a_token)
    assert 0 < beneath.kept <= 100
    assert beneath.left > 0
    assert learnt(model, task)[0] == pytest.approx(slow, rel=1e-5)
    last = torch.tensor([task.rows[-1][0]])
    assert beneath.states(last, torch.zeros_like(last)) is None
