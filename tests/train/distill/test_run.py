"""A teacher's answers: asked for, never lost, kept when right, learnt."""

from __future__ import annotations

import dataclasses
import json
import threading
import tomllib
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
import uvicorn
from rich.console import Console
from tests.conftest import tiny_config
from typer.testing import CliRunner

from huozhong.cli.main import build
from huozhong.cli.sampling import open_teacher
from huozhong.cli.serve import listen, server_config
from huozhong.engine.llm import LLM
from huozhong.errors import ConfigError, DataError, ExamError
from huozhong.model.transformer import Transformer, load_transformer, save_transformer
from huozhong.server.app import create_app
from huozhong.text.shards import Shard
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.distill.logits import LogitsRun, top_k_divergence
from huozhong.train.distill.recipe import DistillRecipe, KeepRecipe, parse_distill_recipe
from huozhong.train.distill.run import AnswerFile, TeacherAnswer, accepted, choose, distill, distinct
from huozhong.train.feed import Rows
from huozhong.train.rl.problems import Problem

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


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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


@pytest.fixture
def console() -> Console:
    return Console(file=StringIO(), width=200)


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    """The project's own server on a loopback port, with the tiny teacher behind it."""
    with (
        LLM(folder / "teacher", num_threads=1, cache_dir=folder / "packed", prefix_cache_bytes=0) as llm,
        listen("127.0.0.1", 0) as listener,
    ):
        server = uvicorn.Server(server_config(create_app(llm)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


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


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# -- the whole way ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_student_learns_from_a_server(recipe: DistillRecipe, url: str, console: Console, folder: Path) -> None:
    outcome = distill(recipe, open_teacher(url, None, 4), console=console)
    generated, kept = lines(folder / "out" / "generated.jsonl"), lines(folder / "out" / "kept.jsonl")
    assert len(generated) == outcome.answers == 13 * 3
    assert len({(row["question"], row["sample"]) for row in generated}) == 39
    assert 0 < outcome.kept == len(kept) <= outcome.right < 39
    by_question = Counter(row["messages"][0]["content"] for row in kept)
    assert max(by_question.values()) <= 2
    assert "9+9=" not in by_question
    said = {(row["question"], row["text"].strip()) for row in generated if row["finished"]}
    assert {(row["messages"][0]["content"], row["messages"][1]["content"]) for row in kept} <= said
    assert len(Shard(folder / "out" / "shards", "distilled").lengths_D) == len(kept)
    assert outcome.training is not None
    assert outcome.training.finished
    losses = [row["loss"] for row in lines(folder / "out" / "metrics.jsonl")]
    assert losses[-1] < losses[0] - 0.5
    assert outcome.training.model is not None
    assert (outcome.training.model / "model.safetensors").is_file()


@pytest.mark.slow
def test_the_same_questions_give_the_same_answers(recipe: DistillRecipe, url: str, console: Console) -> None:
    """Seeds come from question and sample, so that a lost file could be made again."""
    elsewhere = dataclasses.replace(recipe.student.run, out=f"{recipe.out}2")
    other = dataclasses.replace(recipe, student=dataclasses.replace(recipe.student, run=elsewhere))
    for one in (recipe, other):
        distill(one, open_teacher(url, None, 4), console=console)
    first, second = (
        sorted(lines(one.out / "generated.jsonl"), key=lambda row: (row["question"], row["sample"]))
        for one in (recipe, other)
    )
    assert first == second


def test_the_command_with_a_local_teacher(folder: Path) -> None:
    path = folder / "distill.toml"
    path.write_text((STUDENT + TEACHER).format(folder=folder))
    result = CliRunner().invoke(build(), ["train", "distill", str(path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "accepted" in result.output
    assert (folder / "out" / "model" / "config.json").is_file()


# -- nothing is lost -------------------------------------------------------------------------------------


def test_what_was_answered_before_an_error_is_not_asked_again(recipe: DistillRecipe, console: Console) -> None:
    broken, whole = Counted(fails_after=17), Counted()
    with pytest.raises(ExamError):
        distill(recipe, broken, console=console)
    assert len(lines(recipe.out / "generated.jsonl")) == sum(broken.asked.values()) == 17
    outcome = distill(recipe, whole, console=console)
    assert outcome.answers == 39
    assert broken.asked.keys().isdisjoint(whole.asked)
    assert sum(whole.asked.values()) == 39 - 17
    assert (broken.closed, whole.closed) == (1, 1)


def test_a_line_cut_by_a_power_cut_is_asked_again(recipe: DistillRecipe, console: Console) -> None:
    distill(recipe, Counted(), console=console)
    path = recipe.out / "generated.jsonl"
    data = path.read_bytes()
    path.write_bytes(data[:-7])
    again = Counted()
    distill(recipe, again, console=console)
    assert sum(again.asked.values()) == 1
    assert sorted(path.read_bytes().splitlines()) == sorted(data.splitlines())


def test_more_samples_are_added_to_what_there_is(recipe: DistillRecipe, console: Console) -> None:
    distill(recipe, Counted(), console=console)
    assert recipe.questions is not None
    more, again = dataclasses.replace(recipe, questions=dataclasses.replace(recipe.questions, samples=4)), Counted()
    distill(more, again, console=console)
    assert sum(again.asked.values()) == 13


def test_other_settings_do_not_mix_with_what_there_is(recipe: DistillRecipe, console: Console) -> None:
    distill(recipe, Counted(), console=console)
    assert recipe.questions is not None
    hotter = dataclasses.replace(recipe, questions=dataclasses.replace(recipe.questions, temperature=0.1))
    with pytest.raises(ConfigError, match=r"questions\.temperature"):
        distill(hotter, Counted(), console=console)
    fresh = Counted()
    outcome = distill(hotter, fresh, start="fresh", console=console)
    assert outcome.answers == sum(fresh.asked.values()) == 39
    assert len(lines(recipe.out / "generated.jsonl.old")) == 39


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "generated.jsonl").write_text('{"question": "?", "sample": 0, "text": "1"}\n{"question": 1}\n')
    with pytest.raises(DataError, match="line 2 is damaged"):
        AnswerFile(tmp_path, {})


# -- what is kept ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "right", "whole"),
    [
        (TeacherAnswer("答案：8", "3+5=8"), True, True),
        (TeacherAnswer("答案：9", "3+5=9"), False, True),
        (TeacherAnswer("答案：8", finished=False), False, False),
        (TeacherAnswer("", "3+5=8"), False, False),
        (TeacherAnswer("答案：8", error="too long"), False, False),
    ],
)
def test_only_whole_right_answers_are_accepted(reply: TeacherAnswer, right: bool, whole: bool) -> None:
    problem = Problem("3+5=", "8")
    assert accepted(problem, reply, KeepRecipe()) == right
    assert accepted(problem, reply, KeepRecipe(verify=False)) == whole


def test_repetitions_differ_in_more_than_blanks() -> None:
    replies = [TeacherAnswer("a b"), TeacherAnswer("ab\n"), TeacherAnswer("ab", "because"), TeacherAnswer("a b")]
    assert distinct(replies) == [TeacherAnswer("a b"), TeacherAnswer("ab", "because")]


def test_the_shortest_or_the_most_diverse_stay() -> None:
    near, far = TeacherAnswer("三加五等于八，答案：8"), TeacherAnswer("eight, because 5 and 3 make it")
    short = TeacherAnswer("三加五等于八，8")
    sized = [(far, 20), (near, 12), (short, 9)]
    assert choose(sized, KeepRecipe(per_question=2)) == [short, near]
    assert choose(sized, KeepRecipe(per_question=2, choose="diverse")) == [short, far]
    assert choose(sized, KeepRecipe(per_question=5, choose="diverse")) == [short, far, near]


def test_answers_too_long_for_the_student_are_left_out(recipe: DistillRecipe, console: Console) -> None:
    with pytest.raises(DataError, match=r"39 answers can be kept \(36 were right"):
        distill(recipe, Counted(lasts=60), console=console)


def test_questions_without_anything_to_check(recipe: DistillRecipe, console: Console, folder: Path) -> None:
    (folder / "questions.jsonl").write_text('{"question": "你好"}\n')
    with pytest.raises(DataError, match="nothing that can be checked"):
        distill(recipe, Counted(), console=console)
    free = dataclasses.replace(recipe, keep=KeepRecipe(verify=False))
    assert distill(free, Counted(), console=console).kept == 1


# -- probabilities ---------------------------------------------------------------------------------------


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


@pytest.fixture
def with_logits(folder: Path, console: Console) -> DistillRecipe:
    """Shards to read, and a teacher whose probabilities are learnt."""
    distill(parse_distill_recipe(tomllib.loads((STUDENT + TEACHER).format(folder=folder))), Counted(), console=console)
    text = STUDENT.replace("/out", "/logits").replace("[data]", '[data]\ntrain = [{{ path = "{folder}/out/shards" }}]')
    return parse_distill_recipe(tomllib.loads((text + LOGITS).format(folder=folder)))


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


# -- recipes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('[teacher]\nmodel = "x" -> [teacher]', "needs url"),
        ("[questions] -> [question]", r"unknown section \[question\]"),
        ('seq_len = 96 -> seq_len = 96\ntrain = [{ path = "x" }]', "take it out"),
        ('choose = "shortest" -> choose = "best"', "shortest, diverse"),
        ("mtp_weight = 0.0 -> mtp_weight = 0.1", "mtp_weight must be 0"),
        ("weight = 0.9 -> weight = 0.0", "above 0"),
        ("samples = 3 -> samples = 0", "at least 1"),
    ],
)
def test_mistakes_in_a_recipe_are_named(change: str, said: str) -> None:
    text = (STUDENT + TEACHER + 'choose = "shortest"\n' + LOGITS).format(folder="f").replace("f/teacher", "x", 1)
    old, new = change.split(" -> ")
    assert old in text
    with pytest.raises(ConfigError, match=said):
        parse_distill_recipe(tomllib.loads(text.replace(old, new, 1)))


def test_a_teacher_needs_questions_and_there_must_be_one() -> None:
    raw = tomllib.loads((STUDENT + TEACHER).format(folder="f"))
    with pytest.raises(ConfigError, match=r"\[questions\] is missing"):
        parse_distill_recipe({k: v for k, v in raw.items() if k != "questions"})
    with pytest.raises(ConfigError, match="names no teacher"):
        parse_distill_recipe({k: v for k, v in raw.items() if k not in ("questions", "teacher")})
