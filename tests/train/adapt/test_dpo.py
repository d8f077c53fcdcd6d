"""Preferences: the loss line by line, the data, and a tiny model that changes its mind."""

from __future__ import annotations

import json
import math
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from rich.console import Console
from tests.engine.test_architectures import GQA

from huozhong.errors import DataError
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.formats.source import open_model
from huozhong.model.families import CausalLM, load_causal_lm
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.adapt.adaptation import adapt
from huozhong.train.adapt.dpo import DpoTask, dpo_loss, read_pairs
from huozhong.train.adapt.examples import Encoder, split
from huozhong.train.adapt.settings import Settings


@pytest.fixture
def encoder(tokenizer: Tokenizer) -> Encoder:
    return Encoder(tokenizer, ChatTemplate(tokenizer.config["chat_template"], tokenizer), 200)


@pytest.fixture(scope="module")
def view(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> HuggingFaceView:
    torch.manual_seed(0)
    sizes = {"vocab_size": tokenizer.vocab_size, "hidden_size": 64, "num_hidden_layers": 2}
    folder = tmp_path_factory.mktemp("model")
    transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**(GQA | sizes))).save_pretrained(folder)
    return HuggingFaceView(open_model(folder))


def pairs_file(path: Path, count: int = 24) -> Path:
    rows = [
        {"prompt": f"第{i}个问题？", "chosen": f"好的，第{i}个。", "rejected": "不知道" + "，真的" * (i % 3) + "。"}
        for i in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def sequence_log_prob(model: CausalLM, ids: list[int], mask: list[bool]) -> float:
    """log p of the masked tokens, one after the other: what the fast path must give."""
    with torch.no_grad():
        logits = model.logits(model(torch.tensor([ids])))[0]
    total = 0.0
    for place in range(1, len(ids)):
        if mask[place]:
            total += float(torch.log_softmax(logits[place - 1], dim=-1)[ids[place]])
    return total


def test_the_loss_is_the_papers(view: HuggingFaceView, encoder: Encoder, tmp_path: Path) -> None:
    """Equation 7, term by term, against packed rows, after the weights have moved."""
    pairs = read_pairs(pairs_file(tmp_path / "pairs.jsonl", 7), encoder)
    task = DpoTask(pairs, [], beta=0.3)
    model = load_causal_lm(view.architecture, view, storage=None)
    task.prepare(model, 150)
    reference = [[sequence_log_prob(model, *side) for side in (p.chosen, p.rejected)] for p in pairs]
    with torch.no_grad():
        for number, weight in enumerate(model.parameters()):
            weight.mul_(1 + 0.05 * math.sin(number))
    wanted = 0.0
    for pair, (ref_chosen, ref_rejected) in zip(pairs, reference, strict=True):
        chosen, rejected = sequence_log_prob(model, *pair.chosen), sequence_log_prob(model, *pair.rejected)
        margin = 0.3 * ((chosen - ref_chosen) - (rejected - ref_rejected))
        wanted += -math.log(1 / (1 + math.exp(-margin)))
    parts = task.parts(range(7), 150)
    assert len(parts) > 1
    assert sum(task.size(part) for part in parts) == 7
    with torch.no_grad():
        found = sum(float(task.loss(model, part)) for part in parts)
    assert found == pytest.approx(wanted, rel=1e-4)


def test_the_gradient_is_the_papers() -> None:
    """§4: −β σ(−margin) for the chosen answer, the opposite for the rejected one."""
    policy = torch.tensor([[-3.0, -4.0], [-5.0, -2.0]], requires_grad=True)
    reference = torch.tensor([[-3.5, -3.0], [-4.0, -4.0]])
    dpo_loss(policy, reference, beta=0.2).backward()
    for row in range(2):
        gain = (policy - reference)[row].detach()
        weight = 0.2 * torch.sigmoid(-0.2 * (gain[0] - gain[1]))
        torch.testing.assert_close(policy.grad[row], torch.stack([-weight, weight]))  # type: ignore[index]


def test_a_model_learns_what_is_preferred(view: HuggingFaceView, encoder: Encoder, tmp_path: Path) -> None:
    training, heldout = split(
        read_pairs(pairs_file(tmp_path / "pairs.jsonl"), encoder), seed=0, share=0.25, unguessable=True
    )
    settings = Settings(
        base="tiny", out=tmp_path / "run", method="lora", lr=5e-3, epochs=4, batch=6, threads=1, dtype="float32"
    )
    console = Console(file=StringIO())
    done = adapt(view, encoder.tokenizer.files(), DpoTask(training, heldout, 0.1), settings, console=console)
    assert done is not None
    assert done.before["loss"] == pytest.approx(math.log(2), rel=1e-3)
    assert done.before["margin"] == pytest.approx(0, abs=1e-3)
    assert done.after["loss"] < 0.3
    assert done.after["accuracy"] == 1.0
    assert done.after["margin"] > 1


@pytest.mark.parametrize(("row", "words"), [
    ({"chosen": "a", "rejected": "b"}, "line 1: a line needs 'prompt'"),
    ({"prompt": "x", "chosen": "a"}, "line 1: 'rejected' must be an answer"),
    ({"prompt": "x", "chosen": "a", "rejected": "a"}, "line 1: chosen and rejected are the same"),
    ({"messages": [{"role": "owl", "content": "x"}], "chosen": "a", "rejected": "b"}, "line 1: messages[0]: the role"),
])  # fmt: skip
def test_a_bad_line_is_named(row: dict[str, Any], words: str, encoder: Encoder, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    with pytest.raises(DataError) as caught:
        read_pairs(tmp_path / "a.jsonl", encoder)
    assert words in str(caught.value)


def test_conversations_may_stand_for_answers(encoder: Encoder, tmp_path: Path) -> None:
    asked = {"role": "user", "content": "几点？"}
    rows = [
        {"prompt": "几点？", "chosen": "五点", "rejected": "不知道"},
        {
            "messages": [asked],
            "chosen": [asked, {"role": "assistant", "content": "五点"}],
            "rejected": [{"role": "assistant", "content": "不知道"}],
        },
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    one, two = read_pairs(tmp_path / "a.jsonl", encoder)
    assert (one.chosen, one.rejected, one.prompt) == (two.chosen, two.rejected, two.prompt)
