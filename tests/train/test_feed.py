"""Rows as tensors."""

from __future__ import annotations

import torch

from huozhong.train.feed import Rows


def test_rows_split_covers_all() -> None:
    tokens = torch.arange(20).view(5, 4)
    parts = Rows(tokens, tokens, tokens).split(2)
    assert [len(part.tokens_BT) for part in parts] == [2, 2, 1]
