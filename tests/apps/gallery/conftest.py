"""Drawn people, and a tiny model for the server that the room stands in."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from tests.apps.gallery.drawn import Drawn
from tests.server.conftest import endless_folder, llm

from huozhong.apps.gallery import faces

__all__ = ["drawn", "endless_folder", "llm"]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[Drawn]:
    """The front end, installed as a package's would be, in a house of its own."""
    monkeypatch.setattr(EntryPoint, "load", lambda entry: Drawn)
    monkeypatch.setattr(faces, "entry_points", lambda group: [EntryPoint("drawn", "drawn:Drawn", group)])
    monkeypatch.setenv("HUOZHONG_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Drawn, "missing", False)
    return Drawn
