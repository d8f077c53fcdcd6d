"""Every family that the engine runs, in torch, to be trained further: DeepSeek-V2, V3, Llama, Qwen2, Qwen3, Qwen3-MoE.

What differs from `transformer`: matrices that are frozen and small (`frozen.Storage`) with a low-rank addition that is
trained (LoRA, Hu et al. 2021, arXiv:2106.09685), grouped attention, documents of very different lengths in a row, and
experts that run one after the other.  The rest, and the shape suffixes, are those of `layers`.

Names of modules are Hugging Face's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from huozhong.errors import ConfigError
from huozhong.model.architecture import Architecture, Experts, GroupedAttention
from huozhong.model.documents import DocumentPlaces, Documents
from huozhong.model.frozen import Frozen, Storage, frozen_linear
from huozhong.model.layers import (
    IGNORED,
    Block,
    LanguageModel,
    LatentSelfAttention,
    Linear,
    Places,
    RMSNorm,
    Router,
    SwiGLU,
)
from huozhong.model.rope import rope_frequencies
from huozhong.model.tensors import sound

LOGITS_BYTES = 64 << 20  # float32 logits held at once
SHAPES = 64  # positions that meet the vocabulary are a multiple of it
PIECE = 1 << 22  # numbers read from a file at once


class AdaptedLinear(Linear):
    """y = x Wᵀ + b, W trained or frozen, plus scale · (x Aᵀ) Bᵀ where there is an adapter."""

    def __init__(self, inputs: int, outputs: int, bias: bool = False) -> None:
        super().__init__(inputs, outputs, bias)
        self.inputs, self.outputs = inputs, outputs
        self.frozen: Frozen | None = None  # in place of the weight
        self.lora_A: nn.Parameter | None = None
        self.lora_B: nn.Parameter | None = None
        self.lora_scale = 0.0

    def adapt(self, rank: int, scale: float) -> None:
        """Add A [rank, inputs], random, and B [outputs, rank], zero: at first nothing changes."""
        bound = self.inputs**-0.5
        self.lora_A = nn.Parameter(torch.empty(rank, self.inputs).uniform_(-bound, bound))
        self.lora_B = nn.Parameter(torch.zeros(self.outputs, rank))
        self.lora_scale = scale

    def product(self, x: Tensor) -> Tensor:
        return super().product(x) if self.frozen is None else frozen_linear(x, self.frozen)

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        if self.lora_A is not None and self.lora_B is not None and self.lora_scale:
            # scaled where it is narrow, and added by the product itself: the wide result is touched once
            low = F.linear(x, self.lora_A.to(x.dtype)) * self.lora_scale
            y = torch.addmm(y.flatten(0, -2), low.flatten(0, -2), self.lora_B.to(x.dtype).t()).view_as(y)
        return y


def interleaved_linear(inputs: int, heads: int, plain: int, rotary: int) -> AdaptedLinear:
    """Rotary pairs stay neighbours: reordering a frozen matrix would cost more than reordering what it makes."""
    return AdaptedLinear(inputs, heads * (plain + rotary))


# -- attention -------------------------------------------------------------------------------------------


class GroupedSelfAttention(nn.Module):
    """Grouped-query attention; per-head norms before the rotation where the family has them (Qwen3)."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        attention = a.attention
        assert isinstance(attention, GroupedAttention)
        self.a, self.scale = attention, a.softmax_scale
        heads, keys, width = attention.num_heads, attention.num_kv_heads, attention.head_dim
        self.q_proj = AdaptedLinear(a.hidden_size, heads * width, attention.qkv_bias)
        self.k_proj = AdaptedLinear(a.hidden_size, keys * width, attention.qkv_bias)
        self.v_proj = AdaptedLinear(a.hidden_size, keys * width, attention.qkv_bias)
        self.o_proj = AdaptedLinear(heads * width, a.hidden_size, attention.out_bias)
        if attention.qk_norm:
            self.q_norm = RMSNorm(width, a.rms_norm_eps)
            self.k_norm = RMSNorm(width, a.rms_norm_eps)

    def forward(self, x_BTD: Tensor, places: Places) -> Tensor:
        batch, length, _ = x_BTD.shape
        q, k, v = (p(x_BTD).view(batch, length, -1, self.a.head_dim) for p in (self.q_proj, self.k_proj, self.v_proj))
        if self.a.qk_norm:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = places.rotate(q), places.rotate(k)
        shared = self.a.num_heads // self.a.num_kv_heads
        k, v = (x.repeat_interleave(shared, dim=2) for x in (k, v))
        out: Tensor = self.o_proj(places.attend(q, k, v, self.scale))
        return out


# -- feed-forward ----------------------------------------------------------------------------------------


class ExpertsInTurn(nn.Module):
    """Routed experts, one after the other (only one is unpacked at a time), and a shared one where there is one."""

    def __init__(self, width: int, experts: Experts) -> None:
        super().__init__()
        self.gate = Router(width, experts)
        self.experts = nn.ModuleList([SwiGLU(width, experts.hidden, AdaptedLinear) for _ in range(experts.count)])
        self.shared_experts = SwiGLU(width, experts.shared_hidden, AdaptedLinear) if experts.shared_hidden else None

    def forward(self, x_BTD: Tensor) -> Tensor:
        x_ND = x_BTD.flatten(0, 1)
        weights_NA, chosen_NA = self.gate(x_ND)
        y_ND = torch.zeros_like(x_ND) if self.shared_experts is None else self.shared_experts(x_ND)
        for number in chosen_NA.unique().tolist():
            rows, places = (chosen_NA == number).nonzero(as_tuple=True)
            share = weights_NA[rows, places, None].to(x_ND.dtype)
            y_ND = y_ND.index_add(0, rows, self.experts[number](x_ND[rows]) * share)
        return y_ND.view_as(x_BTD)


# -- the model -------------------------------------------------------------------------------------------


def make_block(a: Architecture, layer: int) -> Block:
    grouped = isinstance(a.attention, GroupedAttention)
    attention = GroupedSelfAttention(a) if grouped else LatentSelfAttention(a, AdaptedLinear, interleaved_linear)
    if not a.is_moe_layer(layer):
        return Block(a, attention, SwiGLU(a.hidden_size, a.intermediate_size, AdaptedLinear))
    assert a.experts is not None
    return Block(a, attention, ExpertsInTurn(a.hidden_size, a.experts))


def check_trainable(a: Architecture) -> None:
    """Raises ConfigError for what the engine runs and this file does not."""
    if not isinstance(a.attention, GroupedAttention) and a.attention.indexer is not None:
        raise ConfigError(
            f"models with sparse attention ({a.family}) can be run here, but not trained further: their indexer would "
            "learn nothing; take one without, such as DeepSeek-V3 or V2-Lite."
        )


class Beneath(Protocol):
    """What comes out of the layers that never change (`train.adapt.beneath`)."""

    def states(self, tokens_BT: Tensor, doc_BT: Tensor) -> Tensor | None:
        """[B, T, D] of a row of documents; None where it is not known."""


class CausalLM(LanguageModel):
    """A language model of any family; prediction modules (MTP) are left out.

    dtype: of the arithmetic.  recompute: keep only what goes into each block and compute the rest again on the way
    back: a quarter more time, a fraction of the memory.  `load_causal_lm` fills it with weights.

    still: so many layers from below never change, nor does the embedding where there are any; there is no way back
    through them.  beneath: knows what comes out of them for rows that it has seen.
    """

    def __init__(self, architecture: Architecture, *, dtype: torch.dtype = torch.float32) -> None:
        check_trainable(architecture)
        blocks = (make_block(architecture, layer) for layer in range(architecture.num_layers))
        super().__init__(architecture, blocks, dtype, rope_frequencies(architecture.rope))
        self.architecture, self.recompute = architecture, False
        self.still = 0
        self.beneath: Beneath | None = None

    def forward(self, tokens_BT: Tensor, *, doc_BT: Tensor | None = None, pos_BT: Tensor | None = None) -> Tensor:
        """Final-normed hidden states [B, T, D].

        doc_BT: document of each token, neighbours together; attention stays inside one (None: one per row).
        pos_BT: position of each token in its document (None: 0, 1, 2 ...).
        """
        places = self.places(tokens_BT, doc_BT, pos_BT)
        x_BTD = None if self.beneath is None or doc_BT is None else self.beneath.states(tokens_BT, doc_BT)
        if x_BTD is None:
            x_BTD = self.through_still(tokens_BT, places)
        for block in self.model.layers[self.still :]:
            if self.recompute and torch.is_grad_enabled():
                x_BTD = checkpoint(block, x_BTD, places, use_reentrant=False)
            else:
                x_BTD = block(x_BTD, places)
        hidden_BTD: Tensor = self.model.norm(x_BTD)
        return hidden_BTD

    def through_still(self, tokens_BT: Tensor, places: DocumentPlaces) -> Tensor:
        """What goes into the first layer that learns."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.still):
            x_BTD = self.embed(tokens_BT)
            for block in self.model.layers[: self.still]:
                x_BTD = block(x_BTD, places)
        return x_BTD

    def places(self, tokens_BT: Tensor, doc_BT: Tensor | None, pos_BT: Tensor | None) -> DocumentPlaces:
        """Where the tokens stand; as `forward` takes them."""
        docs = None if doc_BT is None else Documents(doc_BT)
        return DocumentPlaces(*self.rotations(tokens_BT, pos_BT), self.architecture.rope.interleaved, docs)

    def log_probs(
        self, tokens_BT: Tensor, targets_BT: Tensor, doc_BT: Tensor | None = None, pos_BT: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """log p of every target that is not −100, float32 [M], and where they stand in the flattened batch [M].

        Only these positions meet the vocabulary, some at a time; a head that learns meets them again on the way back.
        """
        places_M = _places(targets_BT)
        wanted_MK = targets_BT.flatten()[places_M][:, None]
        return self.log_probs_of(tokens_BT, targets_BT, wanted_MK, doc_BT, pos_BT).squeeze(1), places_M

    def log_probs_of(
        self,
        tokens_BT: Tensor,
        targets_BT: Tensor,
        wanted_MK: Tensor,
        doc_BT: Tensor | None = None,
        pos_BT: Tensor | None = None,
    ) -> Tensor:
        """log p of K tokens at each target that is not −100, float32 [M, K]."""
        hidden_ND, places_M = self(tokens_BT, doc_BT=doc_BT, pos_BT=pos_BT).flatten(0, 1), _places(targets_BT)
        short = -len(places_M) % SHAPES  # few shapes: torch keeps code and memory for each
        hidden_MD, wanted = hidden_ND[F.pad(places_M, (0, short))], F.pad(wanted_MK, (0, 0, 0, short))
        weight, rows = self.head_weight, self._rows
        together = zip(torch.split(hidden_MD, rows), torch.split(wanted, rows), strict=True)
        if weight.requires_grad:
            parts = [checkpoint(_chosen_log_probs, x, weight, chosen, use_reentrant=False) for x, chosen in together]
        else:
            parts = [_frozen_log_probs(x, weight, chosen) for x, chosen in together]
        return torch.cat(parts)[: len(places_M)]

    def likeliest(
        self,
        tokens_BT: Tensor,
        targets_BT: Tensor,
        count: int,
        doc_BT: Tensor | None = None,
        pos_BT: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """log p and ids of the `count` likeliest tokens at each target that is not −100, [M, count] each."""
        hidden_MD = self(tokens_BT, doc_BT=doc_BT, pos_BT=pos_BT).flatten(0, 1)[_places(targets_BT)]
        found = [
            _all_log_probs(hidden, self.head_weight).topk(count, dim=-1)
            for hidden in torch.split(hidden_MD, self._rows)
        ]
        return torch.cat([values for values, _ in found]), torch.cat([ids for _, ids in found])

    @property
    def _rows(self) -> int:
        """Places that meet the vocabulary at once."""
        return max(1, LOGITS_BYTES // (4 * self.architecture.vocab_size))


def _places(targets_BT: Tensor) -> Tensor:
    return (targets_BT.flatten() != IGNORED).nonzero().squeeze(1)


def _chosen_log_probs(hidden_MD: Tensor, weight_VD: Tensor, wanted_MK: Tensor) -> Tensor:
    return _all_log_probs(hidden_MD, weight_VD).gather(1, wanted_MK)


class _FrozenLogProbs(torch.autograd.Function):
    """The same for a head that does not learn: what its way back needs of the whole vocabulary is the mean row of the
    head, by what each token is likely, which is taken at once; so no logits are kept, and none computed again.

    d log p_k / d hidden = W_k - Σ_v p_v W_v
    """

    @staticmethod
    def forward(ctx: Any, hidden_MD: Tensor, weight_VD: Tensor, wanted_MK: Tensor) -> Tensor:
        wide_VD = weight_VD.to(hidden_MD.dtype)
        log_probs_MV = _all_log_probs(hidden_MD, wide_VD)
        found_MK = log_probs_MV.gather(1, wanted_MK)
        if ctx.needs_input_grad[0]:
            mean_MD = log_probs_MV.exp_().to(hidden_MD.dtype) @ wide_VD
            ctx.save_for_backward(mean_MD, weight_VD, wanted_MK)
        return found_MK

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        mean_MD, weight_VD, wanted_MK = ctx.saved_tensors
        grad_MK = grads[0].to(mean_MD.dtype)
        named_MD = torch.bmm(grad_MK[:, None], weight_VD[wanted_MK].to(mean_MD.dtype)).squeeze(1)
        return named_MD - grad_MK.sum(1, keepdim=True) * mean_MD, None, None


_frozen_log_probs: Callable[[Tensor, Tensor, Tensor], Tensor] = _FrozenLogProbs.apply


def _all_log_probs(hidden_MD: Tensor, weight_VD: Tensor) -> Tensor:
    return torch.log_softmax(F.linear(hidden_MD, weight_VD.to(hidden_MD.dtype)), dim=-1, dtype=torch.float32)


# -- loading ---------------------------------------------------------------------------------------------


class Tensors(Protocol):
    """Where weights come from, by Hugging Face name and in its order of rows (`formats.hf.view.HuggingFaceView`)."""

    def tensor(self, name: str) -> NDArray[np.float32]: ...

    def pieces(self, name: str, numbers: int) -> Iterator[NDArray[np.float32]]: ...


def load_causal_lm(
    architecture: Architecture,
    tensors: Tensors,
    *,
    storage: Storage | None,
    dtype: torch.dtype = torch.float32,
    still: int = 0,
) -> CausalLM:
    """A model with the weights of `tensors`, on the CPU.

    Raises CheckpointError when they hold NaN.

    storage: how matrices are kept, frozen; None: float32, everything to be trained.  Embedding and head are frozen in
    bfloat16 where the storage is smaller; norms, biases and routers are float32 in either case.
    still: so many layers from below are frozen in any case, and with them all that is no layer.
    """
    with torch.device("meta"):
        model = CausalLM(architecture, dtype=dtype)
    model.still = still
    for place, module in model.named_modules():
        kept: Storage | None = storage or (None if layer_of(place, still) >= still else "float32")
        for part in dict(module.named_parameters(recurse=False)):
            name, matrix = f"{place}.{part}", part == "weight" and isinstance(module, nn.Embedding | Linear)
            if kept is None or not matrix:
                values = torch.from_numpy(sound(name, tensors.tensor(name)))
            elif isinstance(module, AdaptedLinear):
                module.frozen = Frozen.pack(_sound_pieces(name, tensors), kept, module.outputs)
                module.register_parameter(part, None)
                continue
            else:
                wide: Storage = "float32" if kept == "float32" else "bfloat16"
                values = Frozen.pack(_sound_pieces(name, tensors), wide, architecture.vocab_size).values
            setattr(module, part, nn.Parameter(values, requires_grad=kept is None))
        if isinstance(module, Router) and module.e_score_correction_bias is not None:
            module.e_score_correction_bias = torch.from_numpy(tensors.tensor(f"{place}.e_score_correction_bias"))
    return model


def layer_of(name: str, still: int = 0) -> int:
    """The layer that a tensor or module belongs to; what is in none comes before all that learn, if any are still."""
    number = name.removeprefix("model.layers.").partition(".")[0]
    return int(number) if number.isdecimal() else -1 if still else 0


def _sound_pieces(name: str, tensors: Tensors) -> Iterator[NDArray[np.float32]]:
    return (sound(name, piece) for piece in tensors.pieces(name, PIECE))
