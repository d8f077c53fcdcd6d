"""A peer in the project's own loop: same batches, clipping, metering and scoring; model and optimiser differ."""

from __future__ import annotations

from typing import Any

import torch

from huozhong.model.transformer import LossParts
from huozhong.train.feed import Rows
from huozhong.train.plan import Trial
from huozhong.train.show import draw_loss
from huozhong.train.stages.pretrain import TextRun
from training.peers import Peer, PeerConfig


class PlainAdamW:
    """AdamW over everything; matrices and tables decay, biases and norms do not (as GPT-2's successors publish it)."""

    def __init__(self, model: Peer, *, lr: float, betas: tuple[float, float], weight_decay: float) -> None:
        self.lr = lr
        groups = [
            {"params": [w for w in model.parameters() if w.ndim >= 2], "weight_decay": weight_decay},
            {"params": [w for w in model.parameters() if w.ndim < 2], "weight_decay": 0.0},
        ]
        self.adamw = torch.optim.AdamW(groups, lr=lr, betas=betas, eps=1e-8, fused=True)

    def step(self, lr_scale: float = 1.0) -> None:
        for group in self.adamw.param_groups:
            group["lr"] = self.lr * lr_scale
        self.adamw.step()

    def zero_grad(self) -> None:
        self.adamw.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        return self.adamw.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.adamw.load_state_dict(state)


class PeerRun(TextRun):
    """`recipe.model` holds the numbers of a PeerConfig; the learning rate is `optim.adamw_lr`."""

    def build_model(self) -> Any:
        assert self.recipe.model is not None
        return Peer(PeerConfig(**self.recipe.model)).to(self.device).train()

    def build_optimizer(self) -> Any:
        optim = self.recipe.optim
        return PlainAdamW(self.model, lr=optim.adamw_lr, betas=optim.betas, weight_decay=optim.weight_decay)  # type: ignore[arg-type]

    def loss(self, rows: Rows) -> LossParts:
        return self.model.loss(rows.tokens_BT, rows.targets_BT, rows.doc_BT)

    def show_plan(self, trial: Trial | None, steps_left: int) -> None:
        if trial is not None:
            speed = self.recipe.tokens_per_step / trial.step_seconds
            self.console.print(f"{self.out.name}: {self.recipe.total_steps} steps, {speed:,.0f} tokens/s")

    def end(self, *, finished: bool) -> None:
        if finished:
            self.draw(draw_loss, "loss.png", self.recipe.stage)
