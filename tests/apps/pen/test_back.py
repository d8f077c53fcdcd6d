"""Backs of painted pigs: the same pig looks like itself wherever it is, and unlike the others."""

from __future__ import annotations

import numpy as np
from recipes.pen.herd import make_herd, make_pig
from recipes.pen.paint import Scene, frame

from huozhong.apps.pen.back import CELLS, SIZE, TURNED, Noise, backs


def sights(seed: int, count: int, hour: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
    """Backs [pictures, pigs, SIZE] of pigs apart from each other, turned and put elsewhere each time."""
    random = np.random.default_rng(seed)
    herd = make_herd(seed, pigs=[make_pig(random) for _ in range(count)])
    values, shown = [], []
    for place in range(6):
        for index, state in enumerate(herd.states):
            state.x, state.y = 1.2 + 1.4 * (index % 5) + 0.05 * place, 1.1 + 1.6 * (index // 5) + 0.1 * (place % 3)
            state.heading, state.doing, state.sway, state.side = 0.8 * place + index, "stand", 0.0, 0.0
        picture, truths = frame(herd, Scene(seed, hour, 40.0, band=None if place % 2 else 0.17 * place, rail=False))
        ends = np.array([(one.snout, one.tail) for one in truths]) + random.normal(0, 0.6, (count, 2, 2))
        found = backs(ends, picture)
        values.append(found[0])
        shown.append(found[1])
    return np.array(values), np.array(shown)


def test_a_pig_is_most_like_itself_by_day_and_by_night() -> None:
    for hour, least in ((10.0, 0.9), (22.0, 0.75)):
        values, shown = sights(8, 10, hour)
        noise = Noise()
        first, seen = values[:3].mean(0), shown[:3].min(0)
        late = values[3:].mean(0), shown[3:].min(0)
        unlike = noise.unlike(*late, first, seen)
        assert np.isfinite(unlike).all()
        assert (unlike.argmin(1) == np.arange(10)).mean() >= least, hour


def test_turned_round_it_reads_backwards() -> None:
    picture = np.random.default_rng(1).integers(0, 255, (90, 120, 3)).astype(np.uint8)
    ends = np.array([[[20.5, 40.5], [80.5, 44.5]]])
    values, shown = backs(ends, picture)
    turned, _ = backs(ends[:, ::-1], picture)
    np.testing.assert_allclose(values[0][TURNED], turned[0], atol=1e-9)
    assert shown.all()


def test_what_another_pig_may_hide_does_not_count() -> None:
    picture = np.full((90, 160, 3), 100, np.uint8)
    one, across = [[20.0, 40.0], [100.0, 40.0]], [[90.0, 10.0], [90.0, 70.0]]
    _, shown = backs(np.array([one, across]), picture)
    cells = shown[0, :CELLS].reshape(10, 3)
    assert cells[:6].all()
    assert not cells[-1].any()
    _, alone = backs(np.array([one]), picture)
    assert alone.all()
    _, outside = backs(np.array([one]) - [60.0, 0.0], picture)
    assert not outside[0, :CELLS].reshape(10, 3)[0].any()
    assert backs(np.zeros((0, 2, 2)), picture)[0].shape == (0, SIZE)


def test_what_shakes_much_comes_to_count_little() -> None:
    random, noise = np.random.default_rng(3), Noise()
    spread = np.where(np.arange(SIZE) < CELLS, 0.5, 0.02)
    for _ in range(400):
        noise.learn(random.normal(0, spread, (20, SIZE)), np.ones((20, SIZE)))
    assert noise.squares[:CELLS].mean() > 20 * noise.squares[CELLS:].mean()
    zero, one = np.zeros((1, SIZE)), np.ones((1, SIZE))
    light = zero + 0.3 * (np.arange(SIZE) < CELLS)
    hue = zero + 0.3 * ((np.arange(SIZE) >= CELLS) & (np.arange(SIZE) < 2 * CELLS))
    assert noise.unlike(hue, one, zero, one)[0, 0] > 4 * noise.unlike(light, one, zero, one)[0, 0]
    assert np.isnan(noise.unlike(hue, 0 * one, zero, one)[0, 0])  # nothing shows itself
