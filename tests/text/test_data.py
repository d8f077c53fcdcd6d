"""JSON lines become shards, shards become packed batches, and a run goes on where it stopped."""

from __future__ import annotations

import gzip
import itertools
import json
import lzma
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huozhong.errors import ConfigError, DataError
from huozhong.text import data
from huozhong.text.data import (
    NO_TARGET,
    Batch,
    PackedBatches,
    Shard,
    Source,
    read_jsonl,
    write_chat_shard,
    write_shard,
    write_text_shard,
)
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer

# -- files and shards ------------------------------------------------------------------------------------

LINES = '{"a": "好"}\n\n{"a": 2}\n'


@pytest.mark.parametrize(("name", "pack"), [("x.jsonl", bytes), ("x.jsonl.gz", gzip.compress), ("x.xz", lzma.compress)])
def test_plain_and_compressed(tmp_path: Path, name: str, pack: type) -> None:
    path = tmp_path / name
    path.write_bytes(pack(LINES.encode()))
    assert list(read_jsonl(path)) == [{"a": "好"}, {"a": 2}]
    path.write_bytes(pack(b"\xef\xbb\xbf" + LINES.encode()))  # Windows' Notepad writes one
    assert list(read_jsonl(str(path))) == [{"a": "好"}, {"a": 2}]


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        list(read_jsonl(path))
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_bad_files(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    assert "Cannot read" in refused(path)
    path.write_text('{"a": 1}\n{"a": }\n')
    assert "line 2 is not JSON" in refused(path)
    path.write_text('{"a": 1}\n[1]\n')
    assert "line 2 holds a list" in refused(path)
    path.write_bytes(b'{"a": 1}\n\xff\n')
    assert "UTF-8" in refused(path)
    for name, pack in (("x.xz", lzma.compress), ("x.gz", gzip.compress)):
        path = tmp_path / name
        raw = pack((LINES * 5000).encode())
        path.write_bytes(raw[: len(raw) // 2])
        assert "truncated" in refused(path)
        path.write_bytes(b"not compressed at all")
        assert "damaged" in refused(path)
        broken = bytearray(raw)
        broken[-6] ^= 0xFF  # in the checksum
        path.write_bytes(broken)
        assert "damaged" in refused(path)


def test_text_shard(tokenizer: Tokenizer, tmp_path: Path) -> None:
    texts = ["你好", " \n", "hello </think>", "x" * 5000]
    manifest = write_text_shard(tmp_path, "t", tokenizer, iter(texts))
    shard = Shard(tmp_path, "t")
    assert (manifest.documents, manifest.vocab_size) == (3, tokenizer.vocab_size)
    assert manifest.vocab_hash == tokenizer.fingerprint
    for i, text in enumerate(t for t in texts if t.strip()):
        ids, mask = shard.document(i)
        assert ids.tolist() == [tokenizer.bos_id, *tokenizer.encode(text), tokenizer.eos_id]
        assert mask.all()


def test_chat_shard(template: ChatTemplate, tmp_path: Path) -> None:
    conversations = [
        [
            {"role": "user", "content": "问"},
            {"role": "assistant", "content": "答", "reasoning_content": "想"},
        ],
        [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
    ]
    write_chat_shard(tmp_path, "c", template, iter(conversations))
    shard = Shard(tmp_path, "c")
    for i, messages in enumerate(conversations):
        ids, mask = shard.document(i)
        assert (ids.tolist(), mask.tolist()) == template.training_tokens(messages)
    with pytest.raises(DataError, match=r"Conversation 2 .*role"):
        write_chat_shard(tmp_path, "c", template, [*conversations, [{"role": "x", "content": ""}]])


# -- batches ---------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few batches cross many blocks."""
    monkeypatch.setattr(data, "ROWS_PER_BLOCK", 6)


def write(folder: Path, name: str, lengths: list[int], first: int, *, masked: bool = False) -> list[list[int]]:
    """Documents whose tokens are first, first+1, ...: every token tells where it belongs."""
    docs, at = [], first
    for n in lengths:
        docs.append(list(range(at, at + n)))
        at += n
    masks = [[t % 3 == 0 for t in d] if masked else None for d in docs]
    write_shard(folder, name, zip(docs, masks, strict=True), vocab_size=60_000, vocab_hash="h")
    return docs


def lengths_of(seed: int, count: int, mean: int) -> list[int]:
    return (1 + np.random.default_rng(seed).geometric(1 / mean, count)).tolist()


def pieces_of(batch: Batch) -> list[tuple[list[int], list[int]]]:
    """(tokens, targets) of every piece, padding left out, checking the invariants on the way."""
    pieces = []
    B, T = batch.tokens_BT.shape
    for field in (batch.tokens_BT, batch.targets_BT, batch.doc_BT, batch.pos_BT):
        assert field.shape == (B, T)
        assert field.dtype == np.int32
    for row in range(B):
        doc_T, pos_T = batch.doc_BT[row], batch.pos_BT[row]
        assert doc_T[0] == 0
        assert set(np.diff(doc_T)) <= {0, 1}, "documents are numbered in order"
        for number in range(doc_T[-1] + 1):
            inside = doc_T == number
            assert pos_T[inside].tolist() == list(range(inside.sum()))
            tokens, targets = batch.tokens_BT[row][inside].tolist(), batch.targets_BT[row][inside].tolist()
            if not any(tokens):  # padding; no test document holds id 0
                assert number == doc_T[-1]
                assert set(targets) == {NO_TARGET}
            else:
                pieces.append((tokens, targets))
    return pieces


def flat(batch: Batch) -> list[list[int]]:
    return np.stack([batch.tokens_BT, batch.targets_BT, batch.doc_BT, batch.pos_BT]).tolist()


@pytest.mark.slow
@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=40).filter(lambda n: max(n) > 1),
    st.integers(1, 20), st.integers(1, 5), st.integers(1, 3), st.booleans(), st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_an_epoch_holds_every_pair_once(
    tmp_path_factory: pytest.TempPathFactory,
    lengths: list[int],
    seq_len: int,
    batch_size: int,
    epochs: int,
    masked: bool,
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    docs = write(folder, "a", lengths, 1, masked=masked)
    batches = PackedBatches(folder, batch_size=batch_size, seq_len=seq_len, seed=seed, epochs=epochs)
    pairs: Counter[tuple[int, int]] = Counter()
    for batch in batches:
        for tokens, targets in pieces_of(batch):
            pairs.update(zip(tokens, targets, strict=True))
    expected = {(a, b if not masked or b % 3 == 0 else NO_TARGET) for doc in docs for a, b in itertools.pairwise(doc)}
    assert pairs == dict.fromkeys(expected, epochs)
    assert batches.tokens_per_epoch == len(expected)
    with pytest.raises(StopIteration):
        next(batches)


def test_one_source_keeps_its_epochs_apart(tmp_path: Path) -> None:
    docs = write(tmp_path, "a", lengths_of(1, 100, 9), 1)
    batches = PackedBatches(tmp_path, batch_size=1, seq_len=16, epochs=2)
    starts = [p[0][0] for batch in batches for p in pieces_of(batch)]
    half = len(starts) // 2
    assert sorted(starts[:half]) == sorted(starts[half:])
    assert starts[:half] != starts[half:], "the second epoch has another order"
    assert len(docs) <= half


def test_long_documents_are_cut_without_loss(tmp_path: Path) -> None:
    write(tmp_path, "a", [35], 1)
    (batch,) = PackedBatches(tmp_path, batch_size=4, seq_len=10, epochs=1)
    pieces = sorted(pieces_of(batch))
    assert [len(tokens) for tokens, _ in pieces] == [10, 10, 10, 4]
    assert [t for tokens, _ in pieces for t in tokens] == list(range(1, 35))
    assert [t for _, targets in pieces for t in targets] == list(range(2, 36))


def test_rows_are_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "ROWS_PER_BLOCK", 256)
    write(tmp_path, "a", lengths_of(2, 1500, 25), 1)
    batches = PackedBatches(tmp_path, batch_size=8, seq_len=128, epochs=1)
    positions = sum(batch.tokens_BT.size for batch in batches)
    assert batches.tokens_per_epoch > 0.97 * positions


def two_sources(folder: Path) -> list[Source]:
    write(folder, "zh", lengths_of(3, 300, 12), 1, masked=True)
    write(folder, "en", lengths_of(4, 40, 60), 20_000)
    write(folder / "more", "x", lengths_of(5, 50, 5), 40_000)
    write(folder / "more", "y", lengths_of(6, 50, 5), 50_000)
    return [Source(folder / "zh", 2), Source(str(folder / "en"), 1.0), Source(folder / "more", 0.5)]


def test_sources_mix_by_tokens(tmp_path: Path) -> None:
    sources = two_sources(tmp_path)
    batches = PackedBatches(sources, batch_size=4, seq_len=32, seed=3)
    counts = np.zeros(3)
    for _ in range(200):
        for tokens, _targets in pieces_of(next(batches)):
            counts[0 if tokens[0] < 20_000 else 1 if tokens[0] < 40_000 else 2] += len(tokens)
    assert np.allclose(counts / counts.sum(), np.array([2, 1, 0.5]) / 3.5, atol=0.005)
    assert batches.epochs_read[2] > batches.epochs_read[0] > 1


def test_a_rounding_error_in_the_dues_does_not_stop_the_reader(tmp_path: Path) -> None:
    """Seen 1.3 million positions into an epoch: 7e-11 of a position owed, too little to move a float."""
    for name in ("a", "b"):
        write_shard(tmp_path / name, name, [([1] * 1_400_000, None)], vocab_size=9, vocab_hash="h")
    sources = [Source(tmp_path / "a", 1), Source(tmp_path / "b", 1)]
    batches = PackedBatches(sources, batch_size=1, seq_len=256)
    state = batches.state()
    share = data.ROWS_PER_BLOCK * 256 / 2
    state["cursors"] = [[0, 5000, 7e-11 - share], [0, 5000, 0.0]]
    batches.restore(state)
    for _ in range(40):
        next(batches)
    first, second = batches.epochs_read
    assert first < second


def test_with_epochs_every_source_is_read_that_often(tmp_path: Path) -> None:
    sources = two_sources(tmp_path)
    batches = PackedBatches(sources, batch_size=4, seq_len=32, epochs=2)
    seen = Counter(t for batch in batches for tokens, _ in pieces_of(batch) for t in tokens)
    assert set(seen.values()) == {2}
    assert sum(seen.values()) == 2 * batches.tokens_per_epoch


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    sources = two_sources(tmp_path)

    def start(seed: int) -> list[list[list[int]]]:
        batches = PackedBatches(sources, batch_size=3, seq_len=32, seed=seed)
        return [flat(next(batches)) for _ in range(12)]

    assert start(1) == start(1)
    assert start(1) != start(2)


@pytest.mark.parametrize("epochs", [None, 3])
def test_resuming_is_exact_at_every_point(tmp_path: Path, epochs: int | None) -> None:
    sources = two_sources(tmp_path)

    def fresh() -> PackedBatches:
        return PackedBatches(sources, batch_size=4, seq_len=32, seed=9, epochs=epochs)

    batches = fresh()
    states, contents = [json.dumps(batches.state())], []
    for _ in range(60):
        contents.append(flat(next(batches)))
        states.append(json.dumps(batches.state()))
    assert batches.epochs_read[2] > 1, "the test crosses epochs"
    for at in (0, 1, 2, 7, 31, 50, 59, 60):
        again = fresh()
        again.restore(json.loads(states[at]))
        assert json.dumps(again.state()) == states[at]
        assert [flat(next(again)) for _ in range(60 - at)] == contents[at:]
        assert json.dumps(again.state()) == states[60]
    batches.restore(json.loads(states[5]))  # also backwards, on the same iterator
    assert flat(next(batches)) == contents[5]


def test_resuming_at_the_end(tmp_path: Path) -> None:
    write(tmp_path, "a", [9, 9], 1)
    batches = PackedBatches(tmp_path, batch_size=2, seq_len=8, epochs=1)
    assert len(list(batches)) == 1
    again = PackedBatches(tmp_path, batch_size=2, seq_len=8, epochs=1)
    again.restore(batches.state())
    assert list(again) == []


def test_the_batch_size_may_change_on_resuming(tmp_path: Path) -> None:
    sources = two_sources(tmp_path)
    one = PackedBatches(sources, batch_size=6, seq_len=32)
    next(one)
    other = PackedBatches(sources, batch_size=3, seq_len=32)
    other.restore(one.state())
    expected = next(one).tokens_BT
    assert np.array_equal(np.concatenate([next(other).tokens_BT, next(other).tokens_BT]), expected)


def test_states_of_other_runs_are_refused(tmp_path: Path) -> None:
    sources = two_sources(tmp_path)
    state = PackedBatches(sources, batch_size=4, seq_len=32, seed=9).state()
    for other in (
        PackedBatches(sources, batch_size=4, seq_len=32, seed=8),
        PackedBatches(sources, batch_size=4, seq_len=16, seed=9),
        PackedBatches(sources[:2], batch_size=4, seq_len=32, seed=9),
        PackedBatches([Source(sources[0].path, 7), *sources[1:]], batch_size=4, seq_len=32, seed=9),
    ):
        with pytest.raises(DataError, match="belongs to other"):
            other.restore(state)
    same = PackedBatches(sources, batch_size=4, seq_len=32, seed=9)
    for damaged in ({}, state | {"cursors": [[0]]}, state | {"row": None}, {"row": 1}):
        with pytest.raises(DataError, match="damaged"):
            same.restore(damaged)


def test_padding(tmp_path: Path) -> None:
    write(tmp_path, "a", [4], 1)
    (batch,) = PackedBatches(tmp_path, batch_size=2, seq_len=5, epochs=1, pad_id=77)
    assert batch.tokens_BT.tolist() == [[1, 2, 3, 77, 77], [77] * 5]
    assert batch.targets_BT.tolist() == [[2, 3, 4, -100, -100], [-100] * 5]
    assert batch.doc_BT.tolist() == [[0, 0, 0, 1, 1], [0] * 5]
    assert batch.pos_BT.tolist() == [[0, 1, 2, 0, 1], [0, 1, 2, 3, 4]]
    assert batch.loss_tokens == 3


def test_impossible_options(tmp_path: Path) -> None:
    write(tmp_path, "a", [9], 1)
    for words, options in (
        ("batch_size is 0", {"batch_size": 0, "seq_len": 8}),
        ("seq_len is -1", {"batch_size": 1, "seq_len": -1}),
        ("epochs is 0", {"batch_size": 1, "seq_len": 8, "epochs": 0}),
    ):
        with pytest.raises(ConfigError, match=words):
            PackedBatches(tmp_path, **options)
    for weight in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="weight"):
            PackedBatches([Source(tmp_path, weight)], batch_size=1, seq_len=8)
    with pytest.raises(ConfigError, match="at least one source"):
        PackedBatches([], batch_size=1, seq_len=8)
    with pytest.raises(DataError, match="no token shards"):
        PackedBatches(tmp_path / "nowhere", batch_size=1, seq_len=8)
    write(tmp_path / "short", "a", [1, 1], 1)
    with pytest.raises(DataError, match="nothing to learn"):
        PackedBatches(tmp_path / "short", batch_size=1, seq_len=8)
    write_shard(tmp_path / "other", "b", [([1, 2], None)], vocab_hash="another")
    with pytest.raises(DataError, match="different tokenizers"):
        PackedBatches([Source(tmp_path), Source(tmp_path / "other")], batch_size=1, seq_len=8)
    assert PackedBatches(tmp_path, batch_size=1, seq_len=8).vocab_hash == "h"
