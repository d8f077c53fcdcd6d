"""What the page's files promise: that old browsers can read them, and that every word is there in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from huozhong.server.routes import page as page_routes

FOLDER = Path(page_routes.__file__).parents[1] / "page"
SCRIPTS = sorted(FOLDER.glob("*.js"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_keep_to_the_language_of_2018(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    code = re.sub(r"'(?:\\.|[^'\\\n])*'|//.*", "''", source)
    newer = r"\?\.(?!\d)|\?\?|\bcatch\s*\{|\.(?:replaceAll|at|flat|fromEntries)\(|this\.#|\bimport\(|^await "
    assert re.findall(newer, code, re.MULTILINE) == []


def test_styles_keep_to_what_old_browsers_know() -> None:
    for path in FOLDER.glob("*.css"):
        css = path.read_text(encoding="utf-8")
        assert not re.search(r":(?:has|is|where)\(|@layer|@container|\binset:|color-mix|oklch|&\s", css)
        assert not re.search(r"display: (?:inline-)?flex[^}]*[ ;]gap:", css)


def test_every_word_is_there_in_both_languages() -> None:
    source = (FOLDER / "i18n.js").read_text(encoding="utf-8")
    chinese, english = source.split("\n  en: {")
    pattern = re.compile(r"^    '?([\w.]+)'?:", re.MULTILINE)
    keys = pattern.findall(chinese)
    assert keys == pattern.findall(english)
    assert len(keys) == len(set(keys))
    everything = "".join(path.read_text(encoding="utf-8") for path in FOLDER.iterdir())
    for key in keys:
        assert key.startswith("error.") or re.search(rf"['\"]{key}['\"]", everything), f"{key} is never used"
    calls = r"\bt\('([\w.]+)'|data-t(?:-label|-placeholder)?=\"([\w.]+)\"|label\(\w+, '([\w.]+)'"
    for match in re.findall(calls, everything):
        key = "".join(match)
        assert key in keys or key == "error.", key
