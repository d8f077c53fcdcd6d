"""The networks that forecast: two layers of LSTM over what `features` sees, run in NumPy; their quantiles' mean.

They were trained on made-up series alone (recipes/prices), each from another seed, for two err less together than
either; their weights lie beside this file in 16 bits.  Torch's own LSTM is the reference that the test holds them
against.

    B series   T weeks   F FEATURES   Q LEVELS
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.prices.features import HORIZON, look

Floats = NDArray[np.float64]

HIDDEN = 64
LEVELS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
MIDDLE = len(LEVELS) // 2
_WEIGHTS = Path(__file__).with_name("weights.npz")


@cache
def weights() -> tuple[dict[str, NDArray[np.float32]], ...]:
    """Every network's weights, by torch's names with _ for the dots; in the file one behind the other."""
    with np.load(_WEIGHTS) as file:
        arrays = {name: file[name].astype(np.float32) for name in file.files}
    count = len(arrays["head_bias"])
    return tuple({name: array[place] for name, array in arrays.items()} for place in range(count))


def forecast_all(y_BT: Floats, calendar_BTC: Floats) -> Floats:
    """For every week the quantiles of the eight weeks after it: [B, T, HORIZON, Q], logarithms of prices.

    y: logarithms of weekly prices; calendar: `seasons.calendar`, or noughts where the dates say nothing.
    """
    seen = look(y_BT, calendar_BTC)
    x = seen.x.astype(np.float32)
    unit = np.mean([network(x, one) for one in weights()], axis=0, dtype=np.float64)
    spread = seen.scale[:, :, None, None] * np.sqrt(np.arange(1, HORIZON + 1))[:, None]
    return np.asarray(y_BT[:, :, None, None] + unit * spread)


def network(x_BTF: NDArray[np.float32], w: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """[B, T, F] -> [B, T, HORIZON, Q] in units of a week's movement times √h, quantiles in order."""
    told = x_BTF
    for layer in (0, 1):
        told = _lstm(told, *(w[f"lstm_{part}_l{layer}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")))
    raw = np.concatenate([told, x_BTF], -1) @ w["head_weight"].T + w["head_bias"]
    raw = raw.reshape(*raw.shape[:-1], HORIZON, len(LEVELS))
    steps = np.logaddexp(np.float32(0), raw)
    middle = raw[..., MIDDLE : MIDDLE + 1]
    below = middle - np.cumsum(steps[..., MIDDLE - 1 :: -1], -1)[..., ::-1]
    above = middle + np.cumsum(steps[..., MIDDLE + 1 :], -1)
    return np.concatenate([below, middle, above], -1)


def _lstm(
    x: NDArray[np.float32],
    into: NDArray[np.float32],
    around: NDArray[np.float32],
    bias: NDArray[np.float32],
    other: NDArray[np.float32],
) -> NDArray[np.float32]:
    """One layer, torch's order of gates: in, forget, new, out."""
    gates = x @ into.T + (bias + other)
    said = np.zeros((len(x), HIDDEN), np.float32)
    cell = np.zeros_like(said)
    found = np.empty((*x.shape[:2], HIDDEN), np.float32)
    for t in range(x.shape[1]):
        now = gates[:, t] + said @ around.T
        admit, forget, out = (_sigmoid(now[:, g * HIDDEN : (g + 1) * HIDDEN]) for g in (0, 1, 3))
        cell = forget * cell + admit * np.tanh(now[:, 2 * HIDDEN : 3 * HIDDEN])
        said = out * np.tanh(cell)
        found[:, t] = said
    return found


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1)))
