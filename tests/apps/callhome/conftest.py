"""Recorded names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from huozhong.senses.sound import Sound, resample, write_wav


@pytest.fixture(scope="session")
def voice() -> Callable[[str, int], bytes]:
    """(son, sister or grandmother; 0 to 3) -> a WAV: espeak-ng's Cantonese, made by benchmarks/benchlib/spoken.py."""
    with np.load(Path(__file__).with_name("voices.npz")) as file:
        kept = {name: file[name] for name in file.files}

    def made(name: str, number: int) -> bytes:
        samples = (kept[f"{name}{number}"].astype(np.float32) - 128) / 128
        return write_wav(resample(Sound(samples, 8000), 16000))

    return made
