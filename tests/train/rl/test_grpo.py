"""Advantages and policy loss against a slow reference, written line by line from the papers with plain floats."""

from __future__ import annotations

import math
import random
import statistics

import pytest
import torch
import torch.nn.functional as F

from huozhong.train.rl.grpo import Clip, PolicyStats, group_advantages, policy_loss, token_logprobs


def reference_advantages(rewards: list[float], divide_by_std: bool) -> list[float]:
    """DeepSeekMath §4.1.2: A_i = (r_i - mean(r)) / std(r), or without the division (arXiv:2503.20783)."""
    mean = statistics.fmean(rewards)
    std = statistics.pstdev(rewards)
    if std == 0:
        return [0.0] * len(rewards)
    return [(r - mean) / (std if divide_by_std else 1.0) for r in rewards]


def reference_loss(
    new: list[float],
    old: list[float],
    sampler: list[float],
    advantage: list[float],
    clip: Clip,
    reference: list[float] | None,
) -> float:
    """DAPO eq. 10 without the division by the token count, plus β times DeepSeekMath's eq. 4."""
    total = 0.0
    for t in range(len(new)):
        ratio = math.exp(new[t]) / math.exp(old[t])
        clipped = min(max(ratio, 1 - clip.low), 1 + clip.high)
        weight = 1.0 if clip.cap is None else min(math.exp(old[t]) / math.exp(sampler[t]), clip.cap)
        objective = weight * min(ratio * advantage[t], clipped * advantage[t])
        if reference is not None:
            over = math.exp(reference[t]) / math.exp(new[t])
            objective -= clip.kl * (over - math.log(over) - 1)
        total -= objective
    return total


@pytest.mark.parametrize("divide", [False, True])
def test_advantages_are_the_papers(divide: bool) -> None:
    rng = random.Random(1)
    rewards = [[rng.choice((0.0, 0.1, 1.0)) for _ in range(6)] for _ in range(5)] + [[1.0] * 6, [0.1] * 6]
    advantages, counts = group_advantages(torch.tensor(rewards, dtype=torch.float64), divide_by_std=divide)
    for row, group in zip(advantages.tolist(), rewards, strict=True):
        assert row == pytest.approx(reference_advantages(group, divide), abs=1e-6)
    assert counts.tolist() == [len(set(group)) > 1 for group in rewards]
    assert counts.tolist()[-2:] == [False, False]


def test_rounding_is_no_variance() -> None:
    """Eight times 0.1 + 0.2, summed in two orders, differs in the last bit and teaches nothing."""
    same = [0.1 + 0.2, 0.3] * 4
    assert len(set(same)) == 2
    _, counts = group_advantages(torch.tensor([same], dtype=torch.float64))
    assert not counts[0]


@pytest.mark.parametrize("cap", [None, 1.5])
@pytest.mark.parametrize("kl", [0.0, 0.2])
def test_loss_and_gradient_are_the_papers(cap: float | None, kl: float) -> None:
    rng = random.Random(2)
    clip = Clip(0.2, 0.28, cap, kl)
    count = 60
    old = [rng.uniform(-3, -0.1) for _ in range(count)]
    new = [o + rng.uniform(-0.6, 0.6) for o in old]
    sampler = [o + rng.uniform(-0.6, 0.6) for o in old]
    frozen = [o + rng.uniform(-0.6, 0.6) for o in old] if kl else None
    advantage = [rng.choice((-1.0, -0.25, 0.5, 1.0)) for _ in range(count)]
    tensors = [torch.tensor(x, dtype=torch.float64) for x in (old, sampler, advantage)]
    new_T = torch.tensor(new, dtype=torch.float64, requires_grad=True)
    frozen_T = None if frozen is None else torch.tensor(frozen, dtype=torch.float64)
    loss, stats = policy_loss(new_T, tensors[0], tensors[1], tensors[2], clip, frozen_T)
    assert loss.item() == pytest.approx(reference_loss(new, old, sampler, advantage, clip, frozen), rel=1e-9)
    loss.backward()
    assert new_T.grad is not None
    step = 1e-6
    for t in range(count):
        ends = []
        for sign in (1, -1):
            moved = [*new]
            moved[t] += sign * step
            ends.append(reference_loss(moved, old, sampler, advantage, clip, frozen))
        assert new_T.grad[t].item() == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-6)
    ratios = [math.exp(n - o) for n, o in zip(new, old, strict=True)]
    clipped = sum(r > 1.28 if a > 0 else r < 0.8 for r, a in zip(ratios, advantage, strict=True))
    assert stats.clipped == clipped > 5
    if kl == 0:
        assert sum(g == 0 for g in new_T.grad.tolist()) == clipped  # the clip takes exactly their gradient
    assert stats.mean("gap") == pytest.approx(statistics.fmean(abs(o - s) for o, s in zip(old, sampler, strict=True)))


def test_an_update_that_starts_where_it_sampled_is_plain_policy_gradient() -> None:
    new_T = torch.tensor([-1.0, -2.0, -0.5], requires_grad=True)
    advantage_T = torch.tensor([1.0, -0.5, 0.25])
    loss, stats = policy_loss(new_T, new_T.detach(), new_T.detach(), advantage_T, Clip())
    loss.backward()
    assert new_T.grad is not None
    assert torch.equal(new_T.grad, -advantage_T)
    assert stats.clipped == 0
    assert stats.mean("weight") == 1


def test_stats_add_up() -> None:
    total = PolicyStats()
    total.add(PolicyStats(tokens=3, clipped=1, gap=0.3))
    total.add(PolicyStats(tokens=1, clipped=1, gap=0.1))
    assert total.mean("clipped") == 0.5
    assert total.mean("gap") == pytest.approx(0.1)
    assert PolicyStats().mean("gap") == 0


@pytest.mark.parametrize("chunk", [1 << 24, 4 * 50 * 7])  # all at once, or seven rows at a time
def test_token_logprobs_agree_with_log_softmax(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huozhong.train.rl.grpo.LOGITS_BYTES", chunk)
    torch.manual_seed(0)
    hidden, weight = torch.randn(20, 12), torch.randn(50, 12)
    targets, outer = torch.randint(50, (20,)), torch.randn(20)
    results = []
    for compute in (token_logprobs, lambda h, w, t: F.linear(h, w).log_softmax(-1).gather(1, t[:, None])[:, 0]):
        h, w = hidden.clone().requires_grad_(), weight.clone().requires_grad_()
        logprobs = compute(h, w, targets)
        (logprobs * outer).sum().backward()
        results.append((logprobs.detach(), h.grad, w.grad))
    for ours, plain in zip(*results, strict=True):
        assert ours is not None
        assert plain is not None
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)
