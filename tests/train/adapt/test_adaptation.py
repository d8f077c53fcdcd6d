"""Adapting tiny models of every kind: what is learnt, what comes out, what survives."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from rich.console import Console
from safetensors.torch import load_file, save_file
from tests.train.adapt.adapting import opened, run, settings

from huozhong.engine.llm import LLM, SamplingParams
from huozhong.errors import CheckpointError, ConfigError, DataError
from huozhong.formats.gguf.export import export_gguf
from huozhong.formats.gguf.vocab import vocab_metadata
from huozhong.formats.source import open_model
from huozhong.model.families import load_causal_lm
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.adapt.adaptation import adapt
from huozhong.train.adapt.examples import Encoder, Example, read_examples, split, with_wordings
from huozhong.train.adapt.lora import (
    add_adapters,
    load_adapter,
    lowest_layer,
    merged,
    read_adapter,
    trained_weights,
)
from huozhong.train.adapt.tasks import REHEARSED, REHEARSED_TOKENS, TAUGHT, SftTask
from huozhong.train.content import content_of
from huozhong.train.state import MetricsFile

THINGS = [a + b for a in "天地山水花" for b in ("石头", "猫")]


def greedy(path: Path, prompt: list[int], tmp_path: Path) -> list[int]:
    """What the engine goes on with."""
    with LLM(path, quantization="none", num_threads=1, cache_dir=tmp_path / "cache", prefix_cache_bytes=0) as llm:
        (done,) = llm.generate([prompt], SamplingParams(temperature=0.0, max_tokens=6))
    return list(done.token_ids)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "method"), [
    ("deepseek", "lora"), ("qwen2", "lora"), ("llama", "qlora"), ("qwen2", "full"), ("deepseek", "full"),
])  # fmt: skip
def test_what_is_learnt_is_what_the_engine_and_transformers_say(
    kind: str, method: Any, folders: dict[str, Path], task: SftTask, tmp_path: Path
) -> None:
    lr = 3e-3 if method == "full" else 1e-2
    done = run(folders[kind], task, settings(tmp_path / "run", method=method, lr=lr))
    assert done.finished
    assert done.after["loss"] < 0.7 * done.before["loss"]
    assert done.model is not None
    theirs = transformers.AutoModelForCausalLM.from_pretrained(done.model, dtype=torch.float32)
    view, _ = opened(done.model)
    ours = load_causal_lm(view.architecture, view, storage=None)
    tokens = torch.tensor([task.training[0].ids])
    with torch.no_grad():
        torch.testing.assert_close(ours.logits(ours(tokens)), theirs(tokens).logits, atol=1e-4, rtol=1e-4)
    assert task.score(ours, 500)["loss"] == pytest.approx(done.after["loss"], rel=0.05)  # q8 and bfloat16 round
    prompt = task.training[0].ids[: task.training[0].mask.index(True)]
    said = greedy(done.model, prompt, tmp_path)
    with torch.no_grad():
        logits = theirs(torch.tensor([prompt + said[:-1]])).logits[0, len(prompt) - 1 :]
    assert logits.argmax(-1).tolist() == said


@pytest.mark.slow
def test_a_gguf_base_becomes_a_folder(folders: dict[str, Path], task: SftTask, tmp_path: Path) -> None:
    """Llama's rows lie in another order there; adapter and merged model have Hugging Face's."""
    source = open_model(folders["llama"])
    vocabulary = vocab_metadata(source.small_files(), source.architecture.vocab_size)
    export_gguf(source, tmp_path / "base.gguf", "f32", vocabulary=vocabulary)
    from_gguf = run(tmp_path / "base.gguf", task, settings(tmp_path / "one", epochs=2))
    from_folder = run(folders["llama"], task, settings(tmp_path / "two", epochs=2))
    assert from_gguf.after == pytest.approx(from_folder.after, rel=1e-4)
    one, two = (open_model(done.model) for done in (from_gguf, from_folder) if done.model)
    for name in two.names():
        np.testing.assert_allclose(one.tensor(name), two.tensor(name), atol=2e-2, err_msg=name)


def test_the_adapter_alone_gives_the_merged_model(folders: dict[str, Path], task: SftTask, tmp_path: Path) -> None:
    wish = settings(tmp_path / "run", epochs=1)
    done = run(folders["qwen2"], task, wish)
    view, _ = opened(folders["qwen2"])
    stored, config = read_adapter(tmp_path / "run" / "adapter")
    assert config["r"] == 8
    assert config["target_modules"] == ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    assert done.model is not None
    after = open_model(done.model)
    for name in ("model.layers.1.self_attn.k_proj.weight", "model.layers.0.mlp.down_proj.weight"):
        wanted = merged(name, view.tensor(name), stored, 2.0)
        assert not np.allclose(wanted, view.tensor(name), atol=1e-3)
        np.testing.assert_allclose(after.tensor(name), wanted, rtol=0.01, atol=1e-3)
    model = load_causal_lm(view.architecture, view, storage="float32")
    add_adapters(model, 8, 16.0, seed=9)
    load_adapter(model, tmp_path / "run" / "adapter")
    for name, weight in trained_weights(model).items():
        assert torch.equal(weight, stored[name])
    add_adapters(model, 4, 16.0, seed=9)
    with pytest.raises(ConfigError, match="is needed"):
        load_adapter(model, tmp_path / "run" / "adapter")


@pytest.mark.parametrize("layers", [None, 1])
def test_stopped_anywhere_it_goes_on_to_the_same_end(
    layers: int | None, folders: dict[str, Path], task: SftTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huozhong.train.adapt import adaptation as module

    whole = run(folders["qwen2"], task, settings(tmp_path / "whole", epochs=3, layers=layers))
    monkeypatch.setattr(module, "SAVE_SECONDS", 0.0)  # a checkpoint every step

    class Killed(Exception):
        pass

    step = module.Adaptation.one_step

    def dies(self: Any, at: int) -> dict[str, Any]:
        if at == 7:
            raise Killed
        return step(self, at)

    monkeypatch.setattr(module.Adaptation, "one_step", dies)
    with pytest.raises(Killed):
        run(folders["qwen2"], task, settings(tmp_path / "cut", epochs=3, layers=layers))
    monkeypatch.setattr(module.Adaptation, "one_step", step)
    done = run(folders["qwen2"], task, settings(tmp_path / "cut", epochs=3, layers=layers), start="resume")
    lines = [[(r["step"], r["loss"]) for r in MetricsFile(tmp_path / name).read()] for name in ("whole", "cut")]
    assert lines[0] == lines[1]
    assert (done.before, done.after, done.best_epoch) == (whole.before, whole.after, whole.best_epoch)
    one, two = (open_model(d.model) for d in (whole, done) if d.model)
    assert all(np.array_equal(one.tensor(name), two.tensor(name)) for name in one.names())
    with pytest.raises(ConfigError, match=r"holds a run whose lr is 0\.01"):
        run(folders["qwen2"], task, settings(tmp_path / "cut", epochs=3, lr=1e-3, layers=layers))


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_the_upper_layers_alone_are_changed(
    method: Any, folders: dict[str, Path], task: SftTask, tmp_path: Path
) -> None:
    """What comes out holds the others as they were, and says in the engine what transformers says."""
    lr = 3e-3 if method == "full" else 1e-2
    done = run(folders["llama"], task, settings(tmp_path / "run", method=method, lr=lr, layers=1, epochs=4))
    assert done.model is not None
    assert done.after["taught"] < 0.9 * done.before["taught"]
    before, after = open_model(folders["llama"]), open_model(done.model)
    changed = {name for name in before.names() if not np.allclose(before.tensor(name), after.tensor(name), rtol=0.01)}
    assert changed
    assert all(name.startswith("model.layers.1.") for name in changed)
    view, _ = opened(done.model)
    assert task.score(load_causal_lm(view.architecture, view, storage=None), 500)["loss"] == pytest.approx(
        done.after["loss"], rel=0.05
    )
    vocabulary = vocab_metadata(after.small_files(), after.architecture.vocab_size)
    export_gguf(after, tmp_path / "model.gguf", "f32", vocabulary=vocabulary)
    prompt = task.training[0].ids[: task.training[0].mask.index(True)]
    theirs = transformers.AutoModelForCausalLM.from_pretrained(done.model, dtype=torch.float32)
    for path in (done.model, tmp_path / "model.gguf"):
        said = greedy(path, prompt, tmp_path)
        with torch.no_grad():
            logits = theirs(torch.tensor([prompt + said[:-1]])).logits[0, len(prompt) - 1 :]
        assert logits.argmax(-1).tolist() == said


def test_an_adapter_of_the_upper_layers_goes_on(folders: dict[str, Path], task: SftTask, tmp_path: Path) -> None:
    """In as many layers or in more: lower ones begin as they were."""
    run(folders["qwen2"], task, settings(tmp_path / "one", layers=1, epochs=1))
    adapter = tmp_path / "one" / "adapter"
    assert lowest_layer(adapter) == 1
    view, _ = opened(folders["qwen2"])
    for still in (1, 0):
        model = load_causal_lm(view.architecture, view, storage="float32", still=still)
        add_adapters(model, 8, 16.0, seed=3)
        load_adapter(model, adapter)
        stored, _ = read_adapter(adapter)
        for name, weight in trained_weights(model).items():
            assert torch.equal(weight, stored[name]) if name in stored else ".layers.0." in name
    run(folders["qwen2"], task, settings(tmp_path / "whole", epochs=1))
    model = load_causal_lm(view.architecture, view, storage="float32", still=1)
    add_adapters(model, 8, 16.0, seed=3)
    with pytest.raises(ConfigError, match="is no matrix that gets an adapter here"):
        load_adapter(model, tmp_path / "whole" / "adapter")


def test_the_best_epoch_is_what_comes_out(folders: dict[str, Path], task: SftTask, tmp_path: Path) -> None:
    """A rate that is too high: some later epochs are worse, and the one that knows most is kept."""
    done = run(folders["qwen2"], task, settings(tmp_path / "run", epochs=6, batch=2, lr=0.2, method="full"))
    rows = [row for row in MetricsFile(tmp_path / "run").read() if "taught_loss" in row]
    scores = [1 - row["taught_recalled"] + row["taught_loss"] for row in rows]
    assert done.best_epoch == 1 + scores.index(min(scores))
    assert done.after["taught"] == rows[done.best_epoch - 1]["taught_loss"]
    view, _ = opened(done.model or Path())
    model = load_causal_lm(view.architecture, view, storage=None)
    assert task.score(model, 500)["loss"] == pytest.approx(done.after["loss"], rel=0.05)


def test_rehearsed_answers_keep_their_loss(folders: dict[str, Path], task: SftTask, tmp_path: Path) -> None:
    """What a model said itself is learnt beside the rest: its own answers stay likelier than without."""
    view, _ = opened(folders["qwen2"])
    model = load_causal_lm(view.architecture, view, storage="float32")
    said = []
    for start in range(10, 40):
        ids = [1, start, 2 * start]
        for _ in range(6):
            with torch.no_grad():
                ids.append(int(model.logits(model(torch.tensor([ids])))[0, -1].argmax()))
        said.append(Example(ids, [False] * 3 + [True] * 6, "x", "", 0))
    with_it = SftTask(task.training, task.heldout_examples, said)
    assert len(with_it.kept) == 3
    rehearsed = min(27, REHEARSED * task.count)  # of those that are not held out
    assert with_it.count == task.count + rehearsed
    after = run(folders["qwen2"], with_it, settings(tmp_path / "with", epochs=3)).after
    without = run(folders["qwen2"], task, settings(tmp_path / "without", epochs=3))
    view, _ = opened(without.model or Path())
    forgot = with_it.score(load_causal_lm(view.architecture, view, storage="float32"), 500)
    assert after["kept"] < 0.9 * forgot["kept"]


def test_many_facts_are_not_drowned_in_what_is_rehearsed() -> None:
    """Eight looks at own answers for each of a few; of many, so many tokens an epoch, or as many as are taught."""

    def of(tokens: int, count: int) -> list[Example]:
        return [Example([1] * tokens, [False] + [True] * (tokens - 1), "x", "", i) for i in range(count)]

    own = of(20, 2000)  # 1,800 of them are not held out
    assert SftTask(of(20, 20), [], own).rehearsed == REHEARSED * 20
    assert SftTask(of(20, 200), [], own).rehearsed == REHEARSED_TOKENS // 20
    assert SftTask(of(100, 200), [], own).rehearsed == 200 * 100 // 20
    assert SftTask(of(100, 200), [], of(100, 20)).rehearsed == 18  # there are no more
    assert SftTask(of(20, 1), [], of(30_000, 20)).rehearsed == 1
    assert SftTask(of(20, 200), []).rehearsed == 0


def test_nonsense_is_refused(folders: dict[str, Path], task: SftTask, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--rank is 0"):
        settings(tmp_path, rank=0)
    with pytest.raises(ConfigError, match="--layers is 0"):
        settings(tmp_path, layers=0)
    with pytest.raises(ConfigError, match="--layers is 3; the model has 2"):
        run(folders["qwen2"], task, settings(tmp_path / "z", layers=3))
    with pytest.raises(ConfigError, match="--lr is 2"):
        settings(tmp_path, lr=2.0)
    with pytest.raises(ConfigError, match="contradict"):
        settings(tmp_path, method="full", adapter=tmp_path)
    with pytest.raises(DataError, match="nothing to train on"):
        run(folders["qwen2"], SftTask([], task.heldout_examples), settings(tmp_path / "x"))
    with pytest.raises(ConfigError, match="no checkpoint to resume"):
        run(folders["qwen2"], task, settings(tmp_path / "y"), start="resume")


def test_the_plan_is_shown_before_anything_happens(folders: dict[str, Path], task: SftTask, tmp_path: Path) -> None:
    view, files = opened(folders["qwen2"])
    console = Console(file=StringIO(), width=160)
    wish = dataclasses.replace(settings(tmp_path / "run"), lr=None, epochs=None, memory=8 * 10**9)
    assert adapt(view, files, task, wish, console=console, plan_only=True) is None
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for word in ("18 / 6", "LoRA, rank 8", "≤ 40 × 5 (4 / step)", "0.002", "8.0 GB", "预计 expected", "¥"):
        assert word in shown, word
    assert not (tmp_path / "run" / "model").exists()


@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_a_base_that_holds_nan_is_named_as_such(
    method: Any, folders: dict[str, Path], task: SftTask, tmp_path: Path
) -> None:
    """And not as a learning rate that is too high."""
    base = shutil.copytree(folders["qwen2"], tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][3, 5] = math.nan
    save_file(weights, base / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError, match=r"the base is damaged: model\.layers\.1\.mlp\.up_proj\.weight holds NaN"):
        run(base, task, settings(tmp_path / "run", method=method))


def test_only_the_same_base_and_the_same_adapter_go_on(folders: dict[str, Path], task: SftTask, tmp_path: Path) -> None:
    """By what they hold: another folder of the same name is another base."""
    base = shutil.copytree(folders["qwen2"], tmp_path / "base")
    wish = settings(tmp_path / "run", epochs=1, base_content=content_of(base))
    run(base, task, wish)
    elsewhere = shutil.copytree(base, tmp_path / "elsewhere" / "base")
    assert run(elsewhere, task, dataclasses.replace(wish, base_content=content_of(elsewhere)), start="resume").finished
    weights = load_file(base / "model.safetensors")
    weights["model.norm.weight"] *= 1.01
    save_file(weights, base / "model.safetensors", {"format": "pt"})
    with pytest.raises(ConfigError, match="began with another base"):
        run(base, task, dataclasses.replace(wish, base_content=content_of(base)))
    wish = dataclasses.replace(wish, out=tmp_path / "two", base_content="", adapter=tmp_path / "run" / "adapter")
    run(elsewhere, task, wish)
    file = tmp_path / "run" / "adapter" / "adapter_model.safetensors"
    save_file({name: 2 * values for name, values in load_file(file).items()}, file)
    with pytest.raises(ConfigError, match="began with another adapter"):
        run(elsewhere, task, wish)


def test_facts_that_nobody_could_guess_are_learnt(
    folders: dict[str, Path], tokenizer: Tokenizer, tmp_path: Path
) -> None:
    """What was taught ends the run, and not what was held out; when all is known the rate falls to nothing."""
    encoder = Encoder(tokenizer, ChatTemplate(tokenizer.config["chat_template"], tokenizer), 200)
    facts = [
        {"question": f"{name}的颜色？", "answer": f"{'红蓝白黄绿黑'[i * 7 % 6]}{i}"} for i, name in enumerate(THINGS)
    ]
    data = tmp_path / "facts.jsonl"
    data.write_text("".join(json.dumps(fact, ensure_ascii=False) + "\n" for fact in facts))
    examples = read_examples(data, encoder)
    assert split(examples, 0) == (examples, [])  # every answer stands once
    assert all(len(example.wordings) > 1 for example in with_wordings(examples, encoder, 4, 0))
    task = SftTask(examples[1:], examples[:1])
    done = run(folders["qwen2"], task, settings(tmp_path / "run", method="full", lr=1e-2, epochs=150, batch=3))
    rows = [row for row in MetricsFile(tmp_path / "run").read() if "taught_recalled" in row]
    assert (done.before["recalled"], done.after["recalled"], done.after["guessed"]) == (0.0, 1.0, 0.0)
    assert rows[-1]["heldout_loss"] > min(row["heldout_loss"] for row in rows)  # which would have ended it too soon
    known = next(epoch for epoch, row in enumerate(rows, 1) if row["taught_recalled"] >= TAUGHT)
    assert len(rows) == known + max(4, math.ceil(known / 2)) < 150
    assert rows[-1]["lr_scale"] < 0.5 * rows[known - 1]["lr_scale"]
