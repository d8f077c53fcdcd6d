"""What came out: results as data, as a table for people, and as a JSON file for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from huozhong.cost import Bill
from huozhong.exam.gate import Threshold, Verdict
from huozhong.exam.lines import write_atomic
from huozhong.exam.parts import Mark, Question
from huozhong.exam.subject import Answer

if TYPE_CHECKING:
    from rich.table import Table

SCHEMA = 1  # of the JSON file; raised when a field changes its meaning


@dataclass(frozen=True)
class Item:
    """One question with its answer and marks; a line of the answers file."""

    part: str
    id: str
    question: str
    gold: str
    text: str
    reasoning: str
    marks: Mapping[str, bool | None]
    finish_reason: str | None
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    error: str | None

    @classmethod
    def of(cls, part: str, question: Question, answer: Answer, marks: Mapping[str, bool | None]) -> Self:
        return cls(
            part=part,
            id=question.id,
            question=question.text,
            gold=question.gold,
            text=answer.text,
            reasoning=answer.reasoning,
            marks=dict(marks),
            finish_reason=answer.finish_reason,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            seconds=round(answer.seconds, 3),
            error=answer.error,
        )

    def line(self) -> str:
        """The item as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True)
class Score:
    """How many of the answers to which a mark applies have it."""

    name: str
    zh: str
    en: str
    count: int
    of: int
    lower_is_better: bool = False

    @classmethod
    def count_marks(cls, mark: Mark, items: Sequence[Item]) -> Self:
        values = [value for item in items if (value := item.marks[mark.name]) is not None]
        return cls(mark.name, mark.zh, mark.en, sum(values), len(values), mark.lower_is_better)

    @property
    def share(self) -> float | None:
        """Between 0 and 1; None when the mark applied to no answer."""
        return self.count / self.of if self.of else None


@dataclass(frozen=True)
class PartResult:
    """One part.

    note: why there is no result.  bits_per_byte: the perplexity part's, by kind of text.
    asked: questions there were; fewer items than that means that the exam was stopped.
    """

    name: str
    zh: str
    en: str
    asked: int = 0
    scores: tuple[Score, ...] = ()
    items: tuple[Item, ...] = field(default=(), repr=False)
    seconds: float = 0.0
    bits_per_byte: Mapping[str, float] | None = None
    note: str | None = None

    @property
    def completion_tokens(self) -> int:
        return sum(item.completion_tokens for item in self.items)

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it was left out."""
        return bool(self.bits_per_byte) or (self.asked > 0 and len(self.items) == self.asked)

    def as_dict(self) -> dict[str, Any]:
        return {
            "title": self.en,
            "asked": self.asked,
            "answered": len(self.items),
            "scores": {
                s.name: {"count": s.count, "of": s.of, "share": s.share, "lower_is_better": s.lower_is_better}
                for s in self.scores
            },
            "bits_per_byte": self.bits_per_byte,
            "cut_off": sum(item.finish_reason == "length" for item in self.items),
            "errors": sum(item.error is not None for item in self.items),
            "completion_tokens": self.completion_tokens,
            "seconds": round(self.seconds, 3),
            "note": self.note,
        }


@dataclass(frozen=True)
class Report:
    """A whole exam.  `stopped_by` is None when it was finished, else why it was not.

    gate: what was demanded and whether it was reached (`exam.gate`); None without a gate.
    """

    model: str
    kind: Literal["local", "url"]
    quantization: str | None
    seed: int
    limit: int | None
    max_tokens: int
    thinking: bool | None
    poem_temperature: float
    parts: tuple[PartResult, ...]
    seconds: float
    bill: Bill | None
    stopped_by: str | None = None
    gate: tuple[Verdict, ...] | None = None
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def complete(self) -> bool:
        return self.stopped_by is None

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens written per second over all questions, several of them asked at a time; None without any."""
        asked = [part for part in self.parts if part.items]
        seconds = sum(part.seconds for part in asked)
        return sum(part.completion_tokens for part in asked) / seconds if seconds else None

    def share(self, part: str, score: str) -> float | None:
        """One score between 0 and 1, or None when it was not measured."""
        for result in self.parts:
            for entry in result.scores:
                if (result.name, entry.name) == (part, score):
                    return entry.share
        return None

    def judged(self, gate: Sequence[Threshold]) -> Self:
        """The report with a verdict on every demand.  A part of which a question was left out was not measured."""
        return replace(self, gate=tuple(Verdict(threshold, self._found(threshold)) for threshold in gate))

    def _found(self, threshold: Threshold) -> float | None:
        part = next((part for part in self.parts if part.name == threshold.part), None)
        if part is None or not part.is_whole or self.limit is not None:
            return None
        if threshold.is_share:
            return self.share(threshold.part, threshold.score)
        return None if part.bits_per_byte is None else part.bits_per_byte.get(threshold.score)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; without the single answers, which have a file of their own."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "kind": self.kind,
            "created": self.created,
            "complete": self.complete,
            "stopped_by": self.stopped_by,
            "setting": {
                "seed": self.seed,
                "limit": self.limit,
                "max_tokens": self.max_tokens,
                "thinking": self.thinking,
                "poem_temperature": self.poem_temperature,
                "quantization": self.quantization,
            },
            "parts": {part.name: part.as_dict() for part in self.parts},
            "seconds": round(self.seconds, 3),
            "tokens_per_second": self.tokens_per_second,
            "bill": self.bill.as_dict() if self.bill else None,
            "gate": None if self.gate is None else [verdict.as_dict() for verdict in self.gate],
        }

    def write(self, path: Path) -> Path:
        """Write the report to `path` and every answer to the file beside it, whose path is returned."""
        answers = answers_path(path)
        write_atomic(answers, "".join(item.line() + "\n" for part in self.parts for item in part.items))
        write_atomic(path, json.dumps(self.as_dict(), ensure_ascii=False, indent=2) + "\n")
        return answers

    def table(self, lang: Literal["zh", "en"] = "en") -> Table:
        """The scores for people; print it with rich."""
        from rich.table import Table

        zh = lang == "zh"
        table = Table(title=f"{'考试' if zh else 'Exam'}: {self.model}")
        table.add_column("部分" if zh else "part")
        table.add_column("考什么" if zh else "what")
        table.add_column("结果" if zh else "result", justify="right")
        table.add_column("用时" if zh else "time", justify="right")
        for part in self.parts:
            for index, (what, result) in enumerate(_rows(part, zh)):
                first = index == 0
                title = part.zh if zh else part.en
                table.add_row(title if first else "", what, result, f"{part.seconds:.1f} s" if first else "")
        return table

    def footer(self, lang: Literal["zh", "en"] = "en") -> str:
        """Speed and bill in one line."""
        zh = lang == "zh"
        rate = self.tokens_per_second
        words = [f"{rate:,.0f} {'词元/秒' if zh else 'tokens/s'}"] if rate is not None else []
        if self.bill is not None:
            words.append(self.bill.line(lang))
        else:
            words.append("耗电 n/a：模型在别处运行" if zh else "energy n/a: the model runs somewhere else")
        return " · ".join(words)


def answers_path(report: Path) -> Path:
    """`exam.json` keeps its answers in `exam.answers.jsonl`."""
    return report.with_name(report.stem + ".answers.jsonl")


_KINDS_ZH = {
    "poem": "唐诗",
    "novel": "小说",
    "modern": "现代文",
    "english": "英文",
    "text": "文本",
    "all": "全部",
}


def _rows(part: PartResult, zh: bool) -> list[tuple[str, str]]:
    if part.note is not None:
        return [("", f"n/a ({part.note})")]
    rows = []
    for score in part.scores:
        if score.share is None:
            continue
        arrow = " ↓" if score.lower_is_better else ""
        what = (score.zh if zh else score.en) + arrow
        rows.append((what, f"{score.count}/{score.of} = {100 * score.share:.1f}%"))
    for kind, bits in (part.bits_per_byte or {}).items():
        name = _KINDS_ZH.get(kind, kind) if zh else kind
        rows.append((name, f"{bits:.3f} {'比特/字节' if zh else 'bits per byte'}"))
    if part.items and len(part.items) < part.asked:
        rows.append(("未答完" if zh else "not finished", f"{len(part.items)}/{part.asked}"))
    cut = sum(item.finish_reason == "length" for item in part.items)
    if cut:
        rows.append(("写到上限被截断 ↓" if zh else "cut off at the limit ↓", f"{cut}/{len(part.items)}"))
    return rows or [("", "n/a")]
