"""A text to be read aloud, sentence by sentence and timed: what an app's `cues(answer)` gives, and its files.

Each sentence knows the lines of the sheet that it rests on, so that a page can show them where somebody taps.  The
files (.txt, .srt) carry the label of `label.py`, where people see it and where programs read it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from huozhong.errors import SkillError
from huozhong.skills.label import metadata, sealed, visible

MOST_CUES, LONGEST_CUE = 500, 2_000  # sentences; characters of one
LABEL_SECONDS = 3.0  # that the label stands over the first sentence of a subtitle file
Part = TypeVar("Part")


@dataclass(frozen=True)
class Mark:
    """What is wrong at [start:end] of a text.  suggestion: what could stand there instead, or ""."""

    start: int
    end: int
    why: str
    suggestion: str = ""


@dataclass(frozen=True)
class Said:
    """A piece of a sentence.  say: as it is spoken; written: as the sheet has it, or "" where that is no other."""

    say: str
    written: str = ""


@dataclass(frozen=True)
class Cue:
    """A sentence.  start, seconds: when and how long; lines: of the sheet, from 1; loose: a part rests on no line.

    marks: of words in it that the sheet has and that should not be said; held: words that nothing supports, so that it
    is not read and takes no time, unless a person says that they are true.
    """

    part: str
    start: float
    seconds: float
    pieces: tuple[Said, ...]
    lines: tuple[int, ...] = ()
    loose: bool = False
    marks: tuple[Mark, ...] = ()
    held: tuple[str, ...] = ()

    @property
    def say(self) -> str:
        """As it is spoken."""
        return "".join(piece.say for piece in self.pieces)

    def show(self, *, english: bool = False) -> str:
        """With the digits behind what is spoken."""
        return "".join(
            piece.say + (_in_brackets(piece.written, english) if piece.written else "") for piece in self.pieces
        )


@dataclass(frozen=True)
class LeftOut:
    """A sentence that is not read.  why: each reason; marks: where."""

    say: str
    why: tuple[str, ...]
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Line:
    """A line of the sheet.  marks: words of it that should not be said."""

    text: str
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Script:
    """What is read aloud, what was left out of it, and the sheet that both are held against.

    note: what the reader should know before the first sentence.
    """

    cues: tuple[Cue, ...]
    left_out: tuple[LeftOut, ...] = ()
    sheet: tuple[Line, ...] = ()
    note: str = ""

    @property
    def read_out(self) -> tuple[Cue, ...]:
        """The sentences that are not held back."""
        return tuple(cue for cue in self.cues if not cue.held)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def text(self, model: str, extra: str = "", *, by_model: bool = True, english: bool = False) -> str:
        """The script as a text file: parts with their times, a paragraph a sentence.  by_model: it is labelled."""
        paragraphs: list[str] = (
            [_in_brackets(visible(model, extra, english=english), english).strip()] if by_model else []
        )
        part = None
        for cue in self.read_out:
            if cue.part != part:
                part = cue.part
                paragraphs.append(f"[{part}] {_clock(cue.start)}" if english else f"【{part}】{_clock(cue.start)}")
            paragraphs.append(cue.show(english=english))
        whole = "\n\n".join(paragraphs)
        return sealed(whole, model, extra, english=english) if by_model else whole + "\n"

    def subtitles(self, model: str, extra: str = "", *, by_model: bool = True, english: bool = False) -> str:
        """The script as SubRip subtitles.

        The label stands over the first sentence; the metadata, for which the format has no place, is a last cue of a
        millisecond, which no player shows long enough to be seen.
        """
        shown = [(cue.start, cue.start + cue.seconds, cue.say) for cue in self.read_out]
        if by_model and shown:
            line = _in_brackets(visible(model, extra, english=english), english).strip()
            start, end, say = shown[0]
            if end - start > LABEL_SECONDS:
                shown[:1] = [(start, start + LABEL_SECONDS, f"{line}\n{say}"), (start + LABEL_SECONDS, end, say)]
            else:
                shown[0] = (start, end, f"{line}\n{say}")
            last = shown[-1][1]
            shown.append((last, last + 0.001, json.dumps(metadata(model), ensure_ascii=False)))
        blocks = [
            f"{number}\n{_srt_time(start)} --> {_srt_time(end)}\n{_one_block(say)}\n"
            for number, (start, end, say) in enumerate(shown, 1)
        ]
        return "\n".join(blocks)


def read_script(made: Any) -> Script:
    """What a block's `cues` gave, checked: `SkillError` says what of it has another form."""
    if not isinstance(made, dict):
        raise _bad("cues() gives a dict of cues, left_out, sheet and note")
    return Script(
        _each(made, "cues", _cue),
        _each(made, "left_out", lambda one: LeftOut(_text(one, "say"), _reasons(one), _marks(one))),
        _each(made, "sheet", lambda one: Line(_text(one, "text"), _marks(one))),
        _text(made, "note") if "note" in made else "",
    )


def _each(made: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any]], Part]) -> tuple[Part, ...]:
    values = made.get(name, [])
    if not isinstance(values, list) or len(values) > MOST_CUES or not all(isinstance(one, dict) for one in values):
        raise _bad(f"'{name}' is a list of at most {MOST_CUES} dicts")
    return tuple(read(one) for one in values)


def _cue(one: Mapping[str, Any]) -> Cue:
    lines = one.get("lines", [])
    if not isinstance(lines, list) or not all(isinstance(line, int) and line > 0 for line in lines):
        raise _bad("'lines' are numbers of lines, from 1")
    pieces = _each(one, "pieces", lambda piece: Said(_text(piece, "say"), _text(piece, "written")))
    return Cue(
        part=_text(one, "part"),
        start=_seconds(one, "start"),
        seconds=_seconds(one, "seconds"),
        pieces=pieces,
        lines=tuple(lines),
        loose=bool(one.get("loose", False)),
        marks=_marks(one),
        held=_reasons(one, "held"),
    )


def _marks(one: Mapping[str, Any]) -> tuple[Mark, ...]:
    marks = one.get("marks", [])
    if not isinstance(marks, list) or len(marks) > MOST_CUES or not all(isinstance(mark, dict) for mark in marks):
        raise _bad("'marks' is a list of dicts")
    return tuple(
        Mark(
            int(_seconds(mark, "start")),
            int(_seconds(mark, "end")),
            _text(mark, "why"),
            str(mark.get("suggestion") or ""),
        )
        for mark in marks
    )


def _reasons(one: Mapping[str, Any], name: str = "why") -> tuple[str, ...]:
    why = one.get(name, [])
    if not isinstance(why, Sequence) or isinstance(why, str) or not all(isinstance(reason, str) for reason in why):
        raise _bad(f"'{name}' is a list of texts")
    return tuple(why)


def _text(one: Mapping[str, Any], name: str) -> str:
    value = one.get(name)
    if not isinstance(value, str) or len(value) > LONGEST_CUE:
        raise _bad(f"'{name}' is a text of at most {LONGEST_CUE} characters")
    return value


def _seconds(one: Mapping[str, Any], name: str) -> float:
    value = one.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 100_000:
        raise _bad(f"'{name}' is a number from 0 to 100000")
    return float(value)


def _bad(what: str) -> SkillError:
    return SkillError(f"这个应用给出的口播稿格式不对（{what}）。", f"The app's script has another form ({what}).")


def _in_brackets(text: str, english: bool) -> str:
    return f" ({text})" if english else f"（{text}）"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _srt_time(seconds: float) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02d}:{whole // 60_000 % 60:02d}:{whole // 1000 % 60:02d},{whole % 1000:03d}"


def _one_block(say: str) -> str:
    """An empty line would end a cue, and an arrow begin one."""
    return "\n".join(line for line in say.replace("-->", "→").splitlines() if line.strip()) or "…"
