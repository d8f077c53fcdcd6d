"""Pages on disk: what comes back is what was written, or nothing; and the folder stays within its bounds."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from huozhong.engine.cache.prefixes import PrefixStore, default_capacity, fingerprint

SIZE = 1000


def digest(number: int) -> bytes:
    return number.to_bytes(16, "little")


def page(number: int) -> bytes:
    return bytes([number % 256]) * SIZE


def store(folder: Path, name: str = "model", capacity: int = 1 << 20) -> PrefixStore:
    return PrefixStore(folder, name, SIZE, capacity)


def saved(folder: Path, numbers: list[int], **options) -> None:  # type: ignore[no-untyped-def]
    writer = store(folder, **options)
    for number in numbers:
        writer.save(digest(number), page(number))
    writer.close()


def loaded(reader: PrefixStore, numbers: list[int]) -> list[bytes]:
    """What `load` brings, in order."""
    load = reader.load([digest(n) for n in numbers])
    if load is None:
        return []
    deadline = time.monotonic() + 60
    pages = []
    while not load.ended or load.arrived:
        assert time.monotonic() < deadline
        while load.arrived:
            key, data = load.arrived.popleft()
            assert key == digest(numbers[len(pages)])
            pages.append(data)
        reader.wait(0.01)
    return pages


def test_pages_come_back_after_a_restart_up_to_the_first_gap(tmp_path: Path) -> None:
    saved(tmp_path, [*range(40), 41])
    reader = store(tmp_path)
    assert reader.has(digest(3))
    assert not reader.has(digest(40))
    assert loaded(reader, list(range(42))) == [page(n) for n in range(40)]
    assert loaded(reader, [40, 41]) == []
    reader.close()
    assert loaded(store(tmp_path, "another model"), [0]) == []


@pytest.mark.parametrize("damage", ["cut", "empty", "longer", "bit", "header", "renamed"])
def test_a_damaged_file_is_absent_and_deleted(tmp_path: Path, damage: str) -> None:
    saved(tmp_path, [1, 2, 3])
    file = tmp_path / "model" / f"{digest(2).hex()}.page"
    content = bytearray(file.read_bytes())
    if damage == "cut":
        del content[-1:]
    elif damage == "empty":
        content.clear()
    elif damage == "longer":
        content += b"x"
    elif damage == "bit":
        content[500] ^= 1
    elif damage == "header":
        content[2] ^= 1
    else:  # another page's content under this name
        content = bytearray((tmp_path / "model" / f"{digest(3).hex()}.page").read_bytes())
    file.write_bytes(content)
    reader = store(tmp_path)
    assert loaded(reader, [1, 2, 3]) == [page(1)]
    assert not file.exists()
    assert not reader.has(digest(2))
    assert reader.pages_damaged == 1
    reader.save(digest(2), page(2))
    reader.close()
    assert loaded(store(tmp_path), [1, 2, 3]) == [page(1), page(2), page(3)]


def test_the_longest_unused_goes_first_whatever_model_it_is_of(tmp_path: Path) -> None:
    capacity = 10 * (SIZE + 100)
    saved(tmp_path, [0, 1, 2, 3], name="old", capacity=capacity)
    for number in range(4):
        os.utime(tmp_path / "old" / f"{digest(number).hex()}.page", (number + 1, number + 1))
    reader = store(tmp_path, "old", capacity)
    assert loaded(reader, [0]) == [page(0)]  # used again
    reader.close()
    saved(tmp_path, list(range(10, 17)), name="new", capacity=capacity)
    left = {f.stem for f in tmp_path.glob("*/*.page")}
    assert digest(0).hex() in left
    assert digest(1).hex() not in left
    assert digest(16).hex() in left
    saved(tmp_path, list(range(20, 80)), name="new", capacity=capacity)
    assert sum(f.stat().st_size for f in tmp_path.glob("*/*")) <= capacity


def test_left_over_temporary_files_go_when_room_is_made(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    stale = tmp_path / "model" / "dead.new"
    stale.write_bytes(b"half")
    os.utime(stale, (1, 1))
    saved(tmp_path, [1])
    assert not stale.exists()


def test_two_stores_on_one_folder(tmp_path: Path) -> None:
    """Two of them write and read the same pages while the folder is too small: nothing wrong ever comes back."""
    stores = [store(tmp_path, capacity=12 * (SIZE + 100)) for _ in range(2)]

    def work(mine: PrefixStore) -> None:
        for number in range(100):
            mine.save(digest(number % 30), page(number % 30))
            for n, data in enumerate(loaded(mine, [number % 30])):
                assert data == page(number % 30), n
        mine.close()

    threads = [threading.Thread(target=work, args=(s,)) for s in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(s.pages_damaged == 0 for s in stores)
    assert sum(f.stat().st_size for f in tmp_path.glob("*/*")) <= 14 * (SIZE + 100)


def test_a_folder_that_cannot_be_written_is_logged_not_raised(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("no folder")
    saved(tmp_path / "file", [1])
    assert "cannot be stored" in caplog.text


def test_fingerprints_differ_with_anything() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_default_capacity_is_a_small_share_of_what_is_free(tmp_path: Path) -> None:
    assert 0 < default_capacity(tmp_path / "not" / "yet") <= 2 << 30
