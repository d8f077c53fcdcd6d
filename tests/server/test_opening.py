"""How the models of a shelf are opened: what was meant for one of them stays with that one, and is told of."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from tests.conftest import tiny_config
from tests.formats.random_drafter import random_drafter
from tests.formats.random_dspark import random_dspark
from tests.model.tiny_models import lively_model

from huozhong.server.opening import Opening
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.model_folder import save_transformer


@pytest.fixture(scope="module")
def other_folder(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the same shape as `tiny_folder`'s, with other weights."""
    folder = tmp_path_factory.mktemp("models") / "other"
    save_transformer(lively_model(tiny_config(tokenizer.vocab_size), seed=1), folder, extra_files=tokenizer.files())
    return folder


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """By what is tested here: servers of other tests may still be at their last words."""
    return [record.getMessage() for record in caplog.records if record.module == "opening"]


@pytest.mark.parametrize("kind", ["mtp", "dspark"])
def test_a_drafter_guesses_for_its_own_model_and_others_are_opened_without_it(
    kind: str, tiny_folder: Path, other_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    drafter = tmp_path / "drafter"
    (random_drafter if kind == "mtp" else random_dspark)(tiny_folder, drafter, (3, 5, 70))
    opening = Opening({"num_threads": 1, "cache_dir": tmp_path / "c", "prefix_cache_bytes": 0, "draft": drafter})
    with caplog.at_level(logging.WARNING, "huozhong.server"):
        with opening.open(tiny_folder, lambda done, total: None) as own:
            weights = own.runner.weights
            assert len(weights.prediction) == (kind == "mtp")
            assert (weights.block is not None) == (kind == "dspark")
        assert said(caplog) == []
        with opening.open(other_folder, lambda done, total: None) as other:
            weights = other.runner.weights
            assert (weights.prediction, weights.block) == ((), None)
            assert other.generate(["1 + 2 ="])[0].token_ids
    (told,) = said(caplog)
    assert "other: the drafter of --draft was trained for another model and is not used" in told
    assert "other：--draft 给的小网络是给别的模型训练的，这里不用它" in told
    assert opening.options["draft"] == drafter, "and its own model has it when it is opened again"
