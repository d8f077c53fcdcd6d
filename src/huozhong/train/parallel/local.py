"""Local rounds: members train on their own for some steps, and few packed bytes a round keep them together.

    round:  H steps on this member's share of each batch → way = weights before − weights now, plus what was kept back
            → pack (`parallel.compress`) → everybody gets everybody's message → mean of what was sent
            → one Nesterov step along it from the weights before, the same bits everywhere → the next round

DiLoCo (Douillard et al. 2023, arXiv:2311.08105) with Muon inside (MuLoCo, Thérien et al. 2025, arXiv:2505.23725).
Every member keeps its own optimiser's momenta and what it kept back, and writes them into a checkpoint of its own
(`[run] out`/members/NAME) whenever the one that leads writes the run's, so a run that is stopped and resumed with the
same members goes on bit for bit.  A member that is lost costs the others its part of one round.
"""

from __future__ import annotations

import time
import zlib
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from huozhong.errors import ConfigError
from huozhong.model.transformer import Transformer
from huozhong.train.feed import Rows
from huozhong.train.optim import MuonAdamW, WeightAverage
from huozhong.train.parallel.compress import from_grid, pack, to_grid, unpack
from huozhong.train.parallel.settings import Round, Rounds, TeamRecipe
from huozhong.train.parallel.team import Team

Place = Callable[[], dict[str, Any]]


class LocalTeam(Team):
    """One member's part: its share of the batches, its round, its state.  How messages travel is the subclasses'.

    members: names of all who take part in the round at hand, the same list everywhere.
    """

    def __init__(self, name: str, rank: int, settings: TeamRecipe, total_steps: int) -> None:
        super().__init__(rank, 1)
        self.name, self.settings, self.rounds = name, settings, Rounds(settings, total_steps)
        self.members = [name]
        self.step = 0
        self.wish = self.stopping = False
        self.round_began = time.monotonic()

    @property
    def saves(self) -> bool:
        return True

    def spread(self, model: Transformer) -> Transformer:
        if model.config.n_routed_experts:
            raise ConfigError("[team] knows no experts yet: their balance would differ from member to member.")
        self.model = model
        self.before = flat(model)
        self.kept = torch.zeros(len(self.before), dtype=torch.int64)
        self.momentum = torch.zeros_like(self.before)
        return model

    def agree(self, model: nn.Module) -> None:
        """Nothing to send: who begins with other weights is given these when it joins."""
        self.before = flat(model)

    # -- a step ------------------------------------------------------------------------------------

    def share(self, parts: Sequence[Rows]) -> Sequence[Rows]:
        """Micro-batches by turns, or pieces of them where members are more than they are.

        Where they cannot be shared out evenly, another member has the larger share in the next step: the mean counts
        all members alike, so who always had less would count for more.
        """
        count = len(self.members)
        if len(parts) < count:
            rows = sum(len(part.tokens_BT) for part in parts)
            parts = [piece for part in parts for piece in part.split(max(1, rows // count))]
        return parts[(self.members.index(self.name) + self.step) % count :: count]

    def counted(self, rows: Rows, parts: Sequence[Rows]) -> int:
        return sum(part.count for part in parts)  # each step is this member's own

    def add_up(self, model: nn.Module, sums: Iterable[Tensor]) -> None:
        """Nothing: until the round ends each member goes its own way."""

    def after(self, model: nn.Module, step: int, loss: float) -> dict[str, Any]:
        self.step = step + 1
        ended = self.rounds.by_end.get(self.step)
        if ended is None:
            return {}
        want = to_grid(self.before.double() - flat(model).double()) + self.kept
        message, sent = pack(want, ended.how)
        self.kept = want - sent
        total, count, record = self.exchange(ended, message, sent, loss)
        self._move((from_grid(total) / count).float())
        put(model, self.before)
        self.round_began = time.monotonic()
        return record

    @abstractmethod
    def exchange(self, ended: Round, message: Tensor, sent: Tensor, loss: float) -> tuple[Tensor, int, dict[str, Any]]:
        """(sum of what all members sent, how many they were, what the record says)."""

    def _move(self, mean: Tensor) -> None:
        """The outer step.  One operation at a time: fused ones are rounded differently on different processors."""
        rate, momentum = self.settings.outer_lr, self.settings.outer_momentum
        self.momentum.mul_(momentum)
        self.momentum.add_(mean)
        ahead = self.momentum * momentum
        ahead.add_(mean)
        ahead.mul_(rate)
        self.before.sub_(ahead)

    def any(self, told: bool) -> bool:
        """A wish to stop is heard at the end of the round."""
        self.wish = self.wish or told
        return self.stopping

    def heard(self, told: bool) -> bool:
        """Each takes its steps by itself."""
        return told

    def wait(self) -> None:
        """Members meet at the ends of rounds only."""

    # -- state -------------------------------------------------------------------------------------

    def weights_crc(self) -> int:
        """Tells whether two members stand at the same place."""
        return zlib.crc32(self.momentum.numpy().tobytes(), zlib.crc32(self.before.numpy().tobytes()))

    def state(self, model: nn.Module, optimizer: MuonAdamW, average: WeightAverage | None) -> dict[str, Any]:
        own = {"kept": self.kept, "momentum": self.momentum}
        return super().state(model, optimizer, average) | {"team": own}

    def meta(self) -> dict[str, Any]:
        return {"weights_crc": self.weights_crc()}

    def load(
        self, state: dict[str, Any], model: nn.Module, optimizer: MuonAdamW, average: WeightAverage | None
    ) -> None:
        super().load(state, model, optimizer, average)
        self.before = flat(model)
        self.kept, self.momentum = state["team"]["kept"].cpu(), state["team"]["momentum"].cpu()

    def unpacked(self, message: bytes, ended: Round) -> Tensor:
        """What another member's message says.  Raises TrainingError when it is none."""
        data = torch.frombuffer(bytearray(message), dtype=torch.uint8) if message else torch.empty(0, dtype=torch.uint8)
        return unpack(data, len(self.before), ended.how)


def flat(model: nn.Module) -> Tensor:
    """All weights as one float32 vector on the CPU; a copy."""
    return torch.cat([weight.detach().reshape(-1).float().cpu() for weight in model.parameters()])


@torch.no_grad()
def put(model: nn.Module, values: Tensor) -> None:
    """The way back."""
    at = 0
    for weight in model.parameters():
        weight.copy_(values[at : at + weight.numel()].view(weight.shape))
        at += weight.numel()
