"""Several processes that hold one model between them: weights, gradients and optimiser state divided by `size`.

    [run] shard = true      torchrun --nproc-per-node 2 -m huozhong.cli.main train pretrain RECIPE.toml

Every weight is cut along its first dimension, and each process keeps its part as a DTensor (torch's `fully_shard`;
ZeRO-3, Rajbhandari et al. 2020, arXiv:1910.02054).  A block's weights are gathered for its forward pass, dropped,
gathered again for its backward pass, and their gradients are added up and divided again at once.  So a process holds
its part of everything, whole weights and gradients of one block, and those of the root: embedding, head, last norm.

The sums are those of `Team`, but for the order of additions.  Checkpoints are whole tensors in the format of every run,
written by the first process: they go on with any number of processes, divided or not.  What stays whole: the model
while it is made, before it is cut, and what the first process writes, in its ordinary memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from huozhong.model.layers import StackedExperts, split_experts, stack_experts
from huozhong.model.transformer import MixtureOfExperts, PredictionModule, Transformer
from huozhong.train.feed import Rows
from huozhong.train.optim import Muon, MuonAdamW, WeightAverage, key, orthogonalize
from huozhong.train.parallel.team import Team


class ShardTeam(Team):
    """`rank` of `size` processes, two or more, each with its part of the model."""

    shards = True

    def __init__(self, rank: int, size: int) -> None:
        super().__init__(rank, size)
        self.muon = ShardMuon
        self._names: list[str] = []  # of the whole model's state

    def spread(self, model: Transformer) -> Transformer:
        """Cut the weights of a model that is the same everywhere; this process keeps its part."""
        self._names = list(model.state_dict())
        mesh = init_device_mesh(next(model.parameters()).device.type, (self.size,))
        for unit in [*_units(model), model]:
            # The root's weights are dropped between the passes too: where no backward pass follows (held-out rows)
            # nobody else would, and the optimiser and the average want to find the parts.
            fully_shard(unit, mesh=mesh, reshard_after_forward=True)
        for module in model.modules():
            if isinstance(module, FSDPModule):
                # sums and not means: the loop divides by the whole batch's token count; and plain sums, because
                # gloo knows no scaled ones
                module.set_gradient_divide_factor(1.0)
                module.set_force_sum_reduction_for_comms(True)
        # The head is used outside `forward`, and may be the embedding: the root is whole from the loss's first line
        # to its last, not only while the decoder runs.
        register_fsdp_forward_method(model, "loss")
        return model

    def saves_now(self, due: bool, place: Callable[[], dict[str, Any]]) -> bool:
        return self.any(due)

    def share(self, parts: Sequence[Rows]) -> Sequence[Rows]:
        """As many micro-batches for each process, for every pass gathers weights from all; one without rows, whose
        sums, loads and gradients are exactly zero, where they do not come out even.

        Gradients are divided after each and not only after the last: until then every process would hold whole ones,
        which is what it has no room for.
        """
        mine, each = list(super().share(parts)), -(-len(parts) // self.size)
        return mine + [parts[0].none()] * (each - len(mine))

    def add_up(self, model: nn.Module, sums: Iterable[Tensor]) -> None:
        """Replace `sums` by their sums over the processes; the backward pass has done it for the gradients."""
        for tensor in sums:
            dist.all_reduce(tensor)

    def clip(self, model: nn.Module, limit: float) -> float:
        norm = nn.utils.clip_grad_norm_(model.parameters(), limit)
        assert isinstance(norm, DTensor)
        return float(norm.full_tensor())

    # -- checkpoints -------------------------------------------------------------------------------

    def model_state(self, model: nn.Module) -> dict[str, Tensor]:
        """The whole model's state, in the first process; all must call it."""
        flat: dict[str, Any] = dict([*model.named_parameters(), *model.named_buffers()])
        flat = self._gather(flat)
        if not self.leads:
            return {}
        for name, module in model.named_modules():
            if isinstance(module, StackedExperts):
                split_experts(module, flat, f"{name}.")
        return {name: flat[name].detach() for name in self._names}

    def state(self, model: nn.Module, optimizer: MuonAdamW, average: WeightAverage | None) -> dict[str, Any]:
        return {
            "model": self.model_state(model),
            "optimizer": self._gather(optimizer.state_dict()),
            "average": None if average is None else self._gather(average.state_dict()),
        }

    @torch.no_grad()
    def load(
        self, state: dict[str, Any], model: nn.Module, optimizer: MuonAdamW, average: WeightAverage | None
    ) -> None:
        flat = dict(state["model"])
        for name, module in model.named_modules():
            if isinstance(module, StackedExperts):
                stack_experts(module, flat, f"{name}.")
        for name, weight in [*model.named_parameters(), *model.named_buffers()]:
            if name in flat:
                weight.copy_(part_of(flat[name], weight))
        optimizer.muon.load_state_dict(state["optimizer"]["muon"])
        adamw = dict(state["optimizer"]["adamw"])
        weights = [weight for group in optimizer.adamw.param_groups for weight in group["params"]]
        adamw["state"] = {
            number: {key: part_of(value, weights[number]) for key, value in entry.items()}
            for number, entry in adamw["state"].items()
        }
        optimizer.adamw.load_state_dict(adamw)
        if average is not None:
            named = dict(model.named_parameters())
            average.load_state_dict({name: part_of(value, named[name]) for name, value in state["average"].items()})

    def _gather(self, state: Any) -> Any:
        """The same tree with whole tensors; None instead of them in all processes but the first, so that those hold
        one whole tensor at a time.
        """
        if isinstance(state, DTensor):
            whole = state.full_tensor()
            return whole.cpu() if self.leads else None
        if isinstance(state, _Stack):
            wholes = [self._gather(part) for part in state.parts]
            return torch.cat([whole.reshape(-1, *whole.shape[-2:]) for whole in wholes]) if self.leads else None
        if isinstance(state, Mapping):
            return {key: self._gather(value) for key, value in state.items()}
        if isinstance(state, list):
            return [self._gather(value) for value in state]
        return state


def _units(model: Transformer) -> Iterator[nn.Module]:
    """What is gathered at once; what is in none of them belongs to the root.

    A prediction module's `join` and last norm are used outside its `forward`, so they stay with the root, and its
    big matrices are units of their own.
    """
    for block in model.model.layers:
        if isinstance(block, PredictionModule):
            yield block.self_attn
            yield block.mlp.experts if isinstance(block.mlp, MixtureOfExperts) else block.mlp
        else:
            yield block


def part_of(whole: Tensor, like: Tensor) -> Tensor:
    """This process's part of a tensor that each has, cut as `like` is if that is of the same shape; always a copy."""
    if not isinstance(like, DTensor) or whole.shape != like.shape:
        return whole.clone()
    part = torch.empty_like(like, requires_grad=False)
    mine = _local(part)
    start = like.device_mesh.get_local_rank() * -(-len(whole) // like.device_mesh.size())
    mine.copy_(whole[start : start + len(mine)])
    return part


# -- Muon over parts -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Stack:
    """Divided momenta that a checkpoint holds as one stack [N, A, B]."""

    parts: list[Tensor]


class ShardMuon(Muon):
    """Muon whose weights, gradients and momenta are divided among the processes.

    A stack of experts [E, A, B] is cut between whole matrices: each process orthogonalises its own.  Of a single
    matrix each process has some rows, but orthogonalisation needs all of it.  So the matrices of one shape are dealt
    out: each process gets all rows of every `size`-th part of them, orthogonalises those, and gives the rows back.
    Against gathering every matrix everywhere this sends 2/size of the numbers and computes 1/size.
    """

    def __init__(
        self,
        named: Iterable[tuple[str, nn.Parameter]],
        *,
        lr: float,
        momentum: float,
        weight_decay: float,
        compute: torch.dtype = torch.bfloat16,
    ) -> None:
        super().__init__(named, lr=lr, momentum=momentum, weight_decay=weight_decay, compute=compute)
        self._momenta = {
            shape: [torch.zeros_like(weight, requires_grad=False) for _, weight in members]
            for shape, members in self.stacks.items()
        }

    def _make_buffers(self) -> None:
        """None: the momenta lie as the weights do, not in whole stacks."""

    @torch.no_grad()
    def step(self, lr_scale: float = 1.0) -> None:
        for shape, members in self.stacks.items():
            pairs = zip((weight for _, weight in members), self._momenta[shape], strict=True)
            awake = [(weight, momentum) for weight, momentum in pairs if weight.grad is not None]
            for dimensions in (2, 3):
                alike = [pair for pair in awake if pair[0].ndim == dimensions]
                if alike:
                    self._update_parts(shape, alike, self.lr * lr_scale)

    def _update_parts(self, shape: tuple[int, int], alike: list[tuple[nn.Parameter, Tensor]], lr: float) -> None:
        """alike: weights of one shape with their momenta, either all single matrices or all stacks."""
        weights, updates = [], []
        for weight, momentum in alike:
            grad, mine = _local(weight.grad).float(), _local(momentum)
            mine.mul_(self.momentum).add_(grad)
            updates.append(grad.add(mine, alpha=self.momentum))
            weights.append(_local(weight))
        if alike[0][0].ndim == 3:
            own_NAB = orthogonalize(torch.cat(updates), compute=self.compute)
            parts = torch.split(own_NAB, [len(update) for update in updates])
        else:
            parts = _orthogonalize_together(torch.stack(updates), shape[0], self.compute).unbind()
        factor = lr * 0.2 * max(shape) ** 0.5
        for own, part in zip(weights, parts, strict=True):
            own.mul_(1 - lr * self.weight_decay).add_(part.to(own.dtype), alpha=-factor)

    def state_dict(self) -> dict[str, Any]:
        """As `Muon.state_dict`, once `ShardTeam` has gathered it."""
        return {
            "members": self._members(),
            "buffers": {key(shape): _Stack(momenta) for shape, momenta in self._momenta.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """state: of `Muon.state_dict`, whole."""
        assert state["members"] == self._members(), "this optimiser state belongs to another model"
        for shape, momenta in self._momenta.items():
            whole_NAB, start = state["buffers"][key(shape)], 0
            for momentum in momenta:
                count = momentum.numel() // (shape[0] * shape[1])
                momentum.copy_(part_of(whole_NAB[start : start + count].view(momentum.shape), momentum))
                start += count


def _local(tensor: Tensor | None) -> Tensor:
    """What this process holds of it; changed in place, the whole is changed."""
    assert isinstance(tensor, DTensor)
    return tensor.to_local()


def _orthogonalize_together(rows_NaB: Tensor, height: int, compute: torch.dtype) -> Tensor:
    """`orthogonalize` of N matrices of `height` rows of which each process has a share of a rows; bf16, and again the
    own rows.
    """
    size, rank = dist.get_world_size(), dist.get_rank()
    total, own, width = rows_NaB.shape
    step = -(-height // size)
    heights = [max(0, min(step, height - other * step)) for other in range(size)]
    counts = [total // size + (other < total % size) for other in range(size)]
    here = counts[rank]
    as_rows = [count * own * width for count in counts]  # numbers to and from each process, of the own rows
    as_matrices = [here * other * width for other in heights]  # and of the own matrices
    # bf16 is what orthogonalisation begins with and ends in
    flat = rows_NaB.new_empty(sum(as_matrices), dtype=torch.bfloat16)
    dist.all_to_all_single(flat, rows_NaB.to(torch.bfloat16).flatten(), as_matrices, as_rows)
    pieces = [
        piece.view(here, other, width) for piece, other in zip(torch.split(flat, as_matrices), heights, strict=True)
    ]
    whole_nAB = orthogonalize(torch.cat(pieces, dim=1), compute=compute)
    back = rows_NaB.new_empty(sum(as_rows), dtype=torch.bfloat16)
    dist.all_to_all_single(
        back, torch.cat([piece.flatten() for piece in torch.split(whole_nAB, heights, dim=1)]), as_rows, as_matrices
    )
    return back.view(total, own, width)
