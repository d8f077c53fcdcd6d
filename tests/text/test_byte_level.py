"""What tokenizer.json says of a BPE."""

from __future__ import annotations

import json
from typing import Any

import pytest

from huozhong.errors import TokenizerError
from huozhong.text.byte_level import (
    BYTE_OF_CHAR,
    CHAR_OF_BYTE,
    check_vocabulary,
    control_pattern,
    is_ordinary,
    without_control_tokens,
)
from huozhong.text.tokenizer import Tokenizer


def test_every_byte_has_a_printable_stand_in() -> None:
    assert sorted(BYTE_OF_CHAR.values()) == list(range(256))
    assert all(char.isprintable() and not char.isspace() for char in BYTE_OF_CHAR)
    assert (CHAR_OF_BYTE[ord("a")], CHAR_OF_BYTE[ord(" ")], CHAR_OF_BYTE[ord("\n")]) == ("a", "Ġ", "Ċ")


def test_which_added_tokens_are_control_tokens() -> None:
    ordinary: list[dict[str, Any]] = [{"content": "  "}, {"content": "ö"}, {"content": "word", "special": False}]
    assert all(map(is_ordinary, ordinary))
    assert not is_ordinary({"content": "word", "special": True})
    assert not is_ordinary({"content": "<think>"})


def test_the_longest_control_token_with_its_blanks() -> None:
    pattern = control_pattern([{"content": "<a>"}, {"content": "<a><b>", "lstrip": True}])
    assert pattern is not None
    assert [match[0] for match in pattern.finditer("x \n<a><b> <a>")] == [" \n<a><b>", "<a>"]
    assert control_pattern([]) is None


def test_ordinary_text_meets_no_control_token(tokenizer: Tokenizer) -> None:
    data = json.loads(tokenizer.files()["tokenizer.json"])
    check_vocabulary(data, "here")
    plain = without_control_tokens(data, {token["id"]: token["content"] for token in data["added_tokens"]}, "here")
    ids = plain.encode("<think>火").ids
    assert bytes(BYTE_OF_CHAR[c] for id in ids for c in plain.id_to_token(id)) == "<think>火".encode()
    assert plain.token_to_id("<think>") is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": None}, "no BPE vocabulary"),
        ({"model": {"vocab": {"a": -1}}}, "no BPE vocabulary"),
        ({"added_tokens": [{"content": ""}]}, "without content and id"),
        ({"added_tokens": [{"content": "\ud800", "id": 1}]}, "half of a surrogate pair"),
    ],
)
def test_what_is_refused(tokenizer: Tokenizer, change: dict[str, Any], words: str) -> None:
    data = json.loads(tokenizer.files()["tokenizer.json"]) | change
    with pytest.raises(TokenizerError, match=words):
        check_vocabulary(data, "here")


def test_what_has_no_token_becomes_the_unknown_one_which_nobody_can_write(tokenizer: Tokenizer) -> None:
    """SmolLM2's vocabulary has no 0x04; with an unknown token the library writes that one, else nothing."""
    data = json.loads(tokenizer.files()["tokenizer.json"])
    data["model"]["vocab"].pop(CHAR_OF_BYTE[4])
    silent = Tokenizer(json.dumps(data).encode(), tokenizer.config)
    assert silent.decode(silent.encode("a\x04b")) == "ab"
    assert silent.decode_bytes(silent.encode_bytes(b"a\x04\xffb")) == b"a\xffb"
    unknown = data["added_tokens"][-1]
    data["model"]["unk_token"] = unknown["content"]
    speaking = Tokenizer(json.dumps(data).encode(), tokenizer.config)
    assert speaking.encode("a\x04b") == [*speaking.encode("a"), unknown["id"], *speaking.encode("b")]
    assert unknown["id"] not in speaking.encode(f"a{unknown['content']}b")
