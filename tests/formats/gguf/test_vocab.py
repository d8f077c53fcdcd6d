"""Tokenizers of real models' shapes: ours against the `tokenizers` library, and through GGUF and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
from tests.text.sentencepieces import CONFIG as CONFIG_2
from tests.text.sentencepieces import TEXTS as SPELLED
from tests.text.sentencepieces import llama_2
from tokenizers import AddedToken, models, pre_tokenizers, trainers

from huozhong.errors import TokenizerError
from huozhong.formats.gguf.pre_tokenizers import PRE_TOKENIZERS
from huozhong.formats.gguf.vocab import OWN_PRE, small_files, vocab_metadata
from huozhong.text.byte_level import BYTE_OF_CHAR
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer

TEXTS = [
    "Hello, world! It's 2024; I'LL be there'd.",
    "火种是一个小助手，能说中文和English混合。",
    "  两个空格\t制表符\n\n\n换行 \n 末尾   ",
    "数字 1234567890 和 3.14159、１２３ ①②③ Ⅷ",
    "emoji 😀👩‍👩‍👧 é e\u0301 ñ n\u0303 가각 かな カナ ﬁ",
    "def f(x):\n    return x**2  # 平方\r\n\r\nprint('ok')",
    "“引号”——破折号……！？",
    "ΑΒΓ абв עברית العربية हिन्दी",
    "<|im_start|>user\n<think>不是标记</think>",
    "𝔘𝔫𝔦 \u200b\ufeff\u3000全角",
    "rock'n'roll 'tis o'clock",
    "C++/C# $100 50% x_y #tag @user https://例子.cn/路径?q=1&b=2",
    "ö ÷ ø naïve",
    *("", " ", "\n", "a"),
]
TRAINING = (
    TEXTS * 20
    + [
        "the quick brown fox 北京上海广州 lazily jumps 2023年12月31日 over   the lazy dogs' 一二三四五",
    ]
    * 50
)
SPECIALS = {"<bos>": True, "<eos>": True, "<|im_start|>": True, "<think>": False, "</think>": False}


def real_shaped(pre: str, **changes: Any) -> dict[str, Any]:
    """A tiny tokenizer.json with a real family's rule: bytes, merges learnt from TRAINING, then added tokens."""
    rule = PRE_TOKENIZERS[pre]
    core = tokenizers.Tokenizer(models.BPE(ignore_merges=rule.ignore_merges))
    shell = json.loads(core.to_str())
    shell["normalizer"] = {"type": "NFC"} if rule.compose else None
    shell["pre_tokenizer"] = rule.to_json()
    core = tokenizers.Tokenizer.from_str(json.dumps(shell))
    trainer = trainers.BpeTrainer(vocab_size=500, show_progress=False, initial_alphabet=sorted(BYTE_OF_CHAR))
    core.train_from_iterator((text.replace("<", "") for text in TRAINING), trainer)  # no mark is a learnt token
    core.add_tokens([AddedToken(s, normalized=False, special=special) for s, special in SPECIALS.items()])
    data = json.loads(core.to_str())
    for token in data["added_tokens"]:
        token["special"] = SPECIALS[token["content"]]
    data["decoder"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    bos = {"id": "<bos>", "ids": [data["added_tokens"][0]["id"]], "tokens": ["<bos>"]}
    data["post_processor"] = {  # as Llama 3's, which puts the begin token in front
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<bos>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
        "special_tokens": {"<bos>": bos},
    }
    return data | changes


CONFIG = {
    "bos_token": {"__type": "AddedToken", "content": "<bos>"},
    "eos_token": "<eos>",
    "pad_token": None,
    "chat_template": [
        {"name": "tool_use", "template": "tools"},
        {"name": "default", "template": "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}<think>"},
    ],
}


# one word of each rule
RULES = list({rule: name for name, rule in reversed(PRE_TOKENIZERS.items())}.values())


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def folder_files(data: dict[str, Any]) -> dict[str, bytes]:
    generation = {"bos_token_id": 500, "eos_token_id": [501, 502]}
    contents = {"tokenizer.json": data, "tokenizer_config.json": CONFIG, "generation_config.json": generation}
    return {name: json.dumps(value, ensure_ascii=False).encode() for name, value in contents.items()}


def library(data: dict[str, Any]) -> tokenizers.Tokenizer:
    """The library's own tokenizer; without control tokens, since people's text must not yield them."""
    ordinary = [t for t in data["added_tokens"] if t["content"] not in SPECIALS]
    return tokenizers.Tokenizer.from_str(json.dumps(data | {"added_tokens": ordinary}))


@pytest.mark.parametrize("pre", RULES)
def test_ids_are_the_librarys(pre: str, tmp_path: Path) -> None:
    data = real_shaped(pre)
    ours = Tokenizer.load(write(tmp_path, folder_files(data)))
    theirs = library(data)
    for text in TEXTS:
        ids = ours.encode(text)
        assert ids == theirs.encode(text, add_special_tokens=False).ids, text
        composed = PRE_TOKENIZERS[pre].compose
        assert ours.decode(ids) == (tokenizers.normalizers.NFC().normalize_str(text) if composed else text)
    assert not any(ours.is_control(id) for text in TEXTS for id in ours.encode(text))
    whole = tokenizers.Tokenizer.from_str(json.dumps(data))
    marked = "<|im_start|>问题 one\n<think>想</think>"
    assert ours.encode(marked, specials=True) == whole.encode(marked, add_special_tokens=False).ids


@pytest.mark.parametrize("pre", RULES)
def test_through_gguf_and_back(pre: str, tmp_path: Path) -> None:
    data = real_shaped(pre)
    before = Tokenizer.load(write(tmp_path, folder_files(data)))
    metadata = vocab_metadata(folder_files(data), 520)  # the embedding is padded
    assert PRE_TOKENIZERS[metadata["tokenizer.ggml.pre"]] == PRE_TOKENIZERS[pre]
    assert metadata["tokenizer.ggml.token_type"].tolist()[500:] == [3, 3, 3, 4, 4] + [5] * 15
    files = small_files(metadata)
    (tmp_path / "back").mkdir()
    after = Tokenizer.load(write(tmp_path / "back", files))
    for text in TEXTS:
        assert after.encode(text) == before.encode(text)
        assert after.encode(text, specials=True) == before.encode(text, specials=True)
    assert (after.bos_id, after.eos_id, after.vocab_size) == (500, 501, 505)
    assert json.loads(files["generation_config.json"]) == {"bos_token_id": 500, "eos_token_id": [501, 502]}
    prompt = [{"role": "user", "content": "你好<think>"}]
    there, here = ChatTemplate.load(tmp_path / "back", after), ChatTemplate.load(tmp_path, before)
    assert there.tokens(prompt) == here.tokens(prompt)


def test_our_own_rule_travels_whole(tmp_path: Path) -> None:
    before = Tokenizer.train(TRAINING, 600)
    metadata = vocab_metadata(before.files(), before.vocab_size)
    assert metadata["tokenizer.ggml.pre"] == OWN_PRE
    after = Tokenizer.load(write(tmp_path, small_files(metadata)))
    assert after.fingerprint == before.fingerprint
    assert [after.encode(text) for text in TEXTS] == [before.encode(text) for text in TEXTS]


def test_added_letters_are_text_and_added_tags_are_not(tmp_path: Path) -> None:
    data = real_shaped("deepseek-llm")
    for letter in "ö÷ø":  # they stand for bytes that occur in no text; DeepSeek's first vocabulary lacks those
        data["model"]["vocab"][f"{letter} gone"] = data["model"]["vocab"].pop(letter)
    data["added_tokens"] += [
        {
            "id": 505 + i,
            "content": letter,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": True,
            "special": False,
        }
        for i, letter in enumerate("ö÷ø")
    ]
    ours = Tokenizer.load(write(tmp_path, folder_files(data)))
    text = "ö ÷ ønaïve"
    theirs = tokenizers.Tokenizer.from_str(json.dumps(data))
    assert ours.encode(text) == theirs.encode(text, add_special_tokens=False).ids
    assert ours.encode("ö") == [505]
    assert ours.decode(ours.encode(text)) == text
    assert not ours.is_control(505)


@pytest.mark.parametrize("model", ["t5", "rwkv", None, 7])
def test_other_kinds_are_refused_by_name(model: Any) -> None:
    with pytest.raises(TokenizerError, match=r"only byte-level BPE .*SentencePiece"):
        small_files({"tokenizer.ggml.model": model})


GOOD = vocab_metadata(folder_files(real_shaped("gpt-2")), 505)
OWN = vocab_metadata(Tokenizer.train(TRAINING, 300).files(), 300)
LIES: dict[str, tuple[dict[str, Any], str]] = {
    "pre": ({"tokenizer.ggml.pre": "mystery"}, "pre-tokenizer 'mystery'"),
    "no tokens": ({"tokenizer.ggml.tokens": []}, "no tokenizer.ggml.tokens"),
    "tokens are numbers": ({"tokenizer.ggml.tokens": np.zeros(3)}, "no tokenizer.ggml.tokens"),
    "types": ({"tokenizer.ggml.token_type": np.ones(3, np.int32)}, "every token its type"),
    "float types": ({"tokenizer.ggml.token_type": np.ones(505, np.float32)}, "every token its type"),
    "eos": ({"tokenizer.ggml.eos_token_id": 1.5}, "eos_token_id is 1.5"),
    "bos": ({"tokenizer.ggml.bos_token_id": "x"}, "bos_token_id is 'x'"),
    "no merges": ({"tokenizer.ggml.merges": "x"}, "no tokenizer.ggml.merges"),
    "merge": ({"tokenizer.ggml.merges": ["a b c"]}, "merge 'a b c'"),
    "twice": ({"tokenizer.ggml.tokens": [*GOOD["tokenizer.ggml.tokens"][:-1], "a"]}, "'a' again"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_a_broken_vocabulary_is_one_sentence(name: str) -> None:
    changes, sentence = LIES[name]
    with pytest.raises(TokenizerError, match=sentence):
        small_files(GOOD | changes)


@pytest.mark.parametrize("nothing", [-1, 2**32 - 1, 505])
def test_minus_one_or_past_the_end_names_no_token(nothing: int) -> None:
    """llama.cpp issue 6614's neighbours: converters write bos or padding -1 where a model has none."""
    changes = {f"tokenizer.ggml.{name}_token_id": nothing for name in ("bos", "padding")}
    files = small_files(GOOD | changes)
    config = json.loads(files["tokenizer_config.json"])
    assert (config["bos_token"], config["pad_token"]) == (None, None)
    assert Tokenizer.from_files(files, where="here").bos_id is None


def chat_vocabulary(kinds: dict[str, int], **keys: Any) -> dict[str, Any]:
    """GOOD with its last tokens renamed, each of the given kind (1 ordinary, 3 control, 4 user-defined)."""
    tokens, types = list(GOOD["tokenizer.ggml.tokens"]), np.array(GOOD["tokenizer.ggml.token_type"])
    for place, (token, kind) in enumerate(kinds.items()):
        tokens[500 + place], types[500 + place] = token, kind
    given = {f"tokenizer.ggml.{key}": value for key, value in keys.items()}
    none = {"tokenizer.ggml.eot_token_id": -1, "tokenizer.ggml.bos_token_id": -1}
    return GOOD | none | {"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types} | given


@pytest.mark.parametrize(
    ("kinds", "keys", "ends"),
    [
        # Llama 3's early files: the end of a text is named, that of a turn is not
        ({"<bos>": 3, "<|end_of_text|>": 3, "<|eot_id|>": 3}, {"eos_token_id": 501}, ["<|end_of_text|>", "<|eot_id|>"]),
        # Phi-3's, and ChatML on a Mistral whose converter wrote the mark down as ordinary text
        ({"<|endoftext|>": 3, "<|end|>": 4}, {"eos_token_id": 500}, ["<|endoftext|>", "<|end|>"]),
        ({"<s>": 3, "</s>": 3, "<|im_end|>": 1}, {"eos_token_id": 501}, ["</s>", "<|im_end|>"]),
        ({"<bos>": 3, "<end_of_turn>": 1}, {"eos_token_id": -1}, ["<end_of_turn>"]),
        ({"<bos>": 3, "<eos>": 1}, {"eos_token_id": 501}, ["<eos>"]),
        ({"<|endoftext|>": 3, "</s>": 1}, {"eos_token_id": 500}, ["<|endoftext|>"]),  # words that people write
        ({"<|return|>": 3, "<|call|>": 3, "<|end|>": 3}, {"eos_token_id": 500}, ["<|return|>", "<|call|>"]),
    ],
)
def test_what_ends_an_answer_is_found_by_its_text_too(
    kinds: dict[str, int], keys: dict[str, Any], ends: list[str]
) -> None:
    files = small_files(chat_vocabulary(kinds, **keys))
    tokenizer = Tokenizer.from_files(files, where="here")
    found = json.loads(files["generation_config.json"])["eos_token_id"]
    assert [tokenizer.bytes_of(id).decode() for id in (found if isinstance(found, list) else [found])] == ends
    for end in ends:
        assert tokenizer.encode(f"a{end}b", specials=True).count(tokenizer.token_id(end)) == 1
        assert tokenizer.token_id(end) not in tokenizer.encode(f"a{end}b")


@pytest.mark.parametrize(
    ("pre", "stated", "begins"),
    [
        ("smollm", False, False), ("qwen2", False, False), ("qwen2", None, False), ("llama-bpe", None, True),
        ("llama-bpe", False, False), ("tekken", None, True), ("gpt-2", True, True),
    ],
)  # fmt: skip
def test_a_text_begins_as_the_file_says_or_as_its_kind_does(pre: str, stated: bool | None, begins: bool) -> None:
    """SmolLM2 and Qwen name a begin token that none of their texts begins with."""
    files = small_files(chat_vocabulary({"<bos>": 3}, pre=pre, bos_token_id=500, add_bos_token=stated))
    assert Tokenizer.from_files(files, where="here").begin == [500] * begins


def test_what_a_text_begins_with_goes_into_the_file() -> None:
    """Llama 3's tokenizer.json says it, its config does not; ours is told otherwise for the library's sake."""
    assert GOOD["tokenizer.ggml.add_bos_token"] is OWN["tokenizer.ggml.add_bos_token"] is True
    plain = vocab_metadata(folder_files(real_shaped("gpt-2", post_processor=None)), 505)
    assert plain["tokenizer.ggml.add_bos_token"] is False


def test_lists_may_be_longer_than_the_vocabulary() -> None:
    more = GOOD | {"tokenizer.ggml.token_type": np.append(GOOD["tokenizer.ggml.token_type"], [3, 3]).astype(np.int32)}
    assert small_files(more) == small_files(GOOD)


def test_sentencepiece_through_gguf_and_back() -> None:
    data = llama_2()
    before = Tokenizer(json.dumps(data).encode(), CONFIG_2)
    metadata = vocab_metadata({"tokenizer.json": json.dumps(data).encode()}, before.vocab_size)
    assert metadata["tokenizer.ggml.model"] == "llama"
    metadata |= {"tokenizer.ggml.bos_token_id": 1}
    after = Tokenizer.from_files(small_files(metadata), where="here")
    for text in SPELLED:
        assert after.encode(text) == before.encode(text)
        assert after.encode(f"<s>{text}", specials=True) == before.encode(f"<s>{text}", specials=True)
    scores = metadata.pop("tokenizer.ggml.scores")
    for wrong in (None, scores[:5]):
        with pytest.raises(TokenizerError, match="every token its score"):
            small_files(metadata | {"tokenizer.ggml.scores": wrong})


@pytest.mark.parametrize("named", [{"model": "gemma4"}, {"model": "gpt2", "pre": "sarvam-moe"}])
def test_a_list_of_merges_beside_sentencepieces_spelling(named: dict[str, str]) -> None:
    """Gemma 4 and Sarvam: blanks as themselves, line breaks apart, no blank in front."""
    tokens = [*(f"<0x{b:02X}>" for b in range(256)), *"▁\nab", "\n\n", "▁a", "ab", "▁ab", "<eos>"]
    kinds = np.array([6] * 256 + [1] * 8 + [3], np.int32)
    metadata = {
        "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.merges": ["\n \n", "▁ a", "▁a b", "a b"], "tokenizer.ggml.eos_token_id": 264,
    }  # fmt: skip
    metadata |= {f"tokenizer.ggml.{key}": value for key, value in named.items()}
    tokenizer = Tokenizer.from_files(small_files(metadata), where="here")
    assert [tokens[id] for id in tokenizer.encode("ab ab\n\nc")] == ["ab", "▁ab", "\n\n", "<0x63>"]
    assert tokenizer.decode(tokenizer.encode(" ab 火\n")) == " ab 火\n"


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *["▁h", "▁hello", "ello", "s", "▁,", "▁!", "▁火", "▁e", "▁cafe"]]


def bert(**keys: Any) -> dict[str, Any]:
    return {
        "tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": WORDS,
        "tokenizer.ggml.token_type": np.array([3] * 4 + [1] * 9, np.int32), "tokenizer.ggml.unknown_token_id": 1,
        "tokenizer.ggml.cls_token_id": 2, "tokenizer.ggml.seperator_token_id": 3, **keys,
    }  # fmt: skip


def test_wordpiece() -> None:
    """BERT's and bge's: words in small letters without accents, each the longest tokens; for embeddings."""
    tokenizer = Tokenizer.from_files(small_files(bert()), where="here")
    ids = tokenizer.encode("  Hello,Café hellos火种! x[CLS]")
    assert [WORDS[id] for id in ids] == [
        *["▁hello", "▁,", "▁cafe", "▁hello", "s", "▁火", "[UNK]", "▁!", "[UNK]", "[UNK]", "[UNK]", "[UNK]"]
    ]  # fmt: skip
    assert tokenizer.decode(tokenizer.encode("Hellos,  HELLO")) == "hellos , hello"
    assert (tokenizer.begin, tokenizer.eos_id) == ([2], 3)
    assert tokenizer.encode("[CLS]hello[SEP]", specials=True) == [2, WORDS.index("▁hello"), 3]
    cased = {"tokenizer.ggml.normalizer.lowercase": False}
    assert Tokenizer.from_files(small_files(bert(**cased)), where="here").encode("Hello hello") == [1, 5]
    with pytest.raises(TokenizerError, match="has no unknown token"):
        small_files(bert(**{"tokenizer.ggml.unknown_token_id": -1}))


@pytest.mark.parametrize("whole", ["{", "[]", "{}", '{"model": {"vocab": {"a": 1}}, "added_tokens": []}', 3])
def test_a_false_tokenizer_json_inside(whole: Any) -> None:
    with pytest.raises(TokenizerError, match=r"tokenizer\.huggingface\.json"):
        small_files(OWN | {"tokenizer.huggingface.json": whole})


def test_rules_that_gguf_cannot_name() -> None:
    data = real_shaped("gpt-2")
    for pre in ({"type": "Whitespace"}, None, pre_tokenizers_json()):
        with pytest.raises(TokenizerError, match="GGUF has no name for"):
            vocab_metadata(folder_files(data | {"pre_tokenizer": pre}), 505)
    with pytest.raises(TokenizerError, match="has token 504, but the model has 500"):
        vocab_metadata(folder_files(data), 500)


def pre_tokenizers_json() -> dict[str, Any]:
    core = tokenizers.Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Punctuation(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    return json.loads(core.to_str())["pre_tokenizer"]
