"""Where the model of a name or a path lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from huozhong.errors import CheckpointError
from huozhong.formats.resolve import BUILT_IN, resolve_model


def test_models_that_do_not_exist(tmp_path: Path, tiny_folder: Path) -> None:
    assert resolve_model(tiny_folder) == tiny_folder
    assert resolve_model(str(tiny_folder)) == tiny_folder
    with pytest.raises(CheckpointError, match="no model 'llama-9000'"):
        resolve_model("llama-9000")
    with pytest.raises(CheckpointError, match=r"without config\.json"):
        resolve_model(tmp_path)


def test_a_built_in_name_is_no_path() -> None:
    assert resolve_model("ember") == BUILT_IN / "ember"
    with pytest.raises(CheckpointError, match="ember"):
        resolve_model(Path("ember"))
