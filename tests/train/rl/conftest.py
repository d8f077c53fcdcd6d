"""A tiny model with four questions, and the recipe by which it learns their answer."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from tests.conftest import tiny_config
from tests.train.rl.torch_sampler import TorchSampler

from huozhong.model.transformer import Transformer
from huozhong.text.default_template import DEFAULT_TEMPLATE
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.model_folder import save_transformer
from huozhong.train.rl.recipe import RlRecipe, parse_rl_recipe
from huozhong.train.rl.run import RlOutcome, train_rl

RECIPE = """
[run]
out = "{folder}/out"
init_from = "{folder}/base"
seed = 3
eval_every = 4
log_every = 1
device = "cpu"
threads = 1
precision = "float32"
export_dtype = "float32"
[problems]
train = [{{ path = "{folder}/problems.jsonl" }}]
valid = "{folder}/problems.jsonl"
[rollout]
questions = 4
samples = 8
max_tokens = 4
seq_len = 32
thinking = false
quantization = "none"
show_every = 2
show_groups = 2
[rewards]
answer = 1.0
format = 0.1
[optim]
muon_lr = 0.02
adamw_lr = 0.02
micro_batch = 4
[schedule]
total_steps = 6
"""


QUESTIONS = ["2+5=", "3+4=", "1+6=", "9-2="]


@pytest.fixture
def base(tmp_path: Path, tokenizer: Tokenizer) -> Path:
    """A random model with a chat template, and four questions whose answer is 7."""
    torch.manual_seed(1)
    changes = {"initializer_range": 0.05, "first_k_dense_replace": 2, "n_routed_experts": 0, "n_shared_experts": 0}
    changes |= {"moe_intermediate_size": 0, "num_experts_per_tok": 0}
    config = tiny_config(tokenizer.vocab_size, **changes)
    files = tokenizer.files()
    settings = json.loads(files["tokenizer_config.json"]) | {"chat_template": DEFAULT_TEMPLATE}
    files["tokenizer_config.json"] = json.dumps(settings).encode()
    save_transformer(Transformer(config), tmp_path / "base", extra_files=files, dtype="float32")
    rows = [json.dumps({"question": question, "answer": "7"}) + "\n" for question in QUESTIONS]
    (tmp_path / "problems.jsonl").write_text("".join(rows))
    return tmp_path


@pytest.fixture
def raw(base: Path) -> dict[str, Any]:
    return tomllib.loads(RECIPE.format(folder=base))


@pytest.fixture
def recipe(raw: dict[str, Any]) -> RlRecipe:
    return parse_rl_recipe(raw)


Learn = Callable[..., RlOutcome]


@pytest.fixture
def learn(tokenizer: Tokenizer, console: Console) -> Learn:
    def run(recipe: RlRecipe, **options: Any) -> RlOutcome:
        sampler = TorchSampler(vocab_size=tokenizer.vocab_size, eos_id=tokenizer.eos_id)
        return train_rl(recipe, sampler, console=console, **options)

    return run
