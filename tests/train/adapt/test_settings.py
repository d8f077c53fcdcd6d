"""What is derived, and what stays as it began."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tests.train.adapt.adapting import run, settings

from huozhong.train.adapt.settings import as_before
from huozhong.train.adapt.tasks import SftTask


def test_a_resumed_run_stays_as_it_began(folders: dict[str, Path], task: SftTask, tmp_path: Path) -> None:
    """Less memory, or another moment, would choose otherwise."""
    wish = settings(tmp_path / "run", method="qlora", bits=8, epochs=1)
    run(folders["llama"], task, wish)
    later = dataclasses.replace(wish, method="auto", bits=None, dtype=None)
    found = as_before(later)
    assert (found.method, found.bits, found.dtype) == ("qlora", 8, "float32")
    assert run(folders["llama"], task, later, start="resume").finished
    upper = settings(tmp_path / "upper", epochs=1, layers=1)
    run(folders["llama"], task, upper)
    assert as_before(dataclasses.replace(upper, layers=None)).layers == 1
    assert as_before(dataclasses.replace(later, out=tmp_path / "other")).method == "auto"
