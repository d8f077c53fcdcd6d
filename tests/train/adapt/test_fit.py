"""What fits the memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.train.adapt.adapting import opened

from huozhong.errors import ConfigError
from huozhong.train.adapt.fit import choose_fit


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
    with pytest.raises(ConfigError, match=r"needs about 0\.\d GB .* and 0\.4 GB are free"):
        fit(memory=400_000_000)
