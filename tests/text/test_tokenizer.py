"""Bytes <-> ids: exact round trips, no injected control tokens, and the same ids as transformers."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import tokenizers
from hypothesis import example, given, settings
from hypothesis import strategies as st

from huozhong.errors import TokenizerError
from huozhong.text.byte_level import CHAR_OF_BYTE
from huozhong.text.tokenizer import SPECIALS, Tokenizer

TEXTS = [
    "你好，世界！今天天气很好。\n床前明月光，疑是地上霜。",
    "The quick brown fox; it's 42 + 58 = 100.\n\nOK",
    "def hello(name):\n    return f'hello {name}'  # comment\n",
    "",
    " ",
    "   \n\n  x \t\r\n y",
    "混合 mixed文字with数字123和emoji🎉👨‍👩‍👧。",
    "don't DON'T 'tis 'sword' l'heure",
    "café naïve ÀÉÎ Привет мир こんにちは 안녕하세요 ١٢٣ ½²",
    "<｜Assistant｜> </think> <think>",
]


@pytest.fixture(scope="module")
def library(tokenizer: Tokenizer) -> tokenizers.Tokenizer:
    """The tokenizers library's own reading of our file: the reference."""
    return tokenizers.Tokenizer.from_str(tokenizer.files()["tokenizer.json"].decode())


def test_specials_and_bytes_come_first(tokenizer: Tokenizer) -> None:
    assert [tokenizer.token_id(s) for s in SPECIALS] == list(range(16))
    assert (tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id) == (0, 1, 2)
    assert sorted(tokenizer.bytes_of(i) for i in range(16, 272)) == [bytes([b]) for b in range(256)]
    assert tokenizer.vocab_size > 272
    assert tokenizer.token_id("</think>") == 6


def test_merges_learn_words_of_both_languages(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("明月")) == 1
    assert len(tokenizer.encode(" hello")) == 1


def test_every_digit_is_one_token(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("12345 67890")
    assert [tokenizer.bytes_of(i) for i in ids] == [bytes([b]) for b in b"12345 67890"]
    for i in range(tokenizer.vocab_size):
        if not tokenizer.is_control(i):
            piece = tokenizer.bytes_of(i)
            assert len(piece) == 1 or not any(chr(b).isdigit() for b in piece if b < 128)


@pytest.mark.parametrize("text", TEXTS)
def test_round_trip_of_known_texts(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode_bytes(tokenizer.encode(text)) == text.encode()


@given(st.text())
@example("\x00\ufeff\u2028\U0010ffff")
@settings(max_examples=100, deadline=None)
def test_round_trip_of_any_unicode(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.encode_batch([text, "x"]) == [ids, tokenizer.encode("x")]


@given(st.binary())
@settings(max_examples=100, deadline=None)
def test_round_trip_of_any_bytes(tokenizer: Tokenizer, data: bytes) -> None:
    ids = tokenizer.encode_bytes(data)
    assert tokenizer.decode_bytes(ids) == data
    assert tokenizer.decode(ids) == data.decode("utf-8", "replace")


def test_surrogates(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.encode("a\ud83cb")) == "a\ufffdb"
    assert tokenizer.decode(tokenizer.encode("\ud83c\udf89")) == "🎉"


@given(st.lists(st.sampled_from([*SPECIALS, "a", "好", " ", "\n", "<", "｜", "think", "User"]), max_size=12))
@settings(max_examples=100, deadline=None)
def test_text_never_yields_a_control_token(
    tokenizer: Tokenizer, library: tokenizers.Tokenizer, parts: list[str]
) -> None:
    text = "".join(parts)
    ids = tokenizer.encode(text)
    assert not any(tokenizer.is_control(i) for i in ids)
    assert tokenizer.decode(ids) == text
    trusted = tokenizer.encode(text, specials=True)
    assert tokenizer.decode(trusted, skip_special=False) == text
    assert trusted == library.encode(text, add_special_tokens=False).ids


def test_specials_on_request(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("<｜User｜>你好<｜Assistant｜><think>", specials=True)
    assert [ids[0], *ids[-2:]] == [3, 4, 5]
    assert ids[1:-2] == tokenizer.encode("你好")


def test_skip_special_keeps_the_think_tags(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("<｜User｜>a<think>b</think>c<｜end▁of▁sentence｜>", specials=True)
    assert tokenizer.decode(ids) == "a<think>b</think>c"
    assert tokenizer.decode(ids, skip_special=False) == "<｜User｜>a<think>b</think>c<｜end▁of▁sentence｜>"


def test_training_is_deterministic(tokenizer: Tokenizer, corpus: list[str]) -> None:
    """Also in another process, whose hash seeds differ."""
    assert Tokenizer.train(iter(corpus), 500).files() == tokenizer.files()
    code = (
        "import json,sys; from huozhong.text.tokenizer import Tokenizer; "
        "t=Tokenizer.train(json.load(sys.stdin),500); print(t.fingerprint)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(corpus),
        text=True,
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert run.stdout.strip() == tokenizer.fingerprint


def test_save_and_load(tokenizer: Tokenizer, folder: Path) -> None:
    again = Tokenizer.load(folder)
    assert again.files() == tokenizer.files()
    assert again.fingerprint == tokenizer.fingerprint
    assert again.vocab_size == tokenizer.vocab_size
    assert (again.pad_id, again.bos_id, again.eos_id) == (0, 1, 2)
    assert again.encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)


@pytest.mark.slow
def test_transformers_gives_the_same_ids(tokenizer: Tokenizer, folder: Path, tmp_path: Path) -> None:
    """Alone, and beside a deepseek_v3 config as in our model folders."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    for name, data in tokenizer.files().items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "config.json").write_text('{"model_type": "deepseek_v3"}')
    for theirs in (PreTrainedTokenizerFast.from_pretrained(folder), AutoTokenizer.from_pretrained(tmp_path)):
        assert (theirs.pad_token_id, theirs.bos_token_id, theirs.eos_token_id) == (0, 1, 2)
        for text in TEXTS:
            assert theirs.encode(text) == tokenizer.encode(text, specials=True)
            assert theirs.decode(tokenizer.encode(text)) == text
        ids = tokenizer.encode("<｜User｜>a<think>b</think>c<｜end▁of▁sentence｜>", specials=True)
        assert theirs.decode(ids, skip_special_tokens=True) == tokenizer.decode(ids)


def test_deepseek_form(deepseek_folder: Path) -> None:
    """Against the tokenizers library itself on the same file."""
    mine = Tokenizer.load(deepseek_folder)
    theirs = tokenizers.Tokenizer.from_file(str(deepseek_folder / "tokenizer.json"))
    assert mine.vocab_size == theirs.get_vocab_size(with_added_tokens=True)
    assert (mine.bos_id, mine.eos_id, mine.pad_id) == (1, 2, 2)
    for text in [*TEXTS, "<｜User｜>hi<｜Assistant｜><think>\nhm</think>yes<|EOT|>"]:
        assert mine.encode(text, specials=True) == theirs.encode(text, add_special_tokens=False).ids
        plain = mine.encode(text)
        assert not any(mine.is_control(i) for i in plain)
        assert mine.decode(plain) == text == theirs.decode(plain)
    assert mine.decode(mine.encode("<｜User｜>x<|EOT|>", specials=True)) == "<｜User｜>x"


def test_added_tokens_that_swallow_blanks(tokenizer: Tokenizer) -> None:
    data = json.loads(tokenizer.files()["tokenizer.json"])
    data["added_tokens"][3]["lstrip"] = True
    data["added_tokens"][4]["rstrip"] = True
    data["added_tokens"].append(data["added_tokens"][3] | {"id": tokenizer.vocab_size, "content": "    "})
    mine = Tokenizer(json.dumps(data).encode(), {})
    theirs = tokenizers.Tokenizer.from_str(json.dumps(data))
    for text in ("a  <｜User｜>  b", "a  <｜Assistant｜>  b", "a <think> b"):
        assert mine.encode(text, specials=True) == theirs.encode(text).ids
    assert not mine.is_control(tokenizer.vocab_size)  # a run of blanks controls nothing


def test_ids_past_the_vocabulary_are_empty(tokenizer: Tokenizer) -> None:
    assert tokenizer.bytes_of(tokenizer.vocab_size + 7) == b""
    assert tokenizer.decode([*tokenizer.encode("好"), 999_999]) == "好"


# ---- streaming ----


@given(st.text(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_stream_never_breaks_a_character(tokenizer: Tokenizer, text: str, rng: random.Random) -> None:
    ids = [tokenizer.token_id(CHAR_OF_BYTE[b]) for b in text.encode()]  # one byte at a time: the worst case
    stream, pieces = tokenizer.stream(), []
    while ids:
        n = rng.randint(1, 4)
        pieces.append(stream.push(ids[:n]))
        ids = ids[n:]
        assert "".join(pieces) == text[: len("".join(pieces))]
    assert "".join(pieces) == text, "nothing complete is held back"
    assert stream.finish() == ""


def test_stream_holds_back_incomplete_characters_only(tokenizer: Tokenizer) -> None:
    stream = tokenizer.stream()
    byte_ids = [tokenizer.token_id(CHAR_OF_BYTE[b]) for b in "a🎉".encode()]
    assert [stream.push([i]) for i in byte_ids] == ["a", "", "", "", "🎉"]


@pytest.mark.parametrize(
    ("data", "emitted", "left"),
    [
        (b"\xff", "\ufffd", ""),
        (b"\xe4\xbd", "", "\ufffd"),
        (b"\xe4\xbdx", "\ufffdx", ""),
        (b"\xed\xa0", "\ufffd\ufffd", ""),  # a surrogate can never become valid
        (b"\xf4\x90", "\ufffd\ufffd", ""),  # beyond U+10FFFF
    ],
)
def test_invalid_bytes_show_as_soon_as_certain(tokenizer: Tokenizer, data: bytes, emitted: str, left: str) -> None:
    stream = tokenizer.stream()
    assert stream.push(tokenizer.encode_bytes(data)) == emitted
    assert stream.finish() == left
    assert stream.push(tokenizer.encode("好")) == "好", "finish leaves a fresh decoder"


def test_no_character_spans_a_control_token(tokenizer: Tokenizer) -> None:
    first, *rest = tokenizer.encode_bytes("龘".encode())
    assert tokenizer.decode([first, tokenizer.token_id("</think>"), *rest]).startswith("\ufffd</think>\ufffd")


# ---- errors ----


def broken(folder: Path, raw: bytes) -> str:
    (folder / "tokenizer.json").write_bytes(raw)
    with pytest.raises(TokenizerError) as caught:
        Tokenizer.load(folder)
    message = str(caught.value)
    assert "tokenizer.json" in message
    assert "\n" not in message
    return message


def test_missing_truncated_and_foreign_files(tokenizer: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="Cannot read"):
        Tokenizer.load(tmp_path / "nowhere")
    raw = tokenizer.files()["tokenizer.json"]
    assert "JSON" in broken(tmp_path, raw[: len(raw) // 2])
    assert "JSON" in broken(tmp_path, b"\x80\x81 not text")
    assert "object" in broken(tmp_path, b"[]")
    assert "vocabulary" in broken(tmp_path, b"{}")
    assert "vocabulary" in broken(tmp_path, b'{"model": {"type": "Unigram", "vocab": [["a", 0.0]]}}')
    data = json.loads(raw)
    assert "byte-level" in broken(tmp_path, json.dumps(data | {"pre_tokenizer": None, "decoder": None}).encode())
    assert "added token" in broken(tmp_path, json.dumps(data | {"added_tokens": [{"id": 3}]}).encode())
    model = data["model"]
    assert "cannot be read" in broken(
        tmp_path, json.dumps(data | {"model": model | {"merges": [["a", "nope"]]}}).encode()
    )
    config = json.dumps({"eos_token": "<nope>"})
    (tmp_path / "tokenizer_config.json").write_text(config)
    assert "end-of-sequence" in broken(tmp_path, raw)
    (tmp_path / "tokenizer_config.json").write_text(config[:5])
    (tmp_path / "tokenizer.json").write_bytes(raw)
    with pytest.raises(TokenizerError, match=r"tokenizer_config\.json"):
        Tokenizer.load(tmp_path)


def test_impossible_training_requests(tokenizer: Tokenizer, corpus: list[str]) -> None:
    with pytest.raises(TokenizerError, match="272"):
        Tokenizer.train(corpus, 100)
    with pytest.raises(TokenizerError, match="specials must contain"):
        Tokenizer.train(corpus, 400, ["<x>"])
    with pytest.raises(TokenizerError, match="<nope>"):
        tokenizer.token_id("<nope>")
