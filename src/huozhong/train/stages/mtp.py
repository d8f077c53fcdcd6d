"""A trained model learns to guess ahead: a multi-token-prediction module for speculation, the model itself unchanged.

DeepSeek-V3 (arXiv:2412.19437, §2.2) trains its module beside the model and keeps it for speculative decoding.
Here the module comes last, so that it costs the model nothing: the trunk is frozen, and the module learns what the
trunk itself would say next (its likeliest token, not the text's), for that is what decides whether a guess is
accepted.  It is unrolled `DEPTH` times on its own states, because that is how one module drafts several tokens
(EAGLE-3, Li et al. 2025, arXiv:2503.01840, calls it training-time test).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from huozhong.model.transformer import BalancedRouter, LossParts, Transformer, cross_entropy_sum, shift_targets
from huozhong.text.data import NO_TARGET
from huozhong.train.feed import Rows
from huozhong.train.recipe import load_recipe
from huozhong.train.score import Scorer
from huozhong.train.sitting import Start
from huozhong.train.stages.pretrain import Outcome, TextRun, train

DEPTH = 3  # tokens drafted in training; at most that many are worth drafting where acceptance is 0.8


def train_mtp(recipe: str | Path, *, start: Start = "auto", console: Console | None = None) -> Outcome:
    """Run an mtp recipe; see `pretrain.train` for `start` and the errors."""
    return train(load_recipe(recipe, "mtp"), start=start, console=console, kind=PredictionRun)


class PredictionRun(TextRun):
    """A run that trains only the first prediction module; `loss` is its own at depth 1, `mtp_loss` at the deepest.

    The held-out score is the share of tokens that would be accepted at each depth.
    """

    def build_model(self) -> Transformer:
        return with_module(self.load_base()).to(self.device).train()

    def loss(self, rows: Rows) -> LossParts:
        hidden_BTD, said_BT = trunk(self.model, rows)
        states = self.model.look_ahead(rows.tokens_BT, hidden_BTD, rows.doc_BT, DEPTH)
        sums, counts = [], []
        for depth, state_BTD in enumerate(states, start=1):
            total, count = cross_entropy_sum(
                state_BTD, self.model.head_weight, shift_targets(said_BT, rows.doc_BT, depth)
            )
            sums.append(total)
            counts.append(count)
        mean = torch.stack(sums).sum() / len(sums)
        return LossParts(mean, sums[0].detach(), (sums[-1].detach(),), counts[0], (counts[-1],))

    @torch.no_grad()
    def score(self, scorer: Scorer) -> dict[str, float]:
        right = torch.zeros(DEPTH)
        tried = torch.zeros(DEPTH)
        with self.averaged(), torch.compiler.set_stance("force_eager"):
            for rows in scorer.parts:
                hidden_BTD, said_BT = trunk(self.model, rows)
                states = self.model.look_ahead(rows.tokens_BT, hidden_BTD, rows.doc_BT, DEPTH)
                for depth, state_BTD in enumerate(states, start=1):
                    wanted_BT = shift_targets(said_BT, rows.doc_BT, depth)
                    kept = wanted_BT != NO_TARGET
                    guessed = self.model.logits(state_BTD[kept]).argmax(-1)
                    right[depth - 1] += (guessed == wanted_BT[kept]).sum()
                    tried[depth - 1] += kept.sum()
        return {f"accepted_{d + 1}": float(right[d] / tried[d].clamp_min(1)) for d in range(DEPTH)}


@torch.no_grad()
def trunk(model: Transformer, rows: Rows) -> tuple[Tensor, Tensor]:
    """The frozen model's states [B, T, D], and what it would say next [B, T], NO_TARGET where nothing is learnt."""
    hidden_BTD = model(rows.tokens_BT, doc_BT=rows.doc_BT)
    for module in model.modules():
        if isinstance(module, BalancedRouter):
            module.load.zero_()  # the trunk's experts stay as they are, their balance included
    said_BT = torch.full_like(rows.targets_BT, NO_TARGET)
    kept = rows.targets_BT != NO_TARGET
    said_BT[kept] = model.logits(hidden_BTD[kept]).argmax(-1)
    return hidden_BTD, said_BT


def with_module(model: Transformer) -> Transformer:
    """The model with one prediction module: its own, or a new one; everything else frozen."""
    config = model.config
    if config.num_nextn_predict_layers == 0:
        grown = Transformer(dataclasses.replace(config, num_nextn_predict_layers=1), dtype=model.dtype)
        own = model.state_dict()
        missing = [name for name in grown.state_dict() if name not in own]
        grown.load_state_dict(own | {name: grown.state_dict()[name] for name in missing})
        # The last block has learnt to read such states: a better beginning than noise.
        last, module = model.model.layers[-1], grown.model.layers[-1]
        if config.is_moe_layer(config.num_hidden_layers - 1) == config.is_moe_layer(config.num_hidden_layers):
            module.load_state_dict(last.state_dict(), strict=False)
        model = grown
    model.requires_grad_(False)
    model.model.layers[config.num_hidden_layers].requires_grad_(True)
    return model
