"""The parts of the exam: what each asks, and how an answer is marked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from huozhong.errors import ConfigError, DataError
from huozhong.exam.exact.asked import asked
from huozhong.exam.exact.marks import declined, is_right
from huozhong.exam.lines import read_file, read_lines
from huozhong.exam.poems import poem_requests
from huozhong.exam.questions import written_questions
from huozhong.exam.subject import Answer
from huozhong.exam.sums import Sum, one_step, two_step
from huozhong.verify.arithmetic import check_steps, parse_number, same_answer
from huozhong.verify.poem import extract_poem, matches_form, rhymes
from huozhong.verify.refusal import is_refusal

Marks = Mapping[str, bool | None]  # None: this mark does not apply to this answer


@dataclass(frozen=True)
class Question:
    """One thing to ask.  `gold` is what the marking needs: a number, a poem's form, or nothing."""

    id: str
    text: str
    gold: str = ""
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Mark:
    """One column of a part's score; `lower_is_better` for a rate of mistakes."""

    name: str
    zh: str
    en: str
    lower_is_better: bool = False


@dataclass(frozen=True)
class Setting:
    """What the questions depend on.

    data: the folder with math23k/, None to leave that part out.  limit: at most so many questions of each
    part, drawn by the seed.  poem_temperature: the rest is asked greedily.  text: a file for the perplexity
    instead of the passages that come with the package.
    """

    data: Path | None = None
    seed: int = 0
    limit: int | None = None
    poem_temperature: float = 0.7
    text: Path | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise ConfigError(f"limit is {self.limit}; give at least 1, or leave it out for all questions.")


@dataclass(frozen=True)
class Part:
    """A part with questions.  `ask` makes them (a sentence instead says why there are none); `mark` judges
    one answer, with a value for every name in `marks`.
    """

    name: str
    zh: str
    en: str
    marks: tuple[Mark, ...]
    ask: Callable[[Setting], list[Question] | str] = field(repr=False)
    mark: Callable[[Question, Answer], Marks] = field(repr=False)


CORRECT = Mark("correct", "答案正确", "right answer")
STEPS = Mark("steps", "步骤全对", "all steps right")


# ---- Math23K


def _ask_math23k(setting: Setting) -> list[Question] | str:
    if setting.data is None:
        return "needs --data FOLDER with math23k/math23k.jsonl.xz"
    folder = setting.data / "math23k"
    file = next((f for f in (folder / "math23k.jsonl.xz", folder / "math23k.jsonl") if f.is_file()), None)
    if file is None:
        raise DataError(f"{setting.data} has no math23k/math23k.jsonl.xz; give the folder that holds math23k.")
    questions = []
    for row in read_lines(read_file(file), str(file)):
        if row.get("split") != "test":
            continue
        try:
            question = Question(f"math23k-{row['id']}", row["question"], row["answer"])
        except KeyError as error:
            raise DataError(f"A test problem in {file} has no field {error}; fetch the file again.") from None
        if parse_number(question.gold) is None:
            raise DataError(f"The answer '{question.gold}' of problem {row['id']} in {file} is not a number.")
        questions.append(question)
    if not questions:
        raise DataError(f"{file} has no problem with split 'test'; fetch the file again.")
    return questions


def _mark_number(question: Question, answer: Answer) -> Marks:
    # Steps count only where there are some: an answer may be right without showing any.
    report = check_steps(answer.reasoning or answer.text)
    steps = report.all_correct if report.steps or report.unreadable else None
    return {"correct": same_answer(answer.text, question.gold), "steps": steps}


# ---- generated arithmetic

ONE_STEP, TWO_STEP = 100, 300


def _sums(name: str, sums: list[Sum]) -> list[Question]:
    return [Question(f"{name}-{i:03d}", s.question, str(s.value)) for i, s in enumerate(sums, 1)]


def _ask_one_step(setting: Setting) -> list[Question]:
    return _sums("one-step", one_step(ONE_STEP, setting.seed))


def _ask_two_step(setting: Setting) -> list[Question]:
    return _sums("two-step", two_step(TWO_STEP, setting.seed))


# ---- what code can answer exactly


def _ask_exact(setting: Setting) -> list[Question]:
    return [Question(f"exact-{q.kind}-{i:03d}", q.text, q.gold) for i, q in enumerate(asked(setting.seed), 1)]


def _mark_exact(question: Question, answer: Answer) -> Marks:
    right = is_right(answer.text, question.gold)
    says_no = not right and (declined(answer.text) or not answer.text.strip())
    return {"correct": right, "wrong": not right and not says_no, "declined": says_no}


# ---- poems


def _ask_poems(setting: Setting) -> list[Question]:
    return [
        Question(f"poem-{i:03d}", r.question, r.form, setting.poem_temperature, setting.seed + i)
        for i, r in enumerate(poem_requests(), 1)
    ]


def _mark_poem(question: Question, answer: Answer) -> Marks:
    poem = extract_poem(answer.text)
    form, rhyme = matches_form(poem, question.gold), rhymes(poem, question.gold)
    return {"form": form, "rhyme": rhyme, "both": form and rhyme}


# ---- refusals


def _ask_written(
    name: Literal["in_scope", "out_of_scope", "out_of_scope_fresh"],
) -> Callable[[Setting], list[Question]]:
    return lambda setting: [Question(q.id, q.question, q.kind) for q in written_questions(name)]


PARTS: tuple[Part, ...] = (
    Part("math23k", "Math23K 测试集", "Math23K test", (CORRECT, STEPS), _ask_math23k, _mark_number),
    Part("one_step", "一步计算", "one-step arithmetic", (CORRECT, STEPS), _ask_one_step, _mark_number),
    Part("two_step", "两步计算", "two-step arithmetic", (CORRECT, STEPS), _ask_two_step, _mark_number),
    Part(
        "exact",
        "单位、比较、数的读写、方程",
        "units, comparison, numerals, equations",
        (
            CORRECT,
            Mark("wrong", "自信地答错", "wrong with confidence", lower_is_better=True),
            Mark("declined", "说不会或不确定", "declined or unsure", lower_is_better=True),
        ),
        _ask_exact,
        _mark_exact,
    ),
    Part(
        "poems",
        "古诗",
        "poems",
        (
            Mark("form", "格式对", "form right"),
            Mark("rhyme", "押韵", "rhymes"),
            Mark("both", "两者都对", "both"),
        ),
        _ask_poems,
        _mark_poem,
    ),
    Part(
        "out_of_scope",
        "超出能力的问题",
        "out of scope",
        (Mark("refused", "如实婉拒", "declined"),),
        _ask_written("out_of_scope"),
        lambda question, answer: {"refused": is_refusal(answer.text)},
    ),
    Part(
        "out_of_scope_fresh",
        "没见过的超出能力的问题",
        "out of scope, fresh",
        (Mark("refused", "如实婉拒", "declined"),),
        _ask_written("out_of_scope_fresh"),
        lambda question, answer: {"refused": is_refusal(answer.text)},
    ),
    Part(
        "in_scope",
        "能力之内的问题",
        "in scope",
        (Mark("false_refusal", "误拒", "declined by mistake", lower_is_better=True),),
        _ask_written("in_scope"),
        lambda question, answer: {"false_refusal": is_refusal(answer.text)},
    ),
)
PERPLEXITY = "perplexity"
# Names that stand for several parts at once, for --only.
_GROUPS = {"arithmetic": ("one_step", "two_step"), "refusal": ("out_of_scope", "out_of_scope_fresh", "in_scope")}
PART_NAMES = (*(part.name for part in PARTS), PERPLEXITY)


def choose(only: str | None) -> tuple[str, ...]:
    """The names of the parts in `only` ("math23k,poems"), in the exam's order; all of them for None."""
    if only is None:
        return PART_NAMES
    chosen: set[str] = set()
    for name in (piece.strip() for piece in only.split(",")):
        if name not in PART_NAMES and name not in _GROUPS:
            known = ", ".join((*PART_NAMES, *_GROUPS))
            raise ConfigError(f"'{name}' is not a part of the exam; the parts are {known}.")
        chosen.update(_GROUPS.get(name, (name,)))
    return tuple(name for name in PART_NAMES if name in chosen)
