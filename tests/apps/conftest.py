"""What the apps' pages are tried with: a model, a house with accounts and a folder of its own, a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.server.household import House, household
from tests.server.page.standin import chromium

from huozhong.engine.llm import LLM


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
