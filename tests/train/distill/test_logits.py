"""Probabilities of a teacher, against sums written out."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from rich.console import Console
from tests.train.distill.conftest import write_model

from huozhong.errors import ConfigError
from huozhong.model.transformer import Transformer
from huozhong.text.shards import Shard
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.distill.logits import LogitsRun, top_k_divergence
from huozhong.train.distill.recipe import DistillRecipe
from huozhong.train.distill.run import distill
from huozhong.train.feed import Rows
from huozhong.train.model_folder import load_transformer


def reference_divergence(teacher: list[float], student: list[float], k: int) -> float:
    """Line by line, with float64: k outcomes and one for the rest."""
    p, q = (torch.tensor(x, dtype=torch.float64).softmax(0).tolist() for x in (teacher, student))
    best = sorted(range(len(p)), key=lambda n: -p[n])[:k]
    outcomes = [(p[n], q[n]) for n in best]
    if k < len(p):
        outcomes.append((1 - sum(a for a, _ in outcomes), 1 - sum(b for _, b in outcomes)))
    return sum(a * float(torch.tensor(a / b, dtype=torch.float64).log()) for a, b in outcomes)


@pytest.mark.parametrize("k", [1, 5, 20, 99])
def test_the_divergence_is_the_reference(k: int) -> None:
    torch.manual_seed(0)
    teacher, student = 2 * torch.randn(7, 20), 2 * torch.randn(7, 20)
    ours = top_k_divergence(teacher, student, k)
    for row in range(7):
        expected = reference_divergence(teacher[row].tolist(), student[row].tolist(), min(k, 20))
        assert ours[row].item() == pytest.approx(expected, rel=1e-4)
    whole = top_k_divergence(teacher, student, 20)
    assert (ours <= whole + 1e-5).all()
    assert top_k_divergence(teacher, teacher, k).abs().max() < 1e-5


def test_the_loss_is_the_whole_computation_in_parts(
    with_logits: DistillRecipe, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huozhong.train.rl.grpo.LOGITS_BYTES", 4 * 320 * 5)  # five rows at a time
    Path(with_logits.student.run.out).mkdir()
    run = LogitsRun(with_logits.student, console)
    rows = Rows.from_batch(next(run.batches))
    parts = run.loss(rows)
    parts.total.backward()
    ours = {name: weight.grad for name, weight in run.model.named_parameters()}
    run.model.zero_grad()
    kept = rows.targets_BT != -100
    student = run.model.logits(run.model(rows.tokens_BT, doc_BT=rows.doc_BT))[kept]
    with torch.no_grad():
        teacher = run.teacher.logits(run.teacher(rows.tokens_BT, doc_BT=rows.doc_BT))[kept]
    text = torch.nn.functional.cross_entropy(student, rows.targets_BT[kept], reduction="sum")
    total = 0.9 * top_k_divergence(teacher, student, 16).sum() + 0.1 * text
    total.backward()
    assert parts.token_count == int(kept.sum()) > 5
    assert parts.main.item() == pytest.approx(text.item(), rel=1e-5)
    assert parts.total.item() == pytest.approx(total.item(), rel=1e-5)
    for name, weight in run.model.named_parameters():
        torch.testing.assert_close(ours[name], weight.grad, rtol=1e-3, atol=1e-4)


def divergence_on(recipe: DistillRecipe, model: Transformer) -> float:
    """Mean over what the first conversation teaches to say."""
    assert recipe.student.logits is not None
    teacher = load_transformer(recipe.student.logits.teacher)
    tokens, mask = Shard(recipe.out.parent / "out" / "shards", "distilled").document(0)
    ids, learnt = torch.tensor([tokens.tolist()]), torch.tensor(mask[1:].tolist())
    with torch.no_grad():
        logits = [m.logits(m(ids))[0, :-1][learnt] for m in (teacher, model)]
    return float(top_k_divergence(*logits, 10_000).mean())


def test_the_student_comes_to_think_like_the_teacher(with_logits: DistillRecipe, console: Console) -> None:
    # A random teacher is nearly undecided, so its 16 likeliest tokens say little: all of them are learnt here.
    assert with_logits.student.logits is not None
    logits = dataclasses.replace(with_logits.student.logits, weight=1.0, top_k=200)
    schedule = dataclasses.replace(with_logits.student.schedule, total_steps=24)
    student = dataclasses.replace(with_logits.student, schedule=schedule, logits=logits)
    with_logits = dataclasses.replace(with_logits, student=student)
    before = divergence_on(with_logits, load_transformer(with_logits.student.run.init_from or ""))
    outcome = distill(with_logits, None, console=console)
    assert outcome.training is not None
    assert outcome.training.model is not None
    assert divergence_on(with_logits, load_transformer(outcome.training.model)) < 0.7 * before
    student = dataclasses.replace(student, logits=dataclasses.replace(logits, weight=0.2))
    with pytest.raises(ConfigError, match=r"logits\.weight"):
        distill(dataclasses.replace(with_logits, student=student), None, console=console)


def test_another_tokenizer_is_refused(with_logits: DistillRecipe, folder: Path, console: Console) -> None:
    other = Tokenizer.train(["完全不同的文字 something else entirely"] * 20, 300)
    write_model(folder / "teacher", other, 1, talks=0.0)
    with pytest.raises(ConfigError, match="another tokenizer"):
        distill(with_logits, None, console=console)
