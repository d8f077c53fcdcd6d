"""That the real files are here, and that fetching them leaves nothing half-written."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

import pytest
from tests.real.fetch import HOW, LLAMA_CPP, SMOLLM2, bring


def test_the_real_files_are_here() -> None:
    assert SMOLLM2.is_file(), HOW
    assert len(list(LLAMA_CPP.glob("ggml-vocab-*.gguf"))) == 19, HOW
    assert len(list(LLAMA_CPP.glob("*.inp"))) == len(list(LLAMA_CPP.glob("*.out"))) == 15, HOW
    assert len(list(LLAMA_CPP.glob("templates/*.jinja"))) == 70, HOW


def a_wheel(folder: Path) -> tuple[Path, str]:
    path = folder / "kindling-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("kindling.txt", "火种")
        wheel.writestr("kindling-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: kindling\nVersion: 1.0\n")
        wheel.writestr("kindling-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("kindling-1.0.dist-info/RECORD", "")
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "index").mkdir()
    wheel, sha256 = a_wheel(tmp_path / "index")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    target, part = tmp_path / "kindling.txt", tmp_path / "part"

    def unpack(archive: Path, folder: Path) -> Path:
        with zipfile.ZipFile(archive) as packed:
            return Path(packed.extract("kindling.txt", folder))

    with pytest.raises(SystemExit, match="could not be fetched"):
        bring(target, "kindling==1.0", "0" * 64, part, unpack)
    assert not target.exists()
    part.rename(tmp_path / "left")  # main clears it away
    bring(target, "kindling==1.0", sha256, part, unpack)
    assert target.read_text(encoding="utf-8") == "火种"
    assert not part.exists()
    monkeypatch.setattr(sys, "executable", "nowhere")  # nothing is fetched a second time
    bring(target, "kindling==1.0", sha256, part, unpack)
