"""Recorded names heard again: the same person another time, a stranger's word, nobody, noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from huozhong.errors import SkillError
from huozhong.senses.hear import Tags, features, hear, tag, warped
from huozhong.senses.recognise import EARS, recogniser
from huozhong.senses.sound import Floats, Sound

NAMES = ("son", "sister", "grandmother")


@pytest.fixture(scope="module")
def voices() -> dict[str, Sound]:
    with np.load(Path(__file__).parents[1] / "apps" / "callhome" / "voices.npz") as file:
        return {name: Sound((file[name].astype(np.float32) - 128) / 128, 8000) for name in file.files}


@pytest.fixture(scope="module")
def tags(voices: dict[str, Sound]) -> Tags:
    return Tags([tag(name, voices[f"{name}{i}"]) for name in NAMES for i in range(3)])


def noisy(sound: Sound, decibels: float, seed: int) -> Sound:
    noise = np.random.default_rng(seed).standard_normal(len(sound.samples)).astype(np.float32)
    level = np.sqrt((sound.samples**2).mean()) / 10 ** (decibels / 20)
    return Sound(sound.samples + noise * np.float32(level), sound.rate)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_heard_again_in_a_room_and_in_noise(name: str, voices: dict[str, Sound], tags: Tags) -> None:
    clean = hear(voices[f"{name}3"], tags)
    assert clean.word == name
    assert set(clean.nearest) == set(NAMES)
    for seed in range(3):
        assert hear(noisy(voices[f"{name}3"], 10, seed), tags).nearest[0] == name
    quiet = Sound(voices[f"{name}3"].samples * np.float32(0.05), 8000)
    assert hear(quiet, tags).nearest[0] == name


def test_a_word_that_nobody_recorded_is_less_sure(voices: dict[str, Sound], tags: Tags) -> None:
    others = Tags([one for one in tags.recordings if one.word != "son"])
    known, unknown = hear(voices["son3"], tags), hear(voices["son3"], others)
    assert unknown.distance > known.distance


@pytest.mark.parametrize(
    "samples", [np.zeros(16000), np.random.default_rng(1).standard_normal(16000) * 0.1, np.ones(50)]
)
def test_silence_and_noise_alone_are_nobody(samples: Floats, tags: Tags) -> None:
    with pytest.raises(SkillError, match="Nobody is heard"):
        hear(Sound(samples.astype(np.float32), 16000), tags)


def test_too_long_or_nothing_recorded(voices: dict[str, Sound]) -> None:
    long = Sound(np.tile(voices["son0"].samples, 9), 8000)
    with pytest.raises(SkillError, match="too long"):
        features(long)
    with pytest.raises(SkillError, match="No name was recorded"):
        hear(voices["son0"], Tags([]))


def test_warping_forgives_speed_and_nothing_else(voices: dict[str, Sound]) -> None:
    rows = features(voices["son0"])
    slow = np.repeat(rows, 2, axis=0)[::1][: int(1.6 * len(rows))]
    other = features(voices["grandmother0"])
    same, slower, unlike = (float(warped(rows, [one])[0]) for one in (rows, slow, other))
    assert same < 0.01
    assert slower < unlike


@pytest.mark.parametrize("name", EARS)
def test_a_recogniser_that_is_not_here_says_how_to_bring_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(SkillError) as told:
        recogniser(name, tmp_path)
    assert "curl -L https://github.com/k2-fsa/sherpa-onnx/" in str(told.value)
    for part in EARS[name].files.values():
        (tmp_path / part[0]).write_bytes(b"no weights")
    with pytest.raises(SkillError, match=r"pip install 'huozhong\[senses\]'|cannot be opened"):
        recogniser(name, tmp_path)
    with pytest.raises(SkillError, match="Recognisers are"):
        recogniser("whisper")
