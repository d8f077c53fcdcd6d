"""One tiny tokenizer, trained once, and one in the form DeepSeek ships."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import SPECIALS, Tokenizer

CORPUS = [
    "你好，世界！今天天气很好，我们去公园散步吧。\n中华人民共和国有很多好吃的东西，比如饺子和面条。",
    "The quick brown fox jumps over the lazy dog; don't you think so? It's 42 + 58 = 100.\n\n",
    "问：12345 加 67890 等于多少？\n答：80235。",
    "def hello(name):\n    return f'hello {name}'  # comment\n",
    "床前明月光，疑是地上霜。举头望明月，低头思故乡。",
] * 4


@pytest.fixture(scope="session")
def corpus() -> list[str]:
    return CORPUS


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(CORPUS, 500)


@pytest.fixture(scope="session")
def template(tokenizer: Tokenizer) -> ChatTemplate:
    return ChatTemplate(tokenizer.config["chat_template"], tokenizer)


@pytest.fixture(scope="session")
def folder(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tokenizer as a model folder holds it."""
    path = tmp_path_factory.mktemp("tokenizer")
    for name, data in tokenizer.files().items():
        (path / name).write_bytes(data)
    return path


@pytest.fixture(scope="session")
def deepseek_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocabulary written as DeepSeek-V3 writes its own.

    Three splits before ByteLevel, an empty normalizer, role tags that are added but not "special", added
    tokens that the BPE vocabulary does not hold, a begin token added by the post-processor, and AddedToken
    dicts in the config.
    """
    data = json.loads(Tokenizer.train(CORPUS, 500, SPECIALS[:3]).files()["tokenizer.json"])
    size = len(data["model"]["vocab"])
    kept = data["added_tokens"]
    names = ["<｜User｜>", "<｜Assistant｜>", "<think>", "</think>", "<｜tool▁calls▁begin｜>", "<|EOT|>"]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True}
    data["added_tokens"] = kept + [
        {"id": size + i, "content": name, "special": name == "<|EOT|>", **flags} for i, name in enumerate(names)
    ]
    data["normalizer"] = {"type": "Sequence", "normalizers": []}
    splits = [
        r"\p{N}{1,3}",
        "[一-龥぀-ゟ゠-ヿ]+",
        r" ?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ]
    data["pre_tokenizer"]["pretokenizers"] = [
        *({"type": "Split", "pattern": {"Regex": r}, "behavior": "Isolated", "invert": False} for r in splits),
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
    ]
    begin = {"SpecialToken": {"id": "<｜begin▁of▁sentence｜>", "type_id": 0}}
    data["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [begin, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [begin, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {
            "<｜begin▁of▁sentence｜>": {
                "id": "<｜begin▁of▁sentence｜>",
                "ids": [1],
                "tokens": ["<｜begin▁of▁sentence｜>"],
            }
        },
    }

    def added(content: str) -> dict[str, object]:
        return {"__type": "AddedToken", "content": content, **flags}

    config = {
        "bos_token": added("<｜begin▁of▁sentence｜>"),
        "eos_token": added("<｜end▁of▁sentence｜>"),
        "pad_token": added("<｜end▁of▁sentence｜>"),
        "unk_token": None,
        "tokenizer_class": "LlamaTokenizerFast",
        "chat_template": R1_STYLE,
    }
    path = tmp_path_factory.mktemp("deepseek")
    (path / "tokenizer.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    (path / "tokenizer_config.json").write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
    return path


# Behaves like DeepSeek-R1's: history answers lose their reasoning, and the prompt ends "<think>\n".
R1_STYLE = """\
{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}\
{% set ns = namespace(system='') %}\
{%- for message in messages %}\
{% if message['role'] == 'system' %}{% set ns.system = message['content'] %}{% endif %}\
{%- endfor %}{{ bos_token }}{{ ns.system }}\
{%- for message in messages %}\
{%- if message['role'] == 'user' %}{{ '<｜User｜>' + message['content'] }}{% endif %}\
{%- if message['role'] == 'assistant' %}{% set content = message['content'] %}\
{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}\
{{ '<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>' }}{% endif %}\
{%- endfor -%}\
{% if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}"""
