"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv:2106.09685): where they go, how they are kept, how they are merged.

Adapters sit on every matrix of attention and on dense and shared feed-forward parts; routers and routed experts stay as
they are.  On disk they are a PEFT folder (adapter_config.json, adapter_model.safetensors).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from huozhong.errors import CheckpointError, ConfigError
from huozhong.model.causal_lm import CausalLM, Linear
from huozhong.model.checkpoint import read_json
from huozhong.train.state import write_file

_PREFIX = "base_model.model."
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def adapted_linears(model: CausalLM) -> dict[str, Linear]:
    """The matrices that get an adapter, by name."""
    return {
        name: module for name, module in model.named_modules()
        if isinstance(module, Linear) and ".mlp.experts." not in name
    }  # fmt: skip


def add_adapters(model: CausalLM, rank: int, alpha: float, seed: int) -> None:
    """Add adapters of `rank`, scaled by alpha / rank; the same for the same seed."""
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    for linear in adapted_linears(model).values():
        linear.adapt(rank, alpha / rank)
    torch.set_rng_state(state)


def trained_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """What training changes, by name: the adapters, or every weight."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def merged(name: str, values: NDArray[np.float32], trained: Mapping[str, Tensor], scale: float) -> NDArray[np.float32]:
    """A tensor of the base with what was trained: itself replaced, or its adapter's scale · B A added."""
    if name in trained:
        return trained[name].float().numpy()
    place = name.removesuffix(".weight")
    if f"{place}.lora_A" not in trained:
        return values
    a, b = (trained[f"{place}.lora_{part}"].float().numpy() for part in "AB")
    return values + scale * (b @ a)


# -- PEFT's folder ---------------------------------------------------------------------------------------


def save_adapter(folder: Path, trained: Mapping[str, Tensor], *, base: str, rank: int, alpha: float) -> None:
    """Write the adapters where PEFT finds them.  Each file is replaced whole."""
    from safetensors.torch import save

    weights = {f"{_PREFIX}{name}.weight": value.float().contiguous() for name, value in trained.items()}
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "r": rank,
        "lora_alpha": alpha, "lora_dropout": 0.0, "bias": "none", "fan_in_fan_out": False, "inference_mode": True,
        "target_modules": sorted({name.split(".")[-2] for name in trained}),
        "exclude_modules": r".*\.mlp\.experts\..*",
    }  # fmt: skip
    write_file(folder / WEIGHTS, save(weights, metadata={"format": "pt"}))
    write_file(folder / CONFIG, (json.dumps(config, indent=2) + "\n").encode())


def read_adapter(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Adapters by our names, and the folder's config.  Raises CheckpointError."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    config = read_json(folder / CONFIG)
    try:
        stored = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{folder / WEIGHTS} cannot be read ({error}); is {folder} an adapter?") from None
    for name in stored:
        if not name.startswith(_PREFIX) or ".lora_" not in name:
            raise CheckpointError(f"{folder / WEIGHTS}: tensor {name!r} is not an adapter's; is it a LoRA of PEFT?")
    return {name.removeprefix(_PREFIX).removesuffix(".weight"): value.float() for name, value in stored.items()}, config


def load_adapter(model: CausalLM, folder: Path) -> None:
    """Set the adapters of `model` to those of a PEFT folder.  Raises ConfigError when they belong elsewhere."""
    stored, _ = read_adapter(folder)
    wanted = {name: weight for name, weight in trained_weights(model).items() if ".lora_" in name}
    if missing := sorted(stored.keys() ^ wanted.keys()):
        raise ConfigError(f"{folder} is not an adapter of this model: {missing[0]} is on one side only.")
    with torch.no_grad():
        for name, weight in wanted.items():
            if stored[name].shape != weight.shape:
                raise ConfigError(f"{folder}: {name} is {list(stored[name].shape)}; {list(weight.shape)} is needed.")
            weight.copy_(stored[name])
