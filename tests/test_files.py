"""Whole or not at all, also when the disk is full or the process is killed in the middle."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from huozhong.files import whole_file, whole_folder, write_whole


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond 4 kB: what a full disk is to whoever writes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("content", ["火种", "火种".encode(), ["火".encode(), "种".encode()]])
def test_text_bytes_and_pieces(tmp_path: Path, content: str | bytes | list[bytes]) -> None:
    path = tmp_path / "new" / "file"
    for _ in range(2):  # the second time it is replaced
        write_whole(path, content)
        assert path.read_bytes() == "火种".encode()
    assert [p.name for p in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_who_may_read_it_is_the_users_choice(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "file", b"text")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


def test_an_error_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def half() -> Iterator[bytes]:
        yield b"new"
        raise ValueError

    with pytest.raises(ValueError):
        write_whole(path, half())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")
    with pytest.raises(OSError):
        write_whole(path, b"x" * 10_000)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    for content in ("one", "two"):
        with whole_folder(folder) as partial:
            (partial / "inner").mkdir()
            (partial / "inner" / content).write_text(content)
    assert [p.name for p in (folder / "inner").iterdir()] == ["two"]
    with pytest.raises(IsADirectoryError), whole_folder(folder) as partial:
        (partial / ".").write_text("three")
    assert [p.name for p in folder.iterdir()] == ["inner"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_crash_between_two_renames_is_mended(tmp_path: Path) -> None:
    """Where names cannot be swapped in one step, a crash may leave the old folder under its other name."""
    (tmp_path / ".model.replaced").mkdir()
    (tmp_path / ".model.replaced" / "old").write_text("old")
    with pytest.raises(ValueError), whole_folder(tmp_path / "model"):
        raise ValueError
    assert (tmp_path / "model" / "old").read_text() == "old"


WRITER = """
import sys
from pathlib import Path
from huozhong.files import whole_file, whole_folder
path, kind = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
number = 0
while True:
    number += 1
    line = f"{number}\\n".encode()
    if kind == "file":
        with whole_file(path) as file:
            for _ in range(2000):
                file.write(line)
    else:
        with whole_folder(path) as partial:
            for name in "ab":
                (partial / name).write_bytes(line * 1000)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_killed_at_any_moment(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    for attempt in range(10):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path), kind], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.02 + 0.013 * attempt)
        while attempt == 9 and not path.exists():
            time.sleep(0.01)  # a machine that did much else has not let it finish one yet
        process.kill()
        process.communicate()
        if kind == "file" and path.exists():
            lines = path.read_text().splitlines()
        elif path.exists():
            lines = [line for name in "ab" for line in (path / name).read_text().splitlines()]
        else:
            continue
        assert len(lines) == 2000
        assert len(set(lines)) == 1
    assert path.exists()


def test_what_a_block_writes_is_there_at_its_end_only(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with whole_file(path) as file:
        file.write(b"x")
        assert not path.exists()
    assert path.read_bytes() == b"x"
