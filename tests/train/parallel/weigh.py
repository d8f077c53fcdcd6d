"""Trains a recipe and writes how many bytes this process held of weights, gradients and moments: held-RANK.json."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from torch import Tensor
from torch.distributed.tensor import DTensor

from huozhong.train.parallel.shard import ShardMuon
from huozhong.train.recipe import load_recipe
from huozhong.train.stages.pretrain import TextRun, train


def held(tensors: Iterable[Tensor | None]) -> int:
    """Bytes of the storage that this process keeps for these, all of which must be parts."""
    total = 0
    for tensor in tensors:
        assert isinstance(tensor, DTensor)
        total += tensor.to_local().nbytes
    return total


def alive() -> int:
    """Bytes of all storages that some tensor of this process still holds."""
    tensors = (thing for thing in gc.get_objects() if issubclass(type(thing), Tensor) and type(thing) is not DTensor)
    sizes = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(sizes.values())


class Weighed(TextRun):
    gradients = 0

    def end(self, *, finished: bool) -> Path | None:
        muon, adamw = self.optimizer.muon, self.optimizer.adamw
        assert isinstance(muon, ShardMuon)
        assert self.average is not None
        momenta = [momentum for stack in muon._momenta.values() for momentum in stack]
        moments = [entry[key] for entry in adamw.state.values() for key in ("exp_avg", "exp_avg_sq")]
        weights = list(self.model.parameters())
        average = list(self.average._average.values())
        numbers = {
            "weights": sum(weight.numel() for weight in weights),
            "muon": sum(weight.numel() for members in muon.stacks.values() for _, weight in members),
            "adamw": 2 * sum(weight.numel() for group in adamw.param_groups for weight in group["params"]),
        }
        numbers |= {"gradients": numbers["weights"], "average": numbers["weights"]}
        assert numbers["muon"] + numbers["adamw"] // 2 == numbers["weights"]
        found = {
            "weights": held(weights), "gradients": self.gradients, "muon": held(momenta), "adamw": held(moments),
            "average": held(average), "alive": alive(), "numbers": numbers,
        }  # fmt: skip
        (self.out / f"held-{self.team.rank}.json").write_text(json.dumps(found))
        return super().end(finished=finished)

    def one_step(self, step: int) -> dict[str, object]:
        """As ever; the gradients are weighed where they are complete."""
        clip = self.team.clip

        def weigh(model: object, limit: float) -> float:
            self.gradients = held(weight.grad for weight in self.model.parameters())
            return clip(self.model, limit)

        self.team.clip = weigh  # type: ignore[method-assign, assignment]
        try:
            return super().one_step(step)
        finally:
            del self.team.clip


train(load_recipe(sys.argv[1], "pretrain"), kind=Weighed, console=Console())
