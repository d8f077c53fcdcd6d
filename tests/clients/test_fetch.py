"""That the clients are here, and that fetching them leaves nothing half-made that looks whole."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from tests.clients.fetch import HOW, NPM, PYTHON, bring, is_there

MAKE = [sys.executable, "-c", "open('made', 'w').write(open('wanted').read())"]


def test_the_clients_are_here() -> None:
    assert is_there(PYTHON, ["requirements.txt"]), HOW
    assert is_there(NPM, ["package.json", "package-lock.json"]), HOW
    assert shutil.which("node"), HOW


def test_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "wanted").write_text("one")
    target = tmp_path / "target"
    with pytest.raises(SystemExit, match="could not be fetched"):
        bring(target, ["wanted"], [sys.executable, "-c", "raise SystemExit(1)"], tmp_path)
    with pytest.raises(SystemExit, match="missing: install"):
        bring(target, ["wanted"], ["no-such-program"], tmp_path)
    assert not target.exists()
    bring(target, ["wanted"], MAKE, tmp_path)
    assert (target / "made").read_text() == "one"
    bring(target, ["wanted"], ["no-such-program"], tmp_path)  # nothing is fetched a second time
    (tmp_path / "wanted").write_text("two")
    bring(target, ["wanted"], MAKE, tmp_path)
    assert (target / "made").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
