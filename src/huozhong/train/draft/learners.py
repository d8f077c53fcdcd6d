"""What the kinds of drafters have in common while they learn: a batch of rows, a loss, a score, a folder to write."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from huozhong.formats.drafter import DrafterConfig, drafter_architecture, write_drafter
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.train.draft.network import Drafter, new_drafter
from huozhong.train.draft.settings import DEPTH, DraftSettings

DEEPER = 0.8  # what a guess counts against the one before it: it is used only where that was right


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of several documents, padded at the end.

    tokens_BT, states_BTS: what was said, and the model's states.  places_BTK, chances_BTK: of what it finds likely to
    follow each token, the place among the tokens that are guessed, -1 where there is none, and the probability.
    first_B, length_B: from where each row is learnt, and its tokens.
    """

    tokens_BT: Tensor
    states_BTS: Tensor
    places_BTK: Tensor
    chances_BTK: Tensor
    first_B: list[int]
    length_B: list[int]


def soft_cross_entropy(logits_NG: Tensor, places_NK: Tensor, chances_NK: Tensor) -> Tensor:
    """Sum over N of the cross entropy to what the model finds likely, as far as it can be guessed.

    The first of the places must not be -1.
    """
    logs_NG = torch.log_softmax(logits_NG.float(), dim=-1)
    share_NK = chances_NK * (places_NK >= 0)
    share_NK = share_NK / share_NK.sum(-1, keepdim=True)
    return -(share_NK * logs_NG.gather(1, places_NK.clamp_min(0))).sum()


class Learner(ABC):
    """A drafter while it learns.  depth: guesses that are scored."""

    net: nn.Module
    depth: int

    @abstractmethod
    def loss(self, batch: Batch, seed: int) -> tuple[Tensor, float]:
        """Sum of the losses, and what they count together.  seed: of what is chosen at random."""

    @abstractmethod
    def right(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """How many first, second ... guesses [depth] are the model's choice, those before being right; and of how many.

        What cannot be guessed counts as wrong.
        """

    @abstractmethod
    def weights(self) -> nn.Module:
        """What is trained."""

    @abstractmethod
    def write(self, folder: Path) -> None:
        """The drafter's folder."""


class ModuleLearner(Learner):
    """A prediction module that is unrolled on its own states."""

    depth = DEPTH

    def __init__(
        self, view: HuggingFaceView, guessed: NDArray[np.int32], settings: DraftSettings, dtype: torch.dtype
    ) -> None:
        self._settings, self._guessed = settings, guessed
        self._architecture = drafter_architecture(view.source, view.architecture.intermediate_size)
        self.net: Drafter = new_drafter(view, self._architecture, guessed, dtype, settings.seed)

    def weights(self) -> nn.Module:
        return self.net.module

    def loss(self, batch: Batch, seed: int) -> tuple[Tensor, float]:
        total, weight = torch.zeros(()), 0.0
        for depth, state_BTD in enumerate(self._unrolled(batch), start=1):
            wanted_BTK, chance_BTK = batch.places_BTK[:, depth:], batch.chances_BTK[:, depth:]
            kept = wanted_BTK[..., 0] >= 0
            logits_NG = self.net.logits(state_BTD[:, :-depth][kept])
            said = soft_cross_entropy(logits_NG, wanted_BTK[kept], chance_BTK[kept])
            total, weight = total + said * DEEPER ** (depth - 1), weight + len(logits_NG) * DEEPER ** (depth - 1)
        return total, weight

    def right(self, batch: Batch) -> tuple[Tensor, Tensor]:
        right, tried = torch.zeros(DEPTH), torch.zeros(DEPTH)
        for depth, state_BTD in enumerate(self._unrolled(batch), start=1):
            guess_BT = self.net.logits(state_BTD[:, :-depth]).argmax(-1)
            for b, (first, length) in enumerate(zip(batch.first_B, batch.length_B, strict=True)):
                start, stop = max(0, first - depth), length - depth
                wanted_T = batch.places_BTK[b, start + depth : length, 0]
                right[depth - 1] += (guess_BT[b, start:stop] == wanted_T).sum()
                tried[depth - 1] += len(wanted_T)
        return right, tried

    def _unrolled(self, batch: Batch) -> list[Tensor]:
        width = self._architecture.hidden_size  # the last layer's states are the last ones
        return self.net.unroll(batch.tokens_BT, batch.states_BTS[..., -width:], DEPTH)

    def write(self, folder: Path) -> None:
        a, s = self._architecture, self._settings
        config = DrafterConfig(
            base=s.base_mark,
            base_name=s.base,
            hidden_size=a.hidden_size,
            vocab_size=a.vocab_size,
            intermediate_size=a.intermediate_size,
            guessed=tuple(self._guessed.tolist()),
        )
        write_drafter(folder, config, self.net.tensors())
