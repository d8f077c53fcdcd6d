"""What people read of reinforcement."""

from __future__ import annotations

import json
from pathlib import Path

from huozhong.train.rl.show import write_samples


def test_the_best_and_the_worst_answer_are_written(tmp_path: Path) -> None:
    answers = [
        {"text": text, "reward": r, "tokens": 3, "finished": r > 0} for text, r in (("8", 1.0), ("9", 0.1), ("x", -1.0))
    ]
    groups = [{"question": "3+5=", "gold": "8", "answers": answers}]
    write_samples(tmp_path / "samples", 20, groups)
    assert [
        json.loads(line) for line in (tmp_path / "samples" / "step-00000020.jsonl").read_text().splitlines()
    ] == groups
    text = (tmp_path / "samples" / "step-00000020.txt").read_text()
    assert "best: 1.000, 3 tokens \n8" in text
    assert "worst: -1.000, 3 tokens （没写完 / cut off）\nx" in text
    assert "0.100" not in text
