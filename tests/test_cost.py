from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from huozhong.cost import Bill, Meter
from huozhong.errors import ConfigError


class Powercap:
    """A folder as /sys/class/powercap shows it, with counters that the test advances."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for zone, name, value in (
            ("intel-rapl:0", "package-0", 1_000_000),
            ("intel-rapl:0:0", "core", 5),
            ("intel-rapl:0:1", "dram", 2_000_000),
            ("intel-rapl:1", "psys", 7),
        ):
            (folder / zone).mkdir(parents=True)
            (folder / zone / "name").write_text(name + "\n")
            (folder / zone / "max_energy_range_uj").write_text("10000000\n")
            self.set(zone, value)

    def set(self, zone: str, microjoules: int) -> None:
        (self.folder / zone / "energy_uj").write_text(f"{microjoules}\n")


@pytest.fixture
def powercap(tmp_path: Path) -> Powercap:
    return Powercap(tmp_path / "powercap")


@pytest.fixture
def nothing(tmp_path: Path) -> Path:
    """A machine without counters."""
    return tmp_path / "absent"


def test_rapl_counts_packages_and_memory_once(powercap: Powercap) -> None:
    meter = Meter(1.0, powercap=powercap.folder).start()
    powercap.set("intel-rapl:0", 4_000_000)
    powercap.set("intel-rapl:0:0", 3_000_000)
    powercap.set("intel-rapl:0:1", 2_500_000)
    powercap.set("intel-rapl:1", 9_000_000)
    bill = meter.snapshot()
    assert bill.joules == pytest.approx(3.5)
    assert bill.money == pytest.approx(3.5 / 3.6e6)
    assert bill.source == "measured"
    assert "RAPL" in bill.how


def test_rapl_wraps(powercap: Powercap) -> None:
    powercap.set("intel-rapl:0", 9_000_000)
    meter = Meter(powercap=powercap.folder).start()
    powercap.set("intel-rapl:0", 500_000)
    assert meter.snapshot().joules == pytest.approx(1.5)
    assert meter.snapshot().joules == pytest.approx(1.5)


def test_what_happens_while_stopped_costs_nothing(powercap: Powercap) -> None:
    meter = Meter(powercap=powercap.folder).start()
    meter.stop()
    powercap.set("intel-rapl:0", 5_000_000)
    assert meter.start().snapshot().joules == pytest.approx(0.0)


def test_unreadable_counter_means_an_honest_estimate(powercap: Powercap) -> None:
    # what a kernel that keeps the counter to root looks like to us, also when the test runs as root
    (powercap.folder / "intel-rapl:0" / "energy_uj").unlink()
    bill = Meter(powercap=powercap.folder).start().snapshot()
    assert bill.source == "estimated"


def test_estimate_follows_its_formula(nothing: Path) -> None:
    meter = Meter(2.0, "EUR", watts_per_core=100.0, idle_watts=10.0, powercap=nothing)
    before = time.process_time(), time.perf_counter()
    with meter:
        began = time.process_time(), time.perf_counter()
        while time.process_time() < began[0] + 0.05:
            pass
        ended = time.process_time(), time.perf_counter()
        bill = meter.snapshot()
    after = time.process_time(), time.perf_counter()

    def joules(first: tuple[float, float], last: tuple[float, float]) -> float:
        return 100 * (last[0] - first[0]) + 10 * (last[1] - first[1])

    # However late a busy machine lets us look: what is counted lies between what we saw within and without.
    assert 0.999 * joules(began, ended) <= bill.joules <= 1.001 * joules(before, after)
    assert bill.money == pytest.approx(bill.joules / 3.6e6 * 2)
    assert (bill.source, bill.currency) == ("estimated", "EUR")
    assert "100 W" in bill.how
    assert "10 W idle" in bill.how


def test_stated_watts_cover_the_whole_machine(nothing: Path) -> None:
    meter = Meter(watts=60.0, powercap=nothing).start()
    time.sleep(0.02)
    bill = meter.stop()
    assert bill.joules == pytest.approx(60 * bill.seconds)
    assert "60 W (stated)" in bill.how


def test_laps_add_up(nothing: Path) -> None:
    meter = Meter(powercap=nothing).start()
    meter.add_tokens(prompt=10)
    first = meter.lap()
    meter.add_tokens(completion=5)
    second = meter.lap()
    whole = meter.stop()
    assert (first.tokens, second.tokens, whole.tokens) == (10, 5, 15)
    assert first.joules + second.joules <= whole.joules


def test_a_resumed_meter_goes_on(nothing: Path) -> None:
    meter = Meter(powercap=nothing).start()
    meter.add_tokens(prompt=7)
    stored = json.loads(json.dumps(meter.stop().as_dict()))
    later = Meter(powercap=nothing)
    later.restore(stored)
    later.start().add_tokens(prompt=3)
    bill = later.stop()
    assert bill.tokens == 10
    assert bill.joules >= stored["joules"]


def test_threads_lose_no_token(nothing: Path) -> None:
    meter = Meter(powercap=nothing).start()

    def work() -> None:
        for _ in range(500):
            meter.add_tokens(completion=1)
            meter.snapshot()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert meter.stop().tokens == 2000


def test_impossible_numbers_are_named() -> None:
    with pytest.raises(ConfigError, match="price_per_kwh is -1"):
        Meter(-1)
    with pytest.raises(ConfigError, match="watts is 0"):
        Meter(watts=0)


def test_lines_for_people() -> None:
    bill = Bill(1234, 75.5, 4321.0, 4321 / 3.6e6 * 0.6, "CNY", "estimated", "")
    assert bill.line("zh") == "1,234 词元 · 1 分 15 秒 · 4.32 kJ（估算）· ¥0.00072"
    assert bill.line("en") == "1,234 tokens · 1 min 15 s · 4.32 kJ (estimated) · ¥0.00072"
    long = Bill(5, 7322.0, 7.2e6, 1.2, "XYZ", "measured", "")
    assert long.line("en") == "5 tokens · 2 h 2 min · 2 kWh (measured) · 1.20 XYZ"
    assert "2 小时 2 分" in long.line("zh")
    assert Bill(0, 0.04, 0.0, 0.0, "USD", "measured", "").line() == "0 tokens · 0.0 s · 0 J (measured) · $0.00"
    with pytest.raises(ConfigError, match="'fr'"):
        bill.line("fr")  # type: ignore[arg-type]
