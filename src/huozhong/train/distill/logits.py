"""Learning a teacher's probabilities and not only its words (Hinton et al. 2015, arXiv:1503.02531).

    loss = weight · τ² · KL(teacher ‖ student) + (1 - weight) · cross entropy of the text,  per token

The divergence is taken over the teacher's k likeliest tokens one by one and all the rest as one more outcome:
never more than the whole divergence, and equal to it for k = V.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.console import Console
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from huozhong.errors import ConfigError
from huozhong.model.transformer import LossParts
from huozhong.text.data import NO_TARGET
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.content import content_of
from huozhong.train.distill.recipe import LogitsRecipe, StudentRecipe
from huozhong.train.feed import Rows
from huozhong.train.model_folder import load_transformer
from huozhong.train.parallel.team import Team
from huozhong.train.recipe import Recipe
from huozhong.train.rl.grpo import logits_parts
from huozhong.train.sitting import Start
from huozhong.train.stages.pretrain import Outcome, TextRun, train

_TINY = 1e-9


def train_student(recipe: StudentRecipe, *, start: Start, console: Console) -> Outcome:
    """`pretrain.train`, with the teacher's probabilities where the recipe has some."""
    return train(recipe, start=start, console=console, kind=None if recipe.logits is None else LogitsRun)


class LogitsRun(TextRun):
    """A run whose loss looks at a teacher that reads the same rows."""

    def __init__(self, recipe: Recipe, console: Console, team: Team | None = None) -> None:
        super().__init__(recipe, console, team)
        assert isinstance(recipe, StudentRecipe)
        assert recipe.logits is not None
        logits = self.logits = recipe.logits
        theirs = Tokenizer.load(logits.teacher)
        if theirs.fingerprint != self.tokenizer.fingerprint:
            raise ConfigError(
                f"[logits] teacher {logits.teacher} has another tokenizer than the student, so their probabilities are "
                "of different things; learn from its answers instead ([teacher] and [questions])."
            )
        self.teacher = load_transformer(logits.teacher, dtype=self.model.dtype).to(self.device)
        self.teacher.eval().requires_grad_(False)

    def identity(self) -> dict[str, Any]:
        return super().identity() | {"teacher_content": self._teacher_content}

    @cached_property
    def _teacher_content(self) -> str:
        return content_of(Path(self.logits.teacher))

    def loss(self, rows: Rows) -> LossParts:
        kept_BT = rows.targets_BT != NO_TARGET
        hidden_TD = self.model(rows.tokens_BT, doc_BT=rows.doc_BT)[kept_BT]
        with torch.no_grad():
            teacher_TD = self.teacher(rows.tokens_BT, doc_BT=rows.doc_BT)[kept_BT]
        targets_T, size = rows.targets_BT[kept_BT], self.tokenizer.vocab_size
        weights = (self.model.head_weight[:size], self.teacher.head_weight[:size])
        divergence = text = torch.zeros((), device=self.device)
        for part in logits_parts(len(targets_T), size):
            # made again on the way back: the logits of one part at a time are held
            kl, ce = checkpoint(
                _part_losses,
                hidden_TD[part],
                teacher_TD[part],
                targets_T[part],
                weights,
                self.logits,
                use_reentrant=False,
            )
            divergence, text = divergence + kl, text + ce
        share, tau = self.logits.weight, self.logits.temperature
        total = share * tau**2 * divergence + (1 - share) * text
        if not len(targets_T):  # nothing to learn in these rows: a gradient of zero
            total = 0.0 * self.model.head_weight.sum()
        return LossParts(total, text.detach(), (), len(targets_T), ())


def _part_losses(
    hidden_TD: Tensor, teacher_TD: Tensor, targets_T: Tensor, weights: tuple[Tensor, Tensor], logits: LogitsRecipe
) -> tuple[Tensor, Tensor]:
    student_TV = F.linear(hidden_TD, weights[0].to(hidden_TD.dtype)).float()
    teacher_TV = F.linear(teacher_TD, weights[1].to(teacher_TD.dtype)).float()
    text = F.cross_entropy(student_TV, targets_T, reduction="sum")
    tau = logits.temperature
    return top_k_divergence(teacher_TV / tau, student_TV / tau, logits.top_k).sum(), text


def top_k_divergence(teacher_TV: Tensor, student_TV: Tensor, top_k: int) -> Tensor:
    """KL(teacher ‖ student) float32 [T] of two rows of logits, over the teacher's top_k tokens and the rest."""
    teacher_TV, student_TV = teacher_TV.log_softmax(-1), student_TV.log_softmax(-1)
    if top_k >= teacher_TV.shape[-1]:
        return (teacher_TV.exp() * (teacher_TV - student_TV)).sum(-1)
    teacher_TK, best_TK = teacher_TV.topk(top_k, dim=-1)
    student_TK = student_TV.gather(-1, best_TK)
    kl_T = (teacher_TK.exp() * (teacher_TK - student_TK)).sum(-1)
    rest_teacher_T, rest_student_T = (
        (1 - logprobs_TK.exp().sum(-1)).clamp_min(_TINY) for logprobs_TK in (teacher_TK, student_TK)
    )
    return kl_T + rest_teacher_T * (rest_teacher_T.log() - rest_student_T.log())
