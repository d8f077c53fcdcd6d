"""What a run costs: tokens, seconds, joules and money, each bill saying whether it was measured or estimated.

Energy comes from the first of these that the machine lets us read:

1. NVML's energy counter (NVIDIA, millijoules since the driver was loaded), for work that runs on that GPU;
2. RAPL's counters (`/sys/class/powercap`, microjoules per CPU package and its memory; Intel and AMD);
3. where a needed counter cannot be read: `watts`, the draw the user read off a plug, x seconds;
4. where that is not given either: busy core-seconds of this process x watts per core + idle watts x seconds.

A bill whose every part was read from a counter is "measured"; any other is "estimated", and `how` says
from what.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from huozhong.errors import ConfigError

POWERCAP = Path("/sys/class/powercap")
# A desktop's busy core and the rest of a small PC (board, memory, disk, supply losses), rounded up: a bill
# that errs should err upwards.  Laptops draw less; [cost] in a recipe and the server's options override both.
WATTS_PER_CORE = 8.0
IDLE_WATTS = 15.0
JOULES_PER_KWH = 3.6e6

_SYMBOLS = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "INR": "₹", "JPY": "JP¥", "KRW": "₩", "VND": "₫"}


@dataclass(frozen=True)
class Bill:
    """What was used: tokens (in and out), seconds of wall clock, joules, money in `currency`; and
    `how` we know.
    """

    tokens: int
    seconds: float
    joules: float
    money: float
    currency: str
    source: Literal["measured", "estimated"]
    how: str

    def __sub__(self, earlier: Bill) -> Bill:
        """The bill of the time between two snapshots of the same meter."""
        return Bill(
            self.tokens - earlier.tokens,
            self.seconds - earlier.seconds,
            self.joules - earlier.joules,
            self.money - earlier.money,
            self.currency,
            self.source,
            self.how,
        )

    def __add__(self, other: Bill) -> Bill:
        """What two shares of the same meter's bill come to."""
        return Bill(
            self.tokens + other.tokens,
            self.seconds + other.seconds,
            self.joules + other.joules,
            self.money + other.money,
            self.currency,
            self.source,
            self.how,
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; what the API's `usage.cost` and metrics.jsonl carry."""
        return asdict(self)

    def line(self, lang: Literal["zh", "en"] = "en") -> str:
        """One line for people, e.g. `1,200 tokens · 3.1 s · 96 J (estimated) · ¥0.000016`."""
        if lang not in ("zh", "en"):
            raise ConfigError(f"a bill can be written in 'zh' or 'en', not in {lang!r}.")
        energy = _energy(self.joules)
        money = _money(self.money, self.currency)
        if lang == "zh":
            kind = "实测" if self.source == "measured" else "估算"
            return f"{self.tokens:,} 词元 · {_duration(self.seconds, 'zh')} · {energy}（{kind}）· {money}"
        return f"{self.tokens:,} tokens · {_duration(self.seconds, 'en')} · {energy} ({self.source}) · {money}"


@dataclass
class _Counter:
    """A hardware counter that only grows, except that it wraps at `wrap` joules; `read` gives joules."""

    read: Callable[[], float]
    wrap: float | None
    last: float

    def advance(self) -> float:
        """Joules since the last call.  A wrap that happened twice in between is not seen."""
        now = self.read()
        grown = now - self.last
        if grown < 0:
            grown = grown + self.wrap if self.wrap is not None else 0.0
        self.last = now
        return grown


class Meter:
    """Counts what this process uses between `start()` and `snapshot()`; cheap enough to read at every token.

    price_per_kwh: in `currency`.  watts: the whole machine's draw at work, if the user knows it (used where a
    counter cannot be read).  gpu: index of the NVIDIA GPU that does the work, None for CPU work.
    powercap: where the kernel shows RAPL (a parameter for tests).  Thread-safe.
    RAPL counts the whole CPU package, other programs included, and wraps after about an hour at full load:
    read the meter at least that often.
    """

    def __init__(
        self,
        price_per_kwh: float = 0.6,
        currency: str = "CNY",
        watts: float | None = None,
        *,
        watts_per_core: float = WATTS_PER_CORE,
        idle_watts: float = IDLE_WATTS,
        gpu: int | None = None,
        powercap: Path | str = POWERCAP,
    ) -> None:
        for name, value in (
            ("price_per_kwh", price_per_kwh),
            ("watts_per_core", watts_per_core),
            ("idle_watts", idle_watts),
        ):
            if value < 0:
                raise ConfigError(f"{name} is {value}; it cannot be negative.")
        if watts is not None and watts <= 0:
            raise ConfigError(f"watts is {watts}; give the machine's draw in watts, or leave it out.")
        self.price_per_kwh = price_per_kwh
        self.currency = currency
        self._watts = watts
        self._watts_per_core = watts_per_core
        self._idle_watts = idle_watts
        self._lock = threading.Lock()
        self._cpu_counters = _rapl_counters(Path(powercap))
        self._gpu_counters = [] if gpu is None else _nvml_counters(gpu, required=watts is None)
        complete = bool(self._cpu_counters) and (gpu is None or bool(self._gpu_counters))
        if not complete and watts is not None:  # the stated draw is the whole machine's: don't add parts to it
            self._cpu_counters = self._gpu_counters = []
        self._source: Literal["measured", "estimated"] = "measured" if complete else "estimated"
        self._how = self._explain()
        self._running = False
        self._tokens = 0
        self._seconds = self._joules = 0.0
        self._last_wall = self._last_cpu = 0.0
        self._last_lap = self._bill()

    # -- running ---------------------------------------------------------------------------------

    def start(self) -> Self:
        """Begin (or go on) counting; returns the meter.  A second start while running changes nothing."""
        with self._lock:
            if not self._running:
                self._running = True
                self._last_wall, self._last_cpu = time.perf_counter(), time.process_time()
                for counter in (*self._gpu_counters, *self._cpu_counters):
                    counter.last = counter.read()
        return self

    def stop(self) -> Bill:
        """Stop counting; returns the bill so far.  `start()` goes on from there."""
        with self._lock:
            self._sample()
            self._running = False
            return self._bill()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def add_tokens(self, prompt: int = 0, completion: int = 0) -> None:
        """Count tokens read (`prompt`; also training tokens) and written (`completion`)."""
        with self._lock:
            self._tokens += prompt + completion

    def snapshot(self) -> Bill:
        """The bill since the first start.  Two snapshots subtract: `later - earlier` is the time between."""
        with self._lock:
            self._sample()
            return self._bill()

    def lap(self) -> Bill:
        """The bill since the last lap (or since the start)."""
        with self._lock:
            self._sample()
            now = self._bill()
            last, self._last_lap = self._last_lap, now
            return now - last

    def restore(self, earlier: dict[str, Any]) -> None:
        """Go on from a bill that an earlier process wrote with `Bill.as_dict` (a resumed training run)."""
        with self._lock:
            self._tokens = int(earlier["tokens"])
            self._seconds = float(earlier["seconds"])
            self._joules = float(earlier["joules"])
            if earlier["source"] == "estimated":
                self._source = "estimated"
            self._last_lap = self._bill()

    # -- inside ----------------------------------------------------------------------------------

    def _sample(self) -> None:
        if not self._running:
            return
        wall, cpu = time.perf_counter(), time.process_time()
        seconds, busy = wall - self._last_wall, cpu - self._last_cpu
        self._last_wall, self._last_cpu = wall, cpu
        self._seconds += seconds
        self._joules += sum(counter.advance() for counter in self._gpu_counters)
        if self._cpu_counters:
            self._joules += sum(counter.advance() for counter in self._cpu_counters)
        elif self._watts is not None:
            self._joules += self._watts * seconds
        else:
            self._joules += busy * self._watts_per_core + seconds * self._idle_watts

    def _bill(self) -> Bill:
        money = self._joules / JOULES_PER_KWH * self.price_per_kwh
        return Bill(self._tokens, self._seconds, self._joules, money, self.currency, self._source, self._how)

    def _explain(self) -> str:
        parts = ["NVML energy counter of the GPU"] if self._gpu_counters else []
        if self._cpu_counters:
            parts.append("RAPL energy counters of the CPU packages and memory (other programs included)")
        elif self._watts is not None:
            parts.append(f"{self._watts:g} W (stated) x seconds")
        else:
            parts.append(
                f"busy core-seconds of this process x {self._watts_per_core:g} W"
                f" + seconds x {self._idle_watts:g} W idle"
            )
        return " + ".join(parts) + f"; {self.price_per_kwh:g} {self.currency}/kWh"


# -- counters ------------------------------------------------------------------------------------


def _rapl_counters(folder: Path) -> list[_Counter]:
    """One counter per CPU package and per memory zone (memory is not inside the package's number)."""
    counters = []
    for zone in sorted(folder.glob("intel-rapl:*")):
        is_package = zone.name.count(":") == 1
        try:
            name = (zone / "name").read_text().strip()
            if is_package and not name.startswith("package"):
                continue  # psys covers the packages again: counting both would count twice
            if not is_package and name != "dram":
                continue  # core and uncore are parts of their package
            wrap = int((zone / "max_energy_range_uj").read_text()) / 1e6
            read = functools.partial(_read_joules, zone / "energy_uj")
            counters.append(_Counter(read, wrap, read()))
        except (OSError, ValueError):
            # Since CVE-2020-8694 most kernels let only root read the counter: then we estimate, and say so.
            return []
    return counters


def _read_joules(energy_uj: Path) -> float:
    return int(energy_uj.read_text()) / 1e6


def _nvml_counters(index: int, *, required: bool) -> list[_Counter]:
    """The GPU's counter, or nothing where it cannot be read and need not be."""
    try:
        import pynvml
    except ImportError:
        if not required:
            return []
        raise ConfigError(
            "metering a GPU needs nvidia-ml-py (pip install 'huozhong[train]') or a stated watts."
        ) from None
    try:
        pynvml.nvmlInit()
        device = pynvml.nvmlDeviceGetHandleByIndex(index)

        def read() -> float:
            return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(device)) / 1e3

        return [_Counter(read, None, read())]
    except pynvml.NVMLError as error:
        if not required:
            return []
        raise ConfigError(f"GPU {index} has no readable energy counter (NVML: {error}); state watts instead.") from None


# -- words ---------------------------------------------------------------------------------------


def _duration(seconds: float, lang: str) -> str:
    if seconds < 60:
        return f"{seconds:.1f} {'秒' if lang == 'zh' else 's'}"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} 分 {int(seconds % 60)} 秒" if lang == "zh" else f"{minutes} min {int(seconds % 60)} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} 小时 {minutes} 分" if lang == "zh" else f"{hours} h {minutes} min"


def _energy(joules: float) -> str:
    if joules >= 0.01 * JOULES_PER_KWH:
        return f"{joules / JOULES_PER_KWH:.3g} kWh"
    return f"{joules / 1e3:.3g} kJ" if joules >= 1e3 else f"{joules:.3g} J"


def _money(amount: float, currency: str) -> str:
    """Two significant digits and no exponent, so that a very small price still reads as a price."""
    if amount == 0 or abs(amount) >= 0.1:
        digits = f"{amount:,.2f}"
    else:
        digits = f"{amount:.{min(12, 1 - _exponent(amount))}f}"
    return _SYMBOLS[currency] + digits if currency in _SYMBOLS else f"{digits} {currency}"


def _exponent(amount: float) -> int:
    return int(f"{abs(amount):e}".split("e")[1])
