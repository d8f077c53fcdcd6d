"""A tiny corpus as shards and a recipe that trains a d=32 model on it in about a second."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from huozhong.text.data import write_text_shard
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.recipe import Recipe, parse_recipe

LINES = [
    "小明有3个苹果，又买了5个，一共有几个？3+5=8，一共有8个苹果。",
    "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。",
    "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。",
    "The quick brown fox jumps over the lazy dog. A small fire can start a great blaze.",
    "What is two plus three? Two plus three is five. The answer is 5.",
]

MODEL = """
[model]
hidden_size = 32
intermediate_size = 48
num_hidden_layers = 2
first_k_dense_replace = 2
num_attention_heads = 2
q_lora_rank = 16
kv_lora_rank = 16
qk_nope_head_dim = 8
qk_rope_head_dim = 8
v_head_dim = 16
max_position_embeddings = 128
"""

MOE = """
moe_intermediate_size = 16
n_routed_experts = 4
n_shared_experts = 1
num_experts_per_tok = 2
num_nextn_predict_layers = 1
"""

REST = """
[tokenizer]
folder = "{folder}/tokenizer"
[data]
train = [{{ path = "{folder}/one", weight = 2.0 }}, {{ path = "{folder}/two" }}]
heldout = "{folder}/two"
heldout_rows = 4
seq_len = 32
[optim]
muon_lr = 0.01
adamw_lr = 0.01
batch_tokens = 128
micro_batch = 2
[schedule]
total_steps = 12
warmup_steps = 2
decay_fraction = 0.25
[run]
out = "{folder}/out"
seed = 3
eval_every = 5
log_every = 1
checkpoint_steps = 4
device = "cpu"
threads = 1
"""


@pytest.fixture(autouse=True)
def _one_thread():  # type: ignore[no-untyped-def]
    """Recipes set torch's thread count for the whole process; give back what was."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def write_corpus(folder: Path, tokenizer: Tokenizer) -> Path:
    """A tokenizer and two folders of shards in `folder`."""
    (folder / "tokenizer").mkdir()
    for name, content in tokenizer.files().items():
        (folder / "tokenizer" / name).write_bytes(content)
    write_text_shard(folder / "one", "text", tokenizer, [line * 2 for line in LINES] * 20)
    write_text_shard(folder / "two", "text", tokenizer, LINES[:3] * 20)
    return folder


@pytest.fixture
def corpus(tmp_path: Path, tokenizer: Tokenizer) -> Path:
    """A folder with a tokenizer and two folders of shards."""
    return write_corpus(tmp_path, tokenizer)


@pytest.fixture
def raw_recipe(corpus: Path) -> dict[str, Any]:
    """The parsed TOML of the tiny recipe; tests change what they are about."""
    return tomllib.loads(MODEL + REST.format(folder=corpus))


@pytest.fixture
def recipe(raw_recipe: dict[str, Any]) -> Recipe:
    return parse_recipe(raw_recipe, "pretrain")


@pytest.fixture
def moe_recipe(corpus: Path) -> Recipe:
    model = MODEL.replace("first_k_dense_replace = 2", "first_k_dense_replace = 1") + MOE
    return parse_recipe(tomllib.loads(model + REST.format(folder=corpus)), "pretrain")


@pytest.fixture
def console() -> Console:
    """Writes into memory; `console.file.getvalue()` is what a user without a terminal would have read."""
    return Console(file=StringIO(), width=200)


@pytest.fixture
def recipe_file(corpus: Path) -> Callable[[str], Path]:
    """Write the tiny recipe (with a replacement, "old -> new") as a file."""

    def write(change: str = "") -> Path:
        text = MODEL + REST.format(folder=corpus)
        if change:
            old, new = change.split(" -> ")
            assert old in text
            text = text.replace(old, new)
        path = corpus / "recipe.toml"
        path.write_text(text)
        return path

    return write


RAMP = """
[[ramp]]
share = 0.25
batch_tokens = 64
seq_len = 16
layers = 1
[[ramp]]
share = 0.25
layers = 1
"""


@pytest.fixture
def ramped(raw_recipe: dict[str, Any]) -> Recipe:
    raw_recipe["schedule"] = {"total_tokens": 1024, "warmup_steps": 2, "decay_fraction": 0.25}
    raw_recipe |= tomllib.loads(RAMP)
    return parse_recipe(raw_recipe, "pretrain")
