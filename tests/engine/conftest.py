"""Every test of the engine leaves those kernels in use that it found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from huozhong.engine import kernels
from huozhong.engine.cache import prefixes


@pytest.fixture(scope="session", autouse=True)
def _patient_with_the_disk() -> Iterator[None]:
    """A busy machine is no sleeping disk: pages that are kept are waited for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefixes, "PATIENCE_SECONDS", 60.0)
        yield


@pytest.fixture(autouse=True)
def restore() -> Iterator[None]:
    before = kernels.used()
    yield
    kernels.use(before)
