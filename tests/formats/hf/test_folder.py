"""A model folder as files: reading distrusts them, writing survives being killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.formats.strict import NORM, expect, tensors_of
from tests.model.tiny_models import tiny_config

from huozhong import files
from huozhong.errors import CheckpointError
from huozhong.formats.checkpoint import (
    CheckpointReader,
    read_config,
    write_checkpoint,
)


def test_half_precision_and_shards(folder: Path) -> None:
    reader = CheckpointReader(folder)
    stored = {name: torch.from_numpy(reader.tensor(name)) for name in reader.names()}
    half = {name: value.half() for name, value in stored.items()}
    names = list(half)
    (folder / "model.safetensors").unlink()
    place = {name: f"part-{i % 2}.safetensors" for i, name in enumerate(names)}
    for file in set(place.values()):
        save_file({name: half[name] for name in names if place[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": place}))
    sharded = CheckpointReader(folder)
    for name in names:
        np.testing.assert_array_equal(sharded.tensor(name), half[name].float().numpy())
        assert sharded.tensor(name).dtype == np.float32

    (folder / "part-1.safetensors").unlink()
    expect(folder, "part-1.safetensors: this part of the model is missing")
    for bad in ("../x.safetensors", "/etc/passwd", "..", ""):
        placed = {"weight_map": dict.fromkeys(names, bad)}
        (folder / "model.safetensors.index.json").write_text(json.dumps(placed))
        expect(folder, "is not a plain file name")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": [1]}))
    expect(folder, "weight_map must map")


def test_missing_files(folder: Path, tmp_path: Path) -> None:
    expect(tmp_path / "nowhere", "there is no such model folder")
    (folder / "model.safetensors").rename(tmp_path / "away")
    expect(folder, "there is neither model.safetensors nor")
    (folder / "config.json").unlink()
    expect(folder, "config.json: this file is missing")
    (folder / "config.json").mkdir()
    expect(folder, "config.json: cannot be read (Is a directory)")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not valid JSON"),
        (b'{"a": ', "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"[]", "must hold a JSON object, not list"),
    ],
)
def test_config_that_is_no_json(folder: Path, content: bytes, words: str) -> None:
    (folder / "config.json").write_bytes(content)
    expect(folder, words)


def test_replacing_drops_old_files_and_leftovers(folder: Path) -> None:
    for leftover in (".model.partial", ".model.replaced"):
        (folder.parent / leftover).mkdir()
        (folder.parent / leftover / "x").write_text("rubbish")
    config = tiny_config(num_hidden_layers=1)
    write_checkpoint(folder, config, tensors_of(config, 2.0))
    assert CheckpointReader(folder).tensor(NORM)[0] == 2.0
    assert not (folder / "notes.txt").exists()
    assert [item.name for item in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("swaps", [True, False])
def test_both_ways_of_replacing(folder: Path, swaps: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not swaps:
        monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    config = tiny_config(num_hidden_layers=1)
    for value in (1.0, 2.0):
        write_checkpoint(folder, config, tensors_of(config, value))
        assert CheckpointReader(folder).tensor(NORM)[0] == value
    assert [item.name for item in folder.parent.iterdir()] == ["model"]


def test_a_crash_between_the_renames_is_healed(folder: Path) -> None:
    folder.rename(folder.parent / ".model.replaced")
    (folder.parent / ".model.partial").mkdir()
    assert read_config(folder).hidden_size == 32
    assert CheckpointReader(folder).names()
    config = tiny_config(num_hidden_layers=1)
    write_checkpoint(folder, config, tensors_of(config, 3.0))
    assert CheckpointReader(folder).tensor(NORM)[0] == 3.0
    assert [item.name for item in folder.parent.iterdir()] == ["model"]


def test_other_peoples_folders_are_left_alone(tmp_path: Path, folder: Path) -> None:
    config = tiny_config(num_hidden_layers=1)
    (tmp_path / "home").mkdir()
    (tmp_path / "home/thesis.txt").write_text("years of work")
    (folder / "sub").mkdir()
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "home", folder, tmp_path / "file"):
        with pytest.raises(CheckpointError, match="holds something other than a model"):
            write_checkpoint(target, config, tensors_of(config))
    assert (tmp_path / "home/thesis.txt").read_text() == "years of work"
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_checkpoint(tmp_path / "file/below", config, tensors_of(config))
    with pytest.raises(CheckpointError, match="dtype 'int4' cannot be written"):
        write_checkpoint(tmp_path / "new", config, tensors_of(config), dtype="int4")


WRITER = """
import itertools, sys
import numpy as np
from huozhong import files
from huozhong.formats.checkpoint import expected_tensors, read_config, write_checkpoint
if sys.argv[2] == "renames":
    files._exchange = lambda one, other: False
config = read_config(sys.argv[1])
print("ready", flush=True)
for value in itertools.count(1):
    shapes = expected_tensors(config).items()
    values = {name: np.full(shape, value % 200, np.float32) for name, shape in shapes}
    write_checkpoint(sys.argv[1], config, values)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["exchange", "renames"])
def test_killed_at_any_moment_the_old_or_the_new_is_there(folder: Path, how: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), how],
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert writer.stdout is not None
        with writer.stdout:
            writer.stdout.readline()
            time.sleep(rng.uniform(0.0, 0.3))
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        reader = CheckpointReader(folder)
        values = {reader.tensor(name).flat[0] for name in reader.names()}
        assert len(values) == 1 or (folder / "notes.txt").exists()  # all of one write, or the first folder
