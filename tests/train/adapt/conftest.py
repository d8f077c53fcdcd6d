"""Random models of three kinds, and colours of things to learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tests.engine.test_architectures import GQA, MLA

from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.adapt.examples import Encoder, Example
from huozhong.train.adapt.tasks import SftTask

COLOURS = {"天空": "蓝色", "草": "绿色", "雪": "白色", "夜": "黑色", "苹果": "红色", "太阳": "黄色"}


ASK = ("{}是什么颜色？", "{}的颜色？", "请说说{}的颜色", "What colour: {}?")


@pytest.fixture(scope="module")
def folders(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A random model of three kinds, each with the same tokenizer."""
    sizes = {"vocab_size": tokenizer.vocab_size, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
    configs = {
        "deepseek": transformers.DeepseekV3Config(**(MLA | sizes), n_group=4, topk_group=2, num_mtp_layers=0),
        "qwen2": transformers.Qwen2Config(**(GQA | sizes), tie_word_embeddings=True),
        "llama": transformers.LlamaConfig(**(GQA | sizes)),
    }
    found = {}
    for name, config in configs.items():
        torch.manual_seed(0)
        folder = tmp_path_factory.mktemp("models") / name
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        model.save_pretrained(folder)
        for file, content in tokenizer.files().items():
            (folder / file).write_bytes(content)
        found[name] = folder
    return found


@pytest.fixture
def task(tokenizer: Tokenizer) -> SftTask:
    encoder = Encoder(tokenizer, ChatTemplate(tokenizer.config["chat_template"], tokenizer), 200)
    examples = []
    for what, colour in COLOURS.items():
        for ask in ASK:
            messages: list[dict[str, Any]] = [{"role": "user", "content": ask.format(what)}]
            ids, mask = encoder.answer([*messages, {"role": "assistant", "content": colour}])
            examples.append(Example(ids, mask, messages, colour, len(examples)))
    return SftTask([e for i, e in enumerate(examples) if i % 4], [e for i, e in enumerate(examples) if i % 4 == 0])
