"""Every test of the engine leaves those kernels in use that it found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from huozhong.engine import kernels


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    before = kernels.used()
    yield
    kernels.use(before)
