"""Several processes that train one model: data parallelism under `torchrun`, on one machine or several.

    torchrun --nproc-per-node 2 -m huozhong.cli.main train pretrain RECIPE.toml

Every process reads the whole batch and computes its share of the micro-batches; gradients are added up, and then all
take the same step from the same sums (Li et al. 2020, arXiv:2006.15704, without the buckets: one sum after the last
micro-batch).  So the losses are those of one process with the same batch, but for the order of additions, and a
checkpoint, which the first process writes, goes on with any number of processes.  The bill is the first process's own.
`parallel.shard` is the same for a model that is divided among them, `parallel.local` another way for slow lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from huozhong.model.transformer import Transformer
from huozhong.train.feed import Rows
from huozhong.train.optim import Muon, MuonAdamW, WeightAverage


class Team:
    """`rank` of `size` processes, each with the whole model; alone, everything here does nothing.

    shards: whether each has but a part of it, so that all are needed for every pass, score and checkpoint.
    muon: the optimiser of matrices that lie so.
    """

    shards = False
    follows = False  # whether another process says where to begin (`parallel.follower`)

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size
        self.muon: type[Muon] = Muon

    @property
    def leads(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    @property
    def saves(self) -> bool:
        """Whether this process is asked for its state when a checkpoint is written."""
        return self.takes_part

    @property
    def takes_part(self) -> bool:
        """Whether this process is needed for scores and checkpoints, and not for steps alone."""
        return self.leads or self.shards

    def spread(self, model: Transformer) -> Transformer:
        """What this process holds of the model."""
        return model

    def agree(self, model: nn.Module) -> None:
        """Everybody takes the weights of the process that leads; for a start that was calculated and not drawn."""
        if self.size > 1:
            for weight in model.parameters():
                dist.broadcast(weight.data, src=0)

    def share(self, parts: Sequence[Rows]) -> Sequence[Rows]:
        """The parts that this process computes."""
        return parts[self.rank :: self.size]

    def counted(self, rows: Rows, parts: Sequence[Rows]) -> int:
        """Targets that the gradient's sum is divided by: those of the whole batch, whoever computes them."""
        return rows.count

    def add_up(self, model: nn.Module, sums: Iterable[Tensor]) -> None:
        """Replace gradients and `sums` by their sums over the processes, the same bits everywhere."""
        if self.size == 1:
            return
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        reached = torch.tensor([float(weight.grad is not None) for weight in weights], device=weights[0].device)
        dist.all_reduce(reached)
        for tensor in sums:
            dist.all_reduce(tensor)
        for weight, count in zip(weights, reached.tolist(), strict=True):
            if count:  # what no process reached keeps no gradient, as it would alone
                weight.grad = torch.zeros_like(weight) if weight.grad is None else weight.grad
                dist.all_reduce(weight.grad)

    def clip(self, model: nn.Module, limit: float) -> float:
        """Scale the gradients so that their norm is at most `limit`; returns what it was."""
        return float(nn.utils.clip_grad_norm_(model.parameters(), limit))

    def model_state(self, model: nn.Module) -> dict[str, Tensor]:
        """The whole model's state by Hugging Face name."""
        return model.state_dict()

    def state(self, model: nn.Module, optimizer: MuonAdamW, average: WeightAverage | None) -> dict[str, Any]:
        """What a checkpoint keeps of these."""
        return {
            "model": self.model_state(model),
            "optimizer": optimizer.state_dict(),
            "average": None if average is None else average.state_dict(),
        }

    def load(
        self, state: dict[str, Any], model: nn.Module, optimizer: MuonAdamW, average: WeightAverage | None
    ) -> None:
        """The way back; `state` is the same in all processes."""
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if average is not None:
            average.load_state_dict(state["average"])

    def after(self, model: nn.Module, step: int, loss: float) -> dict[str, Any]:
        """Called when step `step` (0-based) has moved the weights; what the step's record says of the team."""
        return {}

    def any(self, told: bool) -> bool:
        """Whether any of the processes says so: a stop must come to all in the same step."""
        return self.heard(told)

    def heard(self, told: bool) -> bool:
        """Whether any of the processes that take each step together says so."""
        if self.size == 1:
            return told
        votes = torch.tensor([float(told)])
        if dist.get_backend() == "nccl":
            votes = votes.cuda()
        dist.all_reduce(votes)
        return bool(votes.item())

    def saves_now(self, due: bool, place: Callable[[], dict[str, Any]]) -> bool:
        """Whether this process writes a checkpoint after this step, given that one is `due` by its own clock.

        place: where the run is in its data (`Run.place`), for who joins here.
        """
        return due and self.leads

    def meta(self) -> dict[str, Any]:
        """What a checkpoint's JSON keeps of the team."""
        return {}

    def recall(self, meta: dict[str, Any]) -> None:
        """The way back."""

    def introduce(self, identity: dict[str, Any]) -> None:
        """What the run is, before anybody comes to it."""

    def folder(self, out: Path) -> Path:
        """Where this process's checkpoints lie."""
        return out

    def gather(self, stopped: Callable[[], bool], step: int, place: Callable[[], dict[str, Any]]) -> None:
        """Called before the first step of a sitting, everything restored."""

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.size > 1:
            dist.barrier()
