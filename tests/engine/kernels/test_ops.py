"""Every kernel against its NumPy twin, and every instruction set bit for bit against the others."""

from __future__ import annotations

import numpy as np
import pytest
from tests.engine.kernels.random_weights import attention_weights, normal
from tests.engine.weights.gguf_blocks import random_matrix

from huozhong.engine import kernels
from huozhong.engine.kernels import reference, reference_matrices
from huozhong.engine.kernels.batch import RowSpan
from huozhong.engine.kernels.cache_rows import rounded
from huozhong.engine.weights.blocks import TYPES
from huozhong.engine.weights.quant import FLOATS, pack, unpack
from huozhong.model.architecture import Experts

NATIVE = [name for name in kernels.available() if name != "reference"]
FORMATS = ["f32", "f16", "bf16", "q8", "q4"]  # what is packed from floats
TOKENS = [1, 2, 3, 8, 17]
SHAPES = [(16, 32), (17, 33), (1, 5), (100, 64), (40, 130)]  # (out, in)


def on_each(call, names: list[str] = NATIVE) -> np.ndarray:  # type: ignore[no-untyped-def]
    """call()'s result, checked to be the same bits on every native kernel."""
    assert names, "the native module is not built"
    results = []
    for name in names:
        kernels.use(name)
        results.append(call())
    for name, result in zip(names, results, strict=True):
        np.testing.assert_array_equal(result, results[0], err_msg=name)
    return results[0]


# -- matrices ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("tokens", TOKENS)
def test_linear(format: str, shape: tuple[int, int], tokens: int) -> None:
    matrix = pack(normal(*shape), format)  # type: ignore[arg-type]
    x = normal(tokens, shape[1], seed=1)
    y = on_each(lambda: kernels.linear(x, matrix))
    expected = reference_matrices.linear(x, matrix)
    if format in FLOATS:
        np.testing.assert_allclose(y, expected, atol=1e-5 * np.sqrt(shape[1]))
    else:
        np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("type", [t for t, (format, _, _) in TYPES.items() if format not in FLOATS])
@pytest.mark.parametrize("tokens", TOKENS)
def test_linear_from_gguf_blocks(type: str, tokens: int) -> None:
    matrix = random_matrix(type, 37, 512)
    x = normal(tokens, 512, seed=1)
    y = on_each(lambda: kernels.linear(x, matrix))
    np.testing.assert_array_equal(y, reference_matrices.linear(x, matrix))
    exact = x.astype(np.float64) @ unpack(matrix).T.astype(np.float64)  # only the activations are rounded
    assert np.abs(y - exact).max() < 0.02 * np.abs(exact).max()


@pytest.mark.parametrize("type", TYPES)
def test_embed_from_gguf_blocks(type: str) -> None:
    matrix = random_matrix(type, 37, 256)
    tokens = np.array([0, 36, 15, 16, 15], np.int32)
    y = on_each(lambda: kernels.embed(tokens, matrix))
    np.testing.assert_array_equal(y, unpack(matrix)[tokens])


@pytest.mark.parametrize("format", FORMATS)
def test_linear_takes_a_matrix_of_a_stack(format: str) -> None:
    w, x = normal(3, 20, 40), normal(2, 40, seed=1)
    stack = pack(w, format)  # type: ignore[arg-type]
    for n in range(3):
        alone = kernels.linear(x, pack(w[n], format))  # type: ignore[arg-type]
        np.testing.assert_array_equal(on_each(lambda n=n: kernels.linear(x, stack, n)), alone)


@pytest.mark.parametrize("format", FORMATS)
def test_linear_row_does_not_depend_on_its_batch_or_on_threads(format: str) -> None:
    matrix = pack(normal(200, 100), format)  # type: ignore[arg-type]
    x = normal(19, 100, seed=1)
    for name in NATIVE:
        kernels.use(name)
        together = kernels.linear(x, matrix)
        alone = np.concatenate([kernels.linear(row[None], matrix) for row in x])
        np.testing.assert_array_equal(together, alone)
        for threads in (2, 5):
            np.testing.assert_array_equal(together, kernels.linear(x, matrix, 0, threads))


@pytest.mark.parametrize("format", ["q8", "q4"])
def test_linear_at_the_integers_limits(format: str) -> None:
    """All weights and inputs at their largest: no path may saturate."""
    matrix = pack(np.full((16, 64), -1.0, np.float32), format)  # type: ignore[arg-type]
    for sign in (1, -1):
        x = np.full((2, 64), sign, np.float32)
        y = on_each(lambda x=x: kernels.linear(x, matrix))
        np.testing.assert_allclose(y, -64.0 * sign, rtol=1e-3)


def test_no_rows_is_no_work() -> None:
    assert kernels.linear(np.zeros((0, 32), np.float32), pack(normal(16, 32), "q8")).shape == (0, 16)


def test_not_a_number_passes_through_and_harms_no_neighbour() -> None:
    matrix, x = pack(normal(16, 64), "f32"), normal(3, 64, seed=1)
    clean = kernels.linear(x, matrix)
    x[1] = np.nan
    y = on_each(lambda: kernels.linear(x, matrix))
    assert np.isnan(y[1]).all()
    np.testing.assert_array_equal(y[[0, 2]], clean[[0, 2]])
    for format in ("q8", "q4"):
        assert kernels.linear(x, pack(normal(16, 64), format)).shape == (3, 16)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [1, 31, 32, 40, 96])
def test_quantize_rows(n: int) -> None:
    x = normal(5, n) * np.array([[1], [1e-20], [1e20], [0], [3]], np.float32)
    expected_q, expected_scale = reference_matrices.quantize_rows(x)
    np.testing.assert_array_equal(on_each(lambda: kernels.quantize_rows(x)[0]), expected_q)
    np.testing.assert_array_equal(on_each(lambda: kernels.quantize_rows(x)[1]), expected_scale)


# -- rows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 15, 16, 33, 200])
def test_rms_norm(n: int) -> None:
    x, weight = normal(3, n), normal(n, seed=1)
    y = on_each(lambda: kernels.rms_norm(x, weight, 1e-6))
    np.testing.assert_allclose(y, reference.rms_norm(x, weight, 1e-6), rtol=2e-6)


@pytest.mark.parametrize("n", [0, 1, 127, 1000])
@pytest.mark.parametrize("threads", [1, 3])
def test_largest(n: int, threads: int) -> None:
    x = normal(n)
    assert on_each(lambda: np.array(kernels.largest(x, threads))) == reference.largest(x)


def test_silu_mul() -> None:
    gate = np.concatenate([np.linspace(-100, 100, 203), [0, -0.0]]).astype(np.float32)
    both = np.concatenate([gate, normal(len(gate))])[None]
    y = on_each(lambda: kernels.silu_mul(both))
    np.testing.assert_allclose(y, reference.silu_mul(both), rtol=1e-6, atol=1e-35)


def test_rotate() -> None:
    angles = np.linspace(0, 3, 7 * 4).reshape(7, 4)
    table = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    x, positions = normal(3, 2, 8), np.array([6, 0, 2])
    y = on_each(lambda: kernels.rotate(x, table, positions))
    np.testing.assert_allclose(y, reference.rotate(x, table, positions), atol=1e-6)


@pytest.mark.parametrize("format", FORMATS)
def test_embed(format: str) -> None:
    matrix = pack(normal(37, 50), format)  # type: ignore[arg-type]
    tokens = np.array([0, 36, 15, 16, 15], np.int32)
    y = on_each(lambda: kernels.embed(tokens, matrix))
    np.testing.assert_array_equal(y, reference.embed(tokens, matrix))


# -- routing -------------------------------------------------------------------------------------------


def routing(**changes: object) -> Experts:
    values: dict[str, object] = {"count": 16, "per_token": 4, "hidden": 8, "scale": 2.5}
    return Experts(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("groups", [(1, 1), (4, 2), (2, 1), (8, 8)])
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize(("scoring", "group_score"), [("sigmoid", "top2"), ("softmax", "max")])
@pytest.mark.parametrize("biased", [True, False])
def test_route(groups: tuple[int, int], normalize: bool, scoring: str, group_score: str, biased: bool) -> None:
    experts = routing(
        groups=groups[0], top_groups=groups[1], normalize=normalize, scoring=scoring, group_score=group_score
    )
    logits = normal(50, 16)
    bias = normal(16, seed=1) * np.float32(0.3) if biased else None
    chosen, weights = kernels.route(logits, bias, experts)
    expected_chosen, expected_weights = reference.route(logits, bias, experts)
    np.testing.assert_array_equal(chosen, expected_chosen)
    np.testing.assert_allclose(weights, expected_weights, rtol=1e-5)


def test_route_of_equal_scores_takes_the_lower_numbers() -> None:
    for route in (kernels.route, reference.route):
        chosen, _ = route(np.zeros((1, 16), np.float32), None, routing(groups=4, top_groups=2))
        assert chosen.tolist() == [[0, 1, 2, 3]]


def test_route_shuts_other_groups_out_even_when_all_scores_are_negative() -> None:
    bias = np.full(16, -5, np.float32)
    bias[8:12] = -3
    for route in (kernels.route, reference.route):
        chosen, _ = route(np.zeros((1, 16), np.float32), bias, routing(groups=4, top_groups=1))
        assert sorted(chosen[0].tolist()) == [8, 9, 10, 11]


def test_route_survives_not_a_number() -> None:
    chosen, _ = kernels.route(np.full((2, 16), np.nan, np.float32), np.zeros(16, np.float32), routing())
    assert ((chosen >= 0) & (chosen < 16)).all()


# -- attention -----------------------------------------------------------------------------------------


CASES = [  # heads, rank, nope, rope, v, page size, start, length
    (1, 16, 8, 2, 8, 8, 0, 1),
    (3, 20, 12, 6, 10, 5, 7, 9),
    (8, 64, 32, 16, 64, 64, 0, 70),
    (9, 32, 16, 8, 80, 16, 300, 6),
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("form", ["attend_prefill", "attend_decode"])
@pytest.mark.parametrize("cache_format", ["f32", "f16", "q8"])
def test_attention(case: tuple[int, ...], format: str, form: str, cache_format: str) -> None:
    heads, rank, nope, rope, v, page_size, start, length = case
    w = attention_weights(format, heads, rank, nope, v)
    num_pages = -(-(start + length) // page_size) + 2
    cache = normal(num_pages, page_size, rank + rope, seed=4)
    pages = np.random.default_rng(5).permutation(num_pages).astype(np.int32)
    q = normal(length, heads, nope + rope, seed=6)

    def attend(first: int = 0, last: int = length, threads: int = 1) -> np.ndarray:
        span = RowSpan(0, last - first, start + first, form == "attend_prefill", pages)
        return getattr(kernels, form)(q[first:last], w, cache, span, 0.05, threads, cache_format)

    kernels.use("reference")
    expected = attend()
    # What is rounded to int8 on the way may fall to the other side where the twins differ in the last bit.
    limit = 1e-5 if format in FLOATS or form == "attend_prefill" else 2e-2
    check_attention(attend, expected, limit, rounding=form == "attend_prefill" and cache_format != "f32")


def check_attention(attend, expected: np.ndarray, limit: float, *, rounding: bool) -> None:  # type: ignore[no-untyped-def]
    """attend(first, last, threads) on every native kernel: near `expected`, and no row depends on its company.

    rounding: the kernels that round prompts to bfloat16 do so here, so that only they are not the others' bits.
    """
    exact = [name for name in NATIVE if not (rounding and name == "avx512bf16")]
    top = np.abs(expected).max()
    np.testing.assert_allclose(on_each(attend, exact), expected, atol=limit * top)
    for name in {NATIVE[0], exact[0]}:
        kernels.use(name)
        y = attend()
        np.testing.assert_allclose(y, expected, atol=max(limit, 0.02 if name not in exact else 0) * top)
        np.testing.assert_array_equal(y, attend(threads=3))
        for t in range(len(expected)):  # alone, at the end of what came before
            np.testing.assert_array_equal(y[t], attend(t, t + 1)[0])


GROUPED = [  # heads, groups, width, page size, start, length
    (1, 1, 8, 16, 0, 1),
    (6, 2, 16, 16, 7, 9),
    (12, 2, 128, 64, 0, 70),
    (7, 1, 20, 32, 300, 6),
    (14, 2, 64, 48, 90, 3),
]


@pytest.mark.parametrize("case", GROUPED)
@pytest.mark.parametrize("cache_format", ["f32", "f16", "q8"])
@pytest.mark.parametrize("prefill", [True, False])
def test_grouped_attention(case: tuple[int, ...], cache_format: str, prefill: bool) -> None:
    heads, groups, width, page_size, start, length = case
    q, kv = normal(length, heads, width, seed=6), normal(start + length, 2, groups, width, seed=7)
    pages = np.random.default_rng(5).permutation(-(-(start + length) // page_size) + 2).astype(np.int32)

    def attend(first: int = 0, last: int = length, threads: int = 1) -> np.ndarray:
        span = RowSpan(0, last - first, start + first, prefill, pages)
        return kernels.attend_grouped(q[first:last], kv[: start + last], span, 0.3, cache_format, page_size, threads)  # type: ignore[arg-type]

    kernels.use("reference")
    check_attention(attend, attend(), 1e-5, rounding=prefill and cache_format != "f32")


def test_float16_of_the_cache_is_the_nearest() -> None:
    """One key: its value comes back as it was kept."""
    special = [0.0, -0.0, 1e-8, 6e-8, 3e-5, 6.1e-5, 1.0, 1.0009765, 2049.0, 65504.0, 65519.9, 1e6, -1e-7]
    value = np.concatenate([np.array(special, np.float32), normal(1000) * 10])
    kv = np.zeros((1, 2, 1, len(value)), np.float32)
    kv[0, 1, 0] = value
    span = RowSpan(0, 1, 0, False, np.array([0], np.int32))
    q = np.zeros((1, 1, len(value)), np.float32)
    with np.errstate(over="ignore"):
        expected = value.astype(np.float16).astype(np.float32)
    y = on_each(lambda: kernels.attend_grouped(q, kv, span, 1.0, "f16", 16))
    np.testing.assert_array_equal(y[0, 0], expected)


@pytest.mark.parametrize("width", [1, 31, 32, 33, 200])
def test_int8_of_the_cache_is_its_twin(width: int) -> None:
    """One key: its value comes back as it was kept, however large or small."""
    for size in (0, 1e-38, 1e-9, 1e-5, 1, 300, 1e9):
        value = normal(width) * np.float32(size)
        kv = np.zeros((1, 2, 1, width), np.float32)
        kv[0, 1, 0] = value
        span, q = RowSpan(0, 1, 0, False, np.array([0], np.int32)), np.zeros((1, 1, width), np.float32)
        y = on_each(lambda kv=kv, q=q, span=span: kernels.attend_grouped(q, kv, span, 1.0, "q8", 16))
        np.testing.assert_array_equal(y[0, 0], rounded(value[None], (width,), "q8")[0])
        if 1e-5 < size < 1e6:
            assert np.abs(y[0, 0] - value).max() <= 0.503 / 127 * np.abs(value).max()


# -- hostile input -------------------------------------------------------------------------------------


def test_wrong_shapes_and_types_are_exceptions() -> None:
    matrix = pack(normal(16, 32), "q8")
    with pytest.raises(ValueError, match="in_features"):
        kernels.linear(normal(2, 31), matrix)
    with pytest.raises(ValueError, match="index"):
        kernels.linear(normal(2, 32), matrix, 1)
    with pytest.raises(TypeError):
        kernels.linear(normal(32), matrix)
    with pytest.raises(ValueError, match="vocabulary"):
        kernels.embed(np.array([16], np.int32), matrix)
    with pytest.raises(ValueError, match="vocabulary"):
        kernels.embed(np.array([-1], np.int32), matrix)
    with pytest.raises(ValueError, match="position"):
        kernels.rotate(normal(1, 1, 4), normal(3, 2, 2), np.array([3]))
    with pytest.raises(ValueError, match="bias"):
        kernels.route(normal(1, 16), normal(15), routing())
    kv, span = normal(3, 2, 2, 8), RowSpan(0, 3, 0, True, np.array([0], np.int32))
    with pytest.raises(ValueError, match="multiple of 16"):
        kernels.attend_grouped(normal(3, 4, 8), kv, span, 1.0, "f32", 20)
    with pytest.raises(ValueError, match="divide"):
        kernels.attend_grouped(normal(3, 3, 8), kv, span, 1.0, "f32", 16)
    with pytest.raises(ValueError, match="every position"):
        kernels.attend_grouped(normal(2, 4, 8), kv, span, 1.0, "f32", 16)


def test_hostile_page_tables_are_exceptions() -> None:
    w = attention_weights("q8", 2, 16, 8, 8)
    q, cache = normal(3, 2, 12), normal(4, 8, 20)
    for pages in ([4], [-1], []):
        for form in (kernels.attend_prefill, kernels.attend_decode):
            with pytest.raises(ValueError, match="page"):
                form(q, w, cache, RowSpan(0, 3, 0, True, np.array(pages, np.int32)), 1.0)
    with pytest.raises(ValueError, match="page table"):
        kernels.attend_prefill(q, w, cache, RowSpan(0, 3, 6, True, np.array([0], np.int32)), 1.0)
    with pytest.raises(ValueError, match="fit"):
        kernels.attend_decode(q, w, normal(4, 8, 21), RowSpan(0, 3, 0, False, np.array([0], np.int32)), 1.0)
