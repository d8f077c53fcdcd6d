"""DeepSeek-V3 (arXiv:2412.19437, §2) in torch: the readable reference, and what is trained.

Read `layers` first, latent attention included, then this downwards: mixture of experts, multi-token prediction,
`Transformer`, loss.  The shape suffixes are explained there.

Weights and gradients are float32; the arithmetic runs in `dtype` (bfloat16 for training, float32 to compare
with others).  `state_dict` names are Hugging Face's.

To train fast: `model = Transformer(config, dtype=torch.bfloat16); model.compile()`, then `model.loss(...)`;
`compile` compiles the blocks in place, names stay as they are.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from huozhong.model.architecture import Architecture, Experts
from huozhong.model.config import ModelConfig
from huozhong.model.layers import (
    IGNORED,
    Block,
    LanguageModel,
    LatentSelfAttention,
    Linear,
    RMSNorm,
    Router,
    StackedExperts,
    SwiGLU,
    attend,
    rotate,
    uses_blocks,
)
from huozhong.model.rope import rope_frequencies

LOGITS_BYTES = 8 << 20  # float32 logits held at once; with their bf16 copy they stay in the last-level cache


# -- mixture of experts --------------------------------------------------------------------------------


class BalancedRouter(Router):
    """A router that counts whom it sent where, for `Transformer.update_expert_bias` (§2.1.2)."""

    def __init__(self, width: int, experts: Experts) -> None:
        super().__init__(width, experts)
        self.load: Tensor
        self.register_buffer("load", torch.zeros(experts.count), persistent=False)

    def count(self, chosen_NA: Tensor) -> Tensor:
        """Tokens per expert [E] of this batch; in training they are added to `load`."""
        everyone = torch.arange(self.e.count, device=chosen_NA.device)
        load_E = (chosen_NA.flatten()[:, None] == everyone).sum(0)
        if self.training and not recomputing():
            self.load += load_E
        return load_E


def recomputing() -> bool:
    """Whether this forward runs in a backward pass, repeating what activation checkpointing dropped."""
    return not torch.compiler.is_compiling() and torch._C._current_graph_task_id() != -1


class MixtureOfExperts(nn.Module):
    """Routed experts, and a shared one that sees every token where there is one."""

    def __init__(self, width: int, experts: Experts) -> None:
        super().__init__()
        self.gate = BalancedRouter(width, experts)
        self.experts = StackedExperts(width, experts)
        self.shared_experts = SwiGLU(width, experts.shared_hidden) if experts.shared_hidden else None

    def forward(self, x_BTD: Tensor) -> Tensor:
        x_ND = x_BTD.flatten(0, 1)
        weights_NA, chosen_NA = self.gate(x_ND)
        y_ND: Tensor = self.experts(x_ND, weights_NA, chosen_NA, self.gate.count(chosen_NA))
        if self.shared_experts is not None:
            y_ND = y_ND + self.shared_experts(x_ND)
        return y_ND.view_as(x_BTD)


# -- the stack -----------------------------------------------------------------------------------------


class PredictionModule(Block):
    """Multi-token prediction (§2.2): predicts one token further than the module before it.

    It joins the hidden state at t with the embedding of the next known token and runs one block.  Embedding
    and head are the main model's; checkpoints carry duplicates for engines that want them.
    """

    def __init__(self, a: Architecture, self_attn: nn.Module, mlp: nn.Module) -> None:
        super().__init__(a, self_attn, mlp)
        self.enorm = RMSNorm(a.hidden_size, a.rms_norm_eps)
        self.hnorm = RMSNorm(a.hidden_size, a.rms_norm_eps)
        self.eh_proj = Linear(2 * a.hidden_size, a.hidden_size)
        self.shared_head = nn.ModuleDict({"norm": RMSNorm(a.hidden_size, a.rms_norm_eps)})

    def join(self, next_embedding_BTD: Tensor, hidden_BTD: Tensor) -> Tensor:
        """eh_proj[enorm(embedding) ; hnorm(hidden)], embedding first."""
        joined: Tensor = self.eh_proj(torch.cat((self.enorm(next_embedding_BTD), self.hnorm(hidden_BTD)), dim=-1))
        return joined


def make_blocks(a: Architecture) -> Iterator[Block]:
    """The blocks of a model, and the prediction modules, which follow them."""
    for layer in range(a.num_layers + a.num_nextn_predict_layers):
        mlp: nn.Module
        if a.is_moe_layer(layer):
            assert a.experts is not None
            mlp = MixtureOfExperts(a.hidden_size, a.experts)
        else:
            mlp = SwiGLU(a.hidden_size, a.intermediate_size)
        kind = Block if layer < a.num_layers else PredictionModule
        yield kind(a, LatentSelfAttention(a), mlp)


class MaskedPlaces(NamedTuple):
    """Where the tokens of a batch stand.

    cos, sin: [B or 1, T, R/2].  mask: additive [B or 1, 1, T, T], or None for plain causal attention.
    """

    cos_BTR: Tensor
    sin_BTR: Tensor
    mask: Tensor | None

    def rotate(self, x_BTHR: Tensor) -> Tensor:
        return rotate(x_BTHR, self.cos_BTR[:, :, None], self.sin_BTR[:, :, None])

    def attend(self, q_BTHK: Tensor, k_BTHK: Tensor, v_BTHv: Tensor, scale: float) -> Tensor:
        q, k, v = (x.transpose(1, 2) for x in (q_BTHK, k_BTHK, v_BTHv))
        return attend(q, k, v, self.mask, scale).transpose(1, 2).flatten(2)


def document_mask(doc_BT: Tensor, dtype: torch.dtype) -> Tensor:
    """Additive [B, 1, T, T]: 0 where the key is not later and in the same document, else −inf."""
    same = doc_BT[:, :, None] == doc_BT[:, None, :]
    causal = torch.ones(same.shape[-2:], dtype=torch.bool, device=doc_BT.device).tril()
    mask = torch.zeros(same.shape, dtype=dtype, device=doc_BT.device)
    return mask.masked_fill(~(same & causal), float("-inf"))[:, None]


# -- the model -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LossParts:
    """Sums of cross entropies in nats, so that micro-batches add up exactly.

    Minimise `total / token_count` with the token count of the whole batch.

    total: main + mtp_weight · mean of mtp, with a gradient.  main: sum over `token_count` targets.
    mtp: one sum per prediction module, over `mtp_counts[k]` targets.  All scalars float32; the parts carry
    no gradient.
    """

    total: Tensor
    main: Tensor
    mtp: tuple[Tensor, ...]
    token_count: int
    mtp_counts: tuple[int, ...]


class Transformer(LanguageModel):
    """DeepSeek-V3 for causal language modelling.

    config: the architecture.  dtype: of the arithmetic; the weights are always float32.

    Initialisation: matrices and embeddings normal(0, initializer_range), norms one, and the matrices that
    write into the residual stream (`o_proj`, every `down_proj`) zero, so that a new model starts as its
    embedding and each block earns its contribution.
    """

    def __init__(self, config: ModelConfig, *, dtype: torch.dtype = torch.float32) -> None:
        a = Architecture.from_config(config)
        super().__init__(a, make_blocks(a), dtype, rope_frequencies(a.rope, np.float32))
        self.config = config
        self.awake = config.num_hidden_layers  # blocks that run; see `wake`
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw new weights from torch's global generator."""
        for name, parameter in self.named_parameters():
            if "norm" in name:
                parameter.fill_(1.0)
            elif "o_proj" in name or "down_proj" in name:
                parameter.zero_()
            else:
                parameter.normal_(0.0, self.config.initializer_range)

    def compile(self, **options: Any) -> None:
        """torch.compile in place, block by block: blocks of one kind are compiled once, whatever the depth, and
        waking layers compiles nothing.  The loss head is hand-fused and stays eager.
        """
        # torch 2.13 looks whether a block's input has a .grad, and warns itself that it has none
        message = "The .grad attribute of a Tensor that is not a leaf"
        warnings.filterwarnings("ignore", message, UserWarning)
        for block in self.model.layers:
            block.compile(**options)

    def forget_compiled(self) -> None:
        """Back to the plain way."""
        for block in self.model.layers:
            block._compiled_call_impl = None

    def wake(self, layers: int | None) -> None:
        """Run only the first `layers` blocks (None: all), the others sleep.

        A block that has never been trained is the identity (`reset_parameters`), so a new model that sleeps computes
        what it would compute awake; in a trained one sleeping leaves something out.
        """
        main = self.config.num_hidden_layers
        assert layers is None or 1 <= layers <= main
        self.awake = main if layers is None else layers

    def drop(self, share: float) -> None:
        """While training, leave out `share` (below 1) of what each block adds to the residual stream, at random, and
        scale up the rest (dropout, Srivastava et al. 2014; placed as in Vaswani et al. 2017, §5.4).

        For data that is read many times.  Call it before `compile`.
        """
        assert 0 <= share < 1
        for block in self.model.layers:
            cast(Block, block).dropout = share

    def forward(self, tokens_BT: Tensor, *, doc_BT: Tensor | None = None, pos_BT: Tensor | None = None) -> Tensor:
        """Final-normed hidden states [B, T, D] in `dtype`.

        doc_BT: document number of each token; attention stays inside a document (None: one per row).
        pos_BT: position of each token in its document (None: 0, 1, 2 ...).
        """
        return self._decode(tokens_BT, doc_BT, pos_BT, False)[0]

    def _decode(self, tokens_BT: Tensor, doc_BT: Tensor | None, pos_BT: Tensor | None, predict: bool) -> list[Tensor]:
        """Final-normed states [B, T, D]: the main ones, then (if `predict`) those of each prediction module."""
        places, main = self._places(tokens_BT, doc_BT, pos_BT), self.config.num_hidden_layers
        x_BTD = self.embed(tokens_BT)
        for block in self.model.layers[: self.awake]:
            x_BTD = block(x_BTD, places)
        hidden_BTD = self.model.norm(x_BTD)
        hiddens = [hidden_BTD]
        for depth, module in enumerate(self.model.layers[main:] if predict else (), start=1):
            module = cast(PredictionModule, module)
            hidden_BTD = self._predict(module, tokens_BT, hidden_BTD, places, depth)
            hiddens.append(module.shared_head["norm"](hidden_BTD))
        return hiddens

    def _places(self, tokens_BT: Tensor, doc_BT: Tensor | None, pos_BT: Tensor | None) -> MaskedPlaces:
        """Made here, outside what `compile` compiles: fused into each layer's kernels rotations and mask would be
        computed again for every layer and head.
        """
        if doc_BT is None and uses_blocks(tokens_BT):
            doc_BT = torch.zeros_like(tokens_BT[:1])
        mask = None if doc_BT is None else document_mask(doc_BT, self.dtype)
        return MaskedPlaces(*self.rotations(tokens_BT, pos_BT), mask)

    def _predict(
        self, module: PredictionModule, tokens_BT: Tensor, hidden_BTD: Tensor, places: MaskedPlaces, depth: int
    ) -> Tensor:
        """What a prediction module makes [B, T, D] of states and of the tokens `depth` further on."""
        ahead_BT = F.pad(tokens_BT[:, depth:], (0, depth))  # the padded end carries no loss
        states_BTD: Tensor = module(module.join(self.embed(ahead_BT), hidden_BTD), places)
        return states_BTD

    def look_ahead(self, tokens_BT: Tensor, hidden_BTD: Tensor, doc_BT: Tensor | None, depth: int) -> list[Tensor]:
        """The first prediction module, `depth` times, each time fed with its own states: final-normed [B, T, D] each.

        hidden_BTD: what `forward` returns.  The k-th states (k from 1) at t have seen the tokens up to t + k and
        predict the next.  This is how one module drafts several tokens (EAGLE, Li et al. 2024, arXiv:2401.15077).
        """
        module = cast(PredictionModule, self.model.layers[self.config.num_hidden_layers])
        places = self._places(tokens_BT, doc_BT, None)
        states = []
        for k in range(1, depth + 1):
            hidden_BTD = module.shared_head["norm"](self._predict(module, tokens_BT, hidden_BTD, places, k))
            states.append(hidden_BTD)
        return states

    def loss(
        self,
        tokens_BT: Tensor,
        targets_BT: Tensor,
        doc_BT: Tensor | None = None,
        pos_BT: Tensor | None = None,
        mtp_weight: float = 0.0,
    ) -> LossParts:
        """Cross entropy of targets_BT (the token after each position; −100: no loss), summed.

        mtp_weight: λ of the prediction modules' mean loss (0: they do not run).  Module k predicts
        targets shifted by k; positions whose shift leaves the row or the document carry no loss.
        """
        hiddens = self._decode(tokens_BT, doc_BT, pos_BT, mtp_weight > 0)
        targets_BT = targets_BT.long()
        sums, counts = [], []
        for depth, hidden_BTD in enumerate(hiddens):
            shifted_BT = shift_targets(targets_BT, doc_BT, depth)
            total, count = cross_entropy_sum(hidden_BTD, self.head_weight, shifted_BT)
            sums.append(total)
            counts.append(count)
        total = sums[0]
        if len(sums) > 1:
            total = total + mtp_weight / (len(sums) - 1) * torch.stack(sums[1:]).sum()
        parts = [part.detach() for part in sums]
        return LossParts(total, parts[0], tuple(parts[1:]), counts[0], tuple(counts[1:]))

    def expert_loads(self) -> list[Tensor]:
        """Tokens per expert [E] of each mixture layer since the last `update_expert_bias`; the counters themselves."""
        return [router.load for router in self.modules() if isinstance(router, BalancedRouter)]

    @torch.no_grad()
    def update_expert_bias(self, gamma: float = 1e-3) -> list[Tensor]:
        """Balance the experts (arXiv:2408.15664): once per optimiser step, b += γ·sign(mean load − load).

        Returns the loads [E] (tokens per expert since the last call) of each mixture layer, and clears them.
        """
        loads = []
        for router in self.modules():
            if isinstance(router, BalancedRouter):
                load = router.load.clone()
                if load.any():  # a frozen one has seen nothing and stays as it is, to the bit
                    bias = router.e_score_correction_bias
                    assert bias is not None, "an architecture that is trained with balance has the bias"
                    bias += gamma * torch.sign(load.mean() - load)
                    bias -= bias.mean()
                    router.load.zero_()
                loads.append(load)
        return loads


def shift_targets(targets_BT: Tensor, doc_BT: Tensor | None, depth: int) -> Tensor:
    """Targets `depth` tokens further on; −100 where that leaves the row or the document."""
    depth = min(depth, targets_BT.shape[1])
    if depth == 0:
        return targets_BT
    shifted = F.pad(targets_BT[:, depth:], (0, depth), value=IGNORED)
    if doc_BT is not None:
        crosses = doc_BT[:, depth:] != doc_BT[:, :-depth]
        shifted = shifted.masked_fill(F.pad(crosses, (0, depth), value=True), IGNORED)
    return shifted


# -- loss ----------------------------------------------------------------------------------------------


def cross_entropy_sum(hidden_BTD: Tensor, weight_VD: Tensor, targets_BT: Tensor) -> tuple[Tensor, int]:
    """Sum of −log softmax(hidden weightᵀ)[target] (float32 scalar) and how many targets counted.

    Only positions that carry a loss are projected, `LOGITS_BYTES` of them at a time.
    """
    hidden_ND, targets_N = hidden_BTD.flatten(0, 1), targets_BT.flatten()
    kept = (targets_N != IGNORED).nonzero().squeeze(1)
    count = kept.numel()
    if count < targets_N.numel():
        hidden_ND, targets_N = hidden_ND[kept], targets_N[kept]
    apply: Callable[[Tensor, Tensor, Tensor, bool], Tensor] = _CrossEntropySum.apply
    return apply(hidden_ND, weight_VD, targets_N, torch.is_grad_enabled()), count


class _CrossEntropySum(torch.autograd.Function):
    """Computes its gradients on the way forward, chunk by chunk: logits are made once and never kept."""

    @staticmethod
    def forward(ctx: Any, hidden_ND: Tensor, weight_VD: Tensor, targets_N: Tensor, backward: bool) -> Tensor:
        weight = weight_VD.to(hidden_ND.dtype)
        rows = max(1, LOGITS_BYTES // (4 * weight.shape[0]))
        total = torch.zeros((), dtype=torch.float32, device=hidden_ND.device)
        d_hidden = torch.empty_like(hidden_ND) if backward else None
        d_weight = torch.zeros_like(weight_VD) if backward else None
        for start in range(0, hidden_ND.shape[0], rows):
            hidden, target = hidden_ND[start : start + rows], targets_N[start : start + rows, None]
            log_probs = F.log_softmax(F.linear(hidden, weight), dim=-1, dtype=torch.float32)
            chosen = log_probs.gather(1, target)
            total -= chosen.sum()
            if d_hidden is None or d_weight is None:
                continue
            error = log_probs.exp_()
            error.scatter_add_(1, target, torch.full_like(chosen, -1.0))
            error = error.to(hidden.dtype)
            torch.mm(error, weight, out=d_hidden[start : start + rows])
            d_weight += error.T @ hidden
        if d_hidden is not None and d_weight is not None:
            ctx.save_for_backward(d_hidden, d_weight)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        d_hidden, d_weight = ctx.saved_tensors
        return d_hidden * grads[0].to(d_hidden.dtype), d_weight * grads[0], None, None


# -- use -----------------------------------------------------------------------------------------------


@torch.no_grad()
def generate(model: Transformer, tokens: list[int], max_new_tokens: int, eos_token_id: int | None = None) -> list[int]:
    """Greedy continuation of `tokens`, without them; stops after `eos_token_id`.  Recomputes everything."""
    training = model.training
    model.eval()
    new: list[int] = []
    while len(new) < max_new_tokens and (not new or new[-1] != eos_token_id):
        hidden_BTD = model(torch.tensor([tokens + new]))
        new.append(int(model.logits(hidden_BTD[0, -1]).argmax()))
    model.train(training)
    return new
