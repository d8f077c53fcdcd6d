"""Those that the forecast is held against, each on its own: the usual automatic methods, on logarithms of prices.

Light versions of ours are always here.  Where statsforecast is installed (it brings pandas, so nothing here needs it),
`statsforecast_fans` asks it for the same forecasts, and they are named after it.

    N forecasts   H HORIZON   Q LEVELS
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.prices.features import HORIZON
from huozhong.apps.prices.members import autoregression, drift, spread_out, theta
from huozhong.apps.prices.network import LEVELS, MIDDLE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_STEPS = np.arange(1, HORIZON + 1)
_MOST_LAGS = 4
_ALPHAS = np.array([0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
_BETAS = np.array([0.0, 0.05, 0.15, 0.3, 0.5])
_DAMPED = 0.9


def light_fans(y_T: Floats, origins: Ints) -> dict[str, Floats]:
    """Ours: name -> [N, H, Q]."""
    r = np.diff(y_T, prepend=y_T[0])
    weeks = np.maximum(np.arange(len(y_T)), 1)
    naive = np.sqrt(np.cumsum(r * r) / weeks)[:, None] * np.sqrt(_STEPS)
    still = np.broadcast_to(y_T[:, None], naive.shape)
    whole = {
        "Naive": (still, naive),
        "RWD": drift(y_T),
        "ARIMA(2,1,0)": autoregression(y_T),
        "Theta": theta(y_T),
    }
    fans = {name: spread_out(middle[origins], spread[origins]) for name, (middle, spread) in whole.items()}
    for name, one in (("ETS", _smoothing), ("ARIMA", _chosen_autoregression)):
        pairs = [one(y_T[: now + 1]) for now in origins]
        fans[name] = spread_out(np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs]))
    return fans


def _smoothing(y: Floats) -> tuple[Floats, Floats]:
    """Level alone or with a damped slope, smoothed by what fits best (AICc).  Middle and spread: [H] each."""
    alpha, beta = (grid.ravel() for grid in np.meshgrid(_ALPHAS, _BETAS))
    phi = np.where(beta > 0, _DAMPED, 0.0)
    level, slope = np.full(len(alpha), y[0]), np.zeros(len(alpha))
    squares = np.zeros(len(alpha))
    for value in y[1:]:
        error = value - level - phi * slope
        squares += error**2
        level = level + phi * slope + alpha * error
        slope = phi * slope + alpha * beta * error
    count = len(y) - 1
    told = np.where(beta > 0, 5.0, 2.0)
    score = count * np.log(np.maximum(squares, 1e-12) / count) + 2 * told
    best = int(score.argmin())
    damping = np.cumsum(phi[best] ** _STEPS)
    reach = alpha[best] * (1 + beta[best] * np.concatenate([[0.0], damping[:-1]]))
    sigma2 = squares[best] / max(count - told[best], 1)
    variance = sigma2 * (1 + np.concatenate([[0.0], np.cumsum(reach[1:] ** 2)]))
    return level[best] + slope[best] * damping, np.sqrt(variance)


def _chosen_autoregression(y: Floats) -> tuple[Floats, Floats]:
    """Of autoregressions of the weekly movement, with and without a mean, the one with the best AICc."""
    r = np.diff(y)
    count = len(r) - _MOST_LAGS
    best: tuple[float, Floats, float, float] = (np.inf, r[:0], 0.0, 0.0)
    target = r[_MOST_LAGS:]
    for lags in range(_MOST_LAGS + 1):
        for constant in (False, True):
            columns = [r[_MOST_LAGS - lag : len(r) - lag] for lag in range(1, lags + 1)]
            columns += [np.ones(count)] if constant else []
            table = np.stack(columns, 1) if columns else np.zeros((count, 0))
            found = np.linalg.lstsq(table, target, rcond=None)[0] if columns else np.zeros(0)
            left = target - table @ found
            told = lags + constant + 1
            sigma2 = float(left @ left) / count + 1e-12
            score = count * np.log(sigma2) + 2 * told * count / max(count - told - 1, 1)
            if score < best[0]:
                best = (
                    score,
                    np.asarray(found[:lags], dtype=np.float64),
                    float(found[-1]) if constant else 0.0,
                    sigma2,
                )
    _, lagged, mean, sigma2 = best
    past, middle, level = list(r[-_MOST_LAGS:]), np.empty(HORIZON), float(y[-1])
    psi = [1.0]
    for h in range(HORIZON):
        step = mean + sum(c * past[-1 - k] for k, c in enumerate(lagged))
        past.append(step)
        level += step
        middle[h] = level
        psi.append(sum(c * psi[-1 - k] for k, c in enumerate(lagged) if k < len(psi)))
    reach = np.cumsum(psi[:HORIZON])
    return middle, np.sqrt(sigma2 * np.cumsum(reach**2))


def has_statsforecast() -> bool:
    return importlib.util.find_spec("statsforecast") is not None


def statsforecast_fans(y_T: Floats, origins: Ints) -> dict[str, Floats]:
    """The same by statsforecast's automatic models, each fitted anew in each week; minutes for a series."""
    from statsforecast.models import (
        ARIMA,
        AutoARIMA,
        AutoETS,
        AutoTheta,
        Naive,
        RandomWalkWithDrift,
    )  # fmt: skip

    bands = [round(100 * (1 - 2 * level)) for level in LEVELS[:MIDDLE]]
    models: dict[str, Any] = {
        "Naive": Naive(),
        "RWD": RandomWalkWithDrift(),
        "AutoETS": AutoETS(season_length=1),
        "AutoARIMA": AutoARIMA(season_length=1),
        "AutoTheta": AutoTheta(season_length=1),
        "ARIMA(2,1,0)": ARIMA(order=(2, 1, 0)),
    }
    fans: dict[str, list[Floats]] = {name: [] for name in models}
    for now in origins:
        history = np.ascontiguousarray(y_T[: now + 1])
        for name, model in models.items():
            told = model.forecast(history, h=HORIZON, level=bands)
            fans[name].append(_fan_of(told, bands))
    return {name: np.stack(rows) for name, rows in fans.items()}


def _fan_of(told: dict[str, Any], bands: list[int]) -> Floats:
    """statsforecast's bands as quantiles [H, Q]."""
    low = [np.asarray(told[f"lo-{band}"], dtype=np.float64) for band in bands]
    high = [np.asarray(told[f"hi-{band}"], dtype=np.float64) for band in reversed(bands)]
    return np.stack([*low, np.asarray(told["mean"], dtype=np.float64), *high], -1)
