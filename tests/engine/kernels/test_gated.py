"""The gated network against its NumPy twin, on every instruction set of this machine."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from huozhong.engine import kernels
from huozhong.engine.kernels.gated import Gate, GatedNetwork

NATIVE = [name for name in kernels.available() if name != "reference"]


def network(fields: int, width: int, hidden: int, picked: int | None, seed: int = 0) -> tuple[GatedNetwork, list[int]]:
    chance = np.random.default_rng(seed)
    sizes = chance.integers(2, 9, fields)

    def array(*shape: int) -> NDArray[np.float32]:
        return (0.3 * chance.normal(size=shape)).astype(np.float32)

    values = int(sizes.sum())
    gate = None if picked is None else Gate(array(values), array(fields, fields), array(fields), picked)
    made = GatedNetwork(
        array(values, width), array(values), array(fields, width, hidden), array(hidden), array(hidden, 32), array(32),
        array(32), 0.25, fields, gate,
    )  # fmt: skip
    return made, [*sizes]


def rows(sizes: list[int], n: int) -> NDArray[np.int32]:
    chance, offsets = np.random.default_rng(1), np.cumsum([0, *sizes[:-1]])
    return np.stack(
        [offset + chance.integers(0, size, n) for offset, size in zip(offsets, sizes, strict=True)], 1
    ).astype(np.int32)


@pytest.mark.parametrize("isa", NATIVE)
@pytest.mark.parametrize(
    ("fields", "width", "hidden", "picked"), [(1, 3, 32, None), (5, 8, 64, 2), (23, 16, 128, 9), (70, 5, 32, 70)]
)
def test_the_kernel_equals_its_twin(isa: str, fields: int, width: int, hidden: int, picked: int | None) -> None:
    kernels.use(isa)
    made, sizes = network(fields, width, hidden, picked)
    ids = rows(sizes, 300)
    np.testing.assert_allclose(made.scores(ids, 2), made.reference(ids), atol=2e-4)
    # A row's answer does not depend on the rows beside it, not even in its last bit.
    np.testing.assert_array_equal(
        np.concatenate([made.scores(ids[n : n + 1]) for n in range(40)]), made.scores(ids)[:40]
    )
    folded = made.folded(np.cumsum([0, *sizes[:-1]]).astype(np.int32))
    np.testing.assert_allclose(folded.scores(ids), made.reference(ids), atol=2e-4)
    assert folded.multiply_adds < made.multiply_adds


@pytest.mark.parametrize("isa", NATIVE)
def test_of_equal_totals_the_first_fields_are_read(isa: str) -> None:
    kernels.use(isa)
    made, sizes = network(9, 4, 32, 3)
    assert made.gate is not None
    same = Gate(np.zeros_like(made.gate.scores), np.zeros_like(made.gate.mixing), np.zeros_like(made.gate.bias), 3)
    tied = GatedNetwork(**{**vars(made), "gate": same})
    ids = rows(sizes, 50)
    assert same.choose(ids)[:, :3].all()
    np.testing.assert_allclose(tied.scores(ids), tied.reference(ids), atol=1e-4)


def test_a_fields_part_is_what_the_row_would_lose() -> None:
    made, sizes = network(6, 4, 32, 2)
    assert made.gate is not None
    ids = rows(sizes, 20)
    parts = made.parts(ids)
    assert ((parts != 0) <= made.gate.choose(ids)).all()


def test_what_does_not_fit_is_refused() -> None:
    kernels.use(NATIVE[0])
    made, sizes = network(4, 4, 32, 2)
    ids = rows(sizes, 2)
    with pytest.raises(ValueError, match="out of range"):
        made.scores(ids + 1000)
    with pytest.raises(ValueError, match="a column for every field"):
        made.scores(np.ascontiguousarray(ids[:, :3]))
    with pytest.raises(ValueError, match="multiples of 32"):
        GatedNetwork(**{**vars(network(4, 4, 40, None)[0])}).scores(ids)
