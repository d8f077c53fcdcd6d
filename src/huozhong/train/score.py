"""Held-out bits per byte: how many bits the model needs for each byte of text that it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from huozhong.errors import DataError
from huozhong.model.layers import Router
from huozhong.model.transformer import Transformer
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.feed import Rows


class Scorer:
    """Held-out bits per byte: −log2 p of all targets that stand for text, over their UTF-8 bytes.

    Unlike loss per token this does not depend on the tokenizer.  Special tokens count on neither side.
    """

    def __init__(self, rows: Rows, bytes_V: Tensor, micro_batch: int, device: torch.device) -> None:
        sizes_BT = torch.where(rows.targets_BT >= 0, bytes_V[rows.targets_BT.clamp_min(0)], 0)
        targets_BT = rows.targets_BT.masked_fill(sizes_BT == 0, -100)
        self.bytes = int(sizes_BT.sum())
        self.parts = [
            part.to(device) for part in Rows(rows.tokens_BT, targets_BT, rows.doc_BT).split(micro_batch)
        ]
        if self.bytes == 0:
            raise DataError("the held-out rows have no text to score: every target is special or masked.")

    @torch.no_grad()
    def bits_per_byte(self, model: Transformer) -> float:
        model.eval()
        # compiled code would be compiled once more for scoring, which takes longer than the scoring
        with torch.compiler.set_stance("force_eager"):
            total = sum(float(model.loss(p.tokens_BT, p.targets_BT, p.doc_BT).main) for p in self.parts)
        model.train()
        return total / math.log(2) / self.bytes


@contextmanager
def counted_loads(model: nn.Module) -> Iterator[list[Tensor]]:
    """Inside, how many tokens each expert is given [E], one tensor per mixture layer, training or not.

    Balance is judged on held-out rows, all of them together (MaxVio_global, arXiv:2408.15664, §4.1): the loads of one
    small batch say more about its few documents than about the experts.
    """
    routers = [module for module in model.modules() if isinstance(module, Router)]
    loads = [torch.zeros_like(router.load) for router in routers]

    def count(load: Tensor) -> Callable[..., None]:
        def hook(_router: nn.Module, _inputs: Any, outputs: tuple[Tensor, Tensor, Tensor]) -> None:
            load.add_(outputs[2])  # what a hook returns would take the outputs' place

        return hook

    hooks = [router.register_forward_hook(count(load)) for router, load in zip(routers, loads, strict=True)]
    try:
        yield loads
    finally:
        for hook in hooks:
            hook.remove()


def busiest(loads: list[Tensor]) -> float | None:
    """The load of the busiest expert of any layer over the mean load; 1 is perfect balance.

    Layers that did not run (a prediction module's) do not count; None if none did.
    """
    return max((float(load.max() / load.mean()) for load in loads if load.any()), default=None)


def bytes_per_token(tokenizer: Tokenizer) -> Tensor:
    """[V] int64: UTF-8 bytes that each token stands for; 0 for control tokens, which stand for no text."""
    sizes = [
        0 if tokenizer.is_control(token) else len(tokenizer.bytes_of(token))
        for token in range(tokenizer.vocab_size)
    ]
    return torch.tensor(sizes)
