"""A long text read in pieces has the ids it has as a whole, and what is far too long is not read."""

from __future__ import annotations

import json
import random
import threading
import time

import pytest
import tokenizers
from tests.text.sentencepieces import CONFIG, llama_2

from huozhong import ContextLengthError
from huozhong.formats.gguf.pre_tokenizers import PRE_TOKENIZERS
from huozhong.text.long_texts import PIECE, encode_long
from huozhong.text.tokenizer import Tokenizer

WORDS = [
    "今天天气很好，", "我们去公园玩。", "The quick", " brown", "  fox\n", "\n\n", " \n \t", "12345", "3.14159", " + ",
    "é", "e\u0301", "ก็", "नि", "각", "\u1100\u1161", "🔥", "👩‍👩‍👧", "\u3000", "don't", "HTTP/1.1", "----", "\r\n",
    "か\u3099", "a" * 90, " " * 90, "7" * 90, "火" * 90, "<think>", "\u200b", "_x_", "ﬁ",
]  # fmt: skip


def text(seed: int, words: int) -> str:
    return "".join(random.Random(seed).choices(WORDS, k=words))


@pytest.mark.parametrize("piece", [100, 333, 1_000])
def test_pieces_change_no_token(tokenizer: Tokenizer, piece: int) -> None:
    for seed in range(30):
        long = text(seed, 400)
        whole = tokenizer._bpe.encode(long, add_special_tokens=False).ids
        assert encode_long(long, tokenizer._bpe, tokenizer._inner, piece=piece) == whole


@pytest.mark.parametrize("rule", sorted({rule.patterns: name for name, rule in PRE_TOKENIZERS.items()}.values()))
def test_pieces_change_no_token_under_any_known_rule(tokenizer: Tokenizer, rule: str) -> None:
    known = PRE_TOKENIZERS[rule]
    data = json.loads(tokenizer._bpe.to_str()) | {"pre_tokenizer": known.to_json()}
    data["normalizer"] = {"type": "NFC"} if known.compose else None
    bpe = tokenizers.Tokenizer.from_str(json.dumps(data))
    for seed in range(10):
        long = text(seed, 400)
        whole = bpe.encode(long, add_special_tokens=False).ids
        assert encode_long(long, bpe, bpe, piece=200) == whole


@pytest.mark.parametrize("prefix", [True, False])
def test_a_vocabulary_without_words_is_read_at_once(prefix: bool) -> None:
    sentencepieces = Tokenizer(json.dumps(llama_2(prefix=prefix)).encode(), CONFIG)
    long = text(4, 2_000)
    assert sentencepieces.encode(long) == sentencepieces._bpe.encode(long, add_special_tokens=False).ids
    assert sentencepieces.encode(long, most=10) == sentencepieces.encode(long)  # it cannot be cut


def test_a_text_goes_through_in_pieces_and_comes_back(tokenizer: Tokenizer) -> None:
    long = text(1, 9_000)
    assert len(long) > 3 * PIECE
    ids = tokenizer.encode(long)
    assert ids == tokenizer._bpe.encode(long, add_special_tokens=False).ids
    assert tokenizer.decode_bytes(ids).decode() == long


def test_what_is_far_too_long_is_not_read_to_its_end(tokenizer: Tokenizer) -> None:
    book = text(2, 300_000)
    began = time.process_time()
    with pytest.raises(ContextLengthError, match=r"far too long: its .* at least"):
        tokenizer.encode(book, most=1_000)
    with pytest.raises(ContextLengthError, match=r"first .* characters are .* context size of 300,000"):
        tokenizer.encode(book, most=300_000)
    stopped = time.process_time() - began
    began = time.process_time()
    assert len(tokenizer.encode(book)) > 800_000
    assert stopped < (time.process_time() - began) / 2


def test_others_get_on_meanwhile(tokenizer: Tokenizer) -> None:
    """The lock is not held: another thread's longest wait is far shorter than the whole takes."""
    book = text(3, 150_000)

    def longest_wait() -> float:
        """In parts of the whole."""
        done, longest = threading.Event(), 0.0

        def read() -> None:
            tokenizer.encode(book)
            done.set()

        reader = threading.Thread(target=read)
        began = last = time.perf_counter()
        reader.start()
        while not done.is_set():
            time.sleep(0.0005)
            longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
        reader.join()
        return longest / (last - began)

    # What else a busy machine does holds us up too, but not each time; a lock would.
    assert any(longest_wait() < 1 / 4 for _ in range(10))
