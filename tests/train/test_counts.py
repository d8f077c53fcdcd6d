"""A table from counts: each part against a slow reference, and what it is for."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from tests.train.parallel.processes import losses, together, written

from huozhong.errors import ConfigError
from huozhong.text.data import Source
from huozhong.text.shards import open_shards
from huozhong.train import counts
from huozhong.train.recipe import parse_recipe
from huozhong.train.stages.pretrain import train
from huozhong.train.state import MetricsFile

VOCAB = 24


@pytest.fixture
def tokens() -> np.ndarray:
    """Tokens with favourites, each with favourite followers."""
    rng = np.random.default_rng(3)
    text = [0]
    for _ in range(4000):
        text.append((text[-1] * 5 + 1) % VOCAB if rng.random() < 0.4 else min(int(rng.exponential(5)), VOCAB - 1))
    return np.array(text)


def slow_information(tokens: np.ndarray) -> np.ndarray:
    """Pair by pair, from the definition."""
    pairs = Counter(zip(tokens[:-1].tolist(), tokens[1:].tolist(), strict=True))
    first, second = Counter(tokens[:-1].tolist()), Counter(tokens[1:].tolist())
    whole, found = len(tokens) - 1, np.zeros((VOCAB, VOCAB))
    for (a, b), count in pairs.items():
        found[a, b] = max(0.0, math.log((count / whole) / (first[a] / whole) / (second[b] / whole)))
    return found


def test_information_is_what_its_definition_says(tokens: np.ndarray) -> None:
    found = counts.information(tokens, VOCAB).to_dense().numpy()
    assert found == pytest.approx(slow_information(tokens), abs=1e-5)


def test_the_vectors_are_those_of_a_whole_decomposition(tokens: np.ndarray) -> None:
    matrix = slow_information(tokens)
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    best = np.argsort(-np.abs(values))[:20]
    wanted = (vectors[:, best] * np.abs(values[best])) @ vectors[:, best].T  # free of signs
    found = counts._eigenvectors(counts.information(tokens, VOCAB), 20, seed=1).numpy()
    assert found @ found.T == pytest.approx(wanted, abs=1e-4)
    wide = counts._eigenvectors(counts.information(tokens, VOCAB), 40, seed=1)
    assert wide.shape == (VOCAB, 40)
    assert not wide[:, VOCAB:].any()


def test_column_0_says_how_frequent_a_token_is(tokens: np.ndarray) -> None:
    table, gain = counts.table_and_gain(tokens, VOCAB, 16, seed=1)
    hidden = torch.nn.functional.rms_norm(table, (16,), gain)
    said = (hidden[:, :1].mean() * table[:, 0]).numpy()
    log_p = np.log((np.bincount(tokens, minlength=VOCAB) + 0.5) / len(tokens))
    slope, _ = np.polyfit(log_p, said, 1)
    assert slope == pytest.approx(1, abs=0.25)
    assert np.corrcoef(log_p, said)[0, 1] > 0.999


def test_of_a_long_text_blocks_from_everywhere_are_counted(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate([shard.tokens_N for shard in open_shards(corpus / "one")])
    sources = [Source(corpus / "one")]
    assert counts.counted_tokens(sources).tolist() == whole.tolist()
    monkeypatch.setattr(counts, "BLOCK", 20)
    monkeypatch.setattr(counts, "COUNTED", len(whole) // 3)
    some = counts.counted_tokens(sources)
    assert len(some) == pytest.approx(len(whole) / 3, abs=20)
    assert some[:20].tolist() == whole[:20].tolist()
    last = (len(whole) // 20 - 1) * 20
    assert some[-20:].tolist() == whole[last : last + 20].tolist()


def test_a_table_from_counts_begins_better(corpus: Path, console: Console) -> None:
    found = {}
    for kind in ("noise", "counts"):
        _, raw = written(corpus, kind, run=f'init_table = "{kind}"')
        train(parse_recipe(raw, "pretrain"), console=console)
        records = MetricsFile(corpus / kind).read()
        found[kind] = [records[0]["loss"], next(r["heldout_bpb"] for r in records if "heldout_bpb" in r)]
    assert found["counts"] < found["noise"]
    assert found["counts"][1] < found["noise"][1]


def test_a_trained_model_keeps_its_table(corpus: Path) -> None:
    _, raw = written(corpus, "no", run='init_table = "counts"\ninit_from = "somewhere"')
    with pytest.raises(ConfigError, match="for a new model"):
        parse_recipe(raw, "pretrain")


def test_a_run_from_before_there_was_a_choice_goes_on(corpus: Path) -> None:
    _, raw = written(corpus, "old")
    assert "run.init_table" not in parse_recipe(raw, "pretrain").identity()


@pytest.mark.slow
def test_two_processes_start_from_the_same_counts(corpus: Path, console: Console) -> None:
    _, raw = written(corpus, "one_counts", run='init_table = "counts"')
    train(parse_recipe(raw, "pretrain"), console=console)
    recipe, _ = written(corpus, "two_counts", run='init_table = "counts"')
    together(recipe, 2)
    assert losses(corpus, "two_counts") == pytest.approx(losses(corpus, "one_counts"), rel=2e-3)
