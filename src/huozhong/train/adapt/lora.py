"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv:2106.09685): where they go, how they are kept, how they are merged.

Adapters sit on every matrix of attention and on dense and shared feed-forward parts, of all layers or of the upper
ones; routers and routed experts stay as they are.  On disk they are a PEFT folder (adapter_config.json,
adapter_model.safetensors); what PEFT makes of one, and writes, was read in peft 0.21 and is tried with it in
tests/train/adapt/test_lora.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from huozhong.errors import CheckpointError, ConfigError
from huozhong.formats.hf.folder import read_json
from huozhong.model.families import AdaptedLinear, CausalLM, layer_of
from huozhong.train.state import write_file

_NAME = re.compile(r"base_model\.model\.(?P<name>.+\.lora_[AB])\.weight")
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def adapted_linears(model: CausalLM) -> dict[str, AdaptedLinear]:
    """The matrices that get an adapter, by name."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, AdaptedLinear) and ".mlp.experts." not in name and layer_of(name) >= model.still
    }


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
    added: NDArray[np.float32] = scale * (b @ a)
    return values + added


# -- PEFT's folder ---------------------------------------------------------------------------------------

# transformers 5 keeps the experts of these families in one tensor, so PEFT takes the target modules gate_proj, up_proj
# and down_proj to mean that, and leaves dense and shared feed-forward parts without their adapters, even in a model
# without experts.  Named by their parameters ("mlp.gate_proj.weight") they are found; the tensors are the same.
_STACKED = {"deepseek_v2", "deepseek_v3", "qwen3_moe"}

# Keys of adapter_config.json that say nothing about what the adapter computes: where it came from, how it was trained,
# and which matrices it is for, which its tensors tell.
_TOLD_BY_TENSORS = {
    "r", "lora_alpha", "target_modules", "exclude_modules", "target_parameters", "layers_to_transform",
    "layers_pattern",
}  # fmt: skip
_ABOUT = {
    "auto_mapping", "base_model_name_or_path", "revision", "inference_mode", "peft_version", "lora_dropout",
    "megatron_core", "qalora_group_size", "ephemeral_gpu_offload", "runtime_config",
}  # fmt: skip
# Keys with the values that change nothing.  Some ways to begin (PiSSA, LoftQ ...) change the base itself.
_PLAIN: dict[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "task_type": ("CAUSAL_LM", None),
    "bias": ("none",),
    "init_lora_weights": (True, False, "gaussian", "orthogonal"),
}


def save_adapter(
    folder: Path, trained: Mapping[str, Tensor], *, family: str, base: str, rank: int, alpha: float
) -> None:
    """Write the adapters where PEFT finds them.  Each file is replaced whole.

    family: the base's model_type.  base: where the base is found: a folder, or a repository's name.
    """
    from safetensors.torch import save

    weights = {f"base_model.model.{name}.weight": value.float().contiguous() for name, value in trained.items()}
    places = {name.rpartition(".")[0] for name in trained}
    stacked = {place for place in places if family in _STACKED and ".mlp." in place}
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": rank,
        "lora_alpha": int(alpha) if alpha == int(alpha) else alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "target_modules": sorted({place.rpartition(".")[2] for place in places - stacked}),
    }
    if min(layers := sorted({layer_of(place) for place in places})):  # none on the lowest
        config |= {"layers_to_transform": layers, "layers_pattern": "layers"}
    if stacked:
        config["target_parameters"] = sorted({f"mlp.{place.partition('.mlp.')[2]}.weight" for place in stacked})
    write_file(folder / WEIGHTS, save(weights, metadata={"format": "pt"}))
    write_file(folder / CONFIG, (json.dumps(config, indent=2) + "\n").encode())


def read_adapter(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Adapters by our names, and the folder's config.  Raises CheckpointError, also for what we cannot compute."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    config = read_adapter_config(folder)
    try:
        stored = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{folder / WEIGHTS} cannot be read ({error}); is {folder} an adapter?") from None
    weights = {}
    for name, value in stored.items():
        if (found := _NAME.fullmatch(name)) is None:
            raise CheckpointError(f"{folder / WEIGHTS}: tensor {name!r} is not an adapter's; is it a LoRA of PEFT?")
        weights[found["name"]] = value.float()
    return weights, config


def read_adapter_config(folder: Path) -> dict[str, Any]:
    """adapter_config.json of a plain LoRA.  Raises CheckpointError where it asks for more than scale · B A."""
    config, where = read_json(folder / CONFIG), folder / CONFIG
    if type(config.get("r")) is not int or config["r"] < 1:
        raise CheckpointError(f"{where}: r is {config.get('r')!r}; a LoRA's rank, at least 1, is needed.")
    if isinstance(config.get("lora_alpha"), bool) or not isinstance(config.get("lora_alpha"), int | float):
        raise CheckpointError(f"{where}: lora_alpha is {config.get('lora_alpha')!r}; a number is needed.")
    for key, value in config.items():
        if key in _TOLD_BY_TENSORS or key in _ABOUT:
            continue
        if value not in _PLAIN[key] if key in _PLAIN else bool(value):
            raise CheckpointError(f"{where}: {key} is {value!r}, and only plain LoRA is supported; merge it with PEFT.")
    return config


def lowest_layer(folder: Path) -> int:
    """The lowest layer that an adapter changes.  Raises CheckpointError as `read_adapter` does."""
    return min((layer_of(name) for name in read_adapter(folder)[0]), default=0)


def load_adapter(model: CausalLM, folder: Path) -> None:
    """Set the adapters of `model` to those of a PEFT folder; matrices that it does not adapt, and layers below those
    that it does, keep a fresh one, B = 0.

    Raises CheckpointError as `read_adapter` does, ConfigError when it belongs elsewhere or scales otherwise.
    """
    stored, config = read_adapter(folder)
    linears = adapted_linears(model)
    wanted = {name: weight for name, weight in trained_weights(model).items() if ".lora_" in name}
    kinds, lowest = {_kind(name) for name in stored}, min(map(layer_of, stored), default=0)
    if foreign := sorted(stored.keys() - wanted.keys()):
        raise ConfigError(f"{folder} does not fit this model: {foreign[0]} is no matrix that gets an adapter here.")
    left_out = (name for name in wanted.keys() - stored.keys() if _kind(name) in kinds)
    if missing := sorted(name for name in left_out if layer_of(name) >= lowest):
        raise ConfigError(f"{folder} does not fit this model: {missing[0]} is missing.")
    scale = config["lora_alpha"] / config["r"]
    with torch.no_grad():
        for name, values in stored.items():
            weight, linear = wanted[name], linears[name.rpartition(".")[0]]
            if values.shape != weight.shape:
                raise ConfigError(f"{folder}: {name} is {list(values.shape)}; {list(weight.shape)} is needed.")
            if linear.lora_scale != scale:
                raise ConfigError(f"{folder} scales by {scale:g} (lora_alpha / r), not by {linear.lora_scale:g}.")
            if not values.isfinite().all():
                raise CheckpointError(
                    f"{folder} is damaged: {name} holds NaN or infinite numbers; take another adapter."
                )
            weight.copy_(values)


def _kind(name: str) -> str:
    """Which matrix of a layer: "self_attn.q_proj" of "model.layers.3.self_attn.q_proj.lora_A"."""
    return re.sub(r"^model\.layers\.\d+\.|\.lora_[AB]$", "", name)
