"""Checkpoints and the metrics file of a run, written so that `kill -9` or a full disk never costs the
last good one.

    out/checkpoints/step-00000250/state.pt    weights, optimiser, averaged weights, data position, random
    state
                                 /meta.json   step, tokens, bill, and what the run is (`Recipe.identity`)
    out/metrics.jsonl                         one line per optimiser step and per scoring

A checkpoint folder appears under its name only when all of it is on the disk (temporary folder, fsync,
rename).
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
from huozhong.files import sync_folder
from huozhong.train.recipe import FREE_KEYS

_FORMAT = 1
_TEMPORARY = ".tmp-"


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
        """Write one checkpoint.  Raises TrainingError when the disk does not take it; older ones stay
        whole.
        """
        target = self.path(step)
        if target.exists():
            return target
        temporary = self.folder / f"{_TEMPORARY}{target.name}"
        with _disk_errors(f"checkpoint {target}", self._last_words()):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.clean()
            temporary.mkdir()
            try:
                with open(temporary / "state.pt", "wb") as file:
                    torch.save(state, file)
                    _flush(file)
                with open(temporary / "meta.json", "w", encoding="utf-8") as text:
                    json.dump({"format": _FORMAT, "step": step, **meta}, text, indent=1, ensure_ascii=False)
                    _flush(text)
                sync_folder(temporary)
                os.rename(temporary, target)
                sync_folder(self.folder)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
        self._forget_old()
        return target

    def read_meta(self, step: int) -> dict[str, Any]:
        try:
            meta = json.loads((self.path(step) / "meta.json").read_text(encoding="utf-8"))
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
            return torch.load(path, map_location=device, weights_only=True, mmap=mapped)
        except (OSError, RuntimeError, EOFError) as error:
            raise TrainingError(
                f"checkpoint {path} cannot be read ({error}); delete its folder to use an older one."
            ) from None

    def remove(self, step: int) -> None:
        """Delete one checkpoint; renamed first, because half a folder must not look like a checkpoint."""
        doomed = self.folder / f"{_TEMPORARY}old-{step}"
        os.rename(self.path(step), doomed)
        shutil.rmtree(doomed)

    def clean(self) -> None:
        """Remove what an interrupted save or deletion left behind."""
        for path in self.folder.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(path)

    def _forget_old(self) -> None:
        for step in self.steps()[: -self.keep]:
            self.remove(step)

    def _last_words(self) -> str:
        steps = self.steps()
        return f"the checkpoint of step {steps[-1]} is intact" if steps else "there is no earlier checkpoint"


def check_same_run(stored: dict[str, Any], current: dict[str, Any], out: str) -> None:
    """Raise ConfigError naming the first key in which the recipe differs from the checkpoint's."""
    for key in sorted((stored.keys() | current.keys()) - FREE_KEYS):
        if stored.get(key) != current.get(key):
            raise ConfigError(
                f"{out} holds a run whose {key} is {stored.get(key)!r}, but the recipe now says "
                f"{current.get(key)!r}; undo that, choose another [run] out, or start over with --fresh."
            )


class MetricsFile:
    """out/metrics.jsonl: one JSON object per line with at least `step`; append-only within a sitting."""

    def __init__(self, out: Path) -> None:
        self.path = out / "metrics.jsonl"

    def append(self, record: dict[str, Any]) -> None:
        with (
            _disk_errors(str(self.path), "the last checkpoint is intact"),
            open(self.path, "a", encoding="utf-8") as file,
        ):
            file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def sync(self) -> None:
        """What was appended is on the disk when this returns: a checkpoint must not be newer than its
        metrics.
        """
        if self.path.exists():
            with _disk_errors(str(self.path), "the last checkpoint is intact"), open(self.path, "a") as file:
                os.fsync(file.fileno())

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
        temporary = self.path.with_suffix(".tmp")
        with _disk_errors(str(self.path), "the last checkpoint is intact"):
            with open(temporary, "w", encoding="utf-8") as file:
                file.writelines(kept)
                _flush(file)
            os.replace(temporary, self.path)


@contextlib.contextmanager
def _disk_errors(what: str, consolation: str) -> Iterator[None]:
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


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def write_file(path: Path, content: bytes) -> None:
    """Replace a file whole: temporary file in the same folder, fsync, rename.  Raises TrainingError."""
    temporary = path.with_name(f".{path.name}.tmp")
    with _disk_errors(str(path), "what was there before is intact"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
            _flush(file)
        os.replace(temporary, path)
        sync_folder(path.parent)
