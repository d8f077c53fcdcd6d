"""A drafter of the DSpark kind in torch (Cheng et al. 2026, arXiv:2607.05147).

From some places of a row, the anchors, it guesses the block behind them, all at once: an anchor's block sees the states
before it and itself.  It learns the model's own distribution at each place of the block, the token before it being
known, and to say how sure it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from huozhong.formats.dspark import write_dspark
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.model.architecture import GroupedAttention
from huozhong.model.families import AdaptedLinear
from huozhong.model.layers import Block, Linear, RMSNorm, SwiGLU, rotate
from huozhong.model.rope import rope_frequencies
from huozhong.train.draft.learners import DEEPER, Batch, Learner, soft_cross_entropy
from huozhong.train.draft.network import EMBEDDING, HEAD, table
from huozhong.train.draft.settings import DraftSettings, layers_seen

BLOCK = 5  # tokens guessed at once
RANK = 64  # of the table of followers
LAYERS = 2
ANCHORS = 48  # blocks learnt in a row of 256
SURE = 0.1  # what knowing how sure a guess is counts against guessing


@dataclass(frozen=True, eq=False)
class BlockPlaces:
    """Where the rows of blocks stand: `model.layers.Places`, but that keys of the states before come first.

    states_BTD: what the layers read of every position.  mask_BQN: which of states and blocks each row of a block sees.
    cos, sin: of the states' positions, then of the blocks' rows.
    """

    states_BTD: Tensor
    mask_BQN: Tensor
    cos_BNR: Tensor
    sin_BNR: Tensor


class BlockAttention(nn.Module):
    """Grouped attention with a norm on every head's query and key; keys and values also of what was read."""

    def __init__(self, a: GroupedAttention, width: int, eps: float) -> None:
        super().__init__()
        self.a = a
        self.q_proj = Linear(width, a.num_heads * a.head_dim)
        self.k_proj = Linear(width, a.num_kv_heads * a.head_dim)
        self.v_proj = Linear(width, a.num_kv_heads * a.head_dim)
        self.o_proj = Linear(a.num_heads * a.head_dim, width)
        self.q_norm, self.k_norm = RMSNorm(a.head_dim, eps), RMSNorm(a.head_dim, eps)

    def forward(self, x_BQD: Tensor, places: BlockPlaces) -> Tensor:
        both_BND = torch.cat((places.states_BTD, x_BQD), dim=1)
        q, k, v = (
            project(x).unflatten(-1, (-1, self.a.head_dim))
            for project, x in ((self.q_proj, x_BQD), (self.k_proj, both_BND), (self.v_proj, both_BND))
        )
        cos, sin = places.cos_BNR[:, :, None], places.sin_BNR[:, :, None]
        rows = slice(places.states_BTD.shape[1], None)
        q, k = rotate(self.q_norm(q), cos[:, rows], sin[:, rows]), rotate(self.k_norm(k), cos, sin)
        shared = self.a.num_heads // self.a.num_kv_heads
        k, v = (x.repeat_interleave(shared, dim=2) for x in (k, v))
        q, k, v = (x.transpose(1, 2) for x in (q, k, v))
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=places.mask_BQN[:, None])
        attended: Tensor = self.o_proj(out.transpose(1, 2).flatten(2))
        return attended


class BlockNetwork(nn.Module):
    """The drafter's own layers; embedding [V, D] and head [G, D] are the model's, frozen."""

    def __init__(self, view: HuggingFaceView, attention: GroupedAttention, guessed: int, taps: int) -> None:
        super().__init__()
        a = view.architecture
        width, eps = a.hidden_size, a.rms_norm_eps
        blocks = (
            Block(a, BlockAttention(attention, width, eps), SwiGLU(width, a.intermediate_size, AdaptedLinear))
            for _ in range(LAYERS)
        )
        self.layers = nn.ModuleList(blocks)
        self.fc, self.hidden_norm = Linear(taps * width, width), RMSNorm(width, eps)
        self.norm = RMSNorm(width, eps)
        # tables, not maps between states: their names say so to the optimiser
        self.after = nn.ModuleDict({"embed_tokens": nn.Embedding(a.vocab_size, RANK)})
        self.follows = nn.ModuleDict({"lm_head": Linear(RANK, guessed)})
        self.sure = Linear(width + RANK, 1, bias=True)

    def forward(self, x_BQD: Tensor, states_BTS: Tensor, mask: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        read_BTD = self.hidden_norm(self.fc(states_BTS))
        places = BlockPlaces(read_BTD, mask, cos, sin)
        for block in self.layers:
            x_BQD = block(x_BQD, places)
        normed: Tensor = self.norm(x_BQD)
        return normed


class BlockLearner(Learner):
    """See the module's text."""

    depth = BLOCK

    def __init__(
        self, view: HuggingFaceView, guessed: NDArray[np.int32], settings: DraftSettings, dtype: torch.dtype
    ) -> None:
        a = view.architecture
        self._view, self._guessed, self._settings = view, guessed, settings
        self.attention = attention_of(view)
        self._taps = layers_seen("dspark", a.num_layers)
        self.mask_token = a.eos_token_ids[0] if a.eos_token_ids else 0
        self.net: BlockNetwork = BlockNetwork(view, self.attention, len(guessed), len(self._taps))
        self._begin(settings.seed)
        self.embedding = table(view, EMBEDDING, dtype)
        head = self.embedding if a.tie_word_embeddings else table(view, HEAD, dtype)
        self.head = head[torch.from_numpy(guessed).long()]
        frequencies, self._factor = rope_frequencies(a.rope)
        self._frequencies = torch.from_numpy(frequencies)

    @torch.no_grad()
    def _begin(self, seed: int) -> None:
        chance = torch.Generator().manual_seed(seed)
        for name, weight in self.net.named_parameters():
            if name.endswith("norm.weight"):
                weight.fill_(1.0)
            elif name.endswith(("o_proj.weight", "down_proj.weight", "lm_head.weight")) or name.startswith("sure"):
                weight.zero_()
            else:
                weight.normal_(0.0, 0.02, generator=chance)
        width = self._view.architecture.hidden_size
        self.net.fc.weight[:, -width:] += torch.eye(width)  # at first the last layer alone
        self.net.norm.weight.copy_(torch.from_numpy(self._view.tensor("model.norm.weight")))

    def weights(self) -> nn.Module:
        return self.net

    def loss(self, batch: Batch, seed: int) -> tuple[Tensor, float]:
        dice = np.random.default_rng((self._settings.seed, seed))
        anchors = [
            np.sort(dice.permutation(np.arange(max(1, first), length - 1))[:ANCHORS])
            for first, length in zip(batch.first_B, batch.length_B, strict=True)
        ]
        rows_BAKD, before_BAKR, logits_BAKG, wanted = self.guess(batch, anchors)
        total, weight = torch.zeros(()), 0.0
        places, chances, there = wanted
        for k in range(BLOCK):
            kept = there[:, :, k] & (places[:, :, k, 0] >= 0)
            logits_NG = logits_BAKG[:, :, k][kept]
            said = soft_cross_entropy(logits_NG, places[:, :, k][kept], chances[:, :, k][kept])
            right_N = (logits_NG.detach().argmax(-1) == places[:, :, k, 0][kept]).float()
            seen_NS = torch.cat((rows_BAKD[:, :, k][kept], before_BAKR[:, :, k][kept]), dim=-1)
            sure_N = self.net.sure(seen_NS.float()).squeeze(-1)
            doubt = F.binary_cross_entropy_with_logits(sure_N, right_N, reduction="sum")
            total = total + (said + SURE * doubt) * DEEPER**k
            weight += len(logits_NG) * DEEPER**k
        return total, weight

    def right(self, batch: Batch) -> tuple[Tensor, Tensor]:
        anchors = [np.arange(max(1, first), length - 1) for first, length in
                   zip(batch.first_B, batch.length_B, strict=True)]  # fmt: skip
        _, _, logits_BAKG, (places, _, there) = self.guess(batch, anchors)
        hit = (logits_BAKG.argmax(-1) == places[..., 0]) & there
        return hit.sum((0, 1)).float(), there.sum((0, 1)).float()

    def guess(
        self, batch: Batch, anchors: list[NDArray[np.int64]]
    ) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Of A anchors a row: states [B, A, K, D], what the tokens before say [B, A, K, R], scores [B, A, K, G]; and
        what was wanted: places, chances, and whether the row reaches so far.
        """
        count = max(map(len, anchors))
        at_BA = torch.stack([F.pad(torch.from_numpy(each), (0, count - len(each)), value=0) for each in anchors])
        is_BA = torch.stack([torch.arange(count) < len(each) for each in anchors])
        place_BAK = at_BA[..., None] + torch.arange(BLOCK)
        length = batch.tokens_BT.shape[1]
        there = (place_BAK < torch.tensor(batch.length_B)[:, None, None]) & is_BA[..., None]
        index = place_BAK.clamp_max(length - 1).flatten(1)
        before_BAK = batch.tokens_BT.gather(1, index).view_as(place_BAK)  # the token that each guess follows
        given_BAK = torch.full_like(before_BAK, self.mask_token)
        given_BAK[..., 0] = before_BAK[..., 0]
        cos, sin, mask = self._places(at_BA, place_BAK, length)
        rows_BQD = self.net(
            self.embedding[given_BAK.flatten(1)], batch.states_BTS.to(self.embedding.dtype), mask, cos, sin
        )  # fmt: skip
        rows = rows_BQD.view(*place_BAK.shape, -1)
        before = self.net.after["embed_tokens"](before_BAK)
        logits = F.linear(rows, self.head) + self.net.follows["lm_head"](before.to(rows.dtype))
        top = batch.places_BTK.shape[-1]
        wide = index[..., None].expand(-1, -1, top)
        wanted = [x.gather(1, wide).view(*place_BAK.shape, top) for x in (batch.places_BTK, batch.chances_BTK)]
        return rows, before, logits, (wanted[0], wanted[1], there)

    def _places(self, at_BA: Tensor, place_BAK: Tensor, length: int) -> tuple[Tensor, Tensor, Tensor]:
        """Rotations of states and blocks, and what each row of a block sees: what came before it, and its block."""
        states_BT = torch.arange(length).expand(len(at_BA), -1)
        angle = torch.cat((states_BT, place_BAK.flatten(1)), dim=1)[..., None].float() * self._frequencies
        anchor_BQ = at_BA.repeat_interleave(BLOCK, dim=1)
        number_Q = torch.arange(anchor_BQ.shape[1]) // BLOCK
        before = states_BT[:, None] < anchor_BQ[..., None]
        own = (number_Q[:, None] == number_Q[None]).expand(len(at_BA), -1, -1)
        mask = torch.cat((before, own), dim=-1)
        return angle.cos() * self._factor, angle.sin() * self._factor, mask

    def write(self, folder: Path) -> None:
        state = {name: weight.detach().float().numpy() for name, weight in self.net.state_dict().items()}
        write_dspark(
            folder, self._view, state, attention=self.attention, layers=LAYERS, block=BLOCK, mask=self.mask_token,
            taps=self._taps, rank=RANK, guessed=self._guessed, base_name=self._settings.base,
        )  # fmt: skip


def attention_of(view: HuggingFaceView) -> GroupedAttention:
    """Of the drafter's layers: the model's where it is grouped, else heads of 64."""
    a = view.architecture
    if isinstance(a.attention, GroupedAttention) and a.rope.dim == a.attention.head_dim:
        return GroupedAttention(
            num_heads=a.attention.num_heads, num_kv_heads=a.attention.num_kv_heads, head_dim=a.attention.head_dim,
            qk_norm=True,
        )  # fmt: skip
    heads = max(1, a.hidden_size // a.rope.dim)
    return GroupedAttention(num_heads=heads, num_kv_heads=heads, head_dim=a.rope.dim, qk_norm=True)
