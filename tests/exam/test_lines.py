"""JSON lines, and files that are written whole."""

from __future__ import annotations

import pytest

from huozhong.errors import DataError
from huozhong.exam.lines import read_file, read_lines, write_atomic


def test_files_that_cannot_be_used(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match="cannot be read"):
        read_file(tmp_path / "none.txt")
    (tmp_path / "bad.xz").write_bytes(b"not xz")
    with pytest.raises(DataError, match="damaged"):
        read_file(tmp_path / "bad.xz")
    with pytest.raises(DataError, match="cannot be written"):
        write_atomic(tmp_path / "bad.xz" / "report.json", "")
    assert read_lines('\n{"a":1}\n', "x") == [{"a": 1}]
    write_atomic(tmp_path / "deep" / "file", "text")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file"]
