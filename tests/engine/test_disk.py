"""The disk's speed, measured on a file of this test's."""

from __future__ import annotations

import os
from pathlib import Path

from huozhong.engine.disk import read_rate


def test_a_large_file_is_read_all_over_and_a_small_one_tells_nothing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(os.urandom(1 << 20))
    rate = read_rate(file, piece=64 << 10, seconds=0.05)
    assert rate is not None
    assert 1e5 < rate < 1e12
    assert read_rate(file) is None, "too few pieces of four megabytes"
    assert read_rate(tmp_path / "none") is None
    assert read_rate(tmp_path) is None
