"""What a run says of its model: held-out bits per byte (how many bits it needs for each byte of text that it was not
trained on), and how even the load of its experts is.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from huozhong.errors import DataError
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
        self.parts = [part.to(device) for part in Rows(rows.tokens_BT, targets_BT, rows.doc_BT).split(micro_batch)]
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


def busiest(loads: list[Tensor]) -> float | None:
    """The load of the busiest expert of any layer over the mean load; 1 is perfect balance.

    Layers that did not run (a prediction module's) do not count; None if none did.
    """
    return max((float(load.max() / load.mean()) for load in loads if load.any()), default=None)


def bytes_per_token(tokenizer: Tokenizer) -> Tensor:
    """[V] int64: UTF-8 bytes that each token stands for; 0 for control tokens, which stand for no text."""
    sizes = [
        0 if tokenizer.is_control(token) else len(tokenizer.bytes_of(token)) for token in range(tokenizer.vocab_size)
    ]
    return torch.tensor(sizes)
