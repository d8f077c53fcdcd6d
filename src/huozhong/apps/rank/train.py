"""How the networks of the ladder are trained.  The only file of this app that needs torch.

Legend: B rows, F fields, D width of a value's vector, H width of the first layer, K fields that the gate picks.
The gate is not trained from scratch, which costs most of a hundredth of AUC on Adult: the dense network is trained
first, the gate begins by what that network's answers hang on, and learns from the dense network's answers while the
number of fields it may pick falls from all of them to K.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from huozhong.apps.rank.fields import Ids
from huozhong.apps.rank.measure import auc
from huozhong.engine.kernels.gated import LANES, GatedNetwork
from huozhong.engine.kernels.gated import Gate as KernelGate

Floats = NDArray[np.float64]


_ASKED, _STEPS = 20_000, 400  # rows and steps by which a gate begins


class Answer(Protocol):
    """The log-odds [B] of rows of values [B, F]; done: how much of the training, 0 to 1."""

    def __call__(self, ids_BF: Tensor, *, done: float) -> Tensor: ...


# Says how far a training is: a part of 1, and the validation AUC so far.
Progress = Callable[[float, float], None]


@dataclass(frozen=True)
class Training:
    """Settings of a network's training."""

    width: int = 32  # D
    hidden: tuple[int, int] = (256, 64)
    epochs: int = 6
    gate_epochs: int = 6
    batch: int = 1024
    learning_rate: float = 1e-3
    decay: float = 10.0  # of the vectors that a batch reads: rare values have little to learn from
    dropout: float = 0.5
    unseen: float = 0.2  # of the values, shown as not seen, so that their vector learns too
    patience: int = 2  # epochs without getting better, after which it ends
    seed: int = 0

    @classmethod
    def for_rows(cls, rows: int) -> Training:
        """Smaller batches for few rows, and some 800 steps at least: such tables are learnt in one epoch or in many."""
        batch = min(1024, max(64, rows // 80))
        epochs = min(20, max(4, -(-800 * batch // rows)))
        return cls(batch=batch, epochs=epochs, gate_epochs=max(6, epochs // 2))


@dataclass(frozen=True)
class Rows:
    """Rows to learn from: ids [B, F] and outcomes [B], and those to stop by."""

    ids: Ids
    outcome: Floats
    valid_ids: Ids
    valid_outcome: Floats
    offsets: Ids  # where each field's values begin: the number of what was not seen


class Dense(nn.Module):
    """Every value's vector, one after the other, through two hidden layers."""

    def __init__(self, num_values: int, num_fields: int, training: Training) -> None:
        super().__init__()
        width, (first, second) = training.width, training.hidden
        self.vectors = nn.Embedding(num_values, width)
        nn.init.normal_(self.vectors.weight, std=0.05)
        self.linear = nn.Embedding(num_values, 1)  # the logistic regression beside it (Wide & Deep, Cheng et al. 2016)
        nn.init.zeros_(self.linear.weight)
        self.first = nn.Parameter(torch.randn(num_fields, width, first) * (num_fields * width) ** -0.5)
        self.first_bias = nn.Parameter(torch.zeros(first))
        self.second = nn.Linear(first, second)
        self.last = nn.Linear(second, 1)
        self.dropout = nn.Dropout(training.dropout)

    def forward(self, ids_BF: Tensor, weight_BF: Tensor | None = None) -> Tensor:
        """Log-odds [B].  weight_BF: how much of each field is let through; None: all."""
        x_BFD = self.vectors(ids_BF)
        linear_BF = self.linear(ids_BF).squeeze(-1)
        if weight_BF is not None:
            x_BFD = x_BFD * weight_BF.unsqueeze(-1)
            linear_BF = linear_BF * weight_BF
        first_BH = torch.relu(x_BFD.flatten(1) @ self.first.flatten(0, 1) + self.first_bias)
        second = torch.relu(self.second(self.dropout(first_BH)))
        logits: Tensor = self.last(self.dropout(second)).squeeze(-1) + linear_BF.sum(1)
        return logits


class Gate(nn.Module):
    """One number a value, mixed between the fields: which fields matter for this row."""

    def __init__(self, scores: Tensor, num_fields: int) -> None:
        super().__init__()
        self.scores = nn.Embedding(len(scores), 1, _weight=scores.unsqueeze(-1).clone())
        self.mixing = nn.Parameter(torch.zeros(num_fields, num_fields))
        self.bias = nn.Parameter(torch.zeros(num_fields))

    def forward(self, ids_BF: Tensor) -> Tensor:
        own_BF: Tensor = self.scores(ids_BF).squeeze(-1)
        return own_BF + own_BF @ self.mixing + self.bias


def picked(scores_BF: Tensor, k: int, softness: float) -> Tensor:
    """1 for the K fields of the greatest scores, else 0; the slope is that of a soft threshold between them."""
    if k >= scores_BF.shape[1]:
        return torch.ones_like(scores_BF)
    top = scores_BF.topk(k + 1, dim=1)
    edge_B1 = (top.values[:, k - 1 : k] + top.values[:, k : k + 1]).detach() / 2
    hard_BF = torch.zeros_like(scores_BF).scatter_(1, top.indices[:, :k], 1.0)
    soft_BF = torch.sigmoid((scores_BF - edge_B1) / softness)
    return hard_BF + soft_BF - soft_BF.detach()


def train_dense(rows: Rows, num_values: int, training: Training, progress: Progress) -> Dense:
    """The network that reads every field."""
    torch.manual_seed(training.seed)
    dense = Dense(num_values, rows.ids.shape[1], training)

    def answer(ids_BF: Tensor, *, done: float) -> Tensor:
        logits: Tensor = dense(ids_BF)
        return logits

    _fit(dense, rows, training, training.epochs, answer, None, progress)
    return dense


def train_gated(dense: Dense, k: int, rows: Rows, training: Training, progress: Progress) -> tuple[Dense, Gate]:
    """A copy of a trained network that reads the `k` fields of a row which a gate picks; see above."""
    torch.manual_seed(training.seed + 1)
    student = Dense(dense.vectors.num_embeddings, rows.ids.shape[1], training)
    student.load_state_dict(dense.state_dict())
    centre(student, rows)
    student.eval()
    gate = _began(student, rows, training.seed)
    with torch.no_grad():
        teacher = _in_pieces(lambda ids: torch.sigmoid(dense(ids)), rows.ids)
    fields = rows.ids.shape[1]
    falling = 0.6  # of the steps, until only k fields are left

    def answer(ids_BF: Tensor, *, done: float) -> Tensor:
        now = max(k, round(fields - (fields - k) * min(1.0, done / falling)))
        scores_BF = gate(ids_BF)
        softness = 0.5 * float(scores_BF.detach().std()) + 1e-6
        logits: Tensor = student(ids_BF, picked(scores_BF, now, softness))
        return logits

    both = nn.ModuleDict({"network": student, "gate": gate})
    _fit(both, rows, training, training.gate_epochs, answer, teacher, progress, since=falling)
    return student, gate


def train_static(
    gated: GatedNetwork, rows: Rows, num_values: int, training: Training, progress: Progress
) -> GatedNetwork:
    """The network that reads the same fields of every row: those that a trained gate picks most often.

    Its gate is a constant.  Where rows do not differ in what they need, this is as good and simpler.
    """
    assert gated.gate is not None
    k = gated.gate.picked
    often = gated.gate.choose(rows.ids).mean(0)
    kept = np.sort(np.argsort(-often, kind="stable")[:k])
    torch.manual_seed(training.seed + 2)
    fewer = Dense(num_values, k, training)
    own = replace(rows, ids=rows.ids[:, kept], valid_ids=rows.valid_ids[:, kept], offsets=rows.offsets[kept])

    def answer(ids_BF: Tensor, *, done: float) -> Tensor:
        logits: Tensor = fewer(ids_BF)
        return logits

    _fit(fewer, own, training, training.epochs, answer, None, progress)
    small, fields = for_the_kernel(fewer, None, 0), rows.ids.shape[1]
    assert small.first is not None
    first = np.zeros((fields, *small.first.shape[1:]), np.float32)
    first[kept] = small.first
    bias = np.zeros(fields, np.float32)
    bias[kept] = 1
    nothing = np.zeros(num_values, np.float32)
    gate = KernelGate(nothing, np.zeros((fields, fields), np.float32), bias, k)
    return replace(small, first=first, num_fields=fields, gate=gate)


def centre(dense: Dense, rows: Rows) -> None:
    """Move every field's mean vector into the biases: a field that is not read then stands for its average."""
    fields = rows.ids.shape[1]
    counts = np.bincount(rows.ids.ravel(), minlength=dense.vectors.num_embeddings)
    bounds = [*rows.offsets, dense.vectors.num_embeddings]
    with torch.no_grad():
        for f in range(fields):
            here = slice(int(bounds[f]), int(bounds[f + 1]))
            share = torch.from_numpy(counts[here] / max(1, counts[here].sum())).float()
            mean_D = share @ dense.vectors.weight[here]
            dense.vectors.weight[here] -= mean_D
            dense.first_bias.add_(mean_D @ dense.first[f])
            mean = share @ dense.linear.weight[here, 0]
            dense.linear.weight[here] -= mean
            dense.last.bias.add_(mean)


def _began(dense: Dense, rows: Rows, seed: int) -> Gate:
    """A gate that has learnt which fields the dense network's own answers hang on, row by row."""
    generator = torch.Generator().manual_seed(seed)
    some = torch.randperm(len(rows.ids), generator=generator)[:_ASKED].numpy()
    ids_BF = torch.from_numpy(rows.ids[some].astype(np.int64))
    fields = ids_BF.shape[1]
    gate = Gate(torch.zeros(dense.vectors.num_embeddings), fields)
    nn.init.normal_(gate.scores.weight, std=0.1, generator=generator)
    with torch.no_grad():
        moved_BF = torch.cat([_moved(dense, piece) for piece in torch.split(ids_BF, 4096)])
        share_BF = moved_BF / (moved_BF.sum(1, keepdim=True) + 1e-9)
    optimizer = torch.optim.Adam(gate.parameters(), lr=0.02)
    for step in range(_STEPS):
        batch = torch.randint(len(ids_BF), (1024,), generator=generator)
        loss = -(share_BF[batch] * torch.log_softmax(gate(ids_BF[batch]), 1)).sum(1).mean()
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * (1 - step / _STEPS)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return gate


def _moved(dense: Dense, ids_BF: Tensor) -> Tensor:
    """[B, F]: how far the log-odds move where a field is not read but stands for its average."""
    whole_B = dense(ids_BF)
    moved = []
    for f in range(ids_BF.shape[1]):
        let_through = torch.ones(ids_BF.shape)
        let_through[:, f] = 0
        moved.append((whole_B - dense(ids_BF, let_through)).abs())
    return torch.stack(moved, 1)


def _fit(
    module: nn.Module,
    rows: Rows,
    training: Training,
    epochs: int,
    answer: Answer,
    teacher: Tensor | None,
    progress: Progress,
    since: float = 0.0,
) -> None:
    """Train a module; of the epochs that end after `since` of the steps the best on the rows to stop by is kept."""
    generator = torch.Generator().manual_seed(training.seed)
    ids, offsets = torch.from_numpy(rows.ids.astype(np.int64)), torch.from_numpy(rows.offsets.astype(np.int64))
    outcome = torch.from_numpy(rows.outcome).float()
    optimizer = _optimizer(module, training)
    steps, step = epochs * -(-len(ids) // training.batch), 0
    best: tuple[float, dict[str, Any]] = (-1.0, {})
    late = 0
    for epoch in range(1, epochs + 1):
        module.train()
        for batch in torch.split(torch.randperm(len(ids), generator=generator), training.batch):
            for group in optimizer.param_groups:
                group["lr"] = training.learning_rate * min(1, (step + 1) / 50) * max(0.02, 1 - step / steps)
            x_BF = ids[batch]
            x_BF = torch.where(torch.rand(x_BF.shape, generator=generator) < training.unseen, offsets, x_BF)
            logits = answer(x_BF, done=step / steps)
            target = outcome[batch] if teacher is None else (outcome[batch] + teacher[batch]) / 2
            loss = nn.functional.binary_cross_entropy_with_logits(logits, target) + _decay(module, x_BF, training)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            step += 1
        module.eval()
        with torch.no_grad():
            scores = _in_pieces(partial(answer, done=step / steps), rows.valid_ids)
        reached = auc(rows.valid_outcome, scores.numpy())
        late = late + 1 if reached <= best[0] else 0
        if epoch / epochs >= since and not late:
            best = reached, {name: value.clone() for name, value in module.state_dict().items()}
        if late > training.patience and epoch / epochs >= since:
            break
        if epoch < epochs:
            progress(epoch / epochs, reached)
    progress(1.0, best[0])
    module.load_state_dict(best[1])


def _decay(module: nn.Module, x_BF: Tensor, training: Training) -> Tensor:
    network = module["network"] if isinstance(module, nn.ModuleDict) else module
    assert isinstance(network, Dense)
    vectors_BFD: Tensor = network.vectors(x_BF)
    return training.decay * 1e-3 * vectors_BFD.square().sum() / len(x_BF)


def _optimizer(module: nn.Module, training: Training) -> torch.optim.Optimizer:
    tables: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        (tables if any(word in name for word in ("vectors", "linear", "scores")) else others).append(parameter)
    groups = [{"params": tables, "weight_decay": 0.0}, {"params": others, "weight_decay": 1e-2}]
    return torch.optim.AdamW(groups, lr=training.learning_rate)


def _in_pieces(answer: Callable[[Tensor], Tensor], ids: Ids) -> Tensor:
    return torch.cat([answer(piece) for piece in torch.split(torch.from_numpy(ids.astype(np.int64)), 8192)])


def for_the_kernel(dense: Dense, gate: Gate | None, k: int) -> GatedNetwork:
    """The trained network as the kernel runs it, its hidden layers filled up with zeros."""
    first, second = dense.second.in_features, dense.second.out_features
    more, further = -first % LANES, -second % LANES
    fields = dense.first.shape[0]

    def array(tensor: Tensor, *padding: int) -> NDArray[np.float32]:
        padded: NDArray[np.float32] = (
            nn.functional.pad(tensor.detach(), padding).contiguous().numpy().astype(np.float32)
        )
        return padded

    return GatedNetwork(
        vectors=array(dense.vectors.weight),
        linear=array(dense.linear.weight[:, 0]),
        first=array(dense.first, 0, more),
        first_bias=array(dense.first_bias, 0, more),
        second=array(dense.second.weight.T, 0, further, 0, more),
        second_bias=array(dense.second.bias, 0, further),
        last=array(dense.last.weight[0], 0, further),
        last_bias=float(dense.last.bias.detach()),
        num_fields=fields,
        gate=None
        if gate is None
        else KernelGate(array(gate.scores.weight[:, 0]), array(gate.mixing), array(gate.bias), picked=min(k, fields)),
    )
