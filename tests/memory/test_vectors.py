"""Vectors in a file: found, added and deleted; and what is left after crashes, damage and another process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from huozhong.engine import kernels
from huozhong.errors import DataError
from huozhong.memory import vectors as module
from huozhong.memory.vectors import Vectors

DIM = 96


def random_rows(count: int, dim: int = DIM, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


def leaning_rows(count: int, dim: int, rank: int, seed: int = 0) -> NDArray[np.float32]:
    """As real embeddings lie: few directions that matter, and all of them leaning one way."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.sqrt(np.arange(1, rank + 1))
    rows = (rng.standard_normal((count, rank)) * weights) @ rng.standard_normal((rank, dim))
    lean = rng.standard_normal(dim) * 3 * np.linalg.norm(weights)
    return np.asarray(rows + lean + 0.1 * rng.standard_normal((count, dim)), np.float32)


def exact(rows: NDArray[np.float32], query: NDArray[np.float32], k: int) -> list[int]:
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return [int(i) for i in np.argsort(-(units @ query), kind="stable")[:k]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.vectors"


def test_the_nearest_are_found_among_vectors_that_lean_one_way(path: Path) -> None:
    rows = leaning_rows(8_020, 256, 40)
    rows, queries = rows[:-20], rows[-20:]
    right = 0
    with Vectors.open(path, dim=256) as vectors:
        vectors.add(rows)
        for query in queries:
            found = vectors.search(query, 5)
            likeness, best = [
                (rows[ids] / np.linalg.norm(rows[ids], axis=1, keepdims=True)) @ query / np.linalg.norm(query)
                for ids in (found.ids, np.array(exact(rows, query, 5)))
            ]
            assert np.allclose(found.likeness, likeness, atol=1e-3)
            right += np.allclose(found.likeness, best, atol=1e-3)  # equals but for float16 may change places
    assert right >= 19


def test_a_faint_likeness_is_found_among_random_vectors(path: Path) -> None:
    rows, noise = random_rows(8_000, 256), random_rows(50, 256, 7)
    with Vectors.open(path, dim=256) as vectors:
        vectors.add(rows)
        found = [vectors.search(0.45 * rows[i] + 0.9 * noise[i], 1).ids.tolist() for i in range(50)]
    assert sum(ids == [i] for i, ids in enumerate(found)) >= 49


def test_the_bound_keeps_its_word(path: Path) -> None:
    """Where a search says that it is sure, the answer is the exact one."""
    rows = random_rows(5000)
    queries = rows[:30] + random_rows(30, seed=3)
    sure = 0
    with Vectors.open(path, dim=DIM) as vectors:
        vectors.add(rows)
        for query in queries:
            found = vectors.search(query, 1, candidates=200)
            sure += found.sure
            assert not found.sure or found.ids.tolist() == exact(rows, query, 1)
        assert vectors.search(queries[0], 1, candidates=5000).sure
    assert sure > 5


def test_a_search_finds_its_number_and_no_more(path: Path) -> None:
    with Vectors.open(path, dim=DIM) as vectors:
        assert vectors.search(np.ones(DIM), 3).ids.tolist() == []
        vectors.add(random_rows(2))
        assert sorted(vectors.search(np.ones(DIM), 3).ids.tolist()) == [0, 1]


def test_the_reference_finds_the_same(path: Path) -> None:
    rows, before = random_rows(900), kernels.used()
    with Vectors.open(path, dim=DIM) as vectors:
        vectors.add(rows)
        native = vectors.search(rows[5] + rows[6], 4)
        kernels.use("reference")
        try:
            found = vectors.search(rows[5] + rows[6], 4)
        finally:
            kernels.use(before)
    assert found.ids.tolist() == native.ids.tolist()
    assert np.array_equal(found.likeness, native.likeness)


def test_added_one_by_one_and_found_after_opening_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 1024)
    rows = random_rows(2500)
    with Vectors.open(path, dim=DIM, space="a model") as vectors:
        for at, end in pairwise((0, 1, 2, 20, 21, 130, 1030, 1031, 2490, 2500)):
            assert vectors.add(rows[at:end]).tolist() == list(range(at, end))
        found = [vectors.search(row, 3) for row in rows[::40]]
    with Vectors.open(path, dim=DIM, space="a model") as vectors:
        vectors.verify()
        assert len(vectors) == 2500
        assert vectors.ids.tolist() == list(range(2500))
        for row, before in zip(rows[::40], found, strict=True):
            assert vectors.search(row, 3).ids.tolist() == before.ids.tolist()
            assert before.ids[:1].tolist() == exact(rows, row, 1)


def test_what_is_deleted_is_not_in_the_file(path: Path) -> None:
    rows = random_rows(300)
    with Vectors.open(path, dim=DIM) as vectors:
        vectors.add(rows[:290])
        vectors.add(rows[290:])
        units = [vectors.get(id).astype("<f2").tobytes() for id in (3, 295)]
        assert all(unit in path.read_bytes() for unit in units)
        assert vectors.remove([3, 295, 4444]) == 2
        assert vectors.remove([3]) == 0
        assert len(vectors) == 298
        assert not any(unit in path.read_bytes() for unit in units)
        assert 3 not in vectors.search(rows[3], 298).ids
        with pytest.raises(KeyError):
            vectors.get(3)
        vectors.verify()
        assert vectors.add(rows[:1]).tolist() == [300]  # a number is not given twice
    with Vectors.open(path, dim=DIM) as vectors:
        assert len(vectors) == 299
        assert 3 not in vectors.search(rows[3], 299).ids
        vectors.verify()


def test_compaction_leaves_out_what_is_gone_and_finds_a_new_centre(path: Path) -> None:
    rows = leaning_rows(2000, DIM, 20)
    with Vectors.open(path, dim=DIM) as vectors:
        for at in range(0, 2000, 200):
            vectors.add(rows[at : at + 200], ids=np.arange(at, at + 200) + 10_000)
        vectors.remove(range(10_000, 10_500))
        assert vectors.wants_compaction  # added in small pieces, nothing is centred
        size = path.stat().st_size
        vectors.compact()
        assert path.stat().st_size < 0.8 * size
        assert not vectors.wants_compaction
        assert vectors.search(rows[700], 3).ids.tolist() == [id + 10_500 for id in exact(rows[500:], rows[700], 3)]
        vectors.remove([10_700])
        vectors.add(rows[:1])
        vectors.verify()
    with Vectors.open(path, dim=DIM) as vectors:
        assert len(vectors) == 1500


def test_ids_of_one_s_own(path: Path) -> None:
    with Vectors.open(path, dim=DIM) as vectors:
        assert vectors.add(random_rows(2), ids=[7, 40]).tolist() == [7, 40]
        assert vectors.add(random_rows(1, seed=1)).tolist() == [41]
        assert vectors.add(random_rows(1, seed=2), ids=[8]).tolist() == [8]
        for wrong in ([7], [-1], [1, 2]):
            with pytest.raises(DataError):
                vectors.add(random_rows(1, seed=3), ids=wrong)
        with pytest.raises(DataError, match="Every vector needs an id of its own"):
            vectors.add(random_rows(2, seed=3), ids=[50, 50])
        assert len(vectors) == 4


def test_wrong_vectors_are_named_and_nothing_is_kept(path: Path) -> None:
    wrong = random_rows(70)
    wrong[33] = 0
    with Vectors.open(path, dim=DIM) as vectors:
        vectors.add(random_rows(3))
        before = path.read_bytes()
        with pytest.raises(DataError, match=r"Vector 33 \(counted from 0\) is all zeros") as said:
            vectors.add(wrong)
        assert "第 33 个向量" in str(said.value.chinese)
        with pytest.raises(DataError, match="rows of 96 numbers"):
            vectors.add(random_rows(3, 95))
        for query in (np.zeros(DIM), np.full(DIM, np.nan), np.ones(DIM + 1)):
            with pytest.raises(DataError, match="finite numbers"):
                vectors.search(query)
        assert path.read_bytes() == before
    path.unlink()
    with Vectors.open(path, dim=DIM) as vectors, pytest.raises(DataError, match="Vector 33"):
        vectors.add(np.concatenate([wrong] * 5))  # enough for a centre
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_another_model_s_vectors_are_refused(path: Path) -> None:
    Vectors.open(path, dim=DIM, space="ember").close()
    for dim, space in ((DIM, "qwen"), (DIM + 1, "ember")):
        with pytest.raises(DataError, match="cannot be compared"):
            Vectors.open(path, dim=dim, space=space)
    path.write_bytes(b"something else")
    with pytest.raises(DataError, match="not a file of vectors"):
        Vectors.open(path, dim=DIM)


def test_one_process_at_a_time(path: Path) -> None:
    with Vectors.open(path, dim=DIM), pytest.raises(DataError, match="in use by another process"):
        Vectors.open(path, dim=DIM)


# -- crashes and damage ------------------------------------------------------------------------------------------------


def test_a_torn_tail_is_cut_with_a_sentence(path: Path) -> None:
    rows = random_rows(30)
    with Vectors.open(path, dim=DIM) as vectors:
        vectors.add(rows[:20])
        kept = path.stat().st_size
        vectors.add(rows[20:])
    whole = path.read_bytes()
    for size in [*range(kept + 1, len(whole), 97), len(whole) - 1]:
        # The file was made longer, but what should be there is not; or it is not as long as it should be.
        for torn in (
            whole[:size],
            whole[:size] + bytes(len(whole) - size),
            whole[:kept] + bytes(64) + whole[kept + 64 :],
        ):
            path.write_bytes(torn)
            with Vectors.open(path, dim=DIM) as vectors:
                if len(vectors) == 30:  # what was torn off were zeros
                    assert torn == whole
                    continue
                assert len(vectors) == 20
                assert vectors.told is not None
                assert "unfinished bytes were removed" in vectors.told[1]
                vectors.verify()
                assert vectors.add(rows[20:]).tolist() == list(range(20, 30))
    with Vectors.open(path, dim=DIM) as vectors:
        assert vectors.told is None


def test_damage_is_not_taken_for_a_torn_tail(path: Path) -> None:
    with Vectors.open(path, dim=DIM) as vectors:
        for seed in range(3):
            vectors.add(random_rows(20, seed=seed))
    whole = bytearray(path.read_bytes())
    size = (len(whole) - 448) // 3
    refused = 0
    for at in range(0, len(whole) - size, 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        try:
            with Vectors.open(path, dim=DIM) as vectors:
                assert len(vectors) == 60
                vectors.verify()
        except DataError as error:
            refused += str(path) in str(error)
        else:
            assert not any(whole[at : at + 1])  # only what fills up to 64 bytes is in no checksum
    assert refused > 50


def test_a_deletion_that_was_cut_short_is_finished(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_rows(40)
    with Vectors.open(path, dim=DIM) as vectors:
        vectors.add(rows)
        unit = vectors.get(5).astype("<f2").tobytes()
        monkeypatch.setattr(vectors._file, "_wipe", lambda rows: None)
        vectors.remove([5, 6])
    assert unit in path.read_bytes()
    with Vectors.open(path, dim=DIM) as vectors:
        assert len(vectors) == 38
        assert vectors.told is None
        vectors.verify()
    assert unit not in path.read_bytes()


WRITER = """
import sys, numpy as np
from pathlib import Path
from huozhong.memory.vectors import Vectors
vectors = Vectors.open(Path(sys.argv[1]), dim=96)
start = int(sys.argv[2])
for number in range(start, start + 10_000):
    size = 1 + number % 7 if number % 5 else 400
    rows = np.random.default_rng(number).standard_normal((size, 96)).astype(np.float32)
    ids = vectors.add(rows)
    print("added", number, ids[0], ids[-1], flush=True)
    if number % 3 == 0:
        vectors.remove(ids[:1])
        print("removed", ids[0], flush=True)
"""


def test_kill_9_loses_nothing_that_was_acknowledged(path: Path) -> None:
    added: dict[int, tuple[int, int]] = {}  # id -> which batch, which row
    removed: set[int] = set()
    maybe: set[int] = set()  # the deletion may have happened, though nobody said so
    for round_ in range(2):
        command = [sys.executable, "-c", WRITER, str(path), str(1000 * round_)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for count, line in enumerate(writer.stdout):
                words = line.split()
                if words[0] == "added":
                    number, first, last = map(int, words[1:])
                    added |= {id: (number, id - first) for id in range(first, last + 1)}
                    maybe.add(first)
                else:
                    removed.add(int(words[1]))
                if count == 12 + 5 * round_:
                    os.kill(writer.pid, signal.SIGKILL)
        with Vectors.open(path, dim=DIM) as vectors:
            vectors.verify()
            there = set(vectors.ids.tolist())
            assert not there & removed
            assert added.keys() - removed - maybe <= there
            for id in list(there & added.keys())[::50]:
                number, row = added[id]
                rows = np.random.default_rng(number).standard_normal((400, DIM)).astype(np.float32)
                expected = rows[row] / np.linalg.norm(rows[row])
                assert np.allclose(vectors.get(id), expected, atol=1e-3)
                assert vectors.search(expected, 1).ids.tolist() == [id]
