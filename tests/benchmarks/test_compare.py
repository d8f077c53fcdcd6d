"""benchmarks/compare.py says in one sentence what is missing, before anything runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from benchlib.llama import Settings, servings

sys.path.remove(str(Path(__file__).parents[2] / "benchmarks"))
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


def test_the_server_is_tried_with_one_cache_and_with_guesses():
    tried = [str(serving) for serving in servings(Settings(True, 512, 2))]
    assert len(set(tried)) == len(tried)
    assert tried[0] == "-fa on -ub 512 -t 2 -no-kvu"
    assert "-fa off -ub 512 -t 2 -no-kvu" in tried
    assert "-fa on -ub 512 -t 2 -kvu --spec-type ngram-simple" in tried
