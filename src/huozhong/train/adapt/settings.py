"""How to adapt a model: what a person may say, and what is derived from the data, the model and the machine."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from huozhong.errors import ConfigError
from huozhong.model.frozen import Storage
from huozhong.train.adapt.fit import SMALL, Fit, Method
from huozhong.train.adapt.tasks import Task
from huozhong.train.precision import Precision
from huozhong.train.state import CheckpointFolder

MOST_EPOCHS = 40
LEARNT_TOKENS = 400_000  # of answers, at most, where more than eight epochs are needed


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to adapt; None means derived.

    rank, alpha: of LoRA.  lr: the highest learning rate.  batch: examples per step.  bits: of a QLoRA base.
    adapter: a PEFT folder to start from, of the same rank and alpha.  memory: bytes that may be used.
    layers: so many upper ones learn.
    low_rank: no "auto" that trains all of a small model.
    base_content: a hash of what the base is, which its name does not say.
    dtype: of the arithmetic.
    """

    base: str
    out: Path
    base_content: str = ""
    method: Method = "auto"
    bits: Literal[4, 8] | None = None
    low_rank: bool = False
    rank: int = 16
    alpha: float = 32.0
    layers: int | None = None
    lr: float | None = None
    epochs: int | None = None
    batch: int | None = None
    seed: int = 0
    adapter: Path | None = None
    memory: int | None = None
    threads: int | None = None
    dtype: Precision | None = None
    price_per_kwh: float = 0.6
    currency: str = "CNY"

    def __post_init__(self) -> None:
        for name in ("rank", "layers", "epochs", "batch", "threads"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ConfigError(f"--{name} is {value}; it must be at least 1.")
        if self.lr is not None and not 0 < self.lr < 1:
            raise ConfigError(f"--lr is {self.lr}; it must lie between 0 and 1.")
        if self.adapter is not None and self.method == "full":
            raise ConfigError("--adapter and --method full contradict each other; leave one of them out.")


@dataclass(frozen=True)
class Hyperparameters:
    """What was derived from the data and the model: everything that a resumed run must agree on."""

    epochs: int
    batch: int
    lr: float
    steps_per_epoch: int

    @property
    def total_steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    @property
    def warmup(self) -> int:
        return max(1, min(self.total_steps // 20, 2 * self.steps_per_epoch))

    def cooled(self, epoch: int) -> int:
        """The epoch after which a run ends that had learnt as good as all after `epoch`."""
        return epoch + max(4, math.ceil(epoch / 2))


def derive(settings: Settings, task: Task, fit: Fit, width: int) -> Hyperparameters:
    """Epochs, batch and learning rate from the number of examples and the model's width.

    About 1,000 looks at people's own examples, two to eight epochs; facts, which are short, are looked at until they
    are known, forty times at most.  Learning rates fall with the width; LoRA's are ten times those of training
    everything (Schulman et al. 2025, "LoRA Without Regret"), three times where the model is small; DPO's are a tenth of
    fine-tuning's.
    """
    epochs = min(8, max(2, round(1000 / (task.count - task.rehearsed))))
    if task.stage == "sft":
        epochs = max(epochs, min(MOST_EPOCHS, LEARNT_TOKENS // max(1, task.targets)))
    batch = settings.batch or min(8, max(1, task.count // 8))
    lr = settings.lr
    if lr is None:
        lr = min(2e-3, 5e-4 * math.sqrt(2048 / width))
        small = task.stage == "sft" and fit.trained <= SMALL
        lr *= (1.0 if fit.method == "lora" else 0.35 if small else 0.1) * (0.1 if task.stage == "dpo" else 1.0)
    return Hyperparameters(settings.epochs or epochs, batch, lr, math.ceil(task.count / batch))


def as_before(settings: Settings) -> Settings:
    """What was left to the machine stays as the run in `out` began, though less memory may be free by now."""
    checkpoints = CheckpointFolder(settings.out)
    steps = checkpoints.steps()
    if not steps:
        return settings
    then = checkpoints.read_meta(steps[-1])["identity"]
    ways: dict[Storage | None, tuple[Method, Literal[4, 8] | None]] = {
        None: ("full", None),
        "q8": ("qlora", 8),
        "q4": ("qlora", 4),
        "bfloat16": ("lora", None),
        "float32": ("lora", None),
    }
    if settings.method == "auto" or (settings.method == "qlora" and settings.bits is None):
        method, bits = ways[then["storage"]]
        settings = dataclasses.replace(settings, method=method, bits=bits)
    if settings.layers is None:
        settings = dataclasses.replace(settings, layers=then.get("layers"))
    if settings.dtype is None:
        settings = dataclasses.replace(settings, dtype="bf16" if then["dtype"] == str(torch.bfloat16) else "float32")
    return settings
