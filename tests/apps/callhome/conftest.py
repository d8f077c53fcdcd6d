"""A house with accounts whose elders' phone lies in a folder of its own, a browser, and recorded names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser
from tests.server.household import House, household
from tests.server.page.standin import chromium

from huozhong.engine.llm import LLM
from huozhong.senses.sound import Sound, resample, write_wav


@pytest.fixture(scope="session")
def llm(tiny_folder: Path) -> Iterator[LLM]:
    with LLM(tiny_folder, num_threads=1) as model:
        yield model


@pytest.fixture
def house(llm: LLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("HUOZHONG_HOME", str(tmp_path / "home"))
    with household(llm) as running:
        yield running


@pytest.fixture(scope="module")  # one Playwright at a time in a process
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def voice() -> Callable[[str, int], bytes]:
    """(son, sister or grandmother; 0 to 3) -> a WAV: espeak-ng's Cantonese, made by benchmarks/benchlib/spoken.py."""
    with np.load(Path(__file__).with_name("voices.npz")) as file:
        kept = {name: file[name] for name in file.files}

    def made(name: str, number: int) -> bytes:
        samples = (kept[f"{name}{number}"].astype(np.float32) - 128) / 128
        return write_wav(resample(Sound(samples, 8000), 16000))

    return made
