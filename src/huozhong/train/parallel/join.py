"""How the processes that `torchrun` started find one another."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator
from typing import Literal

import torch
import torch.distributed as dist

from huozhong.errors import ConfigError
from huozhong.train.parallel.team import Team


@contextlib.contextmanager
def join_team(shard: bool = False, device: Literal["auto", "cpu", "cuda"] = "auto") -> Iterator[Team]:
    """The processes that `torchrun` started, or this one alone.  Raises ConfigError when they do not meet.

    shard: they divide the model among them (`parallel.shard`); alone there is nobody to divide it with.
    device: as [run] says; "auto" takes a GPU where there is one.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Team()
        return
    use_gpu = device != "cpu" and torch.cuda.is_available()
    if use_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    try:
        dist.init_process_group("nccl" if use_gpu else "gloo")
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise ConfigError(f"the {size} processes of this run do not meet ({reason}); use torchrun.") from None
    try:
        if shard:
            from huozhong.train.parallel.shard import ShardTeam  # here, because it loads much of torch

            yield ShardTeam(dist.get_rank(), size)
        else:
            yield Team(dist.get_rank(), size)
        dist.barrier()  # nobody leaves while another is still being talked to
    finally:
        # A divided model's hooks hold the group.  Left to the interpreter's end, its threads outlive what they run on,
        # and the process now and then ends with "terminate called".
        gc.collect()
        dist.destroy_process_group()
