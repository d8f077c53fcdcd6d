"""The reference that the engine's sampler is compared with: every token computed anew, in torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from huozhong.model.transformer import Transformer
from huozhong.train.rl.rollout import Ask, Drawn


class TorchSampler:
    """Recomputes everything for each token.

    vocab_size: of the tokenizer; a model's table may be longer, and those tokens are never chosen.
    """

    def __init__(self, *, vocab_size: int, eos_id: int, batch: int = 64) -> None:
        self.vocab_size, self.eos_id, self.batch = vocab_size, eos_id, batch
        self._model: Transformer | None = None

    def load(self, model: Transformer) -> None:
        self._model = model

    def close(self) -> None:
        self._model = None

    @torch.no_grad()
    def generate(self, asks: Sequence[Ask], *, max_tokens: int, greedy: bool = False) -> list[Drawn]:
        model = self._model
        assert model is not None, "load the weights first"
        model.eval()
        drawn = [
            answer
            for start in range(0, len(asks), self.batch)
            for answer in self._batch(model, asks[start : start + self.batch], max_tokens, greedy)
        ]
        model.train()
        return drawn

    def _batch(self, model: Transformer, asks: Sequence[Ask], max_tokens: int, greedy: bool) -> list[Drawn]:
        rngs = [np.random.Generator(np.random.PCG64(ask.seed)) for ask in asks]
        ids = [list(ask.prompt) for ask in asks]
        logprobs: list[list[float]] = [[] for _ in asks]
        finished = [False] * len(asks)
        device = next(model.parameters()).device
        for _ in range(max_tokens):
            live = [n for n in range(len(asks)) if not finished[n]]
            if not live:
                break
            longest = max(len(ids[n]) for n in live)
            tokens_BT = torch.tensor([ids[n] + [0] * (longest - len(ids[n])) for n in live], device=device)
            ends_B = torch.tensor([len(ids[n]) - 1 for n in live], device=device)
            hidden_BTD = model(tokens_BT)
            logits_BV = model.logits(hidden_BTD[torch.arange(len(live)), ends_B])[:, : self.vocab_size]
            all_logprobs_BV = logits_BV.double().log_softmax(-1).cpu().numpy()
            for n, logprobs_V in zip(live, all_logprobs_BV, strict=True):
                token = int(logprobs_V.argmax()) if greedy else _draw(logprobs_V, rngs[n])
                ids[n].append(token)
                logprobs[n].append(float(logprobs_V[token]))
                finished[n] = token == self.eos_id
        return [Drawn(tuple(ids[n][len(ask.prompt) :]), tuple(logprobs[n]), finished[n]) for n, ask in enumerate(asks)]


def _draw(logprobs_V: np.ndarray, rng: np.random.Generator) -> int:
    """By inversion with one random number, as the engine draws."""
    cumulative_V = np.cumsum(np.exp(logprobs_V))
    return min(int(np.searchsorted(cumulative_V, rng.random() * cumulative_V[-1], side="right")), len(logprobs_V) - 1)
