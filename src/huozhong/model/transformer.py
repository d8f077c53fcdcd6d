"""DeepSeek-V3 (arXiv:2412.19437, §2) in torch: the readable reference, and what is trained.

Read `layers` first, then this downwards: block, multi-token prediction, decoder, `Transformer`, loss, loading
and saving.  The shape suffixes are explained there.

Weights and gradients are float32; the arithmetic runs in `dtype` (bfloat16 for training, float32 to compare
with others).  `state_dict` names are Hugging Face's.

To train fast: `model = Transformer(config, dtype=torch.bfloat16); model.compile()`, then `model.loss(...)`;
`compile` compiles the blocks in place, names stay as they are.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from huozhong.formats.checkpoint import CheckpointReader, write_checkpoint
from huozhong.model.config import ModelConfig
from huozhong.model.layers import (
    Attention,
    Linear,
    MixtureOfExperts,
    RMSNorm,
    Router,
    SwiGLU,
    rope_frequencies,
    uses_blocks,
)

IGNORED = -100  # a target that carries no loss
LOGITS_BYTES = 8 << 20  # float32 logits held at once; with their bf16 copy they stay in the last-level cache


# -- the stack -----------------------------------------------------------------------------------------


class Block(nn.Module):
    """x + attention(norm x), then x + feed-forward(norm x)."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp: nn.Module
        if config.is_moe_layer(layer):
            self.mlp = MixtureOfExperts(config)
        else:
            self.mlp = SwiGLU(config.hidden_size, config.intermediate_size)
        self.dropout = 0.0  # see Transformer.drop

    def forward(self, x_BTD: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        attended_BTD = self.self_attn(self.input_layernorm(x_BTD), cos, sin, mask)
        x_BTD = x_BTD + F.dropout(attended_BTD, self.dropout, self.training)
        return x_BTD + F.dropout(self.mlp(self.post_attention_layernorm(x_BTD)), self.dropout, self.training)


class PredictionModule(Block):
    """Multi-token prediction (§2.2): predicts one token further than the module before it.

    It joins the hidden state at t with the embedding of the next known token and runs one block.  Embedding
    and head are the main model's; checkpoints carry duplicates for engines that want them.
    """

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__(config, layer)
        self.enorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.hnorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.eh_proj = Linear(2 * config.hidden_size, config.hidden_size)
        self.shared_head = nn.ModuleDict({"norm": RMSNorm(config.hidden_size, config.rms_norm_eps)})

    def join(self, next_embedding_BTD: Tensor, hidden_BTD: Tensor) -> Tensor:
        """eh_proj[enorm(embedding) ; hnorm(hidden)], embedding first."""
        return self.eh_proj(torch.cat((self.enorm(next_embedding_BTD), self.hnorm(hidden_BTD)), dim=-1))


class Decoder(nn.Module):
    """Embedding, blocks and final norm; the prediction modules follow the blocks in `layers`."""

    def __init__(self, config: ModelConfig, dtype: torch.dtype) -> None:
        super().__init__()
        self.config = config
        self.dtype = dtype
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        main, extra = config.num_hidden_layers, config.num_nextn_predict_layers
        blocks: list[Block] = [Block(config, layer) for layer in range(main)]
        blocks += [PredictionModule(config, main + k) for k in range(extra)]
        self.layers = nn.ModuleList(blocks)
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.awake = main  # blocks that run; see Transformer.wake

    def forward(self, tokens_BT: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None, predict: bool) -> list[Tensor]:
        """Final-normed states [B, T, D]: the main one, then (if `predict`) one per prediction module."""
        main = self.config.num_hidden_layers
        x_BTD = self.embed_tokens(tokens_BT).to(self.dtype)
        for block in self.layers[: self.awake]:
            x_BTD = block(x_BTD, cos, sin, mask)
        hidden = self.norm(x_BTD)
        hiddens = [hidden]
        if predict:
            for depth, module in enumerate(self.layers[main:], start=1):
                module = cast(PredictionModule, module)
                ahead = F.pad(tokens_BT[:, depth:], (0, depth))  # the padded end carries no loss
                hidden = module.join(self.embed_tokens(ahead).to(self.dtype), hidden)
                hidden = module(hidden, cos, sin, mask)
                hiddens.append(module.shared_head["norm"](hidden))
        return hiddens


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


class Transformer(nn.Module):
    """DeepSeek-V3 for causal language modelling.

    config: the architecture.  dtype: of the arithmetic; the weights are always float32.

    Initialisation: matrices and embeddings normal(0, initializer_range), norms one, and the matrices that
    write into the residual stream (`o_proj`, every `down_proj`) zero, so that a new model starts as its
    embedding and each block earns its contribution.
    """

    def __init__(self, config: ModelConfig, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config = config
        self.model = Decoder(config, dtype)
        frequencies, self.rope_factor = rope_frequencies(config)
        self.frequencies: Tensor
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.lm_head = None if config.tie_word_embeddings else Linear(config.hidden_size, config.vocab_size)
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

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the arithmetic."""
        return self.model.dtype

    @property
    def head_weight(self) -> Tensor:
        """The vocabulary projection [V, D]: the embedding itself when tied."""
        return self.model.embed_tokens.weight if self.lm_head is None else self.lm_head.weight

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
        self.model.awake = main if layers is None else layers

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
        """Rotations and mask are made here, outside what `compile` compiles: fused into each layer's kernels
        they would be computed again for every layer and head."""
        hiddens: list[Tensor] = self.model(tokens_BT, *self._places(tokens_BT, doc_BT, pos_BT), predict)
        return hiddens

    def _places(
        self, tokens_BT: Tensor, doc_BT: Tensor | None, pos_BT: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """What a block needs to know of positions: cosines, sines and the mask of what a token may see."""
        if pos_BT is None:
            pos_BT = torch.arange(tokens_BT.shape[1], device=tokens_BT.device)[None]
        angle_BTr = pos_BT[..., None].float() * self.frequencies
        cos, sin = angle_BTr.cos() * self.rope_factor, angle_BTr.sin() * self.rope_factor
        if doc_BT is None and uses_blocks(tokens_BT):
            doc_BT = torch.zeros_like(tokens_BT[:1])
        mask = None if doc_BT is None else document_mask(doc_BT, self.dtype)
        return cos, sin, mask

    def look_ahead(self, tokens_BT: Tensor, hidden_BTD: Tensor, doc_BT: Tensor | None, depth: int) -> list[Tensor]:
        """The first prediction module, `depth` times, each time fed with its own states: final-normed [B, T, D] each.

        hidden_BTD: what `forward` returns.  The k-th states (k from 1) at t have seen the tokens up to t + k and
        predict the next.  This is how one module drafts several tokens (EAGLE, Li et al. 2024, arXiv:2401.15077).
        """
        module = cast(PredictionModule, self.model.layers[self.config.num_hidden_layers])
        places = self._places(tokens_BT, doc_BT, None)
        states = []
        for k in range(1, depth + 1):
            ahead_BT = F.pad(tokens_BT[:, k:], (0, k))  # the padded end carries no loss
            joined_BTD = module.join(self.model.embed_tokens(ahead_BT).to(self.dtype), hidden_BTD)
            hidden_BTD = module.shared_head["norm"](module(joined_BTD, *places))
            states.append(hidden_BTD)
        return states

    def logits(self, hidden: Tensor) -> Tensor:
        """Vocabulary scores [..., V] of final-normed hidden states [..., D], in their dtype."""
        return F.linear(hidden, self.head_weight.to(hidden.dtype))

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
        return [router.load for router in self.modules() if isinstance(router, Router)]

    @torch.no_grad()
    def update_expert_bias(self, gamma: float = 1e-3) -> list[Tensor]:
        """Balance the experts (arXiv:2408.15664): once per optimiser step, b += γ·sign(mean load − load).

        Returns the loads [E] (tokens per expert since the last call) of each mixture layer, and clears them.
        """
        loads = []
        for router in self.modules():
            if isinstance(router, Router):
                load = router.load.clone()
                if load.any():  # a frozen one has seen nothing and stays as it is, to the bit
                    bias = router.e_score_correction_bias
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
    total: Tensor = _CrossEntropySum.apply(hidden_ND, weight_VD, targets_N, torch.is_grad_enabled())
    return total, count


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


def load_transformer(folder: str | Path, dtype: torch.dtype = torch.float32) -> Transformer:
    """Read a Hugging Face folder.  dtype: of the arithmetic.  Raises CheckpointError or ConfigError."""
    reader = CheckpointReader(folder)
    model = Transformer(reader.config, dtype=dtype)
    model.load_state_dict({name: torch.from_numpy(reader.tensor(name)) for name in model.state_dict()})
    return model


def save_transformer(
    model: Transformer,
    folder: str | Path,
    extra_files: Mapping[str, bytes] | None = None,
    dtype: str = "bfloat16",
    state: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a Hugging Face folder, atomically.  extra_files: name to content (tokenizer.json ...).

    state: the weights, where the model itself holds only parts of them.
    """
    state = model.state_dict() if state is None else state
    arrays = {name: value.detach().cpu().numpy() for name, value in state.items()}
    write_checkpoint(folder, model.config, arrays, dtype=dtype, extra_files=extra_files or {})
