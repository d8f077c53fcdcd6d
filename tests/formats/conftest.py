"""What the tests of files on disk share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.formats.strict import strict_folder
from tests.model.conftest import one_thread

__all__ = ["one_thread"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A strict folder of one layer, with a note beside the model."""
    return strict_folder(tmp_path)
