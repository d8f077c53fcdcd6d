"""Where the marks stand, for a tokenizer that has them; none for one that has not."""

from __future__ import annotations

import json

from huozhong.text.fim import middle_prompt
from huozhong.text.tokenizer import Tokenizer

MARKS = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")


def with_marks(tokenizer: Tokenizer) -> Tokenizer:
    files = dict(tokenizer.files())
    raw = json.loads(files["tokenizer.json"])
    for index, mark in enumerate(MARKS):
        raw["added_tokens"].append(
            {
                "id": tokenizer.vocab_size + index, "content": mark, "single_word": False, "lstrip": False,
                "rstrip": False, "normalized": False, "special": True,
            }
        )  # fmt: skip
    files["tokenizer.json"] = json.dumps(raw).encode()
    return Tokenizer.from_files(files, where="here")


def test_prefix_and_suffix_stand_between_the_marks(tokenizer: Tokenizer) -> None:
    assert middle_prompt(tokenizer, "a", "b") is None
    marked = with_marks(tokenizer)
    ids = middle_prompt(marked, "a<|fim_middle|>", "b")
    assert ids is not None
    before, after, end = (marked.token_id(mark) for mark in MARKS)
    assert ids[:2] == [marked.bos_id, before]
    assert ids[-1] == end
    assert ids.count(end) == 1  # what people write is no mark
    assert ids[ids.index(after) + 1 : -1] == marked.encode("b")
