"""What is said of a model, against sums written out."""

from __future__ import annotations

import math

import torch
from rich.console import Console

from huozhong.text.tokenizer import Tokenizer
from huozhong.train.feed import heldout_rows
from huozhong.train.recipe import Recipe
from huozhong.train.score import Scorer, bytes_per_token
from huozhong.train.stages.pretrain import TextRun


def test_bits_per_byte_counts_text_only(recipe: Recipe, tokenizer: Tokenizer, console: Console) -> None:
    rows = heldout_rows(recipe, tokenizer)
    sizes = bytes_per_token(tokenizer)
    assert int(sizes[tokenizer.eos_id]) == 0
    assert int(sizes[tokenizer.encode("春")[0]]) >= 1
    model = TextRun(recipe, console).model
    scorer = Scorer(rows, sizes, 3, torch.device("cpu"))
    logits = model.logits(model(rows.tokens_BT, doc_BT=rows.doc_BT)).float()
    nats, count = 0.0, 0
    for row in range(len(rows.tokens_BT)):
        for place, target in enumerate(rows.targets_BT[row].tolist()):
            if target >= 0 and not tokenizer.is_control(target):
                nats -= float(torch.log_softmax(logits[row, place], -1)[target].detach())
                count += len(tokenizer.bytes_of(target))
    assert scorer.bytes == count
    assert math.isclose(scorer.bits_per_byte(model), nats / math.log(2) / count, rel_tol=1e-2)
