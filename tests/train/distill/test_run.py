"""A teacher's answers: asked for, never lost, kept when right, learnt."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from rich.console import Console
from tests.train.distill.conftest import STUDENT, TEACHER, Counted, write_model
from typer.testing import CliRunner

from huozhong.cli.main import build
from huozhong.cli.sampling import open_teacher
from huozhong.cli.serve import listen, server_config
from huozhong.engine.llm import LLM
from huozhong.errors import ConfigError, DataError, ExamError
from huozhong.server.app import create_app
from huozhong.text.shards import Shard
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.distill.recipe import DistillRecipe, KeepRecipe
from huozhong.train.distill.run import AnswerFile, TeacherAnswer, accepted, choose, distill, distinct
from huozhong.train.rl.problems import Problem


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


# -- recipes ---------------------------------------------------------------------------------------------


class Moody(Counted):
    """Answers some questions with an error."""

    def __init__(self, *bad: str, fails_after: int | None = None) -> None:
        super().__init__(fails_after)
        self.bad = bad

    def answer(self, question: str, **options: Any) -> TeacherAnswer:
        said = super().answer(question, **options)
        return TeacherAnswer("", error="answers 400.") if any(b in question for b in self.bad) else said


def test_a_question_that_is_refused_is_noted_and_not_asked_again(
    recipe: DistillRecipe, console: Console, folder: Path
) -> None:
    outcome = distill(recipe, Moody("问题3", "问题0"), console=console)
    assert outcome.training is not None
    rows = lines(recipe.out / "generated.jsonl")
    assert len(rows) == 39
    assert sum(row["error"] == "answers 400." for row in rows) == 6
    again = Counted()
    assert distill(recipe, again, console=console).answers == 39
    assert not again.asked


def test_failures_of_a_teacher_that_is_gone_are_not_kept(recipe: DistillRecipe, console: Console) -> None:
    one = dataclasses.replace(recipe, teacher=dataclasses.replace(recipe.teacher, concurrency=1))  # type: ignore[arg-type, type-var]
    with pytest.raises(ExamError):
        distill(one, Moody("问", "9", fails_after=5), console=console)
    assert not (recipe.out / "generated.jsonl").exists()


def test_answers_of_odd_types_and_line_marks_do_not_spoil_the_file(tmp_path: Path) -> None:
    """A list for a text was written by an earlier version; U+2028 inside an answer ends no line."""
    answers = AnswerFile(tmp_path, {})
    answers.add(("q", 0), TeacherAnswer("一\u2028二\u0085三"))
    with open(tmp_path / "generated.jsonl", "a") as file:
        file.write(json.dumps({"question": "q", "sample": 1, "text": [{"type": "text", "text": "x"}]}) + "\n")
    again = AnswerFile(tmp_path, {})
    assert ("q", 0) in again
    assert ("q", 1) not in again
    assert again.by_question()["q"][0].text == "一\u2028二\u0085三"


def test_another_teacher_under_the_same_name_is_refused(recipe: DistillRecipe, console: Console, folder: Path) -> None:
    distill(recipe, Counted(), console=console)
    write_model(folder / "teacher", Tokenizer.load(folder / "teacher"), 5, talks=0.1)
    with pytest.raises(ConfigError, match=r"another teacher\.model"):
        distill(recipe, Counted(), console=console)
