"""A distillation run as a TOML file: a fine-tuning recipe with sections about the teacher.

[teacher], [questions], [keep]   ask a teacher, keep what the rules accept, train on that: [data] has no train
[logits]                         also (or, without [teacher], only) learn the teacher's probabilities
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from huozhong.errors import ConfigError
from huozhong.train.fields import check_at_least, check_sections, flat, read_section, read_toml
from huozhong.train.recipe import Recipe, parse_recipe, refuse_shard


@dataclass(frozen=True, kw_only=True)
class TeacherRecipe:
    """url: a server that speaks OpenAI's chat completions, `model` its name there (None: the only one there is).

    Without url, `model` is a local model: a name or a folder.  concurrency: questions asked at once.  thinking: None
    leaves it to the teacher.
    """

    url: str | None = None
    model: str | None = None
    concurrency: int = 8
    thinking: bool | None = None

    def __post_init__(self) -> None:
        check_at_least(self, concurrency=1)
        if self.url is None and self.model is None:
            raise ConfigError("needs url (a server) or model (a local model's name or folder).")


@dataclass(frozen=True, kw_only=True)
class QuestionsRecipe:
    """path: JSON lines as for `train rl`.  Each question is asked `samples` times; limit: only the first ones."""

    path: str
    samples: int = 4
    temperature: float = 0.8
    max_tokens: int = 1024
    limit: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_at_least(self, samples=1, temperature=0, max_tokens=1, seed=0, limit=1)


@dataclass(frozen=True, kw_only=True)
class KeepRecipe:
    """At most `per_question` different answers of each question stay: the shortest, or the most diverse.

    verify: only answers that the rules accept; without it any whole answer will do, and questions need nothing to
    check.
    """

    per_question: int = 1
    choose: Literal["shortest", "diverse"] = "shortest"
    verify: bool = True

    def __post_init__(self) -> None:
        check_at_least(self, per_question=1)


@dataclass(frozen=True, kw_only=True)
class LogitsRecipe:
    """teacher: the folder of a model with the student's tokenizer.  Its `top_k` likeliest tokens at each place count
    one by one, the rest together.  weight: share of the divergence in the loss, the rest is the text's own;
    temperature divides both models' logits.
    """

    teacher: str
    top_k: int = 64
    weight: float = 0.5
    temperature: float = 1.0

    def __post_init__(self) -> None:
        check_at_least(self, top_k=1)
        if not 0 < self.weight <= 1:
            raise ConfigError(f"weight is {self.weight}; it must lie above 0 and be at most 1.")
        if self.temperature <= 0:
            raise ConfigError(f"temperature is {self.temperature}; it must be positive.")


@dataclass(frozen=True, kw_only=True)
class StudentRecipe(Recipe):
    """A fine-tuning recipe, and whose probabilities are learnt beside the text, if any."""

    logits: LogitsRecipe | None = None

    def identity(self) -> dict[str, Any]:
        logits = {} if self.logits is None else dataclasses.asdict(self.logits)
        return super().identity() | flat(logits=logits)


@dataclass(frozen=True, kw_only=True)
class DistillRecipe:
    """`teacher` and `questions` are there together, or neither."""

    student: StudentRecipe
    teacher: TeacherRecipe | None = None
    questions: QuestionsRecipe | None = None
    keep: KeepRecipe = field(default_factory=KeepRecipe)

    @property
    def out(self) -> Path:
        return Path(self.student.run.out)

    @property
    def shards(self) -> Path:
        return self.out / "shards"

    def generation(self) -> dict[str, Any]:
        """What the teacher's answers depend on: a resumed run must agree on it."""
        assert self.teacher is not None
        assert self.questions is not None
        everything = flat(teacher=dataclasses.asdict(self.teacher), questions=dataclasses.asdict(self.questions))
        # more questions or samples, asked faster or at another address, add to what there is
        free = ("teacher.url", "teacher.concurrency", "questions.samples", "questions.limit", "questions.path")
        return {key: value for key, value in everything.items() if key not in free}


_STUDENT = ("model", "tokenizer", "data", "optim", "schedule", "run", "cost", "ramp")
_TEACHING: dict[str, type[Any]] = {
    "teacher": TeacherRecipe,
    "questions": QuestionsRecipe,
    "keep": KeepRecipe,
    "logits": LogitsRecipe,
}


def load_distill_recipe(path: str | Path) -> DistillRecipe:
    """Read a distillation recipe.  Raises ConfigError naming file, section and key."""
    return parse_distill_recipe(read_toml(path), where=str(path))


def parse_distill_recipe(raw: Mapping[str, Any], *, where: str = "recipe") -> DistillRecipe:
    """Build a DistillRecipe from a TOML file's dict; `where` names the file in errors."""
    check_sections(raw, {*_STUDENT, *_TEACHING}, where)
    if ("teacher" in raw) != ("questions" in raw):
        missing = "questions" if "teacher" in raw else "teacher"
        raise ConfigError(f"{where}: section [{missing}] is missing; a teacher needs questions, and they a teacher.")
    if "teacher" not in raw and "logits" not in raw:
        raise ConfigError(f"{where} names no teacher; give [teacher] and [questions], or [logits].")
    parts = {n: read_section(kind, raw[n], f"{where}: [{n}]") for n, kind in _TEACHING.items() if n in raw}
    logits = parts.pop("logits", None)
    student = parse_recipe(_student(raw, where), "sft", where=where)
    refuse_shard(student.run, where)
    if logits is not None and any(student.mtp_weight_of(stretch) for stretch in student.stretches):
        raise ConfigError(f"{where}: mtp_weight must be 0 with [logits], which teach the main head alone.")
    values = {f.name: getattr(student, f.name) for f in dataclasses.fields(Recipe)}
    return DistillRecipe(student=StudentRecipe(logits=logits, **values), **parts)


def _student(raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The fine-tuning part, whose training data is what the teacher said."""
    part: dict[str, Any] = {name: raw[name] for name in _STUDENT if name in raw}
    if "teacher" not in raw:
        return part
    data, out = dict(part.get("data", {})), part.get("run", {}).get("out")
    if "train" in data:
        raise ConfigError(f"{where}: [data] train is the teacher's answers here; take it out.")
    if isinstance(out, str):  # parse_recipe says what is wrong with any other
        data["train"] = [{"path": str(Path(out) / "shards")}]
    return part | {"data": data}
