"""Documents of one row: alone, beside each other, and with a beginning that they share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.engine.oracles import make_model
from tests.engine.test_architectures import CONFIGS

from huozhong.formats.hf.view import HuggingFaceView
from huozhong.formats.source import open_model
from huozhong.model.documents import FILLING, SHARED, Documents
from huozhong.model.families import CausalLM, load_causal_lm
from huozhong.model.layers import IGNORED

BEGINNING = list(range(40, 52))


def row_of(lengths: list[int], *, shared: bool) -> tuple[torch.Tensor, ...]:
    """Tokens, targets, documents and positions of documents that begin alike; targets are in what is their own."""
    tokens, targets, doc, pos = [], [], [], []
    if shared:
        tokens, doc, pos = list(BEGINNING), [SHARED] * len(BEGINNING), list(range(len(BEGINNING)))
        targets = [IGNORED] * len(BEGINNING)
    for number, length in enumerate(lengths):
        own = [3 + (7 * number + 5 * at) % 90 for at in range(length)]
        whole = own if shared else BEGINNING + own
        tokens += whole
        targets += [IGNORED] * (len(whole) - length) + [*own[1:], IGNORED]
        doc += [number] * len(whole)
        pos += range(len(BEGINNING) + length - len(whole), len(BEGINNING) + length)
    filled = -len(tokens) % 16
    rest = ([0] * filled, [IGNORED] * filled, [FILLING] * filled, list(range(filled)))
    columns = (tokens, targets, doc, pos)
    return tuple(torch.tensor([one + other]) for one, other in zip(columns, rest, strict=True))


@pytest.mark.parametrize("kind", ["qwen3", "deepseek_v3"])
@pytest.mark.parametrize("lengths", [[9, 13, 4, 8, 11, 12], [9, 100, 4, 5, 6], [150, 120, 140]])
def test_a_shared_beginning_changes_no_number(kind: str, lengths: list[int], tmp_path: Path) -> None:
    """Side by side, by a mask where padding would cost more, and by torch's kernel where they are long."""
    make_model(CONFIGS[kind]).save_pretrained(tmp_path)
    view = HuggingFaceView(open_model(tmp_path))
    model: CausalLM = load_causal_lm(view.architecture, view, storage=None)
    found = []
    for shared in (False, True):
        tokens, targets, doc, pos = row_of(lengths, shared=shared)
        model.zero_grad()
        log_probs, _ = model.log_probs(tokens, targets, doc, pos)
        log_probs.sum().backward()
        grads = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
        found.append((log_probs.detach(), grads))
    (one, slow), (other, fast) = found
    torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-4)
    assert slow.keys() == fast.keys()
    for name, grad in slow.items():
        torch.testing.assert_close(fast[name], grad, atol=2e-4 * float(grad.abs().max()) + 1e-6, rtol=1e-3, msg=name)


def test_it_is_known_how_documents_are_attended() -> None:
    def of(lengths: list[int]) -> Documents:
        return Documents(row_of(lengths, shared=True)[2])

    assert of([9, 13, 4, 8, 11, 12]).mask is None
    assert of([9, 13, 4, 8, 11, 12]).causal_LL is not None
    assert of([9, 100, 4, 5, 6]).mask is not None
    assert of([150, 120, 140]).mask is None
    assert of([150, 120, 140]).causal_LL is None
