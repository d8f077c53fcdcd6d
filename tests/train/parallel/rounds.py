"""Real members of a team of local rounds, on loopback, and what they wrote."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.train.conftest import MODEL, REST

from huozhong.train.parallel.seat import KEY
from huozhong.train.state import CheckpointFolder, MetricsFile

TEAM = """
[team]
local_steps = 3
keep = 0.25
bits = 2
outer_momentum = 0.5
settle = 0.25
"""
SECRET = "the key of these tests"


def team_recipe(corpus: Path, out: str, *changes: tuple[str, str], team: str = TEAM) -> Path:
    """A recipe for four micro-batches a step, on its way to `out`.  changes: (what it says, what it says instead)."""
    text = MODEL + REST.format(folder=corpus) + team
    own = [(f'out = "{corpus}/out"', f'out = "{corpus / out}"\nkeep = 99'), ("micro_batch = 2", "micro_batch = 1")]
    for old, new in [*own, *changes]:
        assert old in text
        text = text.replace(old, new)
    path = corpus / f"{out}.toml"
    path.write_text(text)
    return path


@contextlib.contextmanager
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    """Those that a test puts there are ended with it."""
    started: list[subprocess.Popen[str]] = []
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def start(recipe: Path, *options: str) -> subprocess.Popen[str]:
    """`huozhong train pretrain` in a process that a test may kill."""
    words = [sys.executable, "-m", "huozhong.cli.main", "train", "pretrain", str(recipe), *options]
    env = os.environ | {KEY: SECRET, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(process: subprocess.Popen[str]) -> str:
    """What it said, once it has ended well."""
    said = process.communicate(timeout=3000)[0]
    assert process.returncode == 0, said
    return said


def until(seen: Callable[[], Any], *processes: subprocess.Popen[str]) -> Any:
    """What `seen` returns once that is something, while the processes run."""
    for _ in range(30000):
        if found := seen():
            return found
        for process in processes:
            assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    raise AssertionError("it never came")


def told(out: Path) -> list[dict[str, Any]]:
    """The metrics so far; a last line that is being written is left out."""
    return MetricsFile(out).read()


def course(out: Path) -> list[tuple[Any, ...]]:
    """What must repeat bit for bit: all of the metrics but times, energy, and bytes, which hold signs of life."""
    keys = ("step", "tokens", "loss", "grad_norm", "lr_scale", "heldout_bpb", "round_members", "round_loss")
    return [tuple(record.get(key) for key in keys) for record in told(out)]


def crcs(folder: Path) -> dict[int, int]:
    """Of each checkpoint's weights, by step."""
    checkpoints = CheckpointFolder(folder)
    return {step: checkpoints.read_meta(step)["weights_crc"] for step in checkpoints.steps()}
