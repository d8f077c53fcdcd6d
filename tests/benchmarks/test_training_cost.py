"""The cost benchmark's own parts: text, peers, ladder and bill; and one whole race of tiny models."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from training.bill import Cost, cost
from training.contestants import BASELINE, GPT2, SIZES, Contest, Setting, muon_flops, ours
from training.ladder import RUNGS, climb, rung_tokens
from training.peers import Peer, PeerConfig, flops_per_token, parameters
from training.race import Race, lowest
from training.report import report
from training.runs import Result
from training.speeds import COUNTING, Pace, key

from huozhong.model.config import ModelConfig
from huozhong.text.corpus import Corpus, prepare
from huozhong.train.dial import COUNTED_TOKENS

# For others its kernels.py would stand for a package that transformers looks for.
sys.path.remove(str(Path(__file__).parents[2] / "benchmarks"))

TINY = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_positions": 16,
}


def words(count: int) -> str:
    return "\n\n".join(f"paragraph {n} of a small text, 第{n}段，{n * n}" * 3 for n in range(count))


# -- peers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_peer_is_causal_and_stays_inside_documents(kind: str) -> None:
    torch.manual_seed(0)
    peer = Peer(PeerConfig(kind=kind, **TINY)).eval()  # type: ignore[arg-type]
    tokens = torch.randint(0, 64, (1, 16))
    doc = (torch.arange(16) >= 8).long()[None]

    def losses(tokens: torch.Tensor) -> list[float]:
        found = []
        for place in range(16):
            targets = torch.full((1, 16), -100)
            targets[0, place] = 5
            found.append(float(peer.loss(tokens, targets, doc).main))
        return found

    before = losses(tokens)
    other = tokens.clone()
    other[0, 7] = (other[0, 7] + 1) % 64
    after = losses(other)
    assert before[:7] == after[:7]
    assert before[7] != after[7]
    assert before[8:] == after[8:]


def test_gpt2_starts_as_published() -> None:
    torch.manual_seed(0)
    config = PeerConfig(kind="gpt2", **{**TINY, "hidden_size": 128, "intermediate_size": 512})
    peer = Peer(config)
    for name, weight in peer.named_parameters():
        if weight.ndim == 2:
            wanted = 0.02 / math.sqrt(4) if "out_proj" in name else 0.02
            assert float(weight.detach().std()) == pytest.approx(wanted, rel=0.1), name
        else:
            assert torch.equal(weight, torch.ones_like(weight) if "norm" in name and "weight" in name else weight * 0)
    assert parameters(config) == sum(weight.numel() for weight in peer.parameters())
    matrices = 2 * (4 * 128 * 128 + 2 * 128 * 512) + 64 * 128
    assert flops_per_token(config, 16) == 6 * (matrices + 2 * 2 * 128 * 16 / 2)


@pytest.mark.parametrize("size", sorted(SIZES))
def test_sizes_have_about_as_many_parameters_each(size: str, tmp_path: Path) -> None:
    contest = some_contest(tmp_path, size=size)
    counts = []
    for who in ("gpt2", "baseline", "ours"):
        recipe = contest.recipe(who, ours(size) if who == "ours" else GPT2, tokens=10**6, seed=1, name="x")
        counts.append(contest.parameters(who, recipe))
    assert max(counts) / min(counts) < 1.12
    assert counts[2] <= counts[0]


def some_contest(folder: Path, *, size: str = "1m", corpus: Corpus | None = None) -> Contest:
    nothing = Corpus("t", "a", "b", 1, 1, 1, 8192, {})
    return Contest(
        corpus=corpus or nothing, size=size, folder=folder, threads=1, compile=False, heldout_rows=2, evals=2
    )


def test_newton_schulz_is_counted() -> None:
    config = ModelConfig(
        vocab_size=64,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        kv_lora_rank=4,
        q_lora_rank=None,
        qk_nope_head_dim=2,
        qk_rope_head_dim=2,
        v_head_dim=4,
    )
    shapes = [(8, 8), (6, 8), (4, 12), (8, 8), *3 * [(8, 16)]]
    each = sum(5 * (4 * a * a * b + 2 * a**3) for a, b in shapes)
    assert muon_flops(config, None) == 3 * each
    assert muon_flops(config, 1) == each


# -- the ladder ------------------------------------------------------------------------------------


def fake(tokens: int, bpb: float) -> Result:
    return Result("ours", f"r{tokens}", {}, 1, tokens, tokens, 10, bpb, 1.0, 1.0, 0.1, ((10, tokens, bpb),))


@pytest.mark.parametrize("guess", [0, 3, 5, 6, 12, 40])
def test_the_ladder_finds_the_shortest_rung_from_any_guess(guess: int) -> None:
    def trained(tokens: int) -> Result:
        return fake(tokens, 3 - 0.2 * math.log2(tokens))

    budget = 1 << 16
    target = trained(rung_tokens(budget, 5)).bpb + 0.01
    found = climb(trained, budget, target, guess)
    assert found.shortest is not None
    assert found.missed is not None
    assert found.shortest.tokens == rung_tokens(budget, 5)
    assert found.missed.tokens == rung_tokens(budget, 6)
    assert found.interpolated == pytest.approx(found.shortest.tokens * 2 ** (-0.01 / 0.2), rel=1e-3)


def test_a_target_out_of_reach_is_said() -> None:
    found = climb(lambda tokens: fake(tokens, 2.0), 1 << 12, 1.0, 3)
    assert found.shortest is None
    assert found.missed is not None
    assert found.missed.tokens == 1 << 12


def test_a_target_below_the_last_rung_has_no_bracket() -> None:
    found = climb(lambda tokens: fake(tokens, 0.5), 1 << 12, 1.0, 3)
    assert found.shortest is not None
    assert found.shortest.tokens == rung_tokens(1 << 12, RUNGS)
    assert found.interpolated is None


@pytest.mark.parametrize("best", [2.5e-4, 1e-3, 8e-3])
def test_the_sweep_ends_with_a_worse_neighbour_on_either_side(best: float) -> None:
    tried = []

    def score(rate: float) -> tuple[float, Setting]:
        tried.append(rate)
        return abs(math.log(rate / best)), dataclasses.replace(BASELINE, rate=rate)

    assert lowest(score, 1e-3)[1].rate == pytest.approx(best)
    assert min(tried) == pytest.approx(min(best / 2, 5e-4))
    assert max(tried) == pytest.approx(max(2 * best, 1e-3))
    assert len(set(tried)) == len(tried)


# -- the bill --------------------------------------------------------------------------------------


def test_a_run_costs_its_steps_times_their_pace(tmp_path: Path) -> None:
    short = some_contest(tmp_path)  # its text is not worth counting
    contest = dataclasses.replace(short, corpus=dataclasses.replace(short.corpus, train_tokens=1_000_000))
    recipe = contest.recipe("ours", ours("1m"), tokens=200_000, seed=1, name="x")
    table = {
        key("ours", recipe, stretch): Pace(n, n + 0.5, 2 * n, 30 * n, contest.step_flops("ours", recipe, stretch))
        for n, stretch in enumerate(recipe.stretches, 1)
    }
    table[COUNTING] = Pace(0.5, 0.6, 1, 15, 1e6)
    found = cost("ours", recipe, table)
    assert found.seconds == 0.5 + sum(n * stretch.steps for n, stretch in enumerate(recipe.stretches, 1))
    uncounted = cost("ours", short.recipe("ours", ours("1m"), tokens=200_000, seed=1, name="x"), table)
    assert found.seconds - uncounted.seconds == 0.5
    assert (found.cpu_seconds, found.joules) == (2 * found.seconds, 30 * found.seconds)
    assert found.tokens == recipe.total_tokens
    assert found.flops > 0
    assert Cost(10.0, 1, 1, 1, 10).over(Cost(4.0, 1, 1, 1, 5))["seconds"] == 2.5


# -- everything ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_small_race_from_text_to_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text(words(6000))
    corpus = prepare([tmp_path / "a.txt"], tmp_path / "corpus", vocab_size=400, megabytes_per_file=1)
    monkeypatch.setitem(
        SIZES,
        "tiny",
        dataclasses.replace(
            SIZES["1m"],
            width=32,
            layers=2,
            heads=2,
            gpt2_inner=64,
            baseline_inner=48,
            ours=SIZES["1m"].ours | {"intermediate_size": 64},
        ),
    )
    contest = some_contest(tmp_path / "runs", size="tiny", corpus=corpus)
    contest.folder.mkdir()
    race = Race(contest, 8 * 4096, short=True, seeds=1)
    race.run()
    said = report(race, again=False)
    assert said["heats"][0]["gpt2"]["bpb"] > 0
    assert said["heats"][0]["gpt2_over_ours"]["seconds"] > 0
    for name in ("curves.json", "curves.png", "sweep.png", "speeds.json"):
        assert (contest.folder / name).stat().st_size > 100
    assert corpus.train_tokens >= COUNTED_TOKENS * corpus.vocab_size
    assert json.loads((contest.folder / "speeds.json").read_text())[COUNTING]["seconds"] > 0
    monkeypatch.setattr("training.runs.train", never)  # finished runs are read, not repeated
    again = Race(contest, 8 * 4096, short=True, seeds=1)
    again.run()
    assert [r.bpb for r in again.results.values()] == [r.bpb for r in race.results.values()]


def never(*_args: object, **_options: object) -> None:
    raise AssertionError("trained again")
