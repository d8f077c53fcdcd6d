"""Models on a stick: found within bounds, and nothing that leads off it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from huozhong.hub.media import find_models


def test_files_folders_and_another_machines_store(tmp_path: Path, tiny_folder: Path) -> None:
    stick = tmp_path / "STICK"
    shutil.copytree(tiny_folder, stick / "models" / "tiny@1b")
    (stick / "a").mkdir()
    for name in ("Big-00001-of-00002.gguf", "Big-00002-of-00002.gguf", "one.GGUF", "notes.txt"):
        (stick / "a" / name).write_bytes(b"GGUF")
    (stick / ".Trash" / "x").mkdir(parents=True)
    (stick / ".Trash" / "x" / "old.gguf").write_bytes(b"GGUF")
    deep = stick / "1" / "2" / "3" / "4"
    deep.mkdir(parents=True)
    (deep / "deep.gguf").write_bytes(b"GGUF")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.gguf").write_bytes(b"GGUF")
    (stick / "link").symlink_to(outside)
    (stick / "link.gguf").symlink_to(outside / "secret.gguf")
    found = find_models([stick])
    assert [one.name for one in found] == ["Big-00001-of-00002", "one", "tiny:1b"]
    assert found[-1].size == sum(file.stat().st_size for file in (stick / "models" / "tiny@1b").iterdir())


def test_a_stick_full_of_files_takes_no_long_time(tmp_path: Path) -> None:
    for folder in range(60):
        (tmp_path / str(folder)).mkdir()
        for file in range(120):
            (tmp_path / str(folder) / f"{file:03}.gguf").touch()
    began = time.process_time()
    found = find_models([tmp_path])
    assert len(found) == 100
    assert time.process_time() - began < 5
    assert find_models([tmp_path / "nothing"]) == []
