"""Ramps: what they are, that they learn the same text, and that a cut inside one costs nothing."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from tests.train.test_optim import CONFIG
from tests.train.test_sitting import changed, course, cut_after, records

from huozhong.errors import ConfigError
from huozhong.model.transformer import Transformer
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.feed import training_batches
from huozhong.train.optim import MuonAdamW
from huozhong.train.plan import flops_of_step, make_plan
from huozhong.train.recipe import Recipe, Stretch, parse_recipe
from huozhong.train.stages.pretrain import TextRun, train

RAMP = """
[[ramp]]
share = 0.25
batch_tokens = 64
seq_len = 16
layers = 1
[[ramp]]
share = 0.25
layers = 1
"""


@pytest.fixture
def ramped(raw_recipe: dict[str, Any]) -> Recipe:
    raw_recipe["schedule"] = {"total_tokens": 1024, "warmup_steps": 2, "decay_fraction": 0.25}
    raw_recipe |= tomllib.loads(RAMP)
    return parse_recipe(raw_recipe, "pretrain")


def test_stretches_share_out_the_tokens(ramped: Recipe) -> None:
    first, second, rest = Stretch(4, 2, 16, 1), Stretch(2, 4, 32, 1), Stretch(4, 4, 32, None)
    assert ramped.stretches == (first, second, rest)
    assert (ramped.total_steps, ramped.total_tokens, ramped.decay_steps) == (10, 1024, 2)
    assert [ramped.stretch_at(step) for step in (0, 3, 4, 5, 6, 9)] == [first, first, second, second, rest, rest]


def test_a_run_without_ramp_is_one_stretch(recipe: Recipe) -> None:
    assert recipe.stretches == (Stretch(12, 4, 32, None),)
    assert recipe.total_tokens == 12 * 128
    assert "ramp" not in recipe.identity()


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"share": 1.0}, "share is 1.0"),
        ({"share": 0.5, "seq_len": 24}, "must divide"),
        ({"share": 0.5, "layer": 1}, "has no key 'layer'"),
        ({"share": 0.5, "layers": 0}, "layers is 0"),
        ({"share": 0.5, "mtp_weight": -0.1}, "mtp_weight is -0.1"),
        ({"share": 0.9, "layers": 1}, "add up"),
    ],
)
def test_wrong_ramps_are_named(part: dict[str, Any], words: str, raw_recipe: dict[str, Any]) -> None:
    raw_recipe["schedule"] = {"total_tokens": 1024}
    raw_recipe["ramp"] = [{"share": 0.1, "layers": 1}, part]
    with pytest.raises(ConfigError, match=words):
        parse_recipe(raw_recipe, "pretrain", where="some.toml")


def test_a_ramp_needs_tokens_a_list_and_a_new_model(raw_recipe: dict[str, Any]) -> None:
    raw_recipe["ramp"] = [{"share": 0.5, "layers": 1}]
    with pytest.raises(ConfigError, match="total_tokens"):
        parse_recipe(raw_recipe, "pretrain")
    raw_recipe["schedule"] = {"total_tokens": 1024}
    with pytest.raises(ConfigError, match=r"under \[\[ramp\]\]"):
        parse_recipe(raw_recipe | {"ramp": {"share": 0.5}}, "pretrain")
    del raw_recipe["model"]
    raw_recipe["run"]["init_from"] = "somewhere"
    with pytest.raises(ConfigError, match="cannot sleep"):
        parse_recipe(raw_recipe, "pretrain")


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


def test_a_new_model_is_the_same_asleep(tokenizer: Tokenizer) -> None:
    torch.manual_seed(0)
    model = Transformer(CONFIG)
    tokens = torch.arange(20).view(2, 10)
    awake = model(tokens)
    model.wake(1)
    assert torch.equal(model(tokens), awake)
    torch.nn.init.normal_(model.model.layers[1].self_attn.o_proj.weight)  # type: ignore[union-attr, arg-type]
    assert torch.equal(model(tokens), awake)
    model.wake(None)
    assert not torch.equal(model(tokens), awake)


def test_sleeping_weights_stay_and_wake_as_if_new() -> None:
    """The awake layer moves as in a model that has no other; the sleeping one and its momentum do not."""
    torch.manual_seed(0)
    model = Transformer(CONFIG)
    optimizer = MuonAdamW(model, muon_lr=0.01, adamw_lr=0.01)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    tokens = torch.randint(0, 64, (2, 16))
    model.wake(1)
    for _ in range(2):
        model.loss(tokens, tokens).total.backward()
        optimizer.step()
        optimizer.zero_grad()
    after = model.state_dict()
    for name, value in before.items():
        assert torch.equal(after[name], value) == name.startswith(("model.layers.1.", "model.layers.2.")), name
    alone = Transformer(CONFIG)
    alone.load_state_dict(before)
    named = [(name, weight) for name, weight in alone.named_parameters() if name.startswith("model.layers.0.")]
    for name, weight in alone.named_parameters():
        weight.requires_grad_(not name.startswith(("model.layers.1.", "model.layers.2.")))
    other = MuonAdamW(alone, muon_lr=0.01, adamw_lr=0.01)
    for _ in range(2):
        alone.wake(1)
        alone.loss(tokens, tokens).total.backward()
        other.step()
        other.zero_grad()
    for name, weight in named:
        assert torch.allclose(weight, after[name], atol=1e-6), name


def test_the_plan_counts_the_ramp(ramped: Recipe, console: Console) -> None:
    config = TextRun(ramped, console).model.config
    plan = make_plan(ramped, config, tokens_per_epoch=1000)
    first, second, rest = (flops_of_step(ramped, config, stretch) for stretch in ramped.stretches)
    assert first < second / 2 < rest / 2
    assert plan.flops == pytest.approx(4 * first + 2 * second + 4 * rest)
    assert plan.step_flops == rest


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


def test_a_module_alone_has_no_curriculum(raw_recipe: dict[str, Any]) -> None:
    raw_recipe["schedule"] = {"total_tokens": 1024}
    raw_recipe["ramp"] = [{"share": 0.5, "mtp_weight": 0.0}]
    raw_recipe["run"] |= {"init_from": "somewhere"}
    del raw_recipe["model"]
    with pytest.raises(ConfigError, match="for a model that learns"):
        parse_recipe(raw_recipe, "mtp")
