"""`huozhong train sft --base` and `huozhong train dpo` as a teacher types them."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import typer
from safetensors.torch import save_file
from typer.testing import CliRunner, Result

from huozhong.cli import fine_tune, train
from huozhong.engine.llm import LLM, SamplingParams
from huozhong.errors import ConfigError, DataError, HuozhongError
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.formats.source import open_model
from huozhong.train.adapt import fit
from huozhong.train.state import MetricsFile

COLOURS = ("红", "蓝", "白")


@pytest.fixture(autouse=True)
def _quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUOZHONG_LANG", "en")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HUOZHONG_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "160")


def train_command(*words: str) -> Result:
    app = typer.Typer()
    train.register(app)
    app.command("other")(lambda: None)  # with a single command typer would leave out its name
    return CliRunner().invoke(app, ["train", *words, "--threads", "1"])


def questions(path: Path, count: int = 30) -> Path:
    rng = random.Random(0)
    rows = [
        {"question": f"{rng.choice(COLOURS)}{i}号？", "answer": f"在{rng.choice(COLOURS)}处。"} for i in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.slow
def test_from_a_file_to_a_model_that_answers(tiny_folder: Path, tmp_path: Path) -> None:
    data = questions(tmp_path / "school.jsonl")
    words = ["sft", "--base", str(tiny_folder), "--data", str(data), "--epochs", "2", "--rehearse", "10",
             "--method", "lora"]  # fmt: skip
    result = train_command(*words)
    assert result.exception is None, result.output
    out = tmp_path / "runs" / "tiny-school"
    for word in (
        "27 + 9 / 3",
        "LoRA, rank 16",
        "expected",
        "taught loss",
        "held-out loss",
        "Before and after",
        "taught: the same answer",
        "held out: the same answer",
        "loss on what it said itself before",
        "0/3",
        "huozhong chat runs/tiny-school/model",
    ):
        assert word in result.output, word
    report = json.loads((out / "report.json").read_text())
    assert report["after"]["loss"] < report["before"]["loss"]
    assert [answer["taught"] for answer in report["answers"]] == 27 * [True] + 3 * [False]
    assert {file.name for file in (out / "model").iterdir()} >= {"config.json", "model.safetensors", "tokenizer.json"}
    assert (out / "adapter" / "adapter_config.json").is_file()
    with LLM(out / "model", num_threads=1, prefix_cache_bytes=0) as llm:
        text = llm.chat([{"role": "user", "content": "?"}], SamplingParams(temperature=0.0, max_tokens=8)).text
        assert isinstance(text, str)
    # finished is finished: the same command trains no further and shows the same
    again = train_command(*words)
    assert again.exception is None, again.output
    assert "Going on from the checkpoint of step" in again.output
    assert json.loads((out / "report.json").read_text())["after"] == report["after"]


@pytest.mark.slow
def test_killed_it_goes_on_to_the_same_numbers(tiny_folder: Path, tmp_path: Path) -> None:
    """kill -9 some time after the first checkpoint; the same command then writes what an unbroken run writes."""
    data = questions(tmp_path / "school.jsonl")
    words = [sys.executable, "-m", "huozhong.cli.main", "train", "sft", "--base", str(tiny_folder), "--data", str(data),
             "--epochs", "40", "--batch", "2", "--threads", "1", "--no-answers", "--rehearse", "0"]  # fmt: skip
    checkpoints = tmp_path / "cut" / "checkpoints"
    with subprocess.Popen([*words, "--out", "cut"], stdout=subprocess.DEVNULL) as process:
        while not list(checkpoints.glob("step-*")):
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    assert not (tmp_path / "cut" / "model").exists()
    for out in ("cut", "whole"):
        subprocess.run([*words, "--out", out], check=True, stdout=subprocess.DEVNULL)
    runs = [MetricsFile(tmp_path / out).read() for out in ("cut", "whole")]
    one, two = ([(r["step"], r["loss"], r.get("heldout_loss")) for r in run] for run in runs)
    assert one == two
    models = [(tmp_path / out / "model" / "model.safetensors").read_bytes() for out in ("cut", "whole")]
    assert models[0] == models[1]


@pytest.mark.slow
def test_preferences(tiny_folder: Path, tmp_path: Path) -> None:
    rows = [{"prompt": f"{i}？", "chosen": f"好，{i}。", "rejected": "不。"} for i in range(20)]
    data = tmp_path / "pairs.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = train_command("dpo", "--base", str(tiny_folder), "--data", str(data), "--epochs", "1", "--lr", "0.003")
    assert result.exception is None, result.output
    assert "chosen answer likelier" in result.output
    assert (tmp_path / "runs" / "tiny-pairs-dpo" / "model" / "config.json").is_file()


def test_only_the_plan(tiny_folder: Path, tmp_path: Path) -> None:
    data = questions(tmp_path / "school.jsonl")
    result = train_command("sft", "--base", str(tiny_folder), "--data", str(data), "--plan", "--rehearse", "6")
    assert result.exception is None, result.output
    assert "27 + 5 / 3" in result.output
    assert "full, " in result.output  # so small a model learns with all of its weights
    assert not (tmp_path / "runs" / "tiny-school" / "model").exists()


def test_a_column_that_is_not_known_is_ignored_when_asked(tiny_folder: Path, tmp_path: Path) -> None:
    data = questions(tmp_path / "school.jsonl")
    rows = [json.loads(line) | {"Speed": 3, "id": 1} for line in data.read_text().splitlines()]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    begin = ("sft", "--base", str(tiny_folder), "--data", str(data), "--plan", "--rehearse", "0")
    assert "(--ignore speed)" in str(train_command(*begin).exception)
    result = train_command(*begin, "--ignore", "speed")
    assert result.exception is None, result.output
    assert "id, speed" in result.output
    assert "no column 'sped'" in str(train_command(*begin, "--ignore", "speed", "--ignore", "sped").exception)


@pytest.mark.parametrize(("words", "few", "way"), [
    ((), 2000, "full, 1 / 2"),
    ((), 10, "LoRA, rank 16"),  # many examples: all layers
    (("--layers", "2"), 2000, "LoRA, rank 16"),
    (("--rank", "4"), 2000, "LoRA, rank 4"),
    (("--method", "lora"), 2000, "LoRA, rank 16"),
    (("--bits", "8"), 2000, "QLoRA (8 bit), rank 16"),
])  # fmt: skip
def test_few_examples_are_taught_to_the_upper_layers_where_those_are_small(
    words: tuple[str, ...], few: int, way: str, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "SMALL", fit.count_trained(HuggingFaceView(open_model(tiny_folder)), 1))
    monkeypatch.setattr(fine_tune, "REWORDED", few)
    data = questions(tmp_path / "school.jsonl")
    result = train_command("sft", "--base", str(tiny_folder), "--data", str(data), "--plan", "--rehearse", "6", *words)
    assert result.exception is None, result.output
    assert way in result.output
    assert ("layers" in result.output) == (way == "full, 1 / 2")


@pytest.mark.parametrize(("words", "error", "message"), [
    (["sft"], ConfigError, "give a recipe, or --base"), (["dpo"], ConfigError, "give --base MODEL"),
    (["sft", "--base", "TINY"], ConfigError, "give --data"),
    (["sft", "a.toml", "--data", "x.jsonl"], ConfigError, "--data goes with --base"),
    (["sft", "a.toml", "--base", "TINY"], ConfigError, "exclude each other"),
    (["sft", "--base", "TINY", "--data", "nowhere.jsonl"], DataError, "nowhere.jsonl cannot be read"),
    (["sft", "--base", "TINY", "--data", "school.jsonl", "--method", "magic"], ConfigError, "--method is 'magic'"),
    (["sft", "--base", "TINY", "--data", "school.jsonl", "--bits", "5"], ConfigError, "--bits is 5"),
    (["sft", "--base", "TINY", "--data", "school.jsonl", "--method", "full", "--bits", "8"], ConfigError,
     "--bits is for"),
    (["sft", "--base", "TINY", "--data", "school.jsonl", "--layers", "0"], ConfigError, "--layers is 0"),
    (["sft", "--base", "TINY", "--data", "school.jsonl", "--layers", "99"], ConfigError,
     "--layers is 99; the model has 2"),
    (["sft", "a.toml", "--layers", "1"], ConfigError, "--layers goes with --base"),
    (["sft", "a.toml", "--ignore", "x"], ConfigError, "--ignore goes with --base"),
    (["sft", "--base", "nobody", "--data", "school.jsonl"], HuozhongError, "nobody"),
    (["dpo", "--base", "TINY", "--data", "school.jsonl"], DataError, "line 1: 'chosen' must be"),
    (["dpo", "--base", "TINY", "--data", "school.jsonl", "--beta", "-1"], ConfigError, "--beta is -1"),
])  # fmt: skip
def test_mistakes_are_one_sentence(
    words: list[str], error: type[Exception], message: str, tiny_folder: Path, tmp_path: Path
) -> None:
    questions(tmp_path / "school.jsonl")
    result = train_command(*[str(tiny_folder) if word == "TINY" else word for word in words])
    assert isinstance(result.exception, error), result.output
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)


def test_an_adapter_brings_its_rank_and_alpha(tiny_folder: Path, tmp_path: Path) -> None:
    data = questions(tmp_path / "school.jsonl", 8)
    words = ["sft", "--base", str(tiny_folder), "--data", str(data), "--plan", "--rehearse", "0"]
    (tmp_path / "lora").mkdir()
    config = {"peft_type": "LORA", "r": 8, "lora_alpha": 8, "target_modules": ["o_proj"]}
    (tmp_path / "lora" / "adapter_config.json").write_text(json.dumps(config))
    names = [f"base_model.model.model.layers.{i}.self_attn.o_proj.lora_{part}.weight" for i in (0, 1) for part in "AB"]
    save_file(
        {name: torch.ones((8, 32) if "lora_A" in name else (32, 8)) for name in names},
        tmp_path / "lora" / "adapter_model.safetensors",
    )
    result = train_command(*words, "--adapter", "lora")
    assert result.exception is None, result.output
    assert "LoRA, rank 8" in result.output
    assert isinstance(error := train_command(*words, "--adapter", "lora", "--rank", "16").exception, ConfigError)
    assert "--rank is 16, but lora has rank 8; leave --rank out." in str(error)


def test_an_adapter_brings_its_layers(tiny_folder: Path, tmp_path: Path) -> None:
    """One that changes the uppermost layer alone is gone on with there, unless more are asked for; never in fewer."""
    data = questions(tmp_path / "school.jsonl", 8)
    words = ["sft", "--base", str(tiny_folder), "--data", str(data), "--plan", "--rehearse", "0", "--adapter", "lora"]
    (tmp_path / "lora").mkdir()
    config = {"peft_type": "LORA", "r": 8, "lora_alpha": 8, "target_modules": ["o_proj"]}
    (tmp_path / "lora" / "adapter_config.json").write_text(json.dumps(config))

    def with_layers(*layers: int) -> None:
        shapes = {"A": (8, 32), "B": (32, 8)}
        names = {
            f"base_model.model.model.layers.{i}.self_attn.o_proj.lora_{part}.weight": torch.ones(shape)
            for i in layers
            for part, shape in shapes.items()
        }
        save_file(names, tmp_path / "lora" / "adapter_model.safetensors")

    with_layers(1)
    result = train_command(*words)
    assert result.exception is None, result.output
    assert "1 / 2" in result.output
    assert "layers" in result.output
    result = train_command(*words, "--layers", "2")
    assert result.exception is None, result.output
    assert "层 layers" not in result.output
    with_layers(0, 1)
    assert isinstance(error := train_command(*words, "--layers", "1").exception, ConfigError)
    assert "--layers is 1, but lora changes the upper 2; leave --layers out." in str(error)
