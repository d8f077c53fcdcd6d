"""benchmarks/compare.py says in one sentence what is missing, before anything runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMPARE = Path(__file__).resolve().parents[2] / "benchmarks" / "compare.py"


def compare(model: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(COMPARE), str(model), "--llama", str(folder)]
    return subprocess.run(command, capture_output=True, text=True)


def program(path: Path) -> None:
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(0o755)


@pytest.mark.parametrize("there", [[], ["llama-bench"]])
def test_a_folder_without_the_programs(tmp_path, there):
    for name in there:
        program(tmp_path / name)
    done = compare(tmp_path / "model.gguf", tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"compare: {tmp_path} does not hold ")
    assert "llama-server" in line
    assert "--llama" in line


def test_a_model_that_is_not_there(tmp_path):
    for name in ("llama-bench", "llama-server"):
        program(tmp_path / name)
    done = compare(tmp_path / "model.gguf", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip().endswith("is not a file: give a GGUF file, which llama.cpp reads as well.")


def test_a_llama_bench_that_fails(tmp_path):
    for name in ("llama-bench", "llama-server"):
        program(tmp_path / name)
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF")
    done = compare(model, tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "llama-bench ended with status 1" in done.stderr
    assert "Traceback" not in done.stderr
