"""What the documents say of files is true: paths, links, quotations; and they can be read on a narrow screen."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "huozhong"
LOG = sorted((ROOT / "docs" / "log").glob("*.md"))
DOCS = [*sorted((ROOT / "docs").glob("*.md")), *LOG, ROOT / "CONTRIBUTING.md"]
LINKING = [*DOCS, ROOT / "README.md", ROOT / "README.zh.md", ROOT / "recipes" / "ember" / "README.md"]
CITING = [ROOT / "CONTRIBUTING.md", ROOT / "docs" / "structure.md"]

WIDTH = 120
PATH = re.compile(r"[\w./{},*-]*/[\w./{},*-]*\.(?:py|h|cpp|inl|toml|md|js|json)\b")
QUOTE = re.compile(r"^( *)```\w+ (\S+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)[^)]*\)")
TITLE = re.compile(r"## (\d{4}-\d\d-\d\d)  \S.*")


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def spelled_out(path: str) -> Iterator[str]:
    """`a/{b,c}.py` -> a/b.py, a/c.py."""
    parts = [part.split(",") for part in re.split(r"[{}]", path)]
    return ("".join(choice) for choice in product(*parts))


def in_repository(path: str) -> list[Path]:
    """The files that a path of the documents means: from the root, or from src/huozhong."""
    return [*ROOT.glob(path), *SOURCE.glob(path)]


@pytest.mark.parametrize("file", CITING, ids=name)
def test_cited_paths_exist(file: Path) -> None:
    cited = {path for found in PATH.findall(file.read_text(encoding="utf-8")) for path in spelled_out(found)}
    assert cited
    assert sorted(path for path in cited if not in_repository(path)) == []


def test_quotations_stand_in_the_files_that_they_name() -> None:
    quotes = QUOTE.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert len(quotes) > 5
    for _, path, words in quotes:
        (source,) = in_repository(path)
        lines = [line.strip() for line in source.read_text(encoding="utf-8").splitlines()]
        quoted = [line.strip() for line in textwrap.dedent(words).splitlines()]
        assert any(lines[i : i + len(quoted)] == quoted for i in range(len(lines))), f"{path} no longer says:\n{words}"


@pytest.mark.parametrize("file", LINKING, ids=name)
def test_links_lead_somewhere(file: Path) -> None:
    targets = LINK.findall(file.read_text(encoding="utf-8"))
    assert [target for target in targets if not (file.parent / target).exists()] == []


@pytest.mark.parametrize("file", DOCS, ids=name)
def test_lines_are_narrow(file: Path) -> None:
    lines = enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    assert [number for number, line in lines if len(line) > WIDTH and not line.startswith("|")] == []


@pytest.mark.parametrize("file", [file for file in LOG if file.name != "README.md"], ids=name)
def test_log_entries_are_dated_newest_first(file: Path) -> None:
    titles = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("## ")]
    if titles[-1] == "## Not tried yet":
        titles.pop()
    found = [TITLE.fullmatch(title) for title in titles]
    assert None not in found, "an entry begins with ## YYYY-MM-DD, two spaces, what was tried: its verdict"
    dates = [match[1] for match in found if match]
    assert dates == sorted(dates, reverse=True)


def test_the_log_has_a_line_for_every_file() -> None:
    index = set(LINK.findall((ROOT / "docs" / "log" / "README.md").read_text(encoding="utf-8")))
    assert {file.name for file in LOG} - {"README.md"} <= index


def test_the_numbers_drawn_of_the_race_are_the_pages() -> None:
    page = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    race = json.loads((ROOT / "benchmarks" / "training" / "race-10m.json").read_text(encoding="utf-8"))
    runs = [*race["ours"], *race["ours_from_noise"], *race["peers"].values(), *race["as_good"].values()]
    for run in runs:
        for key, value in run.items():
            words = f"{value:.3f}" if key == "bits_per_byte" else str(value)
            assert words in page, f"docs/cost.md does not say {words}"
