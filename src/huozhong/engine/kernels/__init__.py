"""The door to the CPU kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.kernels import reference
from huozhong.engine.kernels.batch import Batch

if TYPE_CHECKING:
    from huozhong.engine.weights import Weights


@dataclass(frozen=True, eq=False)
class ReferenceModel:
    """The NumPy forward pass behind the same call as the native one."""

    weights: Weights
    rope: NDArray[np.float32]

    def forward(self, cache_LPSC: NDArray[np.float32], batch: Batch) -> NDArray[np.float32]:
        return reference.forward(self.weights, self.rope, cache_LPSC, batch)


def load(weights: Weights, rope: NDArray[np.float32], num_threads: int) -> ReferenceModel:
    """A model ready for `forward(cache, batch)`."""
    return ReferenceModel(weights, rope)
