"""The pictures of docs/transistors.md are of its tables."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import transistors


def test_a_table_is_read_as_a_reader_reads_it() -> None:
    page = "text\n\n| who | ms |\n|---|---|\n| ours | **7.4** ms |\n| | 1,012 ms |\n\n| other | 1 |\n"
    rows = transistors.table(page, "who")
    assert rows == [["ours", "7.4 ms"], ["ours", "1,012 ms"]]
    assert [transistors.number(cell) for _, cell in rows] == [7.4, 1012.0]
    with pytest.raises(SystemExit, match="no number in 'many'"):
        transistors.number("many")


def test_the_page_has_all_that_is_drawn_of_it() -> None:
    page = (transistors.DOCS / "transistors.md").read_text(encoding="utf-8")
    assert len(transistors.table(page, "among 1,000,000")) >= 5
    assert {row[0] for row in transistors.table(page, "ours over | 23 real")} >= {"Naive", "ARIMA(2,1,0)"}
    assert [transistors.number(row[2]) for row in transistors.table(page, "| AUC")][1] > 100_000
    shown = re.findall(r"images/(transistors-\w+\.png)", page)
    assert sorted(shown) == sorted(file.name for file in (transistors.DOCS / "images").glob("transistors-*.png"))
    assert len(shown) == 3
