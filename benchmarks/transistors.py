"""The pictures of docs/transistors.md, drawn from the tables that stand there: what is measured again is drawn again.

python benchmarks/transistors.py        writes docs/images/transistors-*.png (needs matplotlib)
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"


def table(page: str, head: str) -> list[list[str]]:
    """The rows of the table whose first line begins with `head`; an empty first cell is the one above it."""
    lines = page[page.index(f"\n| {head}") + 1 :].split("\n\n", 1)[0].splitlines()[2:]
    rows: list[list[str]] = []
    for line in lines:
        cells = [re.sub(r"[*]", "", cell).strip() for cell in line.strip("|").split("|")]
        rows.append([cells[0] or rows[-1][0], *cells[1:]])
    return rows


def number(text: str) -> float:
    """The first one in a cell."""
    found = re.search(r"\d[\d,]*(?:\.\d+)?", text)
    if found is None:
        sys.exit(f"docs/transistors.md: no number in {text!r}.")
    return float(found[0].replace(",", ""))


def main() -> None:
    from benchlib.drawn import draw_bars, draw_ratios  # here, because it needs matplotlib

    page = (DOCS / "transistors.md").read_text(encoding="utf-8")
    images = DOCS / "images"
    bars = [(f"{who}, cosine {cosine}", number(slow), f"{slow}, recall {recall}")
            for who, cosine, recall, _, slow in table(page, "among 1,000,000")]  # fmt: skip
    draw_bars(
        bars, images / "transistors-vectors.png", title="The nearest of a million vectors, two cores",
        axis="milliseconds in which 95% of questions are answered (logarithmic)", logarithmic=True,
    )  # fmt: skip
    rows = [(who, [number(real), number(made)]) for who, real, made in table(page, "ours over | 23 real")[:-1]]
    draw_ratios(
        rows, images / "transistors-prices.png", title="Forecasts of eight weeks, pinball loss over each peer's",
        axis="less than 1: better than the peer", sets=["23 real series", "4 made-up ones"],
    )  # fmt: skip
    tried = [row for row in table(page, "| AUC") if row[0] != "logistic regression"]
    draw_bars(
        [(who, number(work), f"{work}, AUC {number(auc):.4f}") for who, auc, work in tried],
        images / "transistors-rank.png", title="What to offer whom: work a row, and what it is worth",
        axis="multiply-adds a row", logarithmic=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
