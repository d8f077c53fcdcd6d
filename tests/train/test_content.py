"""A hash of what a model is, whatever its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from huozhong.errors import CheckpointError
from huozhong.train.content import content_of


def test_content_is_what_is_inside(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(b"weights")
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "two" / "README.md").write_text("for people")
    first = content_of(tmp_path / "one")
    assert content_of(tmp_path / "two") == first
    (tmp_path / "two" / "config.json").write_text('{"a": 1}')
    assert content_of(tmp_path / "two") != first
    (tmp_path / "one" / "model.safetensors").rename(tmp_path / "one" / "other.safetensors")
    assert content_of(tmp_path / "one") != first
    (tmp_path / "a.gguf").write_bytes(b"x")
    (tmp_path / "b.gguf").write_bytes(b"x")
    assert content_of(tmp_path / "a.gguf") == content_of(tmp_path / "b.gguf")
    with pytest.raises(CheckpointError, match="cannot be read"):
        content_of(tmp_path / "nowhere.gguf")
