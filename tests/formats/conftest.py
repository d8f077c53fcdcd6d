"""What the tests of files on disk share with those of models and of text."""

from __future__ import annotations

from tests.model.conftest import one_thread

__all__ = ["one_thread"]
