"""Checkpoints and the metrics file of a run, written so that `kill -9` or a full disk never costs the last good one.

    out/checkpoints/step-00000250/state.pt    weights, optimiser, averaged weights, data position, random state
                                 /meta.json   step, tokens, bill, and what the run is (`Recipe.identity`)
    out/metrics.jsonl                         one line per optimiser step and per scoring

A checkpoint folder appears under its name only when all of it is on the disk (`huozhong.files`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from huozhong.errors import ConfigError, TrainingError
from huozhong.files import sync, whole_folder, write_whole
from huozhong.train.recipe import FREE_KEYS

_FORMAT = 1


class CheckpointFolder:
    """The checkpoints of one run under `out`/checkpoints; the newest `keep` stay."""

    def __init__(self, out: Path, keep: int = 2) -> None:
        self.folder = out / "checkpoints"
        self.keep = keep

    def steps(self) -> list[int]:
        """Steps that have a complete checkpoint, oldest first."""
        return sorted(int(path.name.removeprefix("step-")) for path in self.folder.glob("step-*"))

    def path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"

    def save(self, step: int, state: dict[str, Any], meta: dict[str, Any]) -> Path:
        """Write one checkpoint.  Raises TrainingError when the disk does not take it; older ones stay whole."""
        target = self.path(step)
        if target.exists():
            return target
        with disk_errors(f"checkpoint {target}", self._what_is_left()), whole_folder(target) as folder:
            with open(folder / "state.pt", "wb") as file:  # given a path, torch hides the disk's own error
                torch.save(state, file)
            text = json.dumps({"format": _FORMAT, "step": step, **meta}, indent=1, ensure_ascii=False)
            (folder / "meta.json").write_text(text, encoding="utf-8")
        for old in self.steps()[: -self.keep]:
            self.remove(old)
        return target

    def read_meta(self, step: int) -> dict[str, Any]:
        try:
            meta: dict[str, Any] = json.loads((self.path(step) / "meta.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TrainingError(f"checkpoint {self.path(step)} cannot be read ({error}); delete that folder.") from None
        if meta.get("format") != _FORMAT:
            raise TrainingError(
                f"checkpoint {self.path(step)} has format {meta.get('format')!r}, this version reads "
                f"{_FORMAT}; finish it with the version that wrote it, or start afresh with --fresh."
            )
        return meta

    def read_state(self, step: int, device: torch.device, *, mapped: bool = False) -> dict[str, Any]:
        """mapped: tensors stay in the file (device must be the CPU) until they are read, and only that part is."""
        path = self.path(step) / "state.pt"
        try:
            state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True, mmap=mapped)
        except (OSError, RuntimeError, EOFError) as error:
            raise TrainingError(
                f"checkpoint {path} cannot be read ({error}); delete its folder to use an older one."
            ) from None
        return state

    def remove(self, step: int) -> None:
        """Delete one checkpoint; renamed first, because half a folder must not look like a checkpoint."""
        doomed = self.folder / f".old-{step}"
        os.rename(self.path(step), doomed)
        shutil.rmtree(doomed)

    def clean(self) -> None:
        """Remove what an interrupted save or deletion left behind."""
        for pattern in (".step-*", ".old-*", ".tmp-*"):
            for path in self.folder.glob(pattern):
                shutil.rmtree(path)

    def _what_is_left(self) -> str:
        steps = self.steps()
        return f"the checkpoint of step {steps[-1]} is intact" if steps else "there is no earlier checkpoint"


def check_same_run(stored: dict[str, Any], current: dict[str, Any], out: str) -> None:
    """Raise ConfigError naming the first key in which the recipe differs from the checkpoint's.

    Keys that end in _content say what lies under a name (`content`); a checkpoint from before there were any has none.
    """
    for key in sorted((stored.keys() | current.keys()) - FREE_KEYS):
        if stored.get(key) != current.get(key):
            what, is_content = key.removesuffix("_content"), key.endswith("_content")
            if is_content and key not in stored:
                continue
            if is_content:
                raise ConfigError(
                    f"{out} holds a run that began with another {what}: what lies under its name has changed since; "
                    f"put the earlier {what} back, choose another folder for the run, or start over with --fresh."
                )
            raise ConfigError(
                f"{out} holds a run whose {key} is {stored.get(key)!r}, but the recipe now says "
                f"{current.get(key)!r}; undo that, choose another [run] out, or start over with --fresh."
            )


class MetricsFile:
    """out/metrics.jsonl: one JSON object per line with at least `step`; append-only within a sitting."""

    def __init__(self, out: Path) -> None:
        self.path = out / "metrics.jsonl"

    def append(self, record: dict[str, Any]) -> None:
        with self._disk_errors(), open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def sync(self) -> None:
        """What was appended is on the disk when this returns: a checkpoint must not be newer than its metrics."""
        if self.path.exists():
            with self._disk_errors(), open(self.path, "a") as file:
                sync(file)

    def read(self) -> list[dict[str, Any]]:
        """All whole lines; a last line cut short by a power cut is left out."""
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        records = []
        for number, line in enumerate(lines):
            try:
                records.append(json.loads(line))
            except ValueError:
                if number + 1 < len(lines):
                    raise TrainingError(f"{self.path} line {number + 1} is not JSON; delete that line.") from None
        return records

    def keep_until(self, step: int) -> None:
        """Drop the lines of steps after `step`: a resumed run writes them again."""
        kept = [json.dumps(r, ensure_ascii=False) + "\n" for r in self.read() if r["step"] <= step]
        with self._disk_errors():
            write_whole(self.path, "".join(kept))

    def _disk_errors(self) -> contextlib.AbstractContextManager[None]:
        return disk_errors(str(self.path), "the last checkpoint is intact")


@contextlib.contextmanager
def disk_errors(what: str, consolation: str) -> Iterator[None]:
    """TrainingError for a write inside that the disk refuses.  consolation: what is safe all the same."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        # torch's archive writer covers the OSError of a failed write with a RuntimeError of its own
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError):
            raise
        raise TrainingError(
            f"{what} could not be written ({cause.strerror}): {consolation}; free some space and run "
            f"the same command again."
        ) from error


def write_file(path: Path, content: bytes) -> None:
    """Replace a file whole.  Raises TrainingError when the disk does not take it."""
    with disk_errors(str(path), "what was there before is intact"):
        write_whole(path, content)
