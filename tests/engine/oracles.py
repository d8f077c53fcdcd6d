"""transformers as the oracle: random models of any architecture, and what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import transformers


def make_model(config: Any, seed: int = 3, spread: float = 0.15) -> Any:
    """A random float32 model in which every tensor matters.  spread: standard deviation of the matrices."""
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for name, weight in [*model.named_parameters(), *model.named_buffers()]:
            if "norm" in name or name.endswith(("hc.scale", "hc_scale")):
                weight.uniform_(0.5, 1.5)
            elif name.endswith("tid2eid"):  # which experts a token meets: different ones
                count = model.config.n_routed_experts
                weight.copy_(torch.rand(len(weight), count).argsort(dim=1)[:, : weight.shape[1]])
            elif "correction_bias" in name or name.endswith(".bias"):
                weight.uniform_(-0.2, 0.2)
            elif "inv_freq" not in name:
                weight.normal_(0.0, spread)
    return model


@torch.no_grad()
def oracle(model: Any, tokens: np.ndarray) -> np.ndarray:
    """Logits [T, V] of tokens [T]."""
    return model(torch.from_numpy(tokens)[None].long()).logits[0].numpy()
