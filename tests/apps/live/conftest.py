"""The tiny random model of the server's tests."""

from tests.server.conftest import endless_folder, llm

__all__ = ["endless_folder", "llm"]
