"""Captions as WebVTT, for players and editors: where a machine translated them, its label is the first note."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from huozhong.skills.label import metadata, visible

SAID_IN = "zh"  # the language in which sellers speak
SHORTEST, LONGEST = 1.5, 8.0  # seconds that a caption is shown


@dataclass(frozen=True)
class Cue:
    """A caption that stands: when it was whole, in seconds since the start."""

    at: float
    text: str


def webvtt(cues: Sequence[Cue], language: str, model: str = "live") -> str:
    """A whole file; each cue is shown until the next one comes, at least 1.5 and at most 8 seconds.

    What the seller said (zh) is nobody's translation and bears no label.
    """
    lines = ["WEBVTT", f"Language: {language}", ""]
    if language != SAID_IN:
        note = f"NOTE {visible(model, english=True)} {json.dumps(metadata(model), ensure_ascii=False)}"
        lines += [note.replace("-->", "->"), ""]
    end = 0.0
    for number, cue in enumerate(cues):
        following = cues[number + 1].at if number + 1 < len(cues) else cue.at + LONGEST
        start = max(cue.at, end)
        end = max(start + SHORTEST, min(following, start + LONGEST))
        lines += [str(number + 1), f"{_clock(start)} --> {_clock(end)}", _safe(cue.text), ""]
    return "\n".join(lines) + ("" if cues else "\n")


def _clock(seconds: float) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02d}:{whole // 60_000 % 60:02d}:{whole // 1000 % 60:02d}.{whole % 1000:03d}"


def _safe(text: str) -> str:
    """No markup, no blank line, no arrow: those end a cue."""
    flat = " ".join(text.split())
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
