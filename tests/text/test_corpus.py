"""Text of any kind becomes a tokenizer and shards, once and whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from huozhong.errors import DataError
from huozhong.text import corpus
from huozhong.text.corpus import documents, is_held_out, is_prepared, pieces, prepare
from huozhong.text.tokenizer import Tokenizer


def words(count: int) -> str:
    return "\n\n".join(f"paragraph {n} of a small text, 第{n}段，{n * n}" * 3 for n in range(count))


def test_text_is_cut_between_paragraphs() -> None:
    text = words(300)
    found = list(pieces(text))
    assert len(found) > 3
    assert "\n\n".join(found) == text
    assert all(len(piece.encode()) < 2 * 4096 for piece in found)


def test_corpus_is_split_by_document_and_made_once(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text(words(4000))
    lines = [json.dumps({"text": f"诗 {n}: 春眠不觉晓，处处闻啼鸟。"}) for n in range(300)]
    (tmp_path / "texts" / "b.jsonl").write_text("\n".join(lines))
    (tmp_path / "texts" / "ignored.bin").write_bytes(b"\0")
    made = prepare([tmp_path / "texts"], tmp_path / "out", vocab_size=400, megabytes_per_file=1)
    assert made.heldout_tokens < made.train_tokens / 10
    assert len(made.files) == 2
    held = [
        text
        for file in sorted((tmp_path / "texts").iterdir())
        if file.suffix != ".bin"
        for text in documents(file)
        if is_held_out(text)
    ]
    tokenizer = Tokenizer.load(made.tokenizer)
    assert made.vocab_size == tokenizer.vocab_size <= 400
    assert made.heldout_tokens == sum(len(tokenizer.encode(text)) + 2 for text in held)
    stamp = (tmp_path / "out" / "heldout").stat().st_mtime_ns
    assert prepare([tmp_path / "texts"], tmp_path / "out", vocab_size=400, megabytes_per_file=1) == made
    assert (tmp_path / "out" / "heldout").stat().st_mtime_ns == stamp


def test_wrong_texts_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        prepare([tmp_path / "nowhere"], tmp_path, vocab_size=400, megabytes_per_file=1)
    (tmp_path / "a.jsonl").write_text('{"story": "x"}')
    with pytest.raises(DataError, match="line 1 has no field `text`"):
        prepare([tmp_path / "a.jsonl"], tmp_path, vocab_size=400, megabytes_per_file=1)


def test_what_is_cut_off_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No corpus.json is left beside a tokenizer that it does not belong to, and no half tokenizer."""
    (tmp_path / "a.txt").write_text(words(2000))
    made = prepare([tmp_path / "a.txt"], tmp_path / "out", vocab_size=400)
    assert is_prepared([tmp_path / "a.txt"], tmp_path / "out", vocab_size=400)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(corpus, "write_text_shard", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare([tmp_path / "a.txt"], tmp_path / "out", vocab_size=280)
    assert Tokenizer.load(tmp_path / "out" / "tokenizer").vocab_size == 280 < made.vocab_size
    assert not is_prepared([tmp_path / "a.txt"], tmp_path / "out", vocab_size=400)
    assert prepare([tmp_path / "a.txt"], tmp_path / "out", vocab_size=400) == made
    assert Tokenizer.load(tmp_path / "out" / "tokenizer").vocab_size == made.vocab_size
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"corpus.json", "tokenizer", "train", "heldout"}
