"""How vocabularies spell, against the `tokenizers` library."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tokenizers
from tests.text.sentencepieces import CONFIG, TEXTS, llama_2

from huozhong.errors import TokenizerError
from huozhong.text.spelling import BYTE_LEVEL, find_spelling, without_prefix
from huozhong.text.tokenizer import Tokenizer


def metaspace(scheme: str) -> dict[str, Any]:
    step = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": False}
    return llama_2(normalizer=None, pre_tokenizer=step)


@pytest.mark.parametrize("data", [llama_2(), llama_2(prefix=False), metaspace("always"), metaspace("first")])
def test_ids_are_the_librarys(data: dict[str, Any]) -> None:
    ours = Tokenizer(json.dumps(data).encode(), CONFIG)
    theirs = tokenizers.Tokenizer.from_str(json.dumps(data))
    plain = tokenizers.Tokenizer.from_str(json.dumps(data | {"added_tokens": data["added_tokens"][:1]}))
    for text in TEXTS:
        ids = ours.encode(text)
        assert ids == plain.encode(text).ids
        assert not any(map(ours.is_control, ids))
        blank = data["normalizer"] is None and text.startswith((" ", "▁"))  # which Metaspace takes for its own
        assert ours.decode(ids) == text.replace("▁", " ")[blank:]
        for whole in (text, f"<s>{text}</s>{text}", f"{text}</s> {text}"):
            assert ours.encode(whole, specials=True) == theirs.encode(whole).ids
    assert ours.decode_bytes(ours.encode_bytes(b"Hel \xff\xe7\x81")) == b"Hel \xff\xe7\x81"


def test_one_token_at_a_time() -> None:
    ours = Tokenizer(json.dumps(llama_2()).encode(), CONFIG)
    ids = ours.encode("world 😀")
    stream = ours.stream()
    assert "".join(stream.push([id]) for id in ids) == " world 😀"


def test_which_spelling(tokenizer: Tokenizer) -> None:
    assert find_spelling(json.loads(tokenizer.files()["tokenizer.json"]), "here") is BYTE_LEVEL
    assert [find_spelling(d, "here").prefix for d in (llama_2(), llama_2(prefix=False), metaspace("first"))] == [
        "every",
        "never",
        "first",
    ]
    assert find_spelling(without_prefix(metaspace("always")), "here").prefix == "never"
    assert find_spelling(without_prefix(llama_2()), "here").prefix == "never"


def begins(single: list[str] | None, **config: Any) -> list[int]:
    pieces = [{"Sequence": {"id": "A"}} if name == "$A" else {"SpecialToken": {"id": name}} for name in single or ()]
    post = None if single is None else {"type": "TemplateProcessing", "single": pieces}
    whole = {"type": "Sequence", "processors": [{"type": "ByteLevel"}, post]}
    return Tokenizer(json.dumps(llama_2(post_processor=whole)).encode(), CONFIG | config).begin


def test_what_a_text_begins_with(tokenizer: Tokenizer) -> None:
    assert tokenizer.begin == [tokenizer.bos_id]  # whatever its config says
    assert begins(["<s>", "$A"]) == [1]
    assert begins(["<unk>", "<s>", "$A", "</s>"]) == [0, 1]  # GLM's two
    assert begins(["$A", "</s>"]) == begins(None) == [1]  # Llama 2's class puts it there
    assert begins(["<s>", "$A"], add_bos_token=False) == begins(None, bos_token=None) == []
    byte_level = json.loads(tokenizer.files()["tokenizer.json"])
    names = {"bos_token": "<｜User｜>", "eos_token": "<｜end▁of▁sentence｜>"}
    assert Tokenizer(json.dumps(byte_level).encode(), names).begin == []  # GPT-2's does not
    assert Tokenizer(json.dumps(byte_level).encode(), names | {"add_bos_token": True}).begin == [3]


@pytest.mark.parametrize(
    "change", [{"normalizer": None, "decoder": None}, {"model": llama_2()["model"] | {"byte_fallback": False}}]
)
def test_other_kinds_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(TokenizerError, match="neither byte-level BPE"):
        find_spelling(llama_2() | change, "here")
