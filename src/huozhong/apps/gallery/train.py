"""Learns how frames of a track are pooled (`memory.pooling.Attention`) from degraded copies of consented pictures.

    python -m huozhong.apps.gallery.train TRACKS.npz OUT.npz

TRACKS.npz: clean [people, dim], a good vector of each; tracks [people, frames, dim], vectors of poor copies
(`faces.degraded`).  A quarter of the people is kept out of training; the weights are written only if they pool those
people's tracks better than the mean does.  The gradients are written out: it takes NumPy and some seconds.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from huozhong.memory.pooling import Attention

F32 = NDArray[np.float32]
SHARPNESS = np.float32(16)  # of the softmax over people
FRAMES = 5  # of a track, at a time
DECAY = 1e-2


@dataclass(frozen=True)
class Result:
    """attention: what was learnt.  mean, learnt: how often a track of people kept out is recognised at 1 in 1,000
    false ones, pooled either way."""

    attention: Attention
    mean: float
    learnt: float


def fit(clean_PD: F32, tracks_PFD: F32, *, steps: int = 300, seed: int = 0) -> Result:
    """Learn from three quarters of the people, and measure on the others."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(clean_PD))
    held, used = order[: max(len(order) // 4, 2)], order[max(len(order) // 4, 2) :]
    best = start = _scaled(tracks_PFD[used].reshape(-1, tracks_PFD.shape[2]))
    best_loss = np.inf
    parts = [start.first.copy(), start.turn.copy(), start.bias.copy()]
    moments = [(np.zeros_like(part), np.zeros_like(part)) for part in parts]
    people_PD = _units(clean_PD[used])
    for step in range(steps + 1):
        attention = Attention(start.shift, start.scale, *(part.copy() for part in parts))
        if step % 25 == 0:
            draw = np.random.default_rng(1)
            now = losses(attention, people_PD, *_drawn(tracks_PFD[used], 400, draw)).mean()
            best, best_loss = (attention, now) if now < best_loss else (best, best_loss)
        _descend(parts, moments, gradients(attention, people_PD, *_drawn(tracks_PFD[used], 64, rng)), step + 1)
    mean, learnt = (accepted(one, clean_PD[held], tracks_PFD[held]) for one in (start, best))
    return Result(best, mean, learnt)


def _scaled(flat: F32) -> Attention:
    """The mean of frames, with their numbers brought to a common size."""
    mean = Attention.mean(flat.shape[1])
    spread = np.float32(1) / (flat.std(0) * np.sqrt(np.float32(flat.shape[1])) + np.float32(1e-6))
    return Attention(flat.mean(0), np.asarray(spread, np.float32), mean.first, mean.turn, mean.bias)


def _drawn(tracks_PFD: F32, batch: int, rng: np.random.Generator) -> tuple[F32, NDArray[np.int64]]:
    """Some frames of people drawn at random [batch, FRAMES, dim], and whose they are."""
    who = rng.integers(0, len(tracks_PFD), batch)
    which = np.argsort(rng.random((batch, tracks_PFD.shape[1])), axis=1)[:, :FRAMES]
    return tracks_PFD[who[:, None], which], who


@dataclass(frozen=True)
class _Pass:
    """What pooling a batch of tracks goes through; the letters are those of `memory.pooling`."""

    x_BKD: F32
    u_BKD: F32
    a_BK: F32
    r_BD: F32
    q_BD: F32
    b_BK: F32
    length_B1: F32
    pooled_BD: F32

    @classmethod
    def of(cls, attention: Attention, frames_BKD: F32) -> _Pass:
        x_BKD = np.asarray((frames_BKD - attention.shift) * attention.scale, np.float32)
        u_BKD = _units(frames_BKD)
        a_BK = _softmax(x_BKD @ attention.first)
        r_BD = _sum(a_BK, x_BKD)
        q_BD = np.tanh(r_BD @ attention.turn.T + attention.bias)
        b_BK = _softmax(np.einsum("bkd,bd->bk", x_BKD, q_BD))
        sum_BD = _sum(b_BK, u_BKD)
        length_B1 = np.linalg.norm(sum_BD, axis=1, keepdims=True)
        return cls(x_BKD, u_BKD, a_BK, r_BD, q_BD, b_BK, length_B1, sum_BD / length_B1)


def losses(attention: Attention, people_PD: F32, frames_BKD: F32, who_B: NDArray[np.int64]) -> F32:
    """Of each track: -log softmax of its pooled vector's products with everybody's clean one."""
    guess_BP = _softmax(SHARPNESS * (_Pass.of(attention, frames_BKD).pooled_BD @ people_PD.T))
    return np.asarray(-np.log(guess_BP[np.arange(len(who_B)), who_B] + 1e-12), np.float32)


def gradients(attention: Attention, people_PD: F32, frames_BKD: F32, who_B: NDArray[np.int64]) -> tuple[F32, F32, F32]:
    """Of the losses' mean, for first, turn and bias."""
    p, count = _Pass.of(attention, frames_BKD), len(who_B)
    d_guess_BP = _softmax(SHARPNESS * (p.pooled_BD @ people_PD.T))
    d_guess_BP[np.arange(count), who_B] -= 1
    d_pooled_BD = SHARPNESS / count * (d_guess_BP @ people_PD)
    along_B1 = (p.pooled_BD * d_pooled_BD).sum(1, keepdims=True)
    d_sum_BD = (d_pooled_BD - p.pooled_BD * along_B1) / p.length_B1
    d_q_BD = _sum(_through(p.b_BK, np.einsum("bkd,bd->bk", p.u_BKD, d_sum_BD)), p.x_BKD)
    d_z_BD = d_q_BD * (1 - p.q_BD * p.q_BD)
    d_a_BK = np.einsum("bkd,bd->bk", p.x_BKD, d_z_BD @ attention.turn)
    return _sum(_through(p.a_BK, d_a_BK), p.x_BKD).sum(0), d_z_BD.T @ p.r_BD, d_z_BD.sum(0)


def _through(weights_BK: F32, given_BK: F32) -> F32:
    """A gradient for what a softmax was taken of, from that for what it gave."""
    return np.asarray(weights_BK * (given_BK - (weights_BK * given_BK).sum(1, keepdims=True)), np.float32)


def _sum(weights_BK: F32, rows_BKD: F32) -> F32:
    return np.asarray(np.einsum("bk,bkd->bd", weights_BK, rows_BKD), np.float32)


def _descend(
    parts: list[F32], moments: list[tuple[F32, F32]], given: tuple[F32, ...], step: int, rate: float = 0.03
) -> None:
    """Adam (Kingma and Ba 2015), with decay."""
    for part, (first, second), gradient in zip(parts, moments, given, strict=True):
        first += 0.1 * (gradient - first)
        second += 0.01 * (gradient * gradient - second)
        towards = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
        part -= (rate * (towards + DECAY * part)).astype(np.float32)


def accepted(attention: Attention, clean_PD: F32, tracks_PFD: F32, *, rate: float = 1e-3, draws: int = 2000) -> float:
    """The share of tracks that are recognised at the likeness that `rate` of pairs of different people reach."""
    frames_BKD, who_B = _drawn(tracks_PFD, draws, np.random.default_rng(2))
    likeness_BP = _Pass.of(attention, frames_BKD).pooled_BD @ _units(clean_PD).T
    same = np.zeros(likeness_BP.shape, bool)
    same[np.arange(draws), who_B] = True
    return float((likeness_BP[same] > np.quantile(likeness_BP[~same], 1 - rate)).mean())


def _units(x: F32) -> F32:
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True), np.float32)


def _softmax(x: F32) -> F32:
    e = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True), np.float32)


def main(tracks: Path, out: Path) -> None:
    with np.load(tracks, allow_pickle=False) as arrays:
        clean, given = (arrays[name].astype(np.float32) for name in ("clean", "tracks"))
    result = fit(clean, given)
    print(f"recognised at 1 in 1,000 false ones: {result.mean:.1%} by the mean, {result.learnt:.1%} by attention")
    if result.learnt > result.mean:
        result.attention.write(out)
        print(f"written to {out}")
    else:
        print("nothing written: the mean is as good")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
