"""A drafter's folder: written and read, at home with one model and refused by others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.conftest import tiny_config
from tests.engine.compressed_models import v4_config
from tests.formats.random_drafter import random_drafter
from tests.model.tiny_models import lively_model
from transformers import DeepseekV4ForCausalLM

from huozhong.errors import CheckpointError, ConfigError
from huozhong.formats.drafter import DrafterSource, drafter_architecture, fits, mark_of
from huozhong.formats.dspark import DSparkSource
from huozhong.formats.gguf.export import export_gguf
from huozhong.formats.source import open_model
from huozhong.train.model_folder import save_transformer


@pytest.fixture(scope="module")
def drafter(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_drafter(tiny_folder, tmp_path_factory.mktemp("drafters") / "one", (3, 5, 70))


def test_what_was_written_is_read(drafter: Path, tiny_folder: Path) -> None:
    source = DrafterSource(drafter, open_model(tiny_folder))
    assert source.config.guessed == (3, 5, 70)
    assert source.architecture.num_layers == 0
    assert not source.architecture.is_moe_layer(0)
    name = "model.layers.0.eh_proj.weight"
    np.testing.assert_array_equal(source.rows(name, slice(2, 4)), source.tensor(name)[2:4])
    with pytest.raises(CheckpointError, match="no tensor"):
        source.tensor("lm_head.weight")


def test_its_mark_says_what_it_holds(drafter: Path, tiny_folder: Path, tmp_path: Path) -> None:
    base = open_model(tiny_folder)
    other = random_drafter(tiny_folder, tmp_path / "two", (3, 5, 70), seed=1)
    again = random_drafter(tiny_folder, tmp_path / "three", (3, 5, 70))
    marks = [DrafterSource(folder, base).mark for folder in (drafter, other, again)]
    assert marks[0] != marks[1]
    assert marks[0] == marks[2]


def test_it_is_at_home_with_every_file_of_its_model(drafter: Path, tiny_folder: Path, tmp_path: Path) -> None:
    source, file = open_model(tiny_folder), tmp_path / "tiny.gguf"
    export_gguf(source, file, "q8_0", vocabulary={})
    assert mark_of(open_model(file)) == mark_of(source)
    assert fits(drafter, open_model(file))


def test_another_model_refuses_it(drafter: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    save_transformer(lively_model(tiny_config(320), seed=1), folder)
    assert not fits(drafter, open_model(folder))
    with pytest.raises(ConfigError, match=r"trained for another model \(tiny\), not for other.*train draft other"):
        DrafterSource(drafter, open_model(folder))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.update(model_type="llama"), "is no drafter's"),
        (lambda c: c.update(guessed=[]), "rising list"),
        (lambda c: c.update(guessed=[5, 3]), "rising list"),
        (lambda c: c.update(guessed=[3, 99999]), "names token 99999"),
        (lambda c: c.update(guessed=[-1, 3]), "rising list"),
        (lambda c: c.update(intermediate_size=0), "intermediate_size must be a positive"),
        (lambda c: c.update(intermediate_size=44), "has shape"),
        (lambda c: c.update(base=7), "base must be text"),
        (lambda c: c.pop("hidden_size"), "hidden_size must be a positive"),
    ],
)
def test_a_config_that_cannot_be(
    drafter: Path, tiny_folder: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(drafter, folder)
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=said):
        DrafterSource(folder, open_model(tiny_folder))


def test_what_is_not_there_or_cut_off(drafter: Path, tiny_folder: Path, tmp_path: Path) -> None:
    base = open_model(tiny_folder)
    with pytest.raises(CheckpointError, match="no such model folder"):
        DrafterSource(tmp_path / "nowhere", base)
    folder = tmp_path / "cut"
    shutil.copytree(drafter, folder)
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-100])
    with pytest.raises(CheckpointError, match="truncated"):
        DrafterSource(folder, base)


def test_a_model_whose_layers_no_drafter_has_is_refused_by_both_kinds(drafter: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    DeepseekV4ForCausalLM(v4_config()).save_pretrained(tmp_path / "v4")
    base = open_model(tmp_path / "v4")
    with pytest.raises(ConfigError, match="compressed attention"):
        drafter_architecture(base, 64)
    with pytest.raises(ConfigError, match="compressed attention"):
        DSparkSource(drafter, base)
