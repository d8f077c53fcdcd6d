"""A random teacher, a student, questions, and the recipes that join them."""

from __future__ import annotations

import json
import threading
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from tests.conftest import tiny_config

from huozhong.errors import ExamError
from huozhong.model.transformer import Transformer
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.distill.recipe import DistillRecipe, parse_distill_recipe
from huozhong.train.distill.run import TeacherAnswer, distill
from huozhong.train.model_folder import save_transformer

STUDENT = """
[run]
out = "{folder}/out"
init_from = "{folder}/student"
seed = 3
log_every = 1
device = "cpu"
threads = 1
precision = "float32"
[data]
seq_len = 96
[optim]
muon_lr = 0.01
adamw_lr = 0.01
batch_tokens = 384
micro_batch = 2
mtp_weight = 0.0
[schedule]
total_steps = 8
"""


TEACHER = """
[teacher]
model = "{folder}/teacher"
concurrency = 4
thinking = false
[questions]
path = "{folder}/questions.jsonl"
samples = 3
max_tokens = 40
temperature = 1.0
[keep]
per_question = 2
"""


LOGITS = """
[logits]
teacher = "{folder}/teacher"
top_k = 16
weight = 0.9
"""


def write_model(folder: Path, tokenizer: Tokenizer, seed: int, *, talks: float) -> None:
    """A random model; talks: how much less likely than others the end of its answer is."""
    torch.manual_seed(seed)
    changes = {"first_k_dense_replace": 2, "n_routed_experts": 0, "n_shared_experts": 0, "moe_intermediate_size": 0}
    model = Transformer(tiny_config(tokenizer.vocab_size, num_experts_per_tok=0, **changes))
    with torch.no_grad():
        assert model.lm_head is not None
        model.lm_head.weight[tokenizer.eos_id] = talks
        model.model.norm.weight.fill_(0.6)
    save_transformer(model, folder, extra_files=tokenizer.files(), dtype="float32")


@pytest.fixture
def folder(tmp_path: Path, tokenizer: Tokenizer) -> Path:
    """A teacher whose answers end soon, a student, and questions: any answer that is no refusal is right."""
    write_model(tmp_path / "teacher", tokenizer, 1, talks=0.0)
    write_model(tmp_path / "student", tokenizer, 2, talks=0.0)
    rows: list[dict[str, Any]] = [{"question": f"问题{n}：{n}+{n}=", "refuse": False} for n in range(12)]
    rows.append({"question": "9+9=", "answer": "123456789"})  # which nobody will say by chance
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


@pytest.fixture
def recipe(folder: Path) -> DistillRecipe:
    return parse_distill_recipe(tomllib.loads((STUDENT + TEACHER).format(folder=folder)))


class Counted:
    """A teacher that notes what it is asked, and may fail after some answers."""

    def __init__(self, fails_after: int | None = None, lasts: int = 1) -> None:
        self.asked: Counter[tuple[str, int]] = Counter()
        self.fails_after, self.closed, self._lock = fails_after, 0, threading.Lock()
        self.lasts = lasts

    def answer(
        self, question: str, *, temperature: float, seed: int, max_tokens: int, thinking: bool | None
    ) -> TeacherAnswer:
        with self._lock:
            if self.fails_after is not None and sum(self.asked.values()) >= self.fails_after:
                raise ExamError("the server is gone.")
            self.asked[question, seed] += 1
        return TeacherAnswer(f"答：{seed % 10}" + "，好" * self.lasts)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def with_logits(folder: Path, console: Console) -> DistillRecipe:
    """Shards to read, and a teacher whose probabilities are learnt."""
    distill(parse_distill_recipe(tomllib.loads((STUDENT + TEACHER).format(folder=folder))), Counted(), console=console)
    text = STUDENT.replace("/out", "/logits").replace("[data]", '[data]\ntrain = [{{ path = "{folder}/out/shards" }}]')
    return parse_distill_recipe(tomllib.loads((text + LOGITS).format(folder=folder)))
