"""tiktoken.model against tiktoken's algorithm, written down slowly here."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import regex

from huozhong.errors import TokenizerError
from huozhong.formats.hf.tiktoken import RULE, TIKTOKEN, tokenizer_json
from huozhong.formats.source import open_model
from huozhong.text.byte_level import BYTE_OF_CHAR
from huozhong.text.tokenizer import Tokenizer

TEXTS = [
    "The quick brown fox jumps over the lazy dog's back; DON'T PANIC, it's only 12345 words.\n\n  Next line\r\n",
    "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少？ 2026年11月29日 abcÄÖÜ naïve Привет мир",
    "def f(x):\n    return x ** 2  # square\n\n\nprint(f(3))\t\t'll 'S",
    "混合text和中文mixed，HTTPServer parseJSON iPhone15  空格   ",
]


def vocabulary() -> dict[bytes, int]:
    trained = json.loads(Tokenizer.train(TEXTS * 3, 700, min_frequency=2).files()["tokenizer.json"])
    merged = [
        bytes(BYTE_OF_CHAR[char] for char in token)
        for token, _ in sorted(trained["model"]["vocab"].items(), key=lambda item: item[1])
        if all(char in BYTE_OF_CHAR for char in token)
    ]
    tokens = [bytes([byte]) for byte in range(256)] + [token for token in merged if len(token) > 1]
    return {token: rank for rank, token in enumerate(dict.fromkeys(tokens))}


RANKS = vocabulary()
CONFIG = {
    "tokenizer_class": "TikTokenTokenizer", "bos_token": "[BOS]", "eos_token": "[EOS]",
    "added_tokens_decoder": {
        str(len(RANKS) + i): {"content": name, "special": True}
        for i, name in enumerate(("[BOS]", "[EOS]", "<|im_end|>"))
    },
}  # fmt: skip


def files(content: bytes | None = None, **changes: object) -> dict[str, bytes]:
    lines = [base64.b64encode(token) + f" {rank}".encode() for token, rank in RANKS.items()]
    return {
        TIKTOKEN: b"\n".join(lines) + b"\n" if content is None else content,
        "tokenizer_config.json": json.dumps(CONFIG | changes).encode(),
    }


def tokenizer() -> Tokenizer:
    given = files()
    return Tokenizer.from_files(given | {"tokenizer.json": tokenizer_json(given, where="it")}, where="it")


def slowly(text: str) -> Iterator[int]:
    for piece in regex.findall(RULE, text, flags=regex.V1):
        parts = [bytes([byte]) for byte in piece.encode()]
        if piece.encode() in RANKS:
            parts = [piece.encode()]
        while len(parts) > 1:
            ranked = [(RANKS.get(a + b, 1 << 30), i) for i, (a, b) in enumerate(pairwise(parts))]
            rank, i = min(ranked)
            if rank == 1 << 30:
                break
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        yield from (RANKS[part] for part in parts)


def test_ids_are_tiktokens() -> None:
    found = tokenizer()
    for text in [*TEXTS, *(text[::-1] for text in TEXTS)]:
        ids = list(found.encode(text))
        assert ids == list(slowly(text))
        assert len(ids) < len(text.encode())
        assert found.decode(ids) == text


def test_a_folder_without_tokenizer_json(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    own = open_model(folder).small_files()["tokenizer.json"]
    (folder / TIKTOKEN).write_bytes(files()[TIKTOKEN])
    assert open_model(folder).small_files()["tokenizer.json"] == own, "what is spelt out wins"
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_bytes(files()["tokenizer_config.json"])
    found = open_model(folder).small_files()
    assert TIKTOKEN not in found
    assert found["tokenizer.json"] == tokenizer_json(files(), where="it")


def test_control_tokens() -> None:
    found = tokenizer()
    assert (found.bos_id, found.eos_id, found.vocab_size) == (len(RANKS), len(RANKS) + 1, len(RANKS) + 256)
    assert len(found.encode("<|im_end|>")) > 1, "nobody writes one by spelling it"
    assert list(found.encode("<|im_end|>", specials=True)) == [len(RANKS) + 2]
    reserved = len(RANKS) + 200
    assert list(found.encode(f"<|reserved_token_{reserved}|>", specials=True)) == [reserved]


@pytest.mark.parametrize(
    ("content", "changes", "words"),
    [
        (None, {"tokenizer_class": "QWenTokenizer"}, "of the tokenizer 'QWenTokenizer' cannot be read"),
        (b"IQ== 0\nnonsense\n", {}, "line 2 is not a token in base64 and its rank"),
        (b"IQ== 0\nIg== x\n", {}, "line 2 is not"),
        (b"IQ== 0\nIg== 2\n", {}, "without a gap"),
        (None, {"added_tokens_decoder": [1]}, "added_tokens_decoder must map ids to tokens"),
    ],
)
def test_what_is_refused(content: bytes | None, changes: dict[str, object], words: str) -> None:
    with pytest.raises(TokenizerError, match=words):
        tokenizer_json(files(content, **changes), where="it")
