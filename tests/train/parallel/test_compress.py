"""Packing loses nothing that it does not keep, and NumPy's plain words and torch's fast ones are the same bytes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from huozhong.errors import TrainingError
from huozhong.train.parallel.compress import GRID, from_grid, pack, pack_reference, to_grid, unpack
from huozhong.train.parallel.settings import BITS, CHUNK, Squeeze


def way(count: int, seed: int = 0) -> torch.Tensor:
    """Numbers as weights move by, some of them alike, some nothing."""
    values = torch.randn(count, generator=torch.Generator().manual_seed(seed)) * 1e-4
    values[::7] = 0
    values[1::5] = float(values[min(1, count - 1)])
    return to_grid(values)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("keep", [0.0001, 0.02, 0.1, 0.5, 1.0])
def test_torch_sends_the_bytes_of_the_reference(keep: float, bits: int) -> None:
    how = Squeeze(keep, bits)
    for count in (3, CHUNK, CHUNK + 905):
        want = way(count)
        message, sent = pack(want, how)
        meant, read = pack_reference(want.numpy(), how)
        assert bytes(message.numpy()) == meant
        assert len(meant) == how.size(count)
        assert np.array_equal(sent.numpy(), read)
        assert torch.equal(unpack(message, count, how), sent)


@pytest.mark.parametrize("how", [Squeeze(0.01, 2), Squeeze(0.1, 1), Squeeze(0.03, 4), Squeeze(1, 2)])
def test_what_is_not_sent_is_sent_later_to_the_bit(how: Squeeze) -> None:
    count = 2 * CHUNK + 11
    kept = arrived = gone = torch.zeros(count, dtype=torch.int64)
    for turn in range(8):
        step = way(count, turn)
        message, sent = pack(step + kept, how)
        kept = step + kept - sent
        arrived, gone = arrived + unpack(message, count, how), gone + step
        assert torch.equal(arrived + kept, gone)
    # nothing new: what was kept drains
    left = float(kept.abs().sum())
    for _ in range(150):
        kept = kept - pack(kept, how)[1]
    assert float(kept.abs().sum()) < 0.05 * left


def test_float_weights_come_back_to_the_bit() -> None:
    before, after = torch.randn(999), torch.randn(999)
    moved = to_grid(before.double() - after.double())
    assert torch.equal((before.double() - from_grid(moved)).float(), after)
    assert float(from_grid(torch.tensor([1]))) == GRID


def test_two_bits_are_worth_what_the_theory_says() -> None:
    """Four levels leave 0.1175 of a normal variable's energy (Max 1960, table I)."""
    want = to_grid(torch.randn(64 * CHUNK, generator=torch.Generator().manual_seed(1)))
    left = from_grid(want - pack(want, Squeeze(1, 2))[1])
    assert float((left**2).sum() / (from_grid(want) ** 2).sum()) == pytest.approx(0.1175, rel=0.02)


def test_bytes_of_a_village_line() -> None:
    million = 1_000_000
    assert Squeeze(1, 32).size(million) == pytest.approx(4 * million, rel=0.005)
    assert Squeeze(0.03, 2).size(million) * 8 / million == pytest.approx(0.03 * 14 + 32 / CHUNK, rel=0.01)
    assert Squeeze(0.25, 2).size(million) * 8 / million == pytest.approx(1 + 0.5 + 32 / CHUNK, rel=0.01)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1024.0, -5000.0])
def test_weights_that_ran_away(bad: float) -> None:
    with pytest.raises(TrainingError, match="lower muon_lr"):
        to_grid(torch.tensor([0.0, bad]))


def test_messages_that_are_not_such_messages() -> None:
    how = Squeeze(0.2, 2)
    message, _ = pack(way(CHUNK), how)
    with pytest.raises(TrainingError, match="do not have the same recipe"):
        unpack(message[:-1], CHUNK, how)
    message[4:516] = 255
    with pytest.raises(TrainingError, match="damaged"):
        unpack(message, CHUNK, how)
