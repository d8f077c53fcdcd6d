"""A tiny vocabulary of SentencePiece's kind, for the tests of how text is spelled and of the files that hold it."""

from __future__ import annotations

from typing import Any

from huozhong.formats.gguf.sentencepiece import merges_of, model_json

SCORES = dict.fromkeys("▁Helowrd,火种", -20.0) | {
    "▁H": -3.0, "el": -2.0, "lo": -4.0, "▁Hel": -5.0, "▁Hello": -6.0, "▁w": -7.0, "or": -8.0, "▁wor": -9.0,
    "ld": -10.0, "▁world": -11.0, "火种": -1.0, "▁▁": -12.0,
}  # fmt: skip
TEXTS = ["Hello world", " Hello", "world火种,Hello", "", " ", "  é\n火😀", "\tHel lo\x04", "▁x", "<s>Hello"]
CONFIG = {"bos_token": "<s>", "eos_token": "</s>"}


def llama_2(**parts: Any) -> dict[str, Any]:
    """A tiny tokenizer.json of Llama 2's kind."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *SCORES]
    vocab = {token: id for id, token in enumerate(tokens)}
    prefix = parts.pop("prefix", True)
    model = model_json(vocab, merges_of(SCORES, vocab), unknown="<unk>", prefix=prefix, lines=False)
    added = [
        {"id": i, "content": tokens[i], "special": True, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False}
        for i in range(3)
    ]  # fmt: skip
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "post_processor": None} | (
        model | parts
    )
