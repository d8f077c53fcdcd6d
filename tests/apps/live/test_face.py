"""A face is used by nobody but its owner, who said so into the camera; without an engine by nobody at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from huozhong.apps.live import face
from huozhong.errors import SkillError


@dataclass
class Engine:
    """Sees what it is told to see."""

    seen: face.Seen
    name: str = "scripted"

    def look(self, recording: bytes) -> face.Seen:
        return self.seen


def test_without_an_engine_there_is_one_clear_sentence(tmp_path: Path) -> None:
    assert face.engine() is None
    face.challenge(tmp_path, 1)
    with pytest.raises(SkillError, match="drawn head"):
        face.consent(tmp_path, 1, b"film", face.engine())
    assert not face.state(tmp_path, 1)["consent"]


def test_who_said_the_phrase_alone_and_alive_has_agreed_and_may_take_it_back(tmp_path: Path) -> None:
    phrase = face.challenge(tmp_path, 1)["phrase"]
    face.consent(tmp_path, 1, b"film", Engine(face.Seen(True, 1, phrase.replace("，", " "))))
    assert face.agreed(tmp_path, 1).phrase == phrase
    assert face.metadata(tmp_path, 1)["AIGC"]["Label"] == "1"
    assert face.metadata(tmp_path, 1)["Visible"] == "AI合成 · AI-generated"
    with pytest.raises(SkillError):
        face.agreed(tmp_path, 2)  # another person has not
    face.forget(tmp_path, 1)
    with pytest.raises(SkillError):
        face.metadata(tmp_path, 1)


@pytest.mark.parametrize(
    ("alive", "faces", "said"), [(False, 1, None), (True, 0, None), (True, 2, None), (True, 1, "something else")]
)
def test_anything_else_is_no_consent_and_uses_the_phrase_up(
    tmp_path: Path, alive: bool, faces: int, said: str | None
) -> None:
    phrase = face.challenge(tmp_path, 1)["phrase"]
    with pytest.raises(SkillError):
        face.consent(tmp_path, 1, b"film", Engine(face.Seen(alive, faces, phrase if said is None else said)))
    with pytest.raises(SkillError, match="phrase first"):
        face.consent(tmp_path, 1, b"film", Engine(face.Seen(True, 1, phrase)))
    assert not face.state(tmp_path, 1)["consent"]


def test_a_phrase_is_good_for_five_minutes(tmp_path: Path) -> None:
    phrase = face.challenge(tmp_path, 1)["phrase"]
    kept = next(tmp_path.glob("face-1.asked.json"))
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"until": 0}), encoding="utf-8")
    with pytest.raises(SkillError, match="five minutes"):
        face.consent(tmp_path, 1, b"film", Engine(face.Seen(True, 1, phrase)))
