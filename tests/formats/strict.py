"""A small strict folder of ours, for the tests of everything that reads and writes one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.model.tiny_models import tiny_config

from huozhong.errors import CheckpointError
from huozhong.formats.checkpoint import (
    CheckpointReader,
    expected_tensors,
    write_checkpoint,
)
from huozhong.model.config import ModelConfig

NORM = "model.norm.weight"


def tensors_of(config: ModelConfig, value: float | None = None) -> dict[str, np.ndarray]:
    shapes = expected_tensors(config)
    if value is not None:
        return {name: np.full(shape, value, np.float32) for name, shape in shapes.items()}
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}


def strict_folder(home: Path) -> Path:
    config = tiny_config(num_hidden_layers=1)
    write_checkpoint(home / "model", config, tensors_of(config), extra_files={"notes.txt": b"hello"})
    return home / "model"


def expect(folder: Path, words: str) -> None:
    """Opening fails with one sentence that holds these words."""
    with pytest.raises(CheckpointError) as caught:
        CheckpointReader(folder)
    message = str(caught.value)
    assert words in message
    assert str(folder) in message
    assert "\n" not in message
    assert message.endswith((".", "?"))
