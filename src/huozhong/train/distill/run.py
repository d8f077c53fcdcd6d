"""A small model learns from a larger one's right answers (R1, arXiv:2501.12948 §2.4): `huozhong train distill`.

generate   ask the teacher each question several times; every answer is on the disk before the next is asked for
keep       what the rules accept, without repetitions, the shortest or the most diverse of each question
train      fine-tune on that; with [logits] also on the teacher's probabilities
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from huozhong.errors import ConfigError, DataError, TrainingError
from huozhong.files import sync, write_whole
from huozhong.formats.resolve import resolve_model
from huozhong.text.data import write_chat_shard
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.content import content_of
from huozhong.train.distill.logits import train_student
from huozhong.train.distill.recipe import DistillRecipe, KeepRecipe
from huozhong.train.rl.problems import Problem, read_problems
from huozhong.train.rl.rewards import Attempt, solved
from huozhong.train.sitting import Start, sole_user, stop_switch
from huozhong.train.stages.pretrain import Outcome
from huozhong.train.state import check_same_run


@dataclass(frozen=True)
class TeacherAnswer:
    """A teacher's answer.  finished: it ended it itself.  error: why this one question cannot be asked."""

    text: str
    reasoning: str = ""
    finished: bool = True
    error: str | None = None


class Teacher(Protocol):
    """Whoever is learnt from; `answer` is called from several threads at once."""

    def answer(
        self, question: str, *, temperature: float, seed: int, max_tokens: int, thinking: bool | None
    ) -> TeacherAnswer:
        """Raises a HuozhongError when no question can be answered any more."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class DistillOutcome:
    """answers: of the teacher; right: accepted; kept: trained on.  training: None when stopped before it."""

    answers: int
    right: int
    kept: int
    training: Outcome | None


def distill(
    recipe: DistillRecipe, teacher: Teacher | None, *, start: Start = "auto", console: Console | None = None
) -> DistillOutcome:
    """Run `recipe` to its end, or until Ctrl-C; the same call goes on.  Closes the teacher.

    teacher: who answers `recipe.questions`; None where there are none.  start: as in `pretrain.train`; "fresh" also
    asks everything anew, and keeps the earlier answers beside as generated.jsonl.old.
    """
    console = console or Console()
    if recipe.questions is None:
        return DistillOutcome(0, 0, 0, train_student(recipe.student, start=start, console=console))
    assert teacher is not None, "there are questions, but nobody to ask"
    try:
        with sole_user(recipe.out), stop_switch() as stop:
            problems = read_problems(recipe.questions.path, checked=recipe.keep.verify)[: recipe.questions.limit]
            answers = AnswerFile(recipe.out, recipe.generation() | _content(recipe), fresh=start == "fresh")
            done = _generate(recipe, problems, teacher, answers, stop, console)
            if done:
                right, kept = _keep(recipe, problems, answers)
    finally:
        teacher.close()
    if not done:
        console.print(
            f"已停下，{len(answers)} 个回答都保存了；再次运行同一条命令即可继续。\n"
            f"Stopped; all {len(answers)} answers are kept.  Run the same command again to go on.",
            highlight=False,
        )
        return DistillOutcome(len(answers), 0, 0, None)
    if failed := answers.failed:
        console.print(
            f"{len(failed)} 个问题没有得到回答，已记下，例如：{failed[0]}\n"
            f"{len(failed)} questions were not answered, which is noted; for example: {failed[0]}",
            highlight=False,
            markup=False,
        )
    console.print(
        f"{len(answers)} 个回答，{right} 个可用，留下 {kept} 个。\n"
        f"{len(answers)} answers, {right} accepted, {kept} kept.",
        highlight=False,
    )
    return DistillOutcome(len(answers), right, kept, train_student(recipe.student, start=start, console=console))


def _content(recipe: DistillRecipe) -> dict[str, str]:
    """Of a local teacher."""
    assert recipe.teacher is not None
    if recipe.teacher.url is not None or recipe.teacher.model is None:
        return {}
    return {"teacher.model_content": content_of(resolve_model(recipe.teacher.model))}


# -- asking ----------------------------------------------------------------------------------------------

Key = tuple[str, int]  # a question and the number of the sample


class AnswerFile:
    """out/generated.jsonl: one line per answer, on the disk when `add` returns; out/generation.json says whose."""

    def __init__(self, out: Path, generation: Mapping[str, Any], *, fresh: bool = False) -> None:
        self.path = out / "generated.jsonl"
        identity = out / "generation.json"
        if fresh and self.path.exists():
            os.replace(self.path, self.path.with_suffix(".jsonl.old"))
        if self.path.exists() and identity.exists():
            check_same_run(json.loads(identity.read_text(encoding="utf-8")), dict(generation), str(out))
        _write(identity, json.dumps(generation, ensure_ascii=False, indent=1) + "\n")
        self._replies: dict[Key, TeacherAnswer] = {}
        self._read()

    def _read(self) -> None:
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):  # a power cut in the middle of a line
            os.truncate(self.path, len(whole))
        for number, line in enumerate(whole.decode("utf-8").split("\n")[:-1], 1):
            try:
                row = json.loads(line)
                key = (row.pop("question"), row.pop("sample"))
                reply = TeacherAnswer(**row)
                if isinstance(reply.text, str) and isinstance(reply.reasoning, str):  # else it is asked again
                    self._replies[key] = reply
            except (ValueError, KeyError, TypeError):
                raise DataError(f"{self.path} line {number} is damaged; delete that line.") from None

    def __len__(self) -> int:
        return len(self._replies)

    def __contains__(self, key: Key) -> bool:
        return key in self._replies

    def add(self, key: Key, reply: TeacherAnswer) -> None:
        row = {"question": key[0], "sample": key[1], **asdict(reply)}
        try:
            with open(self.path, "ab") as file:
                file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
                sync(file)
        except OSError as error:
            raise TrainingError(
                f"{self.path} could not be written ({error.strerror}): the earlier answers are safe; free some space "
                "and run the same command again."
            ) from error
        self._replies[key] = reply

    def add_all(self, replies: dict[Key, TeacherAnswer]) -> None:
        """Add them and take them out of `replies`."""
        for key in list(replies):
            self.add(key, replies.pop(key))

    @property
    def failed(self) -> list[str]:
        """Why questions were not answered."""
        return [reply.error for reply in self._replies.values() if reply.error is not None]

    def by_question(self) -> dict[str, list[TeacherAnswer]]:
        grouped: dict[str, list[tuple[int, TeacherAnswer]]] = {}
        for (question, sample), reply in self._replies.items():
            grouped.setdefault(question, []).append((sample, reply))
        return {q: [r for _, r in sorted(pairs, key=lambda pair: pair[0])] for q, pairs in grouped.items()}


def _generate(
    recipe: DistillRecipe,
    problems: Sequence[Problem],
    teacher: Teacher,
    answers: AnswerFile,
    stop: threading.Event,
    console: Console,
) -> bool:
    """Ask what has not been answered yet; False when stopped before the end."""
    assert recipe.teacher is not None
    assert recipe.questions is not None
    questions, thinking = recipe.questions, recipe.teacher.thinking
    wanted = dict.fromkeys((p.question, sample) for sample in range(questions.samples) for p in problems)
    open_keys = iter([key for key in wanted if key not in answers])
    pending: dict[Future[TeacherAnswer], Key] = {}
    # failures are noted when somebody is answered after them: otherwise it is the teacher who fails, and is asked again
    unanswered: dict[Key, TeacherAnswer] = {}

    def ask(key: Key) -> TeacherAnswer:
        return teacher.answer(
            key[0],
            temperature=questions.temperature,
            seed=_seed(questions.seed, key),
            max_tokens=questions.max_tokens,
            thinking=thinking,
        )

    pool = ThreadPoolExecutor(recipe.teacher.concurrency, thread_name_prefix="teacher")
    try:
        with _AnswerBar(console, total=len(wanted), done=sum(key in answers for key in wanted)) as counter:
            while True:
                while not stop.is_set() and len(pending) < recipe.teacher.concurrency:
                    key = next(open_keys, None)
                    if key is None:
                        break
                    pending[pool.submit(ask, key)] = key
                if not pending:
                    break
                # all that have come are written before an error of one of them is raised
                finished, _ = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                errors = [error for future in finished if (error := future.exception()) is not None]
                for future in finished:
                    key = pending.pop(future)
                    if future.exception() is None:
                        unanswered[key] = future.result()
                        counter.step()
                if any(reply.error is None for reply in unanswered.values()):
                    answers.add_all(unanswered)
                if errors:
                    raise errors[0]
            if not stop.is_set():
                answers.add_all(unanswered)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return all(key in answers for key in wanted)


def _seed(seed: int, key: Key) -> int:
    """Below 2^31, which every server takes."""
    return int.from_bytes(hashlib.sha256(f"{seed} {key[1]} {key[0]}".encode()).digest()[:4], "big") >> 1


class _AnswerBar:
    """How many answers there are: a bar on a terminal, a line each tenth elsewhere."""

    def __init__(self, console: Console, *, total: int, done: int) -> None:
        self._console, self._total, self._done = console, total, done
        self._progress = Progress(
            TextColumn("老师 teacher {task.completed}/{task.total}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=total, completed=done)

    def __enter__(self) -> _AnswerBar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def step(self) -> None:
        self._done += 1
        self._progress.update(self._task, completed=self._done)
        tenth = max(1, self._total // 10)
        if not self._console.is_terminal and (self._done % tenth == 0 or self._done == self._total):
            self._console.print(f"teacher {self._done}/{self._total}", highlight=False)


# -- keeping ---------------------------------------------------------------------------------------------


def _keep(recipe: DistillRecipe, problems: Sequence[Problem], answers: AnswerFile) -> tuple[int, int]:
    """Write kept.jsonl and the shard; returns how many answers were accepted, and how many are kept."""
    assert recipe.questions is not None
    folder = recipe.student.tokenizer
    template = ChatTemplate.load(folder, Tokenizer.load(folder))
    by_question = answers.by_question()
    seen: set[str] = set()
    right, kept = 0, []
    for problem in problems:
        if problem.question in seen:
            continue
        seen.add(problem.question)
        replies = by_question.get(problem.question, [])[: recipe.questions.samples]
        good = [reply for reply in replies if accepted(problem, reply, recipe.keep)]
        right += len(good)
        sized = [(reply, _length(template, problem, reply)) for reply in distinct(good)]
        fitting = [(reply, size) for reply, size in sized if size <= recipe.student.data.seq_len]
        kept += [_conversation(problem, reply) for reply in choose(fitting, recipe.keep)]
    if not kept:
        raise DataError(
            f"none of the teacher's {len(answers)} answers can be kept ({right} were right; what is longer than "
            f"[data] seq_len, {recipe.student.data.seq_len} tokens, is left out); see {answers.path}."
        )
    _write(recipe.out / "kept.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept))
    write_chat_shard(recipe.shards, "distilled", template, [row["messages"] for row in kept])
    return right, len(kept)


def accepted(problem: Problem, reply: TeacherAnswer, keep: KeepRecipe) -> bool:
    """A whole answer, and a right one if that is asked for."""
    if reply.error is not None or not reply.finished or not reply.text.strip():
        return False
    attempt = Attempt(reply.text, reply.reasoning or None, 0, finished=True, limit=0, opened=bool(reply.reasoning))
    return not keep.verify or solved(problem, attempt)


def distinct(replies: Sequence[TeacherAnswer]) -> list[TeacherAnswer]:
    """Without those that say the same as an earlier one but for blanks."""
    by_words: dict[str, TeacherAnswer] = {}
    for reply in replies:
        by_words.setdefault("".join(f"{reply.reasoning}\0{reply.text}".split()), reply)
    return list(by_words.values())


def choose(sized: Sequence[tuple[TeacherAnswer, int]], keep: KeepRecipe) -> list[TeacherAnswer]:
    """The shortest, or the shortest and then again and again the one least like those chosen."""
    left = [reply for reply, _ in sorted(sized, key=lambda pair: pair[1])]
    if keep.choose == "shortest":
        return left[: keep.per_question]
    chosen: list[TeacherAnswer] = []
    while left and len(chosen) < keep.per_question:
        # max takes the first of equals, which is the shortest
        best = max(left, key=lambda reply: min((1 - _likeness(reply, other) for other in chosen), default=1.0))
        chosen.append(best)
        left.remove(best)
    return chosen


def _likeness(a: TeacherAnswer, b: TeacherAnswer) -> float:
    """Jaccard index of the two texts' runs of three characters."""
    first, second = (set(_runs(f"{reply.reasoning}\n{reply.text}")) for reply in (a, b))
    return len(first & second) / max(1, len(first | second))


def _runs(text: str) -> Iterator[str]:
    return (text[start : start + 3] for start in range(max(1, len(text) - 2)))


def _conversation(problem: Problem, reply: TeacherAnswer) -> dict[str, Any]:
    answer = {"role": "assistant", "content": reply.text.strip(), "reasoning_content": reply.reasoning.strip() or None}
    return {"messages": [{"role": "user", "content": problem.question}, answer]}


def _length(template: ChatTemplate, problem: Problem, reply: TeacherAnswer) -> int:
    return len(template.training_tokens(_conversation(problem, reply)["messages"])[0])


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from None
