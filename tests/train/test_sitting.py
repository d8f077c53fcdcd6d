from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import math
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from huozhong.errors import ConfigError, DataError, TrainingError
from huozhong.formats.checkpoint import CheckpointReader
from huozhong.text.data import write_chat_shard, write_text_shard
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.feed import Rows, heldout_rows
from huozhong.train.model_folder import load_transformer
from huozhong.train.recipe import Recipe, load_recipe, parse_recipe
from huozhong.train.score import Scorer, busiest, bytes_per_token
from huozhong.train.sitting import Sitting, sit
from huozhong.train.stages.pretrain import TextRun, train


def changed(recipe: Recipe, section: str, **values: Any) -> Recipe:
    return dataclasses.replace(recipe, **{section: dataclasses.replace(getattr(recipe, section), **values)})


def records(recipe: Recipe) -> list[dict[str, Any]]:
    lines = (Path(recipe.run.out) / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def course(recipe: Recipe) -> list[tuple[Any, ...]]:
    """What must repeat bit for bit: everything of a record but times and energy."""
    return [
        tuple(record.get(key) for key in ("step", "tokens", "loss", "grad_norm", "lr_scale", "heldout_bpb", "mtp_loss"))
        for record in records(recipe)
    ]


class Stop(Exception):
    """Ends a run between two steps, as a power cut would, but from inside the test."""


@contextlib.contextmanager
def cut_after(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    original = TextRun.one_step

    def one_step(self: TextRun, at: int) -> dict[str, Any]:
        if at == step:
            raise Stop
        return original(self, at)

    with monkeypatch.context() as patch:
        patch.setattr(TextRun, "one_step", one_step)
        with contextlib.suppress(Stop):
            yield
            pytest.fail(f"the run never came to step {step}")


# -- it learns -----------------------------------------------------------------------------------


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


def test_sft_starts_from_a_model_and_learns_answers_only(
    recipe: Recipe, console: Console, corpus: Path, tokenizer: Tokenizer, raw_recipe: dict[str, Any]
) -> None:
    base = train(recipe, console=console).model
    template = ChatTemplate.load(corpus / "tokenizer", tokenizer)
    talk = [{"role": "user", "content": "2+3?"}, {"role": "assistant", "content": "The answer is 5."}]
    manifest = write_chat_shard(corpus / "talks", "talks", template, [talk] * 30)
    assert manifest.loss_tokens < manifest.tokens
    del raw_recipe["model"], raw_recipe["tokenizer"], raw_recipe["data"]["heldout"]
    raw_recipe["data"]["train"] = [{"path": str(corpus / "talks")}]
    raw_recipe["run"] |= {"init_from": str(base), "out": str(corpus / "sft")}
    raw_recipe["schedule"]["total_steps"] = 30
    tuned = parse_recipe(raw_recipe, "sft")
    outcome = train(tuned, console=console)
    found = records(tuned)
    assert found[-1]["loss"] < 0.5 * found[0]["loss"]
    assert outcome.heldout_bpb is None
    assert load_transformer(outcome.model).config == load_transformer(base).config  # type: ignore[arg-type]


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


def test_bits_per_byte_counts_text_only(recipe: Recipe, tokenizer: Tokenizer, console: Console) -> None:
    rows = heldout_rows(recipe, tokenizer)
    sizes = bytes_per_token(tokenizer)
    assert int(sizes[tokenizer.eos_id]) == 0
    assert int(sizes[tokenizer.encode("春")[0]]) >= 1
    model = TextRun(recipe, console).model
    scorer = Scorer(rows, sizes, 3, torch.device("cpu"))
    logits = model.logits(model(rows.tokens_BT, doc_BT=rows.doc_BT)).float()
    nats, count = 0.0, 0
    for row in range(len(rows.tokens_BT)):
        for place, target in enumerate(rows.targets_BT[row].tolist()):
            if target >= 0 and not tokenizer.is_control(target):
                nats -= float(torch.log_softmax(logits[row, place], -1)[target].detach())
                count += len(tokenizer.bytes_of(target))
    assert scorer.bytes == count
    assert math.isclose(scorer.bits_per_byte(model), nats / math.log(2) / count, rel_tol=1e-2)


# -- it goes on ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dense", "moe", "dropout"])
def test_resume_is_bit_exact(
    kind: str, recipe: Recipe, moe_recipe: Recipe, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = changed(moe_recipe, "optim", ema=0.9) if kind == "moe" else recipe
    recipe = changed(recipe, "optim", dropout=0.1 if kind == "dropout" else 0.0)
    whole = changed(recipe, "run", out=recipe.run.out + "-whole")
    train(whole, console=console)
    for step in (6, 11):
        with cut_after(step, monkeypatch):
            train(recipe, console=console)
        assert records(recipe)[-1]["step"] == step
    train(recipe, start="resume", console=console)
    assert course(recipe) == course(whole)
    assert "检查点继续" in console.file.getvalue()  # type: ignore[attr-defined]
    a, b = (Path(r.run.out) / "model" / "model.safetensors" for r in (recipe, whole))
    assert a.read_bytes() == b.read_bytes()


def test_bill_goes_on_after_a_cut(recipe: Recipe, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    with cut_after(6, monkeypatch):
        train(recipe, console=console)
    outcome = train(recipe, console=console)
    assert outcome.bill.tokens == 12 * 128
    joules = [record["joules"] for record in records(recipe)]
    assert joules == sorted(joules)


def test_only_the_last_checkpoints_stay(recipe: Recipe, console: Console) -> None:
    train(changed(recipe, "run", checkpoint_steps=2, keep=3), console=console)
    names = sorted(path.name for path in (Path(recipe.run.out) / "checkpoints").iterdir())
    assert names == ["step-00000008", "step-00000010", "step-00000012"]


def test_finished_runs_stay_finished(recipe: Recipe, console: Console) -> None:
    train(recipe, console=console)
    before = course(recipe)
    outcome = train(recipe, console=console)
    assert outcome.finished
    assert outcome.loss == before[-1][2]
    assert course(recipe) == before


def test_changed_recipe_is_refused_by_name(recipe: Recipe, console: Console) -> None:
    train(recipe, console=console)
    other = changed(recipe, "optim", muon_lr=0.5)
    with pytest.raises(ConfigError, match=r"optim\.muon_lr is 0\.01.*0\.5.*--fresh"):
        train(other, console=console)
    assert train(other, start="fresh", console=console).finished
    assert len(records(other)) == 12


def test_resume_without_a_checkpoint_is_refused(recipe: Recipe, console: Console) -> None:
    with pytest.raises(ConfigError, match="no checkpoint to resume"):
        train(recipe, start="resume", console=console)


def test_two_runs_in_one_folder_are_refused(recipe: Recipe, console: Console) -> None:
    Path(recipe.run.out).mkdir()
    with open(Path(recipe.run.out) / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="another run is training"):
            train(recipe, console=console)


def test_shards_of_another_tokenizer_are_refused(recipe: Recipe, console: Console, corpus: Path) -> None:
    other = Tokenizer.train(["quite another text"] * 9, 300)
    write_text_shard(corpus / "two", "text", other, ["quite another text"])
    with pytest.raises(DataError, match="another tokenizer"):
        train(changed(recipe, "data", train=recipe.data.train[:1]), console=console)


def test_missing_data_is_named(recipe: Recipe, console: Console) -> None:
    with pytest.raises(DataError, match="nowhere"):
        train(changed(recipe, "data", heldout="nowhere"), console=console)


# -- it stops well -------------------------------------------------------------------------------


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


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel refuses to let any file grow beyond `size` bytes: what a full disk looks like to us."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_keeps_the_last_checkpoint(recipe: Recipe, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    with cut_after(5, monkeypatch):
        train(recipe, console=console)
    folder = Path(recipe.run.out) / "checkpoints"
    with largest_file(20_000), pytest.raises(TrainingError, match=r"could not be written.*step 4 is intact"):
        train(recipe, console=console)
    assert [path.name for path in folder.iterdir()] == ["step-00000004"]
    whole = changed(recipe, "run", out=recipe.run.out + "-whole")
    train(whole, console=console)
    train(recipe, console=console)
    assert course(recipe) == course(whole)


def test_damaged_metrics_tail_is_forgiven_and_damage_inside_named(
    recipe: Recipe, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cut_after(6, monkeypatch):
        train(recipe, console=console)
    path = Path(recipe.run.out) / "metrics.jsonl"
    path.write_text(path.read_text()[:-20])
    train(recipe, console=console)
    assert [record["step"] for record in records(recipe)] == list(range(1, 13))
    path.write_text("nonsense\n" + path.read_text())
    with pytest.raises(TrainingError, match="line 1 is not JSON"):
        train(recipe, console=console)


PROGRAM = """
import sys
from rich.console import Console
from huozhong.train.sitting import Sitting, sit
from huozhong.train.stages.pretrain import pretrain
outcome = pretrain(sys.argv[1], console=Console(width=200))
print("finished" if outcome.finished else "stopped", flush=True)
"""


def start_process(recipe_path: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(recipe_path)], stdout=subprocess.PIPE, text=True, env=environment
    )


def wait_for_line(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert any(word in line for line in process.stdout), f"the program ended without saying {word!r}"


@pytest.mark.slow
def test_killed_at_random_moments_resumes_to_the_same_losses(
    recipe_file: Callable[[str], Path], corpus: Path, console: Console
) -> None:
    change = "total_steps = 12 -> total_steps = 60"
    path = recipe_file(change)
    path.write_text(path.read_text().replace("checkpoint_steps = 4", "checkpoint_steps = 1"))
    chance = random.Random(5)
    for step in (3, 20, 40):
        process = start_process(path)
        wait_for_line(process, f"step {step}/60")
        time.sleep(chance.random() * 0.05)  # anywhere in a step, or in the middle of a checkpoint
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    process = start_process(path)
    text, _ = process.communicate(timeout=300)
    assert "Going on from the checkpoint" in text
    assert text.endswith("finished\n")
    killed = load_recipe(path, "pretrain")
    whole = changed(changed(killed, "run", out=str(corpus / "whole")), "run", checkpoint_steps=None)
    train(whole, console=console)
    assert course(killed) == course(whole)


@pytest.mark.slow
def test_interrupt_saves_and_says_how_to_go_on(recipe_file: Callable[[str], Path]) -> None:
    path = recipe_file("total_steps = 12 -> total_steps = 2000")
    process = start_process(path)
    wait_for_line(process, "step 7/2000")
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert "run the same command again" in text
    assert text.endswith("stopped\n")
    assert process.returncode == 0


@pytest.mark.slow
def test_compile_falls_back_with_a_word(recipe: Recipe, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor import config as inductor

    monkeypatch.setattr(inductor.cpp, "cxx", ("no-such-compiler",))
    monkeypatch.setattr(inductor, "fx_graph_cache", False)
    plain = changed(recipe, "run", out=recipe.run.out + "-plain")
    train(changed(recipe, "run", compile=True), console=console)
    assert "torch.compile fails here" in console.file.getvalue()  # type: ignore[attr-defined]
    train(plain, console=console)
    assert course(recipe) == course(plain)


def test_rows_split_covers_all() -> None:
    tokens = torch.arange(20).view(5, 4)
    parts = Rows(tokens, tokens, tokens).split(2)
    assert [len(part.tokens_BT) for part in parts] == [2, 2, 1]
