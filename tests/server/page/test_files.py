"""What the page's files promise: that old browsers can read them, and that every word is there in every language."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from huozhong.server import words
from huozhong.server.words import FOLDER, LANGUAGES, words_in

# The service worker runs only where there are service workers; they came with async functions.
SCRIPTS = sorted(FOLDER.glob("*.js"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_keep_to_the_language_of_2018(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    code = re.sub(r"'(?:\\.|[^'\\\n])*'|//.*", "''", source)
    newer = r"\?\.(?!\d)|\?\?|\bcatch\s*\{|\.(?:replaceAll|at|flat|fromEntries)\(|this\.#|^await |\*\* "
    code = re.sub(r"/\*\*[\s\S]*?\*/", "", code)
    assert re.findall(newer, code, re.MULTILINE) == []


def test_what_old_browsers_run_first_is_older_still() -> None:
    for name in ("old.js", "boot.js"):
        assert not re.search(r"\b(?:const|let|class)\b|=>|`", (FOLDER / name).read_text(encoding="utf-8"))
    assert "var(" not in (FOLDER / "plain.css").read_text(encoding="utf-8")


def test_styles_keep_to_what_old_browsers_know() -> None:
    for path in FOLDER.glob("*.css"):
        css = path.read_text(encoding="utf-8")
        assert not re.search(r":(?:has|is|where)\(|@layer|@container|\binset:|color-mix|oklch|&\s", css)
        assert not re.search(r"display: (?:inline-)?flex[^}]*[ ;]gap:", css)


def test_files_are_short() -> None:
    for path in FOLDER.glob("*.*s"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 450, path.name


def test_every_word_is_there_in_every_language() -> None:
    chinese = words_in("zh")
    for language in LANGUAGES:
        there = words_in(language)
        assert list(there) == list(chinese), language
        for key, text in there.items():
            if isinstance(text, str):
                assert text.strip(), key
                assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", chinese[key])), key
    assert len(json.dumps(words_in("zh-Hant"), ensure_ascii=False)) > 1000
    assert "对" not in json.dumps([v for k, v in words_in("zh-Hant").items() if k != "name"], ensure_ascii=False)


def test_every_word_is_used_and_every_used_word_is_there() -> None:
    sources = [path for path in FOLDER.iterdir() if path.suffix in (".js", ".html")]
    sources += Path(words.__file__).parent.glob("routes/p*.py")
    everything = "".join(path.read_text(encoding="utf-8") for path in sources)
    keys = set(words_in("zh"))
    for key in keys:
        assert key.startswith(("error.", "skip.")) or re.search(
            rf"['\"]{re.escape(key)}['\"]|\b{key}: '", everything
        ), key
    calls = r"\bt\('([\w.]+)'|data-t(?:-label|-placeholder)?=\"([\w.]+)\"|label\(\w+, '([\w.]+)'"
    calls += r"|iconButton\('\w+', '([\w.]+)', |(?:copyButton|textButton)\('([\w.]+)', |key: '([\w.]+)'"
    for match in re.findall(calls, everything):
        key = "".join(match)
        assert key in keys or key in ("error.", "skip."), key
