"""Twenty labels: none without what bears it out, and each right where it is borne out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from huozhong.apps.pen.alone import alone_index
from huozhong.apps.pen.body import Known
from huozhong.apps.pen.diary import Day, Pig, Sight
from huozhong.apps.pen.label import KEYS, Label
from huozhong.apps.pen.labels import labels
from huozhong.apps.pen.outline import PLACES, STATIONS

TODAY = "2026-11-30"
BARE = Known(TODAY)


def by_key(pig: Pig, known: Known) -> dict[str, Label]:
    found = labels(pig, known)
    assert [one.key for one in found] == list(KEYS)
    return {one.key: one for one in found}


def watched(seconds: int = 400, every: float = 1.0, walk: float = 0.0, metres: float | None = None,
            feeder: bool | None = None, drinker: bool | None = None, nearest: float | None = None) -> Pig:  # fmt: skip
    """A pig 50 pixels long that goes so many pixels a second."""
    pig = Pig(1)
    for place in range(int(seconds / every)):
        time = (place + 1) * every
        ends = np.array([[50.0, 20.0], [0.0, 20.0]]) + np.array([walk * time, 0.0])
        pig.see(time, TODAY, Sight(ends, 50.0, (1.0, 1.0), nearest, feeder, drinker), metres)
    return pig


def profile(waist: float, hip: float) -> np.ndarray:
    """A smooth outline with that waist and hip."""
    return np.interp(PLACES, [0, 0.2, 0.38, 0.6, 0.82, 1.0], [0.08, 0.16, 0.26, waist, hip, 0.1])


def outlined(pig: Pig, waist: float = 0.22, hip: float = 0.27, count: int = 12) -> Pig:
    for _ in range(count):
        pig.standing.append(profile(waist, hip))
    return pig


def everything(day: str = TODAY) -> tuple[Pig, Known]:
    """A pig of which all is known, and what is known of its pen."""
    pig = outlined(watched(4000, walk=0.5, metres=1.2, feeder=False, drinker=False, nearest=0.8))
    pig.warmths.append(34.2)
    others = {
        name: {f"2026-11-{d}": Day(7200, 3000, 600, 60, 3, 7200, 7200) for d in (28, 29, 30)} for name in "abcdef"
    }
    others["me"] = {f"2026-11-{d}": Day(7200, 5000, 100, 60, 1, 20000, 7200, 0.0455, True) for d in (23, 28, 29, 30)}
    pig.walks.extend(walks(0.0))
    pig.quickest = 8.0
    known = Known(TODAY, True, True, True, True, 1, 1500.0, True, others, "me", "me", (3, 20.0), 115.0, 4000.0)
    return pig, known


def walks(uneven: float, noise: float = 0.01, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    random, found = np.random.default_rng(seed), []
    for _ in range(6):
        times = np.arange(0, 6, 0.1)
        wave = np.sin(2 * np.pi * 0.9 * times + random.uniform(0, 6))
        swing = 0.06 * wave * (1 + uneven * np.sign(wave))
        found.append((times, 0.3 + 0.02 * times + swing + random.normal(0, noise, len(times))))
    return found


def test_of_a_pig_that_nobody_has_seen_nothing_is_known() -> None:
    for one in by_key(Pig(1), BARE).values():
        assert one.how == "unknown"
        assert one.value is None
        assert all(one.why)


def test_with_everything_borne_out_all_twenty_are_known() -> None:
    found = by_key(*everything())
    assert {key for key, one in found.items() if one.how == "unknown"} == set()
    assert {key for key, one in found.items() if one.how == "estimated"} == {
        "weight", "posture", "lying", "alone", "growth", "coughs", "market", "flag",
    }  # fmt: skip


def without(**changes: object) -> Callable[[Pig, Known], Known]:
    return lambda pig, known: replace(known, **changes)  # type: ignore[arg-type]


def forget(*names: str) -> Callable[[Pig, Known], Known]:
    def change(pig: Pig, known: Known) -> Known:
        for name in names:
            getattr(pig, name).clear()
        return known

    return change


def asleep_since_yesterday(pig: Pig, known: Known) -> Known:
    pig.days.clear()
    return known


def slow(pig: Pig, known: Known) -> Known:
    pig.quickest = 1.0
    return known


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        (forget("metres"), {"length", "width", "area", "weight", "growth", "market"}),
        (forget("standing"), {"width", "ratio", "area", "weight", "growth", "market"}),
        (without(weighed=None), {"weight", "growth", "market"}),
        (without(weighed=1500.0, metric=False), {"weight", "growth", "market"}),
        (without(feeder=False), {"feeder", "visits", "alone"}),
        (without(drinker=False), {"drinker"}),
        (without(others={}), {"alone", "growth", "market"}),
        (without(sound=None), {"coughs"}),
        (without(count=20), {"coughs"}),
        (without(name=""), {"mark", "growth", "market"}),
        (without(now=9000.0), {"speed", "nearest"}),
        (forget("warmths"), {"temperature"}),
        (forget("walks"), {"gait"}),
        (slow, {"gait"}),
        (asleep_since_yesterday, {"lying", "feeder", "drinker", "visits"}),
    ],
)
def test_what_is_not_borne_out_is_not_known(change: Callable[[Pig, Known], Known], lost: set[str]) -> None:
    pig, known = everything()
    found = by_key(pig, change(pig, known))
    assert {key for key, one in found.items() if one.how == "unknown"} == lost
    assert all(found[key].value is None for key in lost)


def test_a_floor_without_a_camera_height_is_an_estimate() -> None:
    pig, known = everything()
    found = by_key(pig, replace(known, camera=False))
    assert [found[key].how for key in ("length", "width", "area")] == ["estimated"] * 3


def test_the_flag_and_the_posture_need_what_they_look_at() -> None:
    assert by_key(outlined(watched(400)), BARE)["flag"].how == "unknown"
    assert by_key(watched(10), BARE)["posture"].how == "unknown"
    hot, known = everything()
    hot.warmths.clear()
    hot.warmths.append(41.0)
    flag = by_key(hot, known)["flag"]
    assert flag.value == "look"
    assert "hot" in flag.why[1]


def test_the_numbers() -> None:
    pig, known = everything()
    found = by_key(pig, known)
    assert found["length"].value == 120.0
    assert found["ratio"].value == pytest.approx(0.22 / 0.27, rel=0.03)
    assert found["width"].value == pytest.approx(120 * 0.27, rel=0.03)
    assert found["nearest"].value == pytest.approx(0.8 * 1.2)
    area = 1.2**2 * profile(0.22, 0.27).mean()
    assert found["area"].value == pytest.approx(100 * area, rel=0.01)
    kilograms = 1500 * 1.2**3 * profile(0.22, 0.27).mean() ** 2
    assert found["weight"].value == pytest.approx(kilograms, rel=0.01)
    daily = (kilograms - 1500 * 0.0455) / 7
    assert found["growth"].value == pytest.approx(7 * daily, abs=0.1)
    assert found["market"].value == pytest.approx((115 - kilograms) / daily, abs=1)
    assert found["temperature"].value == 34.2


def test_lying_eating_and_the_way() -> None:
    still = by_key(watched(600), replace(BARE, now=600.0))
    assert still["posture"].value == "lies"
    assert still["lying"].value == pytest.approx(96, abs=3)
    assert still["speed"].value == 0
    goes = by_key(watched(600, walk=5.0), replace(BARE, now=600.0))
    assert goes["posture"].value == "up"
    assert goes["speed"].value == pytest.approx(60 * 5 / 50, rel=0.05)
    eats = by_key(watched(600, feeder=True), replace(BARE, now=600.0, feeder=True))
    assert eats["posture"].value == "eats"
    assert eats["feeder"].value == pytest.approx(10, abs=0.2)
    assert eats["visits"].value == 1


def test_visits_are_stays_that_are_apart() -> None:
    pig, ends = Pig(1), np.array([[50.0, 20.0], [0.0, 20.0]])
    for second in range(1, 1000):
        there = 100 <= second < 160 or 180 <= second < 240 or 500 <= second < 505 or 700 <= second < 730
        pig.see(float(second), TODAY, Sight(ends, 50.0, (1.0, 1.0), None, there, None), None)
    assert pig.days[TODAY].visits == 2  # a short pause is none, and five seconds are no meal


def test_the_alone_index_as_it_is_defined() -> None:
    usual = Day(7200, 3600, 600, 60, 3, 7200, 7200)
    alone = Day(7200, 6480, 60, 60, 1, 21600, 7200)
    days = {f"2026-11-{day}": usual for day in (28, 29, 30)}
    pen = dict.fromkeys("abcde", days) | {"f": dict.fromkeys(days, alone)}
    # lying .9 x apart 3 x missed .9 for one, 0 for the five others
    values = np.array([0, 0, 0, 0, 0, 0.9 * 3 * 0.9])
    assert alone_index(pen, "f") == pytest.approx((values[-1] - values.mean()) / values.std())
    assert alone_index({name: pen[name] for name in "abf"}, "f") is None
    assert alone_index({name: dict(list(each.items())[:2]) for name, each in pen.items()}, "f") is None


@pytest.mark.parametrize("uneven", [0.0, 0.25, -0.5])
def test_gait_by_what_it_was_made_of(uneven: float) -> None:
    from huozhong.apps.pen.gait import gait

    found = gait(walks(uneven))
    assert found is not None
    assert found.asymmetry == pytest.approx(uneven, abs=max(0.06, 3 * found.error))
    assert gait(walks(uneven)[:1]) is None  # five strides
    assert gait([(times[::8], heading[::8]) for times, heading in walks(uneven)]) is None  # too few pictures
    random = np.random.default_rng(1)
    assert gait([(times, random.normal(0, 0.05, len(times))) for times, _ in walks(0)]) is None  # no swing


def test_stations_reach_from_snout_to_tail() -> None:
    assert len(PLACES) == STATIONS
    assert (PLACES[0], PLACES[-1]) == (pytest.approx(0.5 / STATIONS), pytest.approx(1 - 0.5 / STATIONS))
