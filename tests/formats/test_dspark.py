"""Drafters of the DSpark kind as they are published: read, at home with one model, refused by others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import tiny_config
from tests.formats.random_drafter import random_drafter
from tests.formats.random_dspark import published, random_dspark
from tests.model.tiny_models import lively_model

from huozhong.errors import CheckpointError, ConfigError, HuozhongError
from huozhong.formats.dspark import DSparkSource, belongs, dspark_tensors, is_dspark
from huozhong.formats.source import open_model
from huozhong.train.model_folder import save_transformer

EVERY = tuple(range(320))


@pytest.fixture(scope="module")
def ours(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drafters") / "ours"
    random_dspark(tiny_folder, folder, EVERY)
    return folder


@pytest.fixture(scope="module")
def theirs(ours: Path, tiny_folder: Path) -> Path:
    folder = ours.parent / "theirs"
    shutil.copytree(ours, folder)
    published(folder, tiny_folder)
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "other"
    save_transformer(lively_model(tiny_config(320), seed=1), folder)
    return folder


def test_the_published_form_is_read(theirs: Path, ours: Path, tiny_folder: Path) -> None:
    base = open_model(tiny_folder)
    assert is_dspark(theirs)
    found, own = DSparkSource(theirs, base), DSparkSource(ours, base)
    assert found.config.guessed == ()
    assert own.config.guessed == EVERY
    for name, shape in dspark_tensors(found.config):
        assert found.tensor(name).shape == shape
        np.testing.assert_array_equal(found.tensor(name), own.tensor(name))
    assert found.mark == own.mark


def test_they_belong_to_one_model(theirs: Path, ours: Path, tiny_folder: Path, other: Path, tmp_path: Path) -> None:
    for folder in (theirs, ours, random_drafter(tiny_folder, tmp_path / "mtp", (3, 4))):
        assert belongs(folder, open_model(tiny_folder))
        assert not belongs(folder, open_model(other))
    for folder, said in ((theirs, "another model, not for other"), (ours, r"another model \(tiny\), not for other")):
        with pytest.raises(ConfigError, match=said):
            DSparkSource(folder, open_model(other))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"block_size": 0}, "block_size must be"),
        ({"mask_token_id": None}, "mask_token_id must be"),
        ({"mask_token_id": 320}, "mask_token_id is 320 of 320"),
        ({"markov_rank": -1}, "markov_rank must be"),
        ({"markov_rank": 3}, "has shape"),
        ({"markov_head_type": "rnn"}, "only 'vanilla'"),
        ({"target_layer_ids": []}, "rising list of layers"),
        ({"target_layer_ids": [1, 0]}, "rising list of layers"),
        ({"target_layer_ids": [-1, 1]}, "are not all layers 0 to 1"),
        ({"target_layer_ids": [0, 2]}, "are not all layers 0 to 1"),
        ({"attention_bias": True}, "biases are not known"),
        ({"layer_types": ["sliding_attention"]}, "sliding attention"),
        ({"num_target_layers": 36}, "for a model of 36 layers"),
        ({"num_hidden_layers": 3}, "is missing"),
        ({"guessed": [400]}, "list of tokens"),
    ],
)
def test_a_config_that_cannot_be(
    theirs: Path, tiny_folder: Path, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(theirs, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(HuozhongError, match=said):
        DSparkSource(folder, open_model(tiny_folder))


@pytest.mark.parametrize("spoil", [lambda data: data[:-50], lambda data: b"{}" + data[2:]])
def test_a_file_that_is_cut_or_no_such_file(
    theirs: Path, tiny_folder: Path, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(theirs, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(spoil(weights.read_bytes()))
    with pytest.raises(CheckpointError):
        DSparkSource(folder, open_model(tiny_folder))
