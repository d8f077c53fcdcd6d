"""What a generated token reads of the weights, as benchmarks/compare.py tells it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from benchlib.ours import bytes_per_token, share_of_experts

sys.path.remove(str(Path(__file__).parents[2] / "benchmarks"))

from huozhong.engine.llm import LLM


def test_a_token_reads_nothing_twice():
    with LLM("ember", cache_tokens=256, max_context=256) as llm:
        weights = llm.runner.weights
        assert weights.mapped is not None
        file = weights.mapped.data.nbytes
        read = bytes_per_token(weights, share_of_experts(llm.runner))
    assert 0.6 * file < read <= file  # every packed number is in the file once
