"""The tokenizers of the text tests, to be written to GGUF and back."""

from __future__ import annotations

from tests.text.conftest import corpus, deepseek_folder, folder, template, tokenizer

__all__ = ["corpus", "deepseek_folder", "folder", "template", "tokenizer"]
