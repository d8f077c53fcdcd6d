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


@pytest.mark.parametrize(("parts", "joint"), [
    ([f"第{n}段，" + "一二三四五六七八九十" * 8 for n in range(400)], "\n"),
    ([f"paragraph {n} " + "word " * 50 for n in range(400)], "\n \n"),
    ([f"这是第{n}句话，" + "说了好些事情" * 8 + "。" for n in range(400)], ""),
    ([f"This is sentence {n}, " + "and so on" * 20 + ". " for n in range(400)], ""),
    (["字" * 100_000], ""),
])  # fmt: skip
def test_whatever_the_text_looks_like_it_is_cut_sensibly(parts: list[str], joint: str) -> None:
    """One paragraph a line, blanks between paragraphs, one long line, no sentences."""
    text = joint.join(parts)
    found = list(pieces(text))
    assert all(1000 < len(piece.encode()) < 2 * 4096 for piece in found[:-1])
    assert "".join("".join(found).split()) == "".join(text.split())  # nothing is lost
    if len(parts) > 1 and joint.strip(" ") != "":
        assert all(piece.split("\n")[0] in text.split("\n") for piece in found)  # and no paragraph is torn


def test_few_long_documents_are_cut_to_hold_some_out(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    for n in range(30):
        (tmp_path / "t" / f"{n}.txt").write_text("\n".join(f"{n}.{i} 一行字，说些事情。" * 8 for i in range(40)))
    made = prepare([tmp_path / "t"], tmp_path / "out", vocab_size=400)
    assert 0 < made.heldout_tokens < made.train_tokens / 10
    (tmp_path / "big.jsonl").write_text(
        json.dumps({"text": "".join(f"第{n}句话，说些事情。" for n in range(8_000))}, ensure_ascii=False)
    )
    made = prepare([tmp_path / "big.jsonl"], tmp_path / "out", vocab_size=400)
    assert 0 < made.heldout_tokens < made.train_tokens / 10
    (tmp_path / "small.txt").write_text("太少了。" * 100)
    with pytest.raises(DataError, match=r"1,200 bytes of text make 1 pieces .* at least 10 are needed"):
        prepare([tmp_path / "small.txt"], tmp_path / "out", vocab_size=400)
    (tmp_path / "same.txt").write_text("一样的话。" * 10_000)
    with pytest.raises(DataError, match=r"the same over and over: \d+ pieces of about .* of which [12] differ"):
        prepare([tmp_path / "same.txt"], tmp_path / "out", vocab_size=400)
    (tmp_path / "empty.txt").write_text(" \n")
    with pytest.raises(DataError, match="there is no text in 1 files"):
        prepare([tmp_path / "empty.txt"], tmp_path / "out", vocab_size=400)


def test_a_folder_as_people_have_it(tmp_path: Path) -> None:
    """Marks at the beginning, endings in capitals, old encodings; git's and macOS's own files; what is no text."""
    texts = tmp_path / "texts"
    (texts / ".git").mkdir(parents=True)
    (texts / "__MACOSX").mkdir()
    for hidden in (".git/a.txt", "._a.txt", "__MACOSX/b.txt", ".hidden.md"):
        (texts / hidden).write_text("secret " * 2000)
    line = "这是一段很普通的中文，我们在这里说说天气和时间。\r\n"
    traditional = "這是一段很普通的中文，我們在這裡說說天氣和時間。\n"
    (texts / "a.txt").write_bytes(("\ufeff" + line * 200).encode())
    (texts / "B.TXT").write_bytes((line * 200).encode("utf-16"))
    (texts / "c.md").write_bytes((line * 200).encode("gbk"))
    (texts / "d.txt").write_bytes((traditional * 200).encode("big5"))
    (texts / "e.txt").write_bytes(bytes(range(256)) * 20)
    (texts / "f.pdf").write_bytes(b"%PDF")
    found = {file.name: "".join(documents(texts / file.name)) for file in texts.iterdir() if file.name[0] in "aBcd"}
    assert {name: text.replace("\n", "")[:24] for name, text in found.items()} == {
        "a.txt": line[:24], "B.TXT": line[:24], "c.md": line[:24], "d.txt": traditional[:24]
    }  # fmt: skip
    assert all("\r" not in text for text in found.values())
    made = prepare([texts], tmp_path / "out", vocab_size=300)
    assert sorted(Path(file).name for file in made.files) == ["B.TXT", "a.txt", "c.md", "d.txt"]
    told = "\n".join(made.skipped)
    for words in (".git", "._a.txt", "__MACOSX", "1 × .pdf", "e.txt is not text in UTF-8"):
        assert words in told
    assert prepare([texts], tmp_path / "out", vocab_size=300) == made
    with pytest.raises(DataError, match=r"e\.txt is not text in UTF-8"):
        prepare([texts / "e.txt"], tmp_path / "out", vocab_size=300)
    (texts / "alone").mkdir()
    (texts / "alone" / "x.doc").write_text("x")
    with pytest.raises(DataError, match=r"no file that ends in \.txt.*passed over: .*1 × \.doc"):
        prepare([texts / "alone"], tmp_path / "out", vocab_size=300)
