"""DeepSeek-V4's steps in C++ against their NumPy twins, and every instruction set bit for bit against the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.engine.kernels.random_weights import normal

from huozhong.engine import kernels
from huozhong.engine.kernels import reference_compressed as steps
from huozhong.engine.kernels import reference_matrices
from huozhong.engine.kernels.cache_rows import rounded
from huozhong.engine.kernels.choose import native
from huozhong.engine.kernels.matrix import native_matrix
from huozhong.engine.weights.layout import MixWeights
from huozhong.engine.weights.quant import pack
from huozhong.model.architecture import CacheFormat, Experts, Streams

NATIVE = [name for name in kernels.available() if name != "reference"]
STREAMS = Streams(count=4, iterations=20, eps=1e-6)


def on_each(call: Callable[[], Any]) -> Any:
    """call()'s arrays, checked to be the same bits on every native kernel."""
    assert NATIVE, "the native module is not built"
    first = None
    for name in NATIVE:
        kernels.use(name)
        found = call()
        arrays = found if isinstance(found, tuple) else (found,)
        first = arrays if first is None else first
        for ours, theirs in zip(arrays, first, strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
    assert first is not None
    return first if len(first) > 1 else first[0]


def mix_weights(outputs: int, width: int, scales: int) -> MixWeights:
    mix = normal(outputs, width, seed=7) / np.float32(np.sqrt(width))
    return MixWeights(pack(mix, "f32"), normal(outputs, seed=8), normal(scales, seed=9))


@pytest.mark.parametrize("width", [5, 48, 130])
def test_streams(width: int) -> None:
    x, y = 3 * normal(7, 4, width), normal(7, width, seed=1)
    w, end = mix_weights(24, 4 * width, 3), mix_weights(4, 4 * width, 1)
    mix, end_mix = native_matrix(w.mix), native_matrix(end.mix)
    read, post, comb = on_each(lambda: native.mix_streams(x, mix, w.base, w.scale, 20, 1e-5, 1e-6))
    expected = steps.mix_streams(x, w, STREAMS, 1e-5, reference_matrices.linear)
    for ours, theirs in zip((read, post, comb), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(comb.sum(axis=1), 1, atol=1e-4)
    spread = on_each(lambda: native.spread_streams(x, y, post, comb))
    np.testing.assert_allclose(spread, steps.spread_streams(x, y, post, comb), rtol=1e-5, atol=1e-5)
    one = on_each(lambda: native.collapse_streams(x, end_mix, end.base, end.scale, 1e-5, 1e-6))
    expected_one = steps.collapse_streams(x, end, STREAMS, 1e-5, reference_matrices.linear)
    np.testing.assert_allclose(one, expected_one, rtol=1e-4, atol=1e-5)


def test_streams_do_not_depend_on_company_or_threads() -> None:
    x = normal(40, 4, 96)
    w = mix_weights(24, 4 * 96, 3)
    mix = native_matrix(w.mix)
    for name in NATIVE:
        kernels.use(name)
        together = native.mix_streams(x, mix, w.base, w.scale, 20, 1e-6, 1e-6, 3)
        alone = [native.mix_streams(row[None], mix, w.base, w.scale, 20, 1e-6, 1e-6) for row in x]
        for part, ours in enumerate(together):
            np.testing.assert_array_equal(ours, np.concatenate([one[part] for one in alone]))


@pytest.mark.parametrize("width", [7, 64])
def test_heads(width: int) -> None:
    x, rope = normal(5, 3, width), normal(30, 2, 3, seed=1)
    positions = np.array([0, 29, 3, 3, 7], np.int32)
    np.testing.assert_allclose(
        on_each(lambda: native.head_norm(x, 1e-6)), steps.unit_rows(x, 1e-6), rtol=1e-5, atol=1e-6
    )
    for inverse in (False, True):
        y = on_each(lambda inverse=inverse: native.rotate_last(x, rope, positions, inverse))
        expected = steps.rotate_last(x, rope, positions.astype(np.int64), inverse=inverse)
        np.testing.assert_array_equal(y, expected)


def test_rotation_back_undoes_rotation() -> None:
    x, angles = normal(4, 2, 16), np.linspace(0, 3, 12, dtype=np.float32).reshape(4, 3)
    rope = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    positions = np.arange(4, dtype=np.int32)
    there = native.rotate_last(x, rope, positions, False)
    assert np.abs(there - x)[..., -6:].max() > 0.1
    np.testing.assert_allclose(native.rotate_last(there, rope, positions, True), x, atol=1e-6)


@pytest.mark.parametrize("width", [5, 64, 130])
@pytest.mark.parametrize("size", [1, 100])
def test_compression(width: int, size: float) -> None:
    """Gates so large that only one position counts, too."""
    values, gates = normal(35, 2 * width), size * normal(35, 2 * width, seed=1)
    for rate in (1, 3, 4):
        y = on_each(lambda rate=rate: native.compress_sparse(values, gates, rate))
        np.testing.assert_allclose(y, steps.compress_sparse(values, gates, rate), rtol=1e-4, atol=1e-5)
    for rate in (1, 8, 32, 36):
        y = on_each(lambda rate=rate: native.compress_heavy(values, gates, rate))
        np.testing.assert_allclose(y, steps.compress_heavy(values, gates, rate), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("format", ["f32", "f16", "q8"])
@pytest.mark.parametrize(("heads", "width"), [(1, 5), (9, 33), (16, 64)])
@pytest.mark.parametrize("count", [1, 64, 300])
def test_attention_with_sinks(format: CacheFormat, heads: int, width: int, count: int) -> None:
    q, rows, sinks = normal(heads, width), normal(count, width, seed=1), 3 * normal(heads, seed=2)
    y = on_each(lambda: native.attend_sinks(q, rows, sinks, 0.3, format))
    expected = steps.attend_sinks(q, rounded(rows, (width,), format), sinks, 0.3)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(y, native.attend_sinks(q, rows, sinks, 0.3, format, 3))


def test_a_sink_takes_everything_or_nothing() -> None:
    q, rows = normal(2, 16), normal(40, 16, seed=1)
    none, all_of_it = np.full(2, -1e30, np.float32), np.full(2, 1e30, np.float32)
    scores = q @ rows.T
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    plain = p / p.sum(axis=1, keepdims=True) @ rows
    np.testing.assert_allclose(on_each(lambda: native.attend_sinks(q, rows, none, 1.0)), plain, rtol=1e-4, atol=1e-5)
    assert not on_each(lambda: native.attend_sinks(q, rows, all_of_it, 1.0)).any()


def routed(logits: np.ndarray, bias: np.ndarray | None, chosen: np.ndarray | None) -> Any:
    return native.route(
        logits, bias, per_token=3, groups=1, top_groups=1, softmax=False, best_two=False, normalize=True, scale=1.5,
        sqrt_softplus=True, chosen=chosen,
    )  # fmt: skip


def test_routing() -> None:
    experts = Experts(count=11, per_token=3, hidden=1, scoring="sqrtsoftplus", bias=True, scale=1.5)
    logits, bias = 20 * normal(40, 11), normal(11, seed=1)
    for given in (bias, None):
        found, weights = routed(logits, given, None)
        expected, expected_weights = steps.route_by_score(logits, given, experts)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_allclose(weights, expected_weights, rtol=1e-5)
    table = np.random.default_rng(2).integers(0, 11, (40, 3)).astype(np.int32)
    found, weights = routed(logits, None, table)
    expected, expected_weights = steps.route_by_token(logits, table, experts)
    np.testing.assert_array_equal(found, table)
    np.testing.assert_allclose(weights, expected_weights, rtol=1e-5)


@pytest.mark.parametrize("n", [1, 16, 37])
def test_silu_mul_with_a_limit(n: int) -> None:
    x = 5 * normal(4, 2 * n)
    y = on_each(lambda: native.silu_mul(x, 2.0))
    np.testing.assert_allclose(y, steps.clamped_silu_mul(x, 2.0), rtol=1e-5, atol=1e-5)
    assert np.abs(y).max() <= 4
    np.testing.assert_array_equal(native.silu_mul(x, 1e30), native.silu_mul(x))


X, MIX = normal(2, 4, 8), mix_weights(24, 32, 3)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("mix_streams", (X, native_matrix(MIX.mix), MIX.base[1:], MIX.scale, 20, 0.1, 0.1), "base or scale"),
        ("mix_streams", (X[:, :3].copy(), native_matrix(MIX.mix), MIX.base, MIX.scale, 20, 0.1, 0.1), "the mix"),
        ("mix_streams", (X, native_matrix(MIX.mix), MIX.base, MIX.scale, 0, 0.1, 0.1), "round"),
        ("collapse_streams", (X, native_matrix(MIX.mix), MIX.base, MIX.scale, 0.1, 0.1), "the mix"),
        ("spread_streams", (X, normal(2, 7), normal(2, 4), normal(2, 4, 4)), "y does not fit"),
        ("spread_streams", (X, normal(2, 8), normal(2, 4), normal(2, 4, 3)), "post or comb"),
        ("spread_streams", (normal(1, 9, 2), normal(1, 2), normal(1, 9), normal(1, 9, 9)), "between 1 and 8"),
        ("rotate_last", (X, normal(9, 2, 5), np.zeros(2, np.int32), False), "rope table"),
        ("rotate_last", (X, normal(9, 2, 2), np.array([0, 9], np.int32), False), "position"),
        ("compress_sparse", (normal(8, 6), normal(8, 6), 5), "between 1 and 4"),
        ("compress_sparse", (normal(8, 5), normal(8, 5), 4), "halves"),
        ("compress_heavy", (normal(8, 6), normal(7, 6), 4), "same shape"),
        ("compress_heavy", (normal(8, 6), normal(8, 6), 0), "rate"),
        ("attend_sinks", (normal(2, 4), normal(3, 5), normal(2), 1.0), "do not fit"),
        ("attend_sinks", (normal(2, 4), normal(0, 4), normal(2), 1.0), "at least 1"),
    ],
)
def test_hostile_arguments_are_exceptions(name: str, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(native, name)(*arguments)


def test_a_table_that_names_no_expert_is_an_exception() -> None:
    with pytest.raises(ValueError, match="not there"):
        routed(normal(1, 4), None, np.array([[0, 1, 4]], np.int32))
    with pytest.raises(ValueError, match="do not fit"):
        routed(normal(2, 4), None, np.array([[0, 1, 3]], np.int32))
