"""`open_model`: a folder, a GGUF file, or a folder with one of those."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from huozhong.errors import CheckpointError
from huozhong.formats.gguf.export import export_gguf
from huozhong.formats.source import open_model


def test_no_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such model folder"):
        open_model(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="no such file"):
        open_model(tmp_path / "nowhere.gguf")
    with pytest.raises(CheckpointError, match=r"config\.json: this file is missing"):
        open_model(tmp_path)


def test_a_folder_may_hold_one_gguf_file(tmp_path: Path, folder: Path) -> None:
    home = tmp_path / "home"
    export_gguf(open_model(folder), home / "a.gguf", vocabulary={})
    assert open_model(home).path == home / "a.gguf"
    shutil.copy(home / "a.gguf", home / "b.gguf")
    with pytest.raises(CheckpointError, match=r"holds several models \(a.gguf, b.gguf\); name the one you want"):
        open_model(home)
