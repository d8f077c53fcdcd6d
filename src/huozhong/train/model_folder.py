"""A model in training and its Hugging Face folder: read from one, written to one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from huozhong.formats.checkpoint import CheckpointReader, write_checkpoint
from huozhong.model.tensors import sound
from huozhong.model.transformer import Transformer


def load_transformer(folder: str | Path, dtype: torch.dtype = torch.float32) -> Transformer:
    """Read a Hugging Face folder.  dtype: of the arithmetic.  Raises CheckpointError or ConfigError."""
    reader = CheckpointReader(folder)
    model = Transformer(reader.config, dtype=dtype)
    model.load_state_dict({name: torch.from_numpy(sound(name, reader.tensor(name))) for name in model.state_dict()})
    return model


def save_transformer(
    model: Transformer,
    folder: str | Path,
    extra_files: Mapping[str, bytes] | None = None,
    dtype: str = "bfloat16",
    state: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a Hugging Face folder, atomically.  extra_files: name to content (tokenizer.json ...).

    state: the weights, where the model itself holds only parts of them.
    """
    state = model.state_dict() if state is None else state
    arrays = {name: value.detach().cpu().numpy() for name, value in state.items()}
    write_checkpoint(folder, model.config, arrays, dtype=dtype, extra_files=extra_files or {})
