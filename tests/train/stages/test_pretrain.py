"""Pretraining: it learns, balances its experts, averages, and stops before it spoils anything."""

from __future__ import annotations

import dataclasses
import math
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from tests.train.courses import changed, course, cut_after, records

from huozhong.errors import ConfigError, DataError, TrainingError
from huozhong.formats.checkpoint import CheckpointReader
from huozhong.text.data import write_text_shard
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.feed import training_batches
from huozhong.train.model_folder import load_transformer
from huozhong.train.plan import flops_of_step
from huozhong.train.recipe import Recipe, parse_recipe
from huozhong.train.score import busiest
from huozhong.train.sitting import Sitting, sit
from huozhong.train.stages.pretrain import TextRun, train


def test_loss_falls_and_the_model_is_exported(recipe: Recipe, console: Console, tokenizer: Tokenizer) -> None:
    recipe = changed(recipe, "schedule", total_steps=40)
    outcome = train(recipe, console=console)
    found = records(recipe)
    assert outcome.finished
    assert (outcome.step, outcome.tokens, len(found)) == (40, 40 * 128, 40)
    assert found[-1]["loss"] < 0.6 * found[0]["loss"]
    assert found[-1]["heldout_bpb"] == outcome.heldout_bpb
    assert outcome.heldout_bpb < found[4]["heldout_bpb"]
    assert outcome.bill.tokens == outcome.tokens
    assert outcome.bill.joules > 0
    assert (Path(recipe.run.out) / "loss.png").stat().st_size > 1000
    assert outcome.model is not None
    assert CheckpointReader(outcome.model).config.hidden_size == 32
    assert Tokenizer.load(outcome.model).fingerprint == tokenizer.fingerprint
    ChatTemplate.load(outcome.model, tokenizer)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for word in ("parameters", "参数", "GFLOP/s", "expected", "step 40/40", "完成"):
        assert word in text


def test_experts_train_and_balance(moe_recipe: Recipe, console: Console) -> None:
    moe_recipe = changed(moe_recipe, "schedule", total_steps=40)
    moe_recipe = changed(moe_recipe, "optim", balance_rate=0.05)
    train(moe_recipe, console=console)
    found = records(moe_recipe)
    assert found[-1]["loss"] < 0.6 * found[0]["loss"]
    assert found[-1]["mtp_loss"] < found[0]["mtp_loss"]
    assert sum(r["max_load"] for r in found[-10:]) / 10 < 1.5  # of at most 2.0: 4 experts, 2 per token
    assert 1 <= found[-1]["window_max_load"] < 1.5
    assert f"busiest expert {found[-1]['window_max_load']:.2f}×" in console.file.getvalue()  # type: ignore[attr-defined]


def test_balance_is_that_of_all_tokens_of_the_last_steps(moe_recipe: Recipe, console: Console) -> None:
    moe_recipe = changed(moe_recipe, "run", eval_every=5)
    seen: list[list[torch.Tensor]] = []

    class Watched(TextRun):
        def one_step(self, step: int) -> dict[str, Any]:
            record = super().one_step(step)
            seen.append([torch.stack(layer).sum(0) for layer in zip(*self._loads, strict=True)])
            return record

    train(moe_recipe, console=console, kind=Watched)
    found = records(moe_recipe)
    told = [record["step"] for record in found if "window_max_load" in record]
    assert told == [5, 10, 12]
    positions = moe_recipe.tokens_per_step * 2  # two experts per token
    for step in told:
        assert int(seen[step - 1][0].sum()) == 5 * positions
        assert found[step - 1]["window_max_load"] == busiest(seen[step - 1])
        assert found[step - 1]["window_max_load"] <= max(r["max_load"] for r in found[step - 5 : step])


def test_cutting_the_batch_differently_gives_the_same_gradient(recipe: Recipe, console: Console) -> None:
    norms = []
    for micro in (1, 2, 4):
        cut = changed(recipe, "optim", micro_batch=micro)
        cut = changed(
            changed(cut, "run", precision="float32", out=f"{recipe.run.out}{micro}"),
            "schedule",
            total_steps=2,
        )
        cut = changed(cut, "schedule", warmup_steps=0)
        train(cut, console=console)
        norms.append([(r["loss"], r["grad_norm"]) for r in records(cut)])
    for other in norms[1:]:
        for (loss, norm), (loss2, norm2) in zip(norms[0], other, strict=True):
            assert math.isclose(loss, loss2, rel_tol=1e-5)
            # one step of bf16 Newton-Schulz lies between the two records
            assert math.isclose(norm, norm2, rel_tol=1e-2)


def test_averaged_weights_are_the_exported_ones(recipe: Recipe, console: Console) -> None:
    recipe = changed(changed(recipe, "optim", ema=0.9), "run", export_dtype="float32")
    run = TextRun(recipe, console)
    Path(recipe.run.out).mkdir()
    outcome = sit(run, "auto", threading.Event())
    exported = load_transformer(outcome.model).state_dict()  # type: ignore[arg-type]
    assert run.average is not None
    name = "model.embed_tokens.weight"
    assert torch.equal(exported[name], run.average.state_dict()[name])
    assert not torch.equal(exported[name], run.model.state_dict()[name])


def test_shards_of_another_tokenizer_are_refused(recipe: Recipe, console: Console, corpus: Path) -> None:
    other = Tokenizer.train(["quite another text"] * 9, 300)
    write_text_shard(corpus / "two", "text", other, ["quite another text"])
    with pytest.raises(DataError, match="another tokenizer"):
        train(changed(recipe, "data", train=recipe.data.train[:1]), console=console)


def test_missing_data_is_named(recipe: Recipe, console: Console) -> None:
    with pytest.raises(DataError, match="nowhere"):
        train(changed(recipe, "data", heldout="nowhere"), console=console)


def test_nan_stops_before_it_spreads(recipe: Recipe, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    with cut_after(9, monkeypatch):
        train(recipe, console=console)
    run = TextRun(recipe, console)
    sitting = Sitting(run)
    sitting.begin("resume")
    with torch.no_grad():
        run.model.model.norm.weight[0] = math.nan
    with pytest.raises(TrainingError, match=r"step 9 gave loss nan.*step 8 is intact"):
        run.one_step(sitting.step)
    whole = changed(recipe, "run", out=recipe.run.out + "-whole")
    train(whole, console=console)
    train(recipe, console=console)
    assert course(recipe) == course(whole)


@pytest.mark.slow
def test_compile_falls_back_with_a_word(recipe: Recipe, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor import config as inductor

    monkeypatch.setattr(inductor.cpp, "cxx", ("no-such-compiler",))
    monkeypatch.setattr(inductor, "fx_graph_cache", False)
    plain = changed(recipe, "run", out=recipe.run.out + "-plain")
    train(changed(recipe, "run", compile=True), console=console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert 0 <= said.index("Compiling first") < said.index("torch.compile fails here"), "nobody waits without a word"
    train(plain, console=console)
    assert console.file.getvalue().count("Compiling first") == 1  # type: ignore[attr-defined]
    assert course(recipe) == course(plain)


def test_more_layers_than_there_are_is_refused(raw_recipe: dict[str, Any], console: Console) -> None:
    raw_recipe |= {"schedule": {"total_tokens": 1024}, "ramp": [{"share": 0.5, "layers": 3}]}
    with pytest.raises(ConfigError, match=r"layers \(3\) is more than the model has \(2\)"):
        train(parse_recipe(raw_recipe, "pretrain"), console=console)


def test_every_token_is_read_once_and_in_order(ramped: Recipe, tokenizer: Tokenizer, console: Console) -> None:
    """The ramp changes how rows are grouped and cut, not which come when."""
    train(ramped, console=console)
    assert [record["tokens"] for record in records(ramped)] == [64, 128, 192, 256, 384, 512, 640, 768, 896, 1024]
    plain = training_batches(changed(ramped, "data"), tokenizer)
    wanted = torch.cat([torch.from_numpy(next(plain).tokens_BT) for _ in range(8)])
    run = TextRun(changed(ramped, "run", out=ramped.run.out + "-again"), console)
    seen = []
    loss = run.loss

    def spy(rows: Any) -> Any:
        seen.append(rows.tokens_BT.reshape(-1, 32))
        return loss(rows)

    run.loss = spy  # type: ignore[method-assign]
    for step in range(ramped.total_steps):
        run.one_step(step)
    assert torch.equal(torch.cat(seen), wanted)


@pytest.mark.parametrize("kind", ["dense", "moe"])
def test_a_cut_inside_a_ramp_is_bit_exact(
    kind: str, ramped: Recipe, moe_recipe: Recipe, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "moe":
        ramped = changed(dataclasses.replace(ramped, model=moe_recipe.model), "optim", ema=0.9)
    ramped = changed(ramped, "run", checkpoint_steps=1)
    whole = changed(ramped, "run", out=ramped.run.out + "-whole")
    train(whole, console=console)
    for step in (2, 5, 7):
        with cut_after(step, monkeypatch):
            train(ramped, console=console)
    train(ramped, start="resume", console=console)
    assert course(ramped) == course(whole)
    a, b = (Path(r.run.out) / "model" / "model.safetensors" for r in (ramped, whole))
    assert a.read_bytes() == b.read_bytes()


def test_prediction_modules_may_join_later(raw_recipe: dict[str, Any], console: Console) -> None:
    raw_recipe["model"] |= {"num_nextn_predict_layers": 1}
    raw_recipe["schedule"] = {"total_tokens": 1024, "warmup_steps": 2, "decay_fraction": 0.25}
    raw_recipe["optim"]["mtp_weight"] = 0.3
    raw_recipe["ramp"] = [{"share": 0.5, "mtp_weight": 0.0}]
    recipe = parse_recipe(raw_recipe, "pretrain")
    run = TextRun(recipe, console)
    module = {name: value.clone() for name, value in run.model.model.layers[-1].state_dict().items()}
    found = []
    for step in range(recipe.total_steps):
        found.append("mtp_loss" in run.one_step(step))
        if step == 3:
            for name, value in run.model.model.layers[-1].state_dict().items():
                assert torch.equal(value, module[name]), name
    assert found == 4 * [False] + 4 * [True]
    first, rest = recipe.stretches
    config = run.model.config
    plain = dataclasses.replace(config, num_nextn_predict_layers=0)
    assert flops_of_step(recipe, config, first) == flops_of_step(recipe, plain, rest)
    assert flops_of_step(recipe, config, first) < flops_of_step(recipe, config, rest)
