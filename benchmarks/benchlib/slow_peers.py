"""One member of a slow-link race that sends every step: `python -m benchlib.slow_peers WAY RECIPE RANK SIZE PORT MBIT`.

WAY dense: the sum of all gradients in float32 each step, as torch's data parallelism does.  WAY powersgd: torch's
PowerSGD hook (Vogels et al. 2019, arXiv:1905.13727) at rank 1, its first steps dense as it asks for.  Processes talk
through gloo and a `SlowStore`.  Prints one JSON line: seconds of training and bytes over this process's line.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import threading
import time
from collections.abc import Iterable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from rich.console import Console
from torch import Tensor, nn
from torch.distributed.algorithms.ddp_comm_hooks import powerSGD_hook
from torch.nn.parallel import DistributedDataParallel

from benchlib.slow_line import SlowStore
from huozhong.model.transformer import LossParts
from huozhong.train.feed import Rows
from huozhong.train.parallel.team import Team
from huozhong.train.recipe import load_recipe
from huozhong.train.sitting import sit
from huozhong.train.stages.pretrain import TextRun


class _Loss(nn.Module):
    """What torch's wrapper calls."""

    def __init__(self, run: TextRun) -> None:
        super().__init__()
        self.model, self._weight = run.model, lambda: run.mtp_weight

    def forward(self, rows: Rows) -> LossParts:
        return self.model.loss(rows.tokens_BT, rows.targets_BT, rows.doc_BT, mtp_weight=self._weight())


class PowerSgdTeam(Team):
    """Gradients are made the same by torch's hook while they are computed, as means and not as sums."""

    def add_up(self, model: nn.Module, sums: Iterable[Tensor]) -> None:
        for tensor in sums:
            dist.all_reduce(tensor)


class PowerSgdRun(TextRun):
    """`TextRun` whose gradients go through torch's data parallelism."""

    wrapped: DistributedDataParallel | None = None

    def loss(self, rows: Rows) -> LossParts:
        if self.wrapped is None:
            self.wrapped = DistributedDataParallel(_Loss(self))
            state = powerSGD_hook.PowerSGDState(None, matrix_approximation_rank=1, start_powerSGD_iter=10)
            self.wrapped.register_comm_hook(state, powerSGD_hook.powerSGD_hook)
        parts: LossParts = self.wrapped(rows)
        return dataclasses.replace(parts, total=parts.total * self.team.size)  # the hook makes means


def main() -> None:
    way, recipe_path = sys.argv[1], Path(sys.argv[2])
    rank, size, port = (int(word) for word in sys.argv[3:6])
    mbit = float(sys.argv[6])
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    store = SlowStore(dist.TCPStore("127.0.0.1", port, size, rank == 0, timeout=timedelta(seconds=300)), mbit)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size)
    recipe = load_recipe(recipe_path, "pretrain")
    kind: Any = PowerSgdRun if way == "powersgd" else TextRun
    team = PowerSgdTeam(rank, size) if way == "powersgd" else Team(rank, size)
    console = Console(file=StringIO())
    run = kind(recipe, console, team)
    began = time.monotonic()
    recipe_path.with_suffix("").mkdir(parents=True, exist_ok=True)
    sit(run, "fresh", threading.Event())
    dist.barrier()
    told = {"rank": rank, "seconds": time.monotonic() - began, "bytes": store.carried, "line_seconds": store.busy}
    print(json.dumps(told), flush=True)
    # gloo's threads outlive the interpreter's end otherwise
    del run
    dist.destroy_process_group()
    torch.set_num_threads(1)


if __name__ == "__main__":
    main()
