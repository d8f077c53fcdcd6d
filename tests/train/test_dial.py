"""One dial: a shape near the size that was asked for, a recipe that can be read, changed and run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.train.test_train_command import app  # noqa: F401
from typer.testing import CliRunner

from huozhong.errors import ConfigError
from huozhong.formats.source import open_model
from huozhong.model.config import ModelConfig
from huozhong.model.footprint import num_parameters
from huozhong.train.dial import Dial, as_toml, optim_of, read_size, recipe_of, shape_of_size, shape_of_width, table_of
from huozhong.train.recipe import load_recipe, parse_recipe


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "text").mkdir()
    for part in range(3):
        lines = [f"第{n}课：小明有{n}个苹果，又买了{part}个。\n\nlesson {n} of book {part}" * 12 for n in range(220)]
        (tmp_path / "text" / f"{part}.txt").write_text("\n\n".join(lines), encoding="utf-8")
    return tmp_path / "text"


@pytest.mark.parametrize(
    ("said", "number"), [("10m", 10**7), ("2.5M", 2_500_000), ("800k", 800_000), ("123", 123), ("2e4", 20_000)]
)
def test_sizes_as_people_say_them(said: str, number: int) -> None:
    assert read_size(said) == number


@pytest.mark.parametrize("said", ["big", "", "-1m", "10 mb"])
def test_what_is_no_size_is_named(said: str) -> None:
    with pytest.raises(ConfigError, match="number of parameters"):
        read_size(said)
    with pytest.raises(ConfigError, match=r"--tokens .* number of tokens"):
        read_size(said, "--tokens", "tokens")


@pytest.mark.parametrize("parameters", [2_000_000, 3_000_000, 10_000_000, 60_000_000, 300_000_000])
def test_the_shape_has_about_as_many_parameters(parameters: int) -> None:
    shape = shape_of_size(parameters, 8192)
    found = num_parameters(ModelConfig(vocab_size=8192, max_position_embeddings=2048, **shape))
    assert 0.7 < found / parameters < 1.4
    assert shape == shape_of_width(shape["hidden_size"])


def test_a_size_below_the_smallest_is_named() -> None:
    with pytest.raises(ConfigError, match="too few"):
        shape_of_size(100_000, 8192)


def test_longer_runs_have_larger_batches_and_wider_models_slower_matrices() -> None:
    assert optim_of(320, 1_500_000)["batch_tokens"] == 2048
    assert optim_of(320, 24_000_000)["batch_tokens"] == 8192
    assert optim_of(128, 10**6)["muon_lr"] == 0.00791
    assert optim_of(320, 10**6)["muon_lr"] == 0.005
    assert optim_of(1280, 10**6)["muon_lr"] == 0.0025


def test_the_recipe_as_a_file_is_the_recipe(text: Path, tmp_path: Path) -> None:
    raw, corpus = recipe_of(Dial(texts=(text,), size=1_000_000, out=tmp_path / "out", vocab=512, tokens=40_000))
    (tmp_path / "r.toml").write_text(as_toml(raw), encoding="utf-8")
    read = load_recipe(tmp_path / "r.toml", "pretrain")
    assert read == parse_recipe(raw, "pretrain")
    assert read.ramp[0].layers == 1
    assert read.tokenizer == corpus.tokenizer


def test_a_short_text_is_not_counted(text: Path, tmp_path: Path) -> None:
    assert (table_of(512, 25_599), table_of(512, 25_600)) == ("noise", "counts")
    raw, corpus = recipe_of(Dial(texts=(text,), size=1_000_000, out=tmp_path / "out", vocab=512, tokens=40_000))
    assert raw["run"]["init_table"] == table_of(corpus.vocab_size, corpus.train_tokens)


def test_without_tokens_the_text_and_the_size_decide(text: Path, tmp_path: Path) -> None:
    raw, corpus = recipe_of(Dial(texts=(text,), size=1_000_000, out=tmp_path / "out", vocab=512))
    assert raw["schedule"]["total_tokens"] == 4 * corpus.train_tokens < 20 * 10**6
    with pytest.raises(ConfigError, match="give more text"):
        recipe_of(Dial(texts=(text,), size=1_000_000, out=tmp_path / "out", vocab=512, tokens=4096))


@pytest.mark.slow
def test_from_a_folder_of_text_to_a_model(
    app: typer.Typer,  # noqa: F811
    text: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    words: list[Any] = ["train", "pretrain", "--text", text, "--size", "400k", "--tokens", "20k", "--vocab", "512"]
    words += ["--threads", "1", "--out", "mine", "--no-compile"]
    run: Callable[[list[Any]], Any] = lambda words: CliRunner().invoke(app, [str(word) for word in words])  # noqa: E731
    result = run(words)
    assert result.exception is None, result.output
    assert open_model(tmp_path / "mine" / "model").architecture.num_layers == 2
    assert run(words).exception is None  # finished: the same again is no error
    other = run([*words, "--seed", "5"])
    assert isinstance(other.exception, ConfigError)
    assert "says something else" in str(other.exception)
    learnt_from = {file: file.read_bytes() for file in (tmp_path / "mine" / "corpus").rglob("*") if file.is_file()}
    (text / "more.txt").write_text("another text " * 900)
    assert "says something else" in str(run(words).exception)
    assert {file: file.read_bytes() for file in learnt_from} == learnt_from
    assert run(["train", "pretrain", "mine/recipe.toml"]).exception is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give a recipe, or --text"),
        (["--size", "3m"], "give a recipe, or --text"),
        (["some.toml", "--size", "3m"], "--size goes without a recipe"),
        (["--text", "nowhere", "--size", "huge"], "not a number of parameters"),
        (["--text", "nowhere", "--size", "3m"], "nowhere does not exist"),
    ],
)
def test_mistakes_are_named(app: typer.Typer, words: list[str], said: str) -> None:  # noqa: F811
    result = CliRunner().invoke(app, ["train", "pretrain", *words])
    assert result.exception is not None
    assert said in str(result.exception)
