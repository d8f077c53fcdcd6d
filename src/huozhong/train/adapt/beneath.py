"""What the layers that never change make of a task's rows: worked out once, and kept over all epochs.

A row is the same text each time that it is looked at, so below the first layer that learns it is the same numbers.
They are worked out when one of them is first asked for, together with a fixed set of others: the same bits in every
sitting, whichever epoch it begins in.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from huozhong.model.documents import FILLING, SHARED
from huozhong.model.families import CausalLM
from huozhong.train.adapt.examples import ROW_MULTIPLE, Encoded, groups, pack

ROOM = 1 << 29  # bytes of states that are kept; rows for which there is no room go through all layers each time


class Beneath:
    """rows: those that are looked at most often first.  kept, left: tokens of the rows that are kept, and of others."""

    def __init__(self, model: CausalLM, rows: Sequence[Encoded], row_tokens: int, room: int = ROOM) -> None:
        self.model, self.width = model, model.architecture.hidden_size
        distinct = list(dict.fromkeys(tuple(ids) for ids, _ in rows))
        most = room // (self.width * model.dtype.itemsize)
        kept: list[tuple[int, ...]] = []
        self.kept = self.left = 0
        for ids in distinct:
            if self.left or self.kept + len(ids) > most:
                self.left += len(ids)
            else:
                kept.append(ids)
                self.kept += len(ids)
        self._packs = [[kept[i] for i in group] for group in groups([len(ids) for ids in kept], row_tokens)]
        self._places = {ids: (p, i) for p, pack in enumerate(self._packs) for i, ids in enumerate(pack)}
        self._done: dict[int, tuple[Tensor, list[Tensor]]] = {}

    def states(self, tokens_BT: Tensor, doc_BT: Tensor) -> Tensor | None:
        """[1, T, D], of a row all whose documents are kept."""
        if len(doc_BT) > 1:
            return None
        tokens, (numbers, sizes) = tokens_BT[0].tolist(), torch.unique_consecutive(doc_BT, return_counts=True)
        ends_S = [0, *sizes.cumsum(0).tolist()]
        shared = ends_S[1] if numbers[0] == SHARED else 0
        pieces: list[Tensor] = []
        for number, (start, end) in zip(numbers.tolist(), pairwise(ends_S), strict=True):
            if number == SHARED:
                continue
            if number == FILLING:  # nothing sees it
                pieces.append(torch.zeros(end - start, self.width, dtype=self.model.dtype))
                continue
            place = self._places.get(tuple(tokens[:shared] + tokens[start:end]))
            if place is None:
                return None
            whole_TD = self._of(*place)
            pieces += [whole_TD[shared:]] if pieces else [whole_TD]  # the first with what all begin with
        return torch.cat(pieces)[None]

    def _of(self, number: int, place: int) -> Tensor:
        if number not in self._done:
            self._done[number] = self._work_out(self._packs[number])
        shared_TD, own = self._done[number]
        return torch.cat((shared_TD, own[place]))

    @torch.no_grad()
    def _work_out(self, rows: Sequence[tuple[int, ...]]) -> tuple[Tensor, list[Tensor]]:
        """States of what all rows begin with, and of the rest of each."""
        part = pack([(list(ids), [False] * len(ids)) for ids in rows], ROW_MULTIPLE)
        x_TD = self.model.through_still(part.tokens_BT, self.model.places(part.tokens_BT, part.doc_BT, part.pos_BT))[0]
        doc_T = part.doc_BT[0]
        return x_TD[doc_T == SHARED], [x_TD[doc_T == number] for number in range(len(rows))]
