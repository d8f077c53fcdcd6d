"""Coughs are counted; grunts, bars that ring and the fan are not."""

from __future__ import annotations

import numpy as np

from huozhong.apps.pen.cough import coughs

RATE = 16_000


def pen_sound(seconds: float, seed: int = 0) -> np.ndarray:
    """A fan: low, steady noise."""
    random = np.random.default_rng(seed)
    noise = random.normal(0, 0.01, int(seconds * RATE))
    return np.convolve(noise, np.ones(6) / 6, "same").astype(np.float32)


def add(sound: np.ndarray, at: float, part: np.ndarray) -> None:
    begin = int(at * RATE)
    sound[begin : begin + len(part)] += part.astype(np.float32)


def cough(seed: int, loud: float = 0.4) -> np.ndarray:
    random, length = np.random.default_rng(seed), 0.25
    times = np.arange(int(length * RATE)) / RATE
    return loud * random.normal(0, 0.5, len(times)) * np.minimum(1, times / 0.01) * np.exp(-times / 0.07)


def grunt(loud: float = 0.4) -> np.ndarray:
    times = np.arange(int(0.45 * RATE)) / RATE
    hum = sum(np.sin(2 * np.pi * 140 * k * times) / k for k in range(1, 12))
    return loud * hum / 2 * np.sin(np.pi * times / 0.45)


def clang(loud: float = 0.6) -> np.ndarray:
    times = np.arange(int(1.5 * RATE)) / RATE
    return loud * sum(np.sin(2 * np.pi * hertz * times) for hertz in (830, 1910, 3170)) / 3 * np.exp(-times / 0.6)


def test_each_cough_once_and_nothing_else() -> None:
    sound = pen_sound(30)
    told = [2.0, 5.5, 6.1, 14.0, 22.3, 27.0]
    for place, at in enumerate(told):
        add(sound, at, cough(place))
    for at in (9.0, 11.0, 17.0, 25.0):
        add(sound, at, grunt())
    add(sound, 19.5, clang())
    found = coughs(sound, RATE)
    assert len(found) == len(told)
    np.testing.assert_allclose(found, told, atol=0.05)


def test_a_quiet_pen_and_a_bad_sound() -> None:
    assert coughs(pen_sound(20), RATE) == []
    assert coughs(np.zeros(RATE, np.float32), RATE) == []
    assert coughs(np.zeros(10, np.float32), RATE) == []
    assert coughs(pen_sound(20), 4000) == []
