"""Fine-tuning by a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from tests.train.courses import records

from huozhong.text.data import write_chat_shard
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.model_folder import load_transformer
from huozhong.train.recipe import Recipe, parse_recipe
from huozhong.train.stages.pretrain import train


def test_sft_starts_from_a_model_and_learns_answers_only(
    recipe: Recipe, console: Console, corpus: Path, tokenizer: Tokenizer, raw_recipe: dict[str, Any]
) -> None:
    base = train(recipe, console=console).model
    template = ChatTemplate.load(corpus / "tokenizer", tokenizer)
    talk = [{"role": "user", "content": "2+3?"}, {"role": "assistant", "content": "The answer is 5."}]
    manifest = write_chat_shard(corpus / "talks", "talks", template, [talk] * 30)
    assert manifest.loss_tokens < manifest.tokens
    del raw_recipe["model"], raw_recipe["tokenizer"], raw_recipe["data"]["heldout"]
    raw_recipe["data"]["train"] = [{"path": str(corpus / "talks")}]
    raw_recipe["run"] |= {"init_from": str(base), "out": str(corpus / "sft")}
    raw_recipe["schedule"]["total_steps"] = 30
    tuned = parse_recipe(raw_recipe, "sft")
    outcome = train(tuned, console=console)
    found = records(tuned)
    assert found[-1]["loss"] < 0.5 * found[0]["loss"]
    assert outcome.heldout_bpb is None
    assert load_transformer(outcome.model).config == load_transformer(base).config  # type: ignore[arg-type]
