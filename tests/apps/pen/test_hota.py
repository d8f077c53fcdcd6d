"""HOTA as its paper defines it: against a slow count of the definition, and cases worked out by hand."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from huozhong.apps.pen.hota import OVERLAPS, Change, Frame, hota, numbered, overlaps


def slowly(frames: list[Frame]) -> tuple[float, float, float]:
    """HOTA, DetA, AssA by going through every pair: pairings by trying all, association counted pair by pair."""
    tracks = {}
    for one in frames:
        for row, a in enumerate(one.true):
            for column, b in enumerate(one.found):
                total = one.like[row].sum() + one.like[:, column].sum() - one.like[row, column]
                tracks[a, b] = tracks.get((a, b), 0.0) + (one.like[row, column] / total if total > 1e-15 else 0.0)
    counts = [{}, {}]
    for one in frames:
        for names, count in zip((one.true, one.found), counts, strict=True):
            for name in names:
                count[name] = count.get(name, 0) + 1
    world = {pair: sum_ / (counts[0][pair[0]] + counts[1][pair[1]] - sum_) for pair, sum_ in tracks.items()}
    results = []
    for least in OVERLAPS:
        pairs = []
        for one in frames:
            pairs += [(a, b) for a, b, like in best(one, world) if like >= least - 1e-12]
        truths, founds = sum(counts[0].values()), sum(counts[1].values())
        detection = len(pairs) / (truths + founds - len(pairs))
        total = 0.0
        for a, b in pairs:
            same = sum(1 for pair in pairs if pair == (a, b))
            total += same / (counts[0][a] + counts[1][b] - same)
        association = total / max(1, len(pairs))
        results.append((np.sqrt(detection * association), detection, association))
    return tuple(np.mean(results, axis=0))


def best(one: Frame, world: dict) -> list[tuple[int, int, float]]:
    size = max(len(one.true), len(one.found))
    found, most = [], -1.0
    for order in permutations(range(size)):
        pairs = [(a, order[a]) for a in range(len(one.true)) if order[a] < len(one.found)]
        value = sum(world[one.true[a], one.found[b]] * one.like[a, b] for a, b in pairs)
        if value > most:
            most, found = value, [(one.true[a], one.found[b], one.like[a, b]) for a, b in pairs]
    return found


@pytest.mark.parametrize("seed", range(6))
def test_as_slowly_counted(seed: int) -> None:
    random = np.random.default_rng(seed)
    frames = []
    for _ in range(8):
        true = sorted(random.permutation(5)[: random.integers(1, 5)].tolist())
        found = sorted((10 + random.permutation(5)[: random.integers(1, 5)]).tolist())
        like = random.random((len(true), len(found))) * 0.4
        for row, a in enumerate(true):
            for column, b in enumerate(found):
                if b - 10 == a:
                    like[row, column] = random.uniform(0.3, 1)
        frames.append(Frame(true, found, like))
    result = hota(frames)
    np.testing.assert_allclose((result.hota, result.detection, result.association), slowly(frames), atol=1e-9)


def test_cases_worked_out_by_hand() -> None:
    same = [Frame([1, 2], [7, 8], np.eye(2)) for _ in range(10)]
    assert hota(same).hota == pytest.approx(1.0)
    # half of the film another name: every pair is half of both, so association is 5 / (10 + 5 - 5)
    switched = [Frame([1], [7 if place < 5 else 8], np.ones((1, 1))) for place in range(10)]
    result = hota(switched)
    assert result.association == pytest.approx(0.5)
    assert result.detection == pytest.approx(1.0)
    assert result.switches == 1
    # found in half of the frames: 5 of 10, and both tracks' pair is 5 / (10 + 5 - 5)
    missed = [Frame([1], [7] if place % 2 else [], np.ones((1, place % 2))) for place in range(10)]
    assert hota(missed).hota == pytest.approx(0.5)
    # an overlap of 0.5 counts at ten of the nineteen
    assert hota([Frame([1], [2], np.full((1, 1), 0.5))]).hota == pytest.approx(10 / 19)
    assert hota([Frame([1], [], np.zeros((1, 0)))]).hota == 0.0


def test_overlaps_of_boxes() -> None:
    one = np.array([[0, 0, 2, 2], [5, 5, 6, 6]], float)
    np.testing.assert_allclose(overlaps(one, np.array([[1, 0, 3, 2]], float)), [[2 / 6], [0]])


def test_changes_say_when_and_of_whom() -> None:
    frames = [Frame([1, 4], [7 if place < 5 else 8, 9], np.eye(2)) for place in range(10)]
    frames[4] = Frame([1, 4], [9], np.array([[0.0], [1.0]]))  # for one frame it was not found
    assert hota(frames).changes == (Change(5, 3, 1, 7, 8),)


def test_numbered_as_the_truth_is_what_finding_alone_allows() -> None:
    frames = [Frame([1, 2], [40 + place, 9, 30], np.array([[1.0, 0, 0], [0, 0.8, 0]])) for place in range(6)]
    right = numbered(frames)
    assert [one.found[:2] for one in right] == [[1, 2]] * 6
    assert len({one.found[2] for one in right}) == 6  # what is nobody's has another number each time
    assert hota(right).association > 0.9 > hota(frames).association
    assert hota(right).detection == pytest.approx(hota(frames).detection)
