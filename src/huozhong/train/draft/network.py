"""A drafter in torch: the form of a prediction module (`model.transformer.PredictionModule`) for any family's layer.

Of the model it needs the embedding and those rows of the head that it guesses with; both are frozen.  It is unrolled on
its own states, as it guesses when it is used (EAGLE-3, Li et al. 2025, arXiv:2503.01840, calls it training-time test).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from huozhong.formats.drafter import drafter_tensors
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.model.architecture import Architecture
from huozhong.model.documents import DocumentPlaces
from huozhong.model.families import make_block
from huozhong.model.rope import rope_frequencies
from huozhong.model.transformer import PredictionModule

EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"


class Drafter(nn.Module):
    """architecture: `formats.drafter.drafter_architecture`.  embedding [V, D], head [G, D]: frozen, in `dtype`."""

    def __init__(self, architecture: Architecture, embedding: Tensor, head: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        block = make_block(architecture, 0)
        self.module = PredictionModule(architecture, block.self_attn, block.mlp)
        self.dtype, self._rope = dtype, architecture.rope
        self.embedding, self.head = embedding.to(dtype), head.to(dtype)
        frequencies, self._factor = rope_frequencies(architecture.rope)
        self._frequencies = torch.from_numpy(frequencies)

    def unroll(self, tokens_BT: Tensor, states_BTD: Tensor, depth: int) -> list[Tensor]:
        """Final-normed states [B, T, D]; the k-th (k from 1) at t have seen the tokens up to t + k."""
        angle_TR = torch.arange(tokens_BT.shape[1])[:, None].float() * self._frequencies
        cos, sin = (turned[None] * self._factor for turned in (angle_TR.cos(), angle_TR.sin()))
        places = DocumentPlaces(cos, sin, self._rope.interleaved, None)
        state_BTD, found = states_BTD.to(self.dtype), []
        for k in range(1, depth + 1):
            ahead_BTD = self.embedding[F.pad(tokens_BT[:, k:], (0, k))]
            state_BTD = self.module.shared_head["norm"](self.module(self.module.join(ahead_BTD, state_BTD), places))
            found.append(state_BTD)
        return found

    def logits(self, state_ND: Tensor) -> Tensor:
        """Scores [N, G] of the tokens that it guesses."""
        return F.linear(state_ND, self.head)

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Its weights by their names in a drafter's file."""
        return {name: weight.detach().float().numpy() for name, weight in self.module.state_dict().items()}


def new_drafter(
    view: HuggingFaceView, architecture: Architecture, guessed: NDArray[np.int32], dtype: torch.dtype, seed: int
) -> Drafter:
    """A drafter that begins as the model's last layer, which has learnt to read such states, where that is dense.

    Raises CheckpointError when the model holds NaN.
    """
    embedding = table(view, EMBEDDING, dtype)
    head = embedding if view.architecture.tie_word_embeddings else table(view, HEAD, dtype)
    drafter = Drafter(architecture, embedding, head[torch.from_numpy(guessed).long()], dtype)
    chance = torch.Generator().manual_seed(seed)
    last = f"model.layers.{view.architecture.num_layers - 1}."
    known = set(view.names())
    weights = drafter.module.state_dict()
    width = architecture.hidden_size
    for name, shape in drafter_tensors(architecture):
        weight = weights[name]
        if name == "eh_proj.weight":  # half of what comes next, half of what was understood
            weight.copy_(torch.cat((torch.eye(width), torch.eye(width)), dim=1) / 2**0.5)
        elif name == "shared_head.norm.weight":
            weight.copy_(torch.from_numpy(view.tensor("model.norm.weight")))
        elif name in ("enorm.weight", "hnorm.weight"):
            weight.fill_(1.0)
        elif last + name in known and view.shape(last + name) == shape:
            weight.copy_(torch.from_numpy(view.tensor(last + name)))
        elif "norm" in name:
            weight.fill_(1.0)
        elif name.endswith(("o_proj.weight", "down_proj.weight", ".bias")):
            weight.zero_()
        else:
            weight.normal_(0.0, 0.02, generator=chance)
    return drafter


def table(view: HuggingFaceView, name: str, dtype: torch.dtype) -> Tensor:
    """A large table in `dtype`, some rows at a time."""
    count, width = view.shape(name)
    table, start = torch.empty(count, width, dtype=dtype), 0
    for piece in view.pieces(name, 1 << 22):
        table[start : start + len(piece)] = torch.from_numpy(piece)
        start += len(piece)
    return table
