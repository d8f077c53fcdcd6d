"""llama.cpp's own test vocabularies: the ids of its texts, or a refusal with its reason."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from tests.real.fetch import LLAMA_CPP

from huozhong.errors import TokenizerError
from huozhong.formats.gguf.file import GgufFile
from huozhong.formats.gguf.vocab import small_files
from huozhong.text.tokenizer import Tokenizer

WITH_PAIRS = [
    "command-r", "deepseek-coder", "deepseek-llm", "falcon", "gemma-4", "gpt-2", "llama-bpe", "llama-spm", "mpt",
    "phi-3", "qwen2", "qwen35", "refact", "starcoder", "bert-bge",
]  # fmt: skip
# The model was trained on composed letters (NFC), as transformers' class for it says; llama.cpp does not compose,
# and expects the ids of "e" and an accent.  Here they are the ids of "é".
COMPOSED = {"qwen35"}
LOSSY = {"bert-bge"}  # small letters, no accents, one blank between words, unknown words
WITHOUT_PAIRS = ["aquila", "baichuan", "gpt-neox"]
REFUSED = {
    "nomic-bert-moe": "tokenizer 't5'",  # Unigram, of encoders; no encoder is run here
}
BETWEEN = "\n__ggml_vocab_test__\n"


@dataclass(frozen=True)
class Vocabulary:
    """One of llama.cpp's, as it is read here."""

    name: str
    files: Mapping[str, bytes]
    tokenizer: Tokenizer


def read(name: str) -> Vocabulary:
    files = small_files(GgufFile(LLAMA_CPP / f"ggml-vocab-{name}.gguf").metadata)
    return Vocabulary(name, files, Tokenizer.from_files(files, where=name))


@pytest.fixture(scope="module")
def vocabulary(request: pytest.FixtureRequest) -> Vocabulary:
    """Read once for all tests of it, and let go before the next: the largest take ten seconds and much memory."""
    return read(request.param)


def of(*names: str) -> pytest.MarkDecorator:
    """For each of these vocabularies; pytest takes all tests of one after another."""
    return pytest.mark.parametrize("vocabulary", names, indirect=True, scope="module")


def pairs(name: str) -> list[tuple[str, list[int]]]:
    path = LLAMA_CPP / f"ggml-vocab-{name}.gguf"
    texts = path.with_name(f"{path.name}.inp").read_bytes().decode().split(BETWEEN)
    lines = path.with_name(f"{path.name}.out").read_text().split("\n")
    return list(zip(texts, ([int(id) for id in line.split()] for line in lines), strict=False))


@of(*WITH_PAIRS)
def test_ids_are_llama_cpps(vocabulary: Vocabulary) -> None:
    name, tokenizer = vocabulary.name, vocabulary.tokenizer
    found = pairs(name)
    assert len(found) >= 46
    for text, ids in found:
        composed = unicodedata.normalize("NFC", text)
        if composed != text and name in COMPOSED:
            assert tokenizer.encode(text) == tokenizer.encode(composed) != ids
        else:
            assert tokenizer.encode(text) == ids, text
        if name not in LOSSY:
            assert tokenizer.decode(tokenizer.encode(text)) in (text, composed)


@of(*WITHOUT_PAIRS)
def test_what_has_no_pairs_loses_no_text(vocabulary: Vocabulary) -> None:
    tokenizer = vocabulary.tokenizer
    for text, _ in pairs("gpt-2"):
        assert tokenizer.decode(tokenizer.encode(text)) == text


ENDS = {
    "command-r": ["<|END_OF_TURN_TOKEN|>"],
    "gemma-4": ["<eos>", "<|tool_response>", "<turn|>"],
    "llama-bpe": ["<|end_of_text|>", "<|eot_id|>"],
    "llama-spm": ["</s>"],
    "phi-3": ["<|endoftext|>", "</s>", "<|end|>"],
    "qwen2": ["<|endoftext|>", "<|im_end|>"],
}
BEGIN = {
    "baichuan",
    "bert-bge",
    "command-r",
    "deepseek-coder",
    "deepseek-llm",
    "gemma-4",
    "llama-bpe",
    "llama-spm",
    "phi-3",
}


@of(*ENDS)
def test_what_ends_an_answer(vocabulary: Vocabulary) -> None:
    """As llama.cpp finds it; the files themselves name the end of a text only, and a chat would never end."""
    found = json.loads(vocabulary.files["generation_config.json"])["eos_token_id"]
    ids = found if isinstance(found, list) else [found]
    assert [vocabulary.tokenizer.bytes_of(id).decode() for id in ids] == ENDS[vocabulary.name]


@of(*WITH_PAIRS, *WITHOUT_PAIRS)
def test_what_a_text_begins_with(vocabulary: Vocabulary) -> None:
    """As in llama.cpp: with the begin token where the file or its kind of vocabulary says so, else with nothing."""
    tokenizer = vocabulary.tokenizer
    assert tokenizer.begin == ([tokenizer.bos_id] if vocabulary.name in BEGIN else [])


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    with pytest.raises(TokenizerError, match=REFUSED[name]):
        read(name)


def test_every_vocabulary_is_in_one_of_the_lists() -> None:
    there = {path.name.removeprefix("ggml-vocab-").removesuffix(".gguf") for path in LLAMA_CPP.glob("*.gguf")}
    assert there == {*WITH_PAIRS, *WITHOUT_PAIRS, *REFUSED}
