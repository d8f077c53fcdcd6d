"""Token shards: exact round trips, and a clear refusal of everything damaged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from huozhong.errors import DataError
from huozhong.text import shards
from huozhong.text.shards import Shard, open_shards, write_shard


def documents(count: int, vocab_size: int, seed: int = 0) -> list[tuple[list[int], list[bool]]]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 40, count)
    return [(rng.integers(0, vocab_size, n).tolist(), (rng.random(n) < 0.5).tolist()) for n in lengths]


@pytest.mark.parametrize(("vocab_size", "dtype"), [(300, np.uint16), (65536, np.uint16), (129280, np.uint32)])
def test_round_trip(tmp_path: Path, vocab_size: int, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_BUFFER_TOKENS", 100)  # many flushes
    docs = documents(50, vocab_size)
    manifest = write_shard(tmp_path, "a", iter(docs), vocab_size=vocab_size, vocab_hash="h")
    shard = Shard(tmp_path, "a")
    assert shard.tokens_N.dtype == dtype
    assert shard.manifest == manifest
    assert (manifest.documents, manifest.tokens) == (50, sum(len(ids) for ids, _ in docs))
    assert manifest.loss_tokens == sum(sum(mask) for _, mask in docs)
    assert manifest.longest == max(len(ids) for ids, _ in docs)
    for i, (ids, mask) in enumerate(docs):
        read_ids, read_mask = shard.document(i)
        assert read_ids.tolist() == ids
        assert read_mask.tolist() == mask
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".tmp")]


def test_without_mask_every_token_counts(tmp_path: Path) -> None:
    write_shard(tmp_path, "a", [([1, 2, 3], None), ([], None), (np.array([4]), [True])])
    assert not (tmp_path / "a.mask").exists()
    shard = Shard(tmp_path, "a")
    assert shard.manifest.documents == 2
    assert [shard.document(i)[1].all() for i in range(2)] == [True, True]


def test_writing_again_replaces(tmp_path: Path) -> None:
    write_shard(tmp_path, "a", [([70000], [False])], vocab_size=100_000)
    write_shard(tmp_path, "a", [([1, 2], None)], vocab_size=100)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "a.offsets", "a.tokens.u16"]
    assert Shard(tmp_path, "a").document(0)[0].tolist() == [1, 2]


def test_a_failure_midway_leaves_the_old_shard(tmp_path: Path) -> None:
    write_shard(tmp_path, "a", [([1, 2], None)])
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def interrupted() -> Iterator[tuple[list[int], None]]:
        yield [3], None
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shard(tmp_path, "a", interrupted())
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("doc", "words"),
    [
        (([1, 100], None), "outside the vocabulary of 100"),
        (([-1], None), "outside the vocabulary"),
        (([1, 2], [True]), "2 ids but 1 mask"),
        (([[1, 2]], None), "flat"),
    ],
)
def test_bad_documents(tmp_path: Path, doc: object, words: str) -> None:
    with pytest.raises(DataError, match=f"Document 1 of shard a.*{words}"):
        write_shard(tmp_path, "a", [([1], None), doc], vocab_size=100)  # type: ignore[list-item]
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_write(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="empty"):
        write_shard(tmp_path, "a", [([], None)])
    for name in ("", "x/y", "..", ".hidden"):
        with pytest.raises(DataError, match="name"):
            write_shard(tmp_path, name, [([1], None)])
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="Cannot write"):
        write_shard(tmp_path / "file", "a", [([1], None)])


def refused(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        Shard(folder, "a")
    message = str(caught.value)
    assert str(folder) in message
    assert "\n" not in message
    return message


def test_truncated_and_damaged_shards(tmp_path: Path) -> None:
    def fresh() -> None:
        write_shard(tmp_path, "a", documents(9, 300), vocab_size=300)

    fresh()
    for name in ("a.tokens.u16", "a.mask", "a.offsets"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[:-1])
        assert "bytes" in refused(tmp_path)
        path.unlink()
        assert "missing" in refused(tmp_path)
        fresh()
    offsets = np.fromfile(tmp_path / "a.offsets", "<u8")
    offsets[[1, 2]] = offsets[[2, 1]]
    offsets.tofile(tmp_path / "a.offsets")
    assert "damaged" in refused(tmp_path)
    fresh()
    manifest = tmp_path / "a.json"
    whole = json.loads(manifest.read_text())
    for change, words in (
        ({"format": "other"}, "not the manifest"),
        ({"tokens": "many"}, "tokens"),
        ({"more": 1}, "more"),
        ({"dtype": "<f8"}, "dtype"),
        ({"name": "b"}, "name"),
    ):
        manifest.write_text(json.dumps(whole | change))
        assert words in refused(tmp_path)
    manifest.write_text(json.dumps(whole)[:-9])
    assert "JSON" in refused(tmp_path)
    manifest.unlink()
    assert "Cannot read" in refused(tmp_path)


def test_open_shards(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no token shards"):
        open_shards(tmp_path)
    with pytest.raises(DataError, match="no token shards"):
        open_shards(tmp_path / "nothing")
    for name in ("b", "a"):
        write_shard(tmp_path, name, [([1, 2], None)], vocab_hash="one")
    (tmp_path / "notes.json").write_text('{"other": "things"}')
    assert [s.name for s in open_shards(tmp_path)] == ["a", "b"]
    assert [s.name for s in open_shards(tmp_path / "b")] == ["b"]
    write_shard(tmp_path, "c", [([1, 2], None)], vocab_hash="two")
    with pytest.raises(DataError, match="different tokenizers"):
        open_shards(tmp_path)
    (tmp_path / "c.json").unlink()
    assert len(open_shards(tmp_path)) == 2, "without its manifest a shard does not exist"
