"""`[team]` of a recipe: local rounds over slow lines (`parallel.local`), and how long each of them is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from huozhong.errors import ConfigError
from huozhong.train.fields import check_at_least

CHUNK = 4096  # numbers that share levels and among which the largest are picked
INDEX_LIMIT = CHUNK // 12  # as many places of 12 bits take no more room than a map of bits
BITS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Squeeze:
    """keep: share of each chunk's numbers that is sent.  bits: of each one's value, one of BITS."""

    keep: float = 1.0
    bits: int = 32

    @property
    def kept(self) -> int:
        """Numbers of a chunk that are sent."""
        return min(CHUNK, max(1, round(self.keep * CHUNK)))

    @property
    def places(self) -> Literal["all", "index", "map"]:
        """How a message says which numbers it holds."""
        return "all" if self.kept == CHUNK else "index" if self.kept <= INDEX_LIMIT else "map"

    @property
    def levels(self) -> int:
        """Levels that a chunk's values refer to."""
        return 0 if self.bits == 32 else 2 if self.bits == 2 else 1

    def parts(self, count: int) -> tuple[int, int, int]:
        """Bytes of levels, places and values in a message about `count` numbers."""
        chunks = -(-count // CHUNK)
        numbers = chunks * self.kept
        places = {"all": 0, "index": -(-numbers * 3 // 2), "map": chunks * CHUNK // 8}[self.places]
        return 2 * self.levels * chunks, places, -(-numbers * self.bits // 8)

    def size(self, count: int) -> int:
        """Bytes of a message about `count` numbers."""
        return sum(self.parts(count))


@dataclass(frozen=True, kw_only=True)
class TeamRecipe:
    """Members take `local_steps` steps each on their own, then tell one another where the weights went, and all go on
    from the mean.

    The first round has one step and each later one one more, up to local_steps: far from a solution the members part
    quickly.  keep: share of each chunk's numbers that a round sends, `bits` for each.  In the last `settle` share of
    the steps values have `settle_bits` and all numbers are sent, each `settle_steps` steps: what earlier rounds kept
    back arrives before the end.  What is given here costs least of what was tried at a hundred times fewer bytes
    (docs/log/training-runs.md).  outer_lr, outer_momentum: of the step that follows the mean (Nesterov's).

    line_mbit: what the plan takes a line to carry, in Mbit/s.  patience: seconds without a sign of life after which a
    member is gone.  Neither changes what is computed.
    """

    local_steps: int = 4
    keep: float = 1.0
    bits: int = 1
    outer_lr: float = 1.0
    outer_momentum: float = 0.0
    settle: float = 0.0
    settle_bits: int = 4
    settle_steps: int | None = None
    line_mbit: float = 20.0
    patience: float = 60.0

    def __post_init__(self) -> None:
        check_at_least(self, local_steps=1, settle_steps=1)
        if not 1 / CHUNK <= self.keep <= 1:
            raise ConfigError(f"keep is {self.keep}; it must lie between 1/{CHUNK} and 1 (1 sends every number).")
        for name in ("bits", "settle_bits"):
            if getattr(self, name) not in BITS:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be one of {', '.join(map(str, BITS))}.")
        if not 0 < self.outer_lr <= 2:
            raise ConfigError(f"outer_lr is {self.outer_lr}; it must lie between 0 and 2 (1 goes to the mean).")
        if not 0 <= self.outer_momentum < 1:
            raise ConfigError(f"outer_momentum is {self.outer_momentum}; it must lie in [0, 1).")
        if not 0 <= self.settle <= 1:
            raise ConfigError(f"settle is {self.settle}; it must lie between 0 and 1.")
        for name in ("line_mbit", "patience"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be positive.")

    def identity(self) -> dict[str, Any]:
        """What two sittings of one run must agree on, and two members."""
        return {name: value for name, value in vars(self).items() if name not in ("line_mbit", "patience", "rounds")}


@dataclass(frozen=True)
class Round:
    """Steps from `start` to before `end` (0-based), and what is sent after them."""

    start: int
    end: int
    how: Squeeze


@dataclass(frozen=True)
class Rounds:
    """All rounds of a run."""

    settings: TeamRecipe
    total_steps: int

    @cached_property
    def all(self) -> tuple[Round, ...]:
        settings, found, at = self.settings, list[Round](), 0
        settles_at = self.total_steps - round(settings.settle * self.total_steps)
        while at < self.total_steps:
            settles = at >= settles_at
            length = min(settings.local_steps, len(found) + 1)
            if settles:
                length = settings.settle_steps or settings.local_steps
            end = min(at + length, self.total_steps if settles else max(settles_at, at + 1))
            how = Squeeze(1.0, settings.settle_bits) if settles else Squeeze(settings.keep, settings.bits)
            found.append(Round(at, end, how))
            at = end
        return tuple(found)

    @cached_property
    def by_end(self) -> dict[int, Round]:
        """The round that ends with so many steps done."""
        return {each.end: each for each in self.all}

    def sent_bytes(self, parameters: int, first_step: int = 0) -> int:
        """Bytes of messages that a member sends from `first_step` to the end."""
        return sum(each.how.size(parameters) for each in self.all if each.end > first_step)
