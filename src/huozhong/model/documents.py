"""Documents of very different lengths in one row: which tokens see each other, and how they are attended.

Documents that begin alike (a template's system message) may share that beginning: it stands once, at the start of the
row, as document `SHARED`, and every other document sees it.  All products but attention's then meet it once.

Shapes: S documents of a row, L tokens of the longest with what it shares; the rest are those of `layers`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from huozhong.model.layers import attend_fused, attend_in_blocks, rotate

SHORT = 128  # tokens of documents whose attention is not fused, but kept for the way back
SHARED, FILLING = -1, -2  # numbers of documents: what all begin with, and what only fills a row


class Documents:
    """Which tokens of a row may see each other: those of one document, which lie together, and the shared beginning.

    Documents are attended side by side, padded to the longest (place_N: where their tokens stand in the row; back_T:
    where a token of the row stands among them); where padding would cost more, by a mask over the whole row.
    causal_LL: what the tokens of short ones may not see, -inf; plain products and a softmax take a quarter of the time
    of torch's fused kernel there (64 tokens, bfloat16).
    """

    def __init__(self, doc_BT: Tensor) -> None:
        numbers_S, sizes_S = torch.unique_consecutive(doc_BT.flatten(), return_counts=True)
        self.shared = int(sizes_S[0]) if numbers_S[0] == SHARED else 0
        if self.shared:
            assert len(doc_BT) == 1, "a beginning is shared by the documents of one row"
            sizes_S = sizes_S[1:]
        own, length = int(sizes_S.max()), doc_BT.shape[1]
        self.count, self.longest = len(sizes_S), self.shared + own
        self.mask: Tensor | None = None
        self.causal_LL: Tensor | None = None
        if len(doc_BT) > 1 or self.count * self.longest**2 > length**2:
            seen = (doc_BT[:, :, None] == doc_BT[:, None, :]) | (doc_BT == SHARED)[:, None, :]
            self.mask = seen.tril()[:, None]
            return
        device = doc_BT.device
        starts_S = self.shared + sizes_S.cumsum(0) - sizes_S
        within_l, beginning = torch.arange(own, device=device), torch.arange(self.shared, device=device)
        # what lies behind a document's end is later than all of it, so nothing of it sees that
        place_Sl = (starts_S[:, None] + within_l).clamp_max(length - 1)
        self.place_N = torch.cat((beginning.expand(self.count, -1), place_Sl), dim=1).flatten()
        inside_SL = torch.zeros(self.count, self.longest, dtype=torch.bool, device=device)
        inside_SL[:, self.shared :] = within_l < sizes_S[:, None]
        inside_SL[0, : self.shared] = True  # what comes out for the shared beginning is the same in all
        self.back_T = inside_SL.flatten().nonzero().squeeze(1)
        if self.longest <= SHORT:
            self.causal_LL = torch.full((self.longest, self.longest), -torch.inf, device=device).triu(1)

    def apart(self, x_BTHK: Tensor) -> Tensor:
        """The documents side by side [S, L, H, K], each with the shared beginning before it."""
        return _apart(x_BTHK[0], self).view(self.count, self.longest, *x_BTHK.shape[2:])

    def together(self, x_SLw: Tensor) -> Tensor:
        """Back in one row [1, T, w]."""
        return _together(x_SLw.flatten(0, 1), self)[None]


class _Apart(torch.autograd.Function):
    """Rows of a tensor to where documents lie side by side.

    By hand, because both ways are then plain reads in a fixed order: fast, and the same bits every time, unlike the
    scattered additions that indexing differentiates into.  Gradients of padding are zero: nothing sees it.
    """

    @staticmethod
    def forward(ctx: Any, x_T: Tensor, docs: Documents) -> Tensor:
        ctx.docs = docs
        return x_T.index_select(0, docs.place_N)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        docs, grad_N = ctx.docs, grads[0]
        grad_T = grad_N.index_select(0, docs.back_T)
        if docs.shared:
            grad_SL = grad_N.view(docs.count, docs.longest, *grad_N.shape[1:])
            grad_T[: docs.shared] = grad_SL[:, : docs.shared].sum(0)
        return grad_T, None


class _Together(torch.autograd.Function):
    """The way back."""

    @staticmethod
    def forward(ctx: Any, x_N: Tensor, docs: Documents) -> Tensor:
        ctx.docs = docs
        return x_N.index_select(0, docs.back_T)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        grad_N = grads[0].new_zeros(len(ctx.docs.place_N), *grads[0].shape[1:])
        return grad_N.index_copy_(0, ctx.docs.back_T, grads[0]), None


_apart: Callable[[Tensor, Documents], Tensor] = _Apart.apply
_together: Callable[[Tensor, Documents], Tensor] = _Together.apply


@dataclass(frozen=True, eq=False)
class DocumentPlaces:
    """Where the tokens of a batch stand.  cos, sin: [B or 1, T, R/2].  docs: None where each row is one document."""

    cos_BTR: Tensor
    sin_BTR: Tensor
    interleaved: bool
    docs: Documents | None

    def rotate(self, x_BTHR: Tensor) -> Tensor:
        return rotate(x_BTHR, self.cos_BTR[:, :, None], self.sin_BTR[:, :, None], self.interleaved)

    def attend(self, q_BTHK: Tensor, k_BTHK: Tensor, v_BTHv: Tensor, scale: float) -> Tensor:
        docs = self.docs
        if docs is None or docs.mask is not None:
            q, k, v = (x.transpose(1, 2) for x in (q_BTHK, k_BTHK, v_BTHv))
            mask = None if docs is None else docs.mask
            return attend_fused(q, k, v, mask, scale).transpose(1, 2).flatten(2)
        q, k, v = (docs.apart(x).transpose(1, 2) for x in (q_BTHK, k_BTHK, v_BTHv))
        if docs.causal_LL is not None:
            out = attend_in_blocks(q, k, v, docs.causal_LL[None, None], scale)
        else:
            out = attend_fused(q, k, v, None, scale)
        return docs.together(out.transpose(1, 2).flatten(2))
