"""JSON lines in, shards out."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest

from huozhong.errors import DataError
from huozhong.text.data import Shard, read_jsonl, write_chat_shard, write_text_shard
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer

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
