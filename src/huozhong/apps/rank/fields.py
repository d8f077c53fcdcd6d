"""Columns as fields of numbered values: what every rung of the ladder reads is one whole number a field.

0 stands for what is missing or was not seen (often enough) while fitting.  Numbers fall into bins of about equally
many rows.  A field's values lie behind those of the fields before it, so that one table holds all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]
BINS = 24
MOST_VALUES = 200_000  # of one field; what is rarer counts as not seen


@dataclass(frozen=True)
class Field:
    """name: what people are told.  Either `edges` (a number's bins) or `values` (a category's, by their number)."""

    name: str
    edges: tuple[float, ...] | None = None
    values: Mapping[str, int] | None = None

    @property
    def size(self) -> int:
        """How many numbered values it has, 0 among them."""
        return 1 + (len(self.edges) + 1 if self.edges is not None else len(self.values or {}))

    def ids(self, column: NDArray[np.float64] | Sequence[str]) -> Ids:
        """The number of every row's value."""
        if self.edges is not None:
            numbers = np.asarray(column, np.float64)
            binned = np.searchsorted(np.array(self.edges), numbers, side="right") + 1
            return np.where(np.isnan(numbers), 0, binned).astype(np.int32)
        values = self.values or {}
        return np.array([values.get(value, 0) for value in column], np.int32)

    def value(self, number: int) -> str:
        """What people call one of its values; "" for 0."""
        if number == 0:
            return ""
        if self.edges is None:
            return next(value for value, n in (self.values or {}).items() if n == number)
        low = self.edges[number - 2] if number > 1 else None
        high = self.edges[number - 1] if number <= len(self.edges) else None
        if low is not None and high == np.nextafter(low, np.inf):
            return f"{low:.4g}"  # a value that fills a bin by itself
        if low is None or high is None:
            return f"< {high:.4g}" if high is not None else f"≥ {low:.4g}" if low is not None else ""
        return f"{low:.4g}–{high:.4g}"

    def as_json(self) -> dict[str, Any]:
        if self.edges is not None:
            return {"name": self.name, "edges": [*self.edges]}
        return {"name": self.name, "values": [*(self.values or {})]}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Field:
        if "edges" in told:
            return cls(told["name"], edges=tuple(told["edges"]))
        return cls(told["name"], values={value: n for n, value in enumerate(told["values"], 1)})


def number_field(name: str, column: NDArray[np.float64]) -> Field:
    """Bins of about equally many rows; a value that is a bin's worth by itself keeps a bin of its own."""
    told = column[~np.isnan(column)]
    distinct, counts = np.unique(told, return_counts=True)
    if len(distinct) <= BINS:
        edges = (distinct[1:] + distinct[:-1]) / 2
    else:
        heavy = distinct[counts > len(told) / BINS]
        rest = told[~np.isin(told, heavy)]
        cuts = np.quantile(rest, np.linspace(0, 1, BINS + 1)[1:-1]) if len(rest) else rest
        edges = np.unique(np.r_[cuts, heavy, np.nextafter(heavy, np.inf)])
    return Field(name, edges=tuple(float(edge) for edge in edges))


def category_field(name: str, column: Sequence[str], least: int = 2) -> Field:
    """The values that at least `least` rows have, the most frequent first."""
    counts = Counter(value for value in column if value)
    kept = [value for value, n in counts.most_common(MOST_VALUES) if n >= least]
    return Field(name, values={value: n for n, value in enumerate(kept, 1)})


@dataclass(frozen=True)
class Fields:
    """All fields, in their order."""

    all: tuple[Field, ...]

    @property
    def sizes(self) -> list[int]:
        return [field.size for field in self.all]

    @property
    def offsets(self) -> Ids:
        """Where each field's values begin in the one table of all."""
        return np.cumsum([0, *self.sizes[:-1]]).astype(np.int32)

    @property
    def num_values(self) -> int:
        return sum(self.sizes)

    def ids(self, columns: Mapping[str, Any]) -> Ids:
        """[rows, fields]: the number of every value in the one table of all."""
        own = np.stack([field.ids(columns[field.name]) for field in self.all], axis=1)
        return (own + self.offsets).astype(np.int32)
