"""The only place that knows the disk format.  (Being written.)"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from huozhong.model.config import ModelConfig


class CheckpointReader:
    def __init__(self, folder: str | Path) -> None:
        raise NotImplementedError

    config: ModelConfig

    def tensor(self, name: str) -> np.ndarray:
        raise NotImplementedError


def write_checkpoint(
    folder: str | Path,
    config: ModelConfig,
    tensors: Mapping[str, np.ndarray],
    *,
    dtype: str = "bfloat16",
    extra_files: Mapping[str, bytes] | None = None,
) -> None:
    raise NotImplementedError
