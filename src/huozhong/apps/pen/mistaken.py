"""Numbers that pigs got by mistake, and how they get their own back.

A body that has looked like another pig than its number's for some seconds is asked about: bodies in sight are given to
the pen's pigs, those that are lost among them, so that all look most like themselves.  Where that differs from the
numbers they carry, by much and for a while, their bodies are exchanged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huozhong.apps.pen.assign import assign
from huozhong.apps.pen.back import Noise
from huozhong.apps.pen.followed import LATELY, Track, knowns, lately

F64 = NDArray[np.float64]
WELL = 12.0  # sights after which a pig's back is known well enough to be asked about
MARGIN = 0.4  # how much more alike, in units of the noise, for each that would change
PATIENCE = 3.0  # seconds for which the same is to be said
_SIZES = 0.06  # by how much the logarithm of a length differs from time to time
_WALKS = 0.5  # lengths a second, at most


class Mistaken:
    """Of one pen."""

    def __init__(self) -> None:
        self.doubts: dict[tuple[tuple[int, int], ...], float] = {}  # (number carried, number meant) and since when

    def mend(self, tracks: list[Track], noise: Noise, time: float) -> list[tuple[int, int]]:
        """Exchange the bodies of those that were mistaken; (number before, number now) of each body that changed."""
        pigs = [one for one in tracks if one.sure]
        here = [place for place, one in enumerate(pigs) if time - one.seen <= LATELY and one.body.looked.mean() >= 2]
        costs = _costs(pigs, here, noise, time)
        own = np.array([costs[row, place] for row, place in enumerate(here)])
        doubts: dict[tuple[tuple[int, int], ...], float] = {}
        changed: list[tuple[int, int]] = []
        if len(here) and (own > costs.min(1) + 1e-9).any():
            meant = {here[row]: column for row, column in assign(costs)}
            for chain in _chains(meant):
                rows = [here.index(place) for place in chain if place in meant]
                gain = sum(own[row] - costs[row, meant[here[row]]] for row in rows)
                if gain < MARGIN * len(rows):
                    continue
                named = tuple((pigs[one].number, pigs[meant[one]].number) for one in chain if one in meant)
                doubts[named] = self.doubts.get(named, time)
                if time - doubts[named] >= PATIENCE:
                    _exchange([pigs[one] for one in chain])
                    changed += named
                    del doubts[named]
        self.doubts = doubts
        return changed


def _costs(pigs: list[Track], here: list[int], noise: Noise, time: float) -> F64:
    """How unlike the bodies in sight are to each pig [bodies, pigs]; inf where it cannot be that one."""
    if not here:
        return np.zeros((0, len(pigs)))
    bodies = [pigs[place] for place in here]
    lengths = np.array([one.length for one in pigs])
    costs = noise.unlike(*lately(bodies), *knowns(pigs))
    sizes = np.log(np.array([one.body.length for one in bodies])[:, None] / np.maximum(lengths, 1.0)) / _SIZES
    costs = np.where(np.isnan(costs), np.inf, costs) + 0.3 * np.minimum(sizes**2, 9.0)
    rows = np.arange(len(here))
    own = np.where(np.isfinite(costs[rows, here]), costs[rows, here], noise.usual)
    known = np.array([one.known.mean() >= WELL for one in pigs])
    gone = time - np.array([one.seen for one in pigs])
    middles = np.array([one.ends for one in pigs]).mean(1)
    way = np.linalg.norm(middles[here][:, None] - middles, axis=-1) / np.maximum(lengths, 1.0)
    costs = np.where(~known | ((gone > LATELY) & (way > 1.0 + _WALKS * gone)), np.inf, costs)
    # a newcomer is itself until it is known
    costs[rows, here] = np.where(known[here], own, np.minimum(own, noise.usual))
    return costs


def _chains(meant: dict[int, int]) -> list[list[int]]:
    """Rings of places that go to each other, and chains that end at a pig that is lost; none that stay."""
    chains, left = [], {one for one, other in meant.items() if one != other}
    ends = set(meant.values())
    for first in sorted(left, key=lambda one: one in ends):  # chains before rings: from their beginnings
        if first not in left:
            continue
        chain, at = [], first
        while at in left:
            left.discard(at)
            chain.append(at)
            at = meant[at]
        if at != first:
            chain.append(at)
        chains.append(chain)
    return chains


def _exchange(chain: list[Track]) -> None:
    """Each gives its body to the next one, the last to the first."""
    bodies = [one.body for one in chain]
    for one, body in zip(chain, bodies[-1:] + bodies[:-1], strict=True):
        one.body = body
