"""Several processes that train one model, as torchrun would start them, and what they wrote."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from tests.train.conftest import MODEL, MOE, REST

from huozhong.train.state import MetricsFile

COMMAND = ("-m", "huozhong.cli.main", "train", "pretrain")


def together(recipe: Path, count: int, command: tuple[str, ...] = COMMAND) -> list[str]:
    """Run `huozhong train pretrain` in `count` processes; what each said.  command: what gets the recipe instead."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = []
    for rank in range(count):
        env = os.environ | {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(count),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "OMP_NUM_THREADS": "1",
        }
        words = [sys.executable, *command, str(recipe)]
        running.append(subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    said = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0] * count, said
    return said


def written(corpus: Path, out: str, **changes: str) -> tuple[Path, dict[str, Any]]:
    """A recipe with experts and a prediction module, on its way to `out`.  changes: section to lines added to it."""
    text = MODEL.replace("first_k_dense_replace = 2", "first_k_dense_replace = 1") + MOE + REST.format(folder=corpus)
    text = text.replace(f'out = "{corpus}/out"', f'out = "{corpus / out}"\nprecision = "float32"\nkeep = 9')
    for section, lines in changes.items():
        text = text.replace(f"[{section}]\n", f"[{section}]\n{lines}\n")
    path = corpus / f"{out}.toml"
    path.write_text(text)
    return path, tomllib.loads(text)


def losses(corpus: Path, out: str) -> list[float]:
    records = MetricsFile(corpus / out).read()
    assert [record["step"] for record in records] == list(range(1, 13))
    return [value for r in records for value in (r["loss"], r["mtp_loss"], r["max_load"], r["grad_norm"])]
