"""A drafter's training: it learns, goes on where it was cut, and says what a run will take."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from huozhong.errors import ConfigError, TrainingError
from huozhong.formats.drafter import DrafterSource, mark_of
from huozhong.formats.dspark import DSparkSource, is_dspark
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.formats.source import open_model
from huozhong.train.draft.block import BLOCK
from huozhong.train.draft.material import Material, gather
from huozhong.train.draft.run import Drafted, DraftRun, open_material, outlook, train_drafter
from huozhong.train.draft.settings import DEPTH, TOP, DraftSettings, Item, Kind, Read, layers_seen
from huozhong.train.sitting import Sitting

WIDTH, WORDS = 32, 60
KEY = {"data": "x"}
ITEMS = [Item(messages=({"role": "user", "content": str(i)},)) for i in range(200)]


class Counting:
    """A model that says 7, 11, 15 ... round and round among its words; its state is a picture of the last one."""

    def __init__(self, layers: int = 1) -> None:
        self.layers = tuple(range(layers))
        self.pictures = np.random.default_rng(0).normal(size=(WORDS, WIDTH)).astype(np.float32)
        self.asked = 0

    def prompt(self, item: Item) -> list[int]:
        self.asked += 1
        return [int(str(item.messages[0]["content"])) % WORDS] * 3

    def answers(self, prompts: Sequence[list[int]], most: int) -> Iterable[list[int]]:
        for ids in prompts:
            said = list(ids)
            while len(said) < len(ids) + most:
                said.append(self.after(said[-1]))
            yield said[len(ids) :]

    def after(self, token: int) -> int:
        return (token + 7) % WORDS

    def read(self, ids: list[int]) -> Read:
        following = np.array([[self.after(token), *range(TOP - 1)] for token in ids], np.int32)
        chances = np.tile(np.array([0.9] + [0.1 / (TOP - 1)] * (TOP - 1), np.float32), (len(ids), 1))
        return Read(np.tile(self.pictures[np.array(ids)], (1, len(self.layers))), following, chances)


@pytest.fixture
def view(tiny_folder: Path) -> HuggingFaceView:
    torch.set_num_threads(1)
    return HuggingFaceView(open_model(tiny_folder))


@pytest.fixture
def settings(tiny_folder: Path, tmp_path: Path) -> DraftSettings:
    return DraftSettings(
        base="tiny",
        base_mark=mark_of(open_model(tiny_folder)),
        data=tmp_path / "data",
        data_content="x",
        out=tmp_path / "out",
        tokens=4000,
        answer=24,
        epochs=2,
        lr=1e-2,
        threads=1,
    )


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


@pytest.mark.parametrize("kind", ["mtp", "dspark"])
def test_it_learns_what_the_model_says(view: HuggingFaceView, settings: DraftSettings, kind: Kind) -> None:
    console, layers = quiet(), layers_seen(kind, view.architecture.num_layers)
    settings = replace(settings, epochs=10, kind=kind)
    done = train_drafter(view, Counting(len(layers)), ITEMS, settings, console=console)
    assert isinstance(done, Drafted)
    assert done.finished
    assert len(done.scores) == (DEPTH if kind == "mtp" else BLOCK)
    assert min(done.scores.values()) > 0.9, done.scores
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "accepted" in said
    assert "expected" in said
    assert done.folder is not None
    assert is_dspark(done.folder) == (kind == "dspark")
    guessed = (
        DSparkSource(done.folder, view.source).config.guessed
        if kind == "dspark"
        else DrafterSource(done.folder, view.source).config.guessed
    )
    assert set(guessed) >= {(3 + 7 * i) % WORDS for i in range(WORDS)}


def test_a_run_cut_anywhere_ends_as_one_that_was_not(
    view: HuggingFaceView, settings: DraftSettings, tmp_path: Path
) -> None:
    whole = train_drafter(view, Counting(), ITEMS, replace(settings, out=tmp_path / "whole"), console=quiet())
    stops = iter([False, True])
    (settings.out).mkdir()
    half = open_material(settings, Counting(), view, "auto")
    assert not gather(half, Counting(), ITEMS, settings, told=lambda _: None, stop=lambda: next(stops))
    assert 0 < half.tokens < settings.tokens
    with open(settings.out / "material" / "states.f16", "ab") as file:  # the next document, cut off
        file.write(b"abc")
    material, again = open_material(settings, Counting(), view, "auto"), Counting()
    assert gather(material, again, ITEMS, settings, told=lambda _: None, stop=lambda: False)
    assert again.asked == material.items - half.items
    first = Sitting(DraftRun(view, material, settings, quiet()))
    first.begin("auto")
    for _ in range(2):
        first.run.one_step(first.step)
        first.step += 1
    first.save()
    done = train_drafter(view, Counting(), ITEMS, settings, start="resume", console=quiet())
    assert whole is not None
    assert done is not None
    names = ("config.json", "model.safetensors")
    for name in names:
        assert (done.folder / name).read_bytes() == (whole.folder / name).read_bytes()  # type: ignore[operator]


def test_another_question_is_another_run(view: HuggingFaceView, settings: DraftSettings) -> None:
    assert train_drafter(view, Counting(), ITEMS, settings, console=quiet()) is not None
    with pytest.raises(ConfigError, match=r"another run gathered \(data\)"):
        train_drafter(view, Counting(), ITEMS, replace(settings, data_content="y"), console=quiet())
    with pytest.raises(ConfigError, match="fewer states"):
        train_drafter(view, Counting(2), ITEMS, replace(settings, kind="dspark"), console=quiet())
    with pytest.raises(ConfigError, match="epochs"):
        train_drafter(view, Counting(), ITEMS, replace(settings, epochs=3), console=quiet())


def test_fresh_asks_anew(view: HuggingFaceView, settings: DraftSettings) -> None:
    model = Counting()
    train_drafter(view, model, ITEMS, settings, console=quiet())
    before = model.asked
    train_drafter(view, model, ITEMS, settings, console=quiet())
    assert model.asked == before
    train_drafter(view, model, ITEMS, settings, start="fresh", console=quiet())
    assert model.asked == 2 * before


def test_material_that_lost_its_end_is_refused(view: HuggingFaceView, settings: DraftSettings) -> None:
    material = Material(settings.out / "material", WIDTH, KEY)
    gather(material, Counting(), ITEMS, settings, told=lambda _: None, stop=lambda: False)
    os.truncate(settings.out / "material" / "states.f16", 64)
    with pytest.raises(TrainingError, match="shorter than its index says"):
        Material(settings.out / "material", WIDTH, KEY)


def test_the_outlook_leaves_nothing_behind(view: HuggingFaceView, settings: DraftSettings) -> None:
    console = quiet()
    outlook(view, Counting(), ITEMS, settings, console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "training" in said
    assert "min" in said
    assert not settings.out.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [({"tokens": 10}, "--tokens is 10"), ({"answer": 1}, "--answer is 1"), ({"epochs": 0}, "--epochs"),
     ({"threads": 0}, "--threads"), ({"lr": 2.0}, "--lr is 2.0")],
)  # fmt: skip
def test_impossible_settings(settings: DraftSettings, change: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        replace(settings, **change)  # type: ignore[arg-type]
