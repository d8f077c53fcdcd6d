"""A drafter with random weights, which guess badly and reach everything."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from huozhong.formats.drafter import DrafterConfig, drafter_architecture, drafter_tensors, mark_of, write_drafter
from huozhong.formats.source import open_model

INNER = 40


def random_drafter(base: Path, folder: Path, guessed: tuple[int, ...], spread: float = 0.15, seed: int = 0) -> Path:
    """A drafter's folder for the model at `base`, all of its numbers different from zero and one."""
    source, dice = open_model(base), np.random.default_rng(seed)
    tensors = {
        name: (dice.uniform(0.5, 1.5, shape) if "norm" in name else dice.normal(0, spread, shape)).astype(np.float32)
        for name, shape in drafter_tensors(drafter_architecture(source, INNER))
    }
    a = source.architecture
    config = DrafterConfig(
        base=mark_of(source),
        base_name=base.name,
        hidden_size=a.hidden_size,
        vocab_size=a.vocab_size,
        intermediate_size=INNER,
        guessed=guessed,
    )
    write_drafter(folder, config, tensors, dtype="float32")
    return folder
