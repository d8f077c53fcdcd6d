"""Vectors as bits: every kernel set gives the twin's bits, estimates are right on average and keep to their bound."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from huozhong.engine import kernels
from huozhong.engine.kernels import scan
from huozhong.engine.kernels.reference_scan import factors_of, rotated
from huozhong.engine.kernels.scan import Rotation

SETS = [name for name in kernels.available() if name != "reference"]


def random_rows(count: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


def everything(dim: int) -> list[NDArray[np.generic]]:
    """What the kernels in use make of 77 vectors, found again by one of them."""
    rows, rotation = random_rows(77, dim) + np.float32(0.5), Rotation.of(dim, 5)
    centre = random_rows(1, dim, 1)[0] * np.float32(0.02)
    units, codes = scan.encode_rows(rows, centre, rotation, 2)
    query = rows[3] / np.linalg.norm(rows[3])
    found, score = scan.scan_codes([codes[:2], codes[2:]], scan.searched(query, centre, rotation), 20, 2)
    wide = np.zeros(rotation.width, np.float32)
    wide[:dim] = query
    offsets = np.arange(77, dtype=np.int64) * 2 * rotation.width
    dots = scan.half_dots(units.view(np.uint8).reshape(-1), offsets, wide, 2)
    assert found[0] == 3
    assert dots[3] == pytest.approx(1, abs=1e-3)
    return [units, codes, found, score, dots]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("dim", [7, 32, 33, 100, 128, 256, 300, 512, 544, 992, 1500])
def test_the_twin_s_bits(name: str, dim: int) -> None:
    kernels.use("reference")
    expected = everything(dim)
    kernels.use(name)
    for got, wanted in zip(everything(dim), expected, strict=True):
        assert np.array_equal(got, wanted)


@pytest.mark.parametrize("dim", [32, 96, 512, 700])
def test_the_rotation_keeps_lengths_and_angles(dim: int) -> None:
    rotation = Rotation.of(dim, 3)
    eye = np.zeros((rotation.width, rotation.width), np.float32)
    np.fill_diagonal(eye, 1)
    turned = rotated(eye, rotation.signs, rotation.order)
    assert np.allclose(turned.T @ turned, eye, atol=1e-5)
    assert np.abs(turned).max() < 0.9  # nothing is left where it was: a coordinate is spread over the others


def test_estimates_are_right_on_average_over_rotations() -> None:
    """Of one pair of vectors, with a centre and with coordinates left out."""
    rows = random_rows(2, 256)
    rows[1] += rows[0]
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    centre = random_rows(1, 256, 2)[0] * np.float32(0.03)
    guesses = []
    for seed in range(400):
        rotation = Rotation.of(256, seed)
        _, codes = scan.encode_rows(rows[:1], centre, rotation)
        _, score = scan.scan_codes([codes], scan.searched(units[1], centre, rotation), 1)
        guesses.append(float(score[0]))
    true, spread = float(units[0] @ units[1]), np.std(guesses)
    assert abs(np.mean(guesses) - true) < 4 * spread / np.sqrt(len(guesses))
    assert spread < 0.05


def test_the_scan_keeps_the_best_of_any_number_of_chunks_and_threads() -> None:
    rotation = Rotation.of(64, 1)
    rows = random_rows(9000, 64)
    codes = scan.encode_rows(rows, np.zeros(64, np.float32), rotation)[1]
    what = scan.searched(rows[0] / np.linalg.norm(rows[0]), np.zeros(64, np.float32), rotation)
    everything, scores = scan.scan_codes([codes], what, 9000)
    assert len(everything) == 9000
    assert np.all(np.diff(scores) <= 0)
    for keep in (1, 37, 1000):
        for threads in (1, 2, 5):
            found, score = scan.scan_codes([codes[:1], codes[1:300], codes[300:]], what, keep, threads)
            assert np.array_equal(found, everything[:keep])
            assert np.array_equal(score, scores[:keep])


def test_equals_are_kept_in_their_order() -> None:
    rotation = Rotation.of(64, 1)
    rows = np.repeat(random_rows(1, 64), 5000, axis=0)
    codes = scan.encode_rows(rows, np.zeros(64, np.float32), rotation)[1]
    what = scan.searched(rows[0] / np.linalg.norm(rows[0]), np.zeros(64, np.float32), rotation)
    assert np.array_equal(scan.scan_codes([codes], what, 100, 2)[0], np.arange(100))


def test_a_lane_without_a_vector_is_never_found() -> None:
    rotation = Rotation.of(64, 1)
    codes = scan.encode_rows(random_rows(20, 64), np.zeros(64, np.float32), rotation)[1]
    factors_of(codes)[0, 1, 5] = -np.inf
    what = scan.searched(np.eye(64, dtype=np.float32)[0], np.zeros(64, np.float32), rotation)
    assert sorted(scan.scan_codes([codes], what, 100)[0]) == [row for row in range(20) if row != 5]


@pytest.mark.parametrize("name", [SETS[0], "plain", "reference"])
def test_a_row_without_direction_is_named(name: str) -> None:
    kernels.use(name)
    for wrong in (0.0, np.nan, np.inf, 1e30):
        rows = random_rows(40, 33)
        rows[21] = wrong
        with pytest.raises(ValueError, match="row 21 has no direction"):
            scan.encode_rows(rows, np.zeros(33, np.float32), Rotation.of(33, 1))


def test_nothing_outside_a_file_is_read() -> None:
    kernels.use(SETS[0])
    data, x = np.zeros(128, np.uint8), np.ones(32, np.float32)
    for offset in (-2, 65, 66, 1 << 40):
        with pytest.raises(ValueError):
            scan.half_dots(data, np.array([offset]), x)
