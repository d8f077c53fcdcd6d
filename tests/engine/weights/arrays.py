"""The arrays of packed weights, for tests that compare them."""

from __future__ import annotations

import dataclasses

import numpy as np


def arrays_of(value: object, name: str = "weights") -> dict[str, np.ndarray]:
    if isinstance(value, np.ndarray):
        return {name: value}
    out: dict[str, np.ndarray] = {}
    if isinstance(value, tuple):
        for i, item in enumerate(value):
            out |= arrays_of(item, f"{name}[{i}]")
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            out |= arrays_of(getattr(value, field.name), f"{name}.{field.name}")
    return out
