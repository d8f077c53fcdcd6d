"""A model's own sampling defaults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from huozhong.engine.sequence import SamplingParams
from huozhong.errors import CheckpointError
from huozhong.server.defaults import sampling_defaults


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"eos_token_id": 2}, SamplingParams()),
        ({"do_sample": True, "temperature": 0.6, "top_p": 0.95}, SamplingParams(temperature=0.6, top_p=0.95)),
        ({"do_sample": False, "temperature": 0.6}, SamplingParams(temperature=0.0)),
        ({"top_k": 0}, SamplingParams()),
        ({"top_k": 20, "repetition_penalty": None}, SamplingParams(top_k=20)),
    ],
)
def test_reads(tmp_path: Path, config: dict[str, Any], expected: SamplingParams) -> None:
    (tmp_path / "generation_config.json").write_text(json.dumps(config))
    assert sampling_defaults(tmp_path) == expected


def test_without_the_file(tmp_path: Path) -> None:
    assert sampling_defaults(tmp_path) == SamplingParams()


@pytest.mark.parametrize("text", ["{", "[]", '{"temperature": "hot"}', '{"top_p": 7}'])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "generation_config.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"generation_config\.json"):
        sampling_defaults(tmp_path)
