"""Code in colours: the text stays what it is, whatever the language; and no text takes long."""

from __future__ import annotations

import re
import time
from html import unescape

import pytest

from huozhong.server.highlight import _LANGUAGES, MAX_CHARACTERS, highlight

NAMES = [names.split()[0] for names in _LANGUAGES]
PROGRAM = """#!/usr/bin/env thing
/* a <b>comment</b> */ // and -- another # one
def area(width, height = 0x1F, *rest) { return width * height + 1.5e3; } <!-- x -->
"a string \\" with 'quotes'" `and` 'more' \"\"\"three\"\"\" $HOME ${x
SELECT name FROM people WHERE age > 18; key: [1, 2.5, true] <a href="x">&amp;</a>
[section]
+added
-gone
"""


def plain(html: str) -> str:
    return unescape(re.sub(r'<span class="hl-[a-z]">|</span>', "", html))


@pytest.mark.parametrize("language", [*NAMES, "nothing-known", ""])
def test_the_text_stays_what_it_is(language: str) -> None:
    for end in range(0, len(PROGRAM), 7):
        html = highlight(PROGRAM[:end], language)
        assert plain(html) == PROGRAM[:end]
        assert not re.search(r"<(?!/?span)", html)


@pytest.mark.parametrize(
    ("language", "code", "expected"),
    [
        ("python", "def f(x): # no\n  return 'a' + 12", "k def|f f|c # no|k return|s 'a'|n 12"),
        ("py", 'x = """a\n# b"""', 's """a\n# b"""'),
        ("js", "const a = `x ${1}` // y", "k const|s `x ${1}`|c // y"),
        ("C++", "#define N\nint x = 'a';", "k #define|b int|s 'a'"),
        ("rust", "fn id<'a>(x: &'a str)", "k fn|b str"),
        ("sql", "Select 1 -- one", "k Select|n 1|c -- one"),
        ("bash", 'echo "$A" $B # c\necho a#b', 'b echo|s "$A"|b $B|c # c|b echo'),
        ("json", '{"a": "b", "c": null}', 'a "a"|s "b"|a "c"|b null'),
        ("css", "a:hover { color: #fff; }", "a color|n #fff"),
        ("diff", "+new\n-old\n same", "i +new|d -old"),
        ("html", '<p class="x">', 'k <p|a class|s "x"|k >'),
    ],
)
def test_what_a_reader_looks_for_is_found(language: str, code: str, expected: str) -> None:
    found = re.findall(r'<span class="hl-(.)">(.*?)</span>', highlight(code, language), re.DOTALL)
    assert "|".join(f"{kind} {unescape(text)}" for kind, text in found) == expected


def test_markup_in_code_stays_text() -> None:
    assert "<script>" not in highlight("<script>alert('x')</script>", "html")
    assert "<b>" not in highlight("x = '<b>'", "python")


@pytest.mark.parametrize("language", NAMES)
def test_no_text_takes_long(language: str) -> None:
    for piece in (
        "a",
        " ",
        "'",
        '"',
        "`",
        "/*",
        "<",
        "1",
        "-",
        "a:",
        "a-",
        "{",
        "\\",
        "$",
        "[[",
        "#",
        "a\n",
        '"\\',
        "(",
        "_",
        "0x",
    ):
        text = (piece * MAX_CHARACTERS)[:MAX_CHARACTERS]
        start = time.process_time()
        assert len(plain(highlight(text, language))) == MAX_CHARACTERS
        assert time.process_time() - start < 2, (language, piece)


def test_a_very_long_text_is_left_plain() -> None:
    assert highlight("1 " * MAX_CHARACTERS, "python") == "1 " * MAX_CHARACTERS
