"""What fits the memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.train.adapt.adapting import opened

from huozhong.errors import ConfigError
from huozhong.train.adapt.fit import choose_fit, count_trained, upper_third


def test_memory_decides_the_way(folders: dict[str, Path]) -> None:
    view, _ = opened(folders["llama"])

    def fit(method: Any = "auto", memory: int | None = None, **options: Any) -> Any:
        values: dict[str, Any] = {"bits": None, "rank": 16, "longest": 100, "dtype_bytes": 2} | options
        return choose_fit(view, method, memory=memory, **values)

    first = fit()
    assert (first.storage, first.recompute, first.row_tokens) == ("bfloat16", False, 1024)
    names = {fit(memory=int(first.bytes * share / 0.9)).name for share in (1.0, 0.9999)}
    assert names == {"LoRA"}  # a shorter row comes before fewer bits
    assert fit(memory=int(first.bytes * 0.9999 / 0.9)).row_tokens < 1024
    assert fit("qlora", bits=4).name == "QLoRA (4 bit)"
    assert fit("full").bytes > first.bytes
    assert fit(dtype_bytes=4).storage == "float32"  # so small a base need not be widened for each product
    with pytest.raises(ConfigError, match=r"needs about 0\.\d GB .* and 0\.4 GB are free"):
        fit(memory=400_000_000)


def test_fewer_layers_take_less(folders: dict[str, Path]) -> None:
    """Neither their adapters nor what their way back would need is there; what is kept of the others is."""
    view, _ = opened(folders["llama"])
    common: dict[str, Any] = {"bits": None, "rank": 16, "longest": 100, "dtype_bytes": 4, "memory": None}
    for method in ("lora", "full"):
        whole, upper = (choose_fit(view, method, layers=layers, **common) for layers in (None, 1))  # type: ignore[arg-type]
        assert (whole.still, upper.still) == (0, 1)
        assert upper.trained <= whole.trained // 2
        assert upper.bytes < whole.bytes
        kept = choose_fit(view, method, layers=1, kept=10**8, **common)  # type: ignore[arg-type]
        assert kept.bytes == upper.bytes + 10**8
    auto = choose_fit(view, "auto", layers=1, whole=True, **common)
    assert (auto.method, auto.still) == ("full", 1)
    assert choose_fit(view, "auto", layers=1, whole=False, **common).method == "lora"
    assert count_trained(view, 1) == sum(
        view.tensor(name).size for name in view.names() if name.startswith("model.layers.1.")
    )


@pytest.mark.parametrize(("room", "upper"), [(-1, None), (0, 1), (10**6, None)])
def test_the_upper_third_where_it_is_small_and_the_model_is_not(
    room: int, upper: int | None, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from huozhong.train.adapt import fit as module

    view, _ = opened(folders["llama"])
    monkeypatch.setattr(module, "SMALL", count_trained(view, 1) + room)
    assert upper_third(view) == upper


def test_few_layers_of_a_larger_model_are_trained_whole(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is what learns that must be small: its gradients and moments are what there is room and time for."""
    from huozhong.train.adapt import fit as module

    view, _ = opened(folders["llama"])
    monkeypatch.setattr(module, "SMALL", count_trained(view, 1))
    common: dict[str, Any] = {"bits": None, "rank": 16, "longest": 100, "dtype_bytes": 4, "memory": None}
    assert choose_fit(view, "auto", layers=1, whole=True, **common).method == "full"
    assert choose_fit(view, "auto", layers=2, whole=True, **common).method == "lora"
    assert choose_fit(view, "auto", whole=True, **common).method == "lora"
