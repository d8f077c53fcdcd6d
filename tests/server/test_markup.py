"""What models write besides Markdown, on its way to the page."""

from __future__ import annotations

import re
import time

import pytest

from huozhong.server.render import render_markdown


def shown(text: str) -> str:
    """An answer's HTML without what every link has."""
    html = re.sub(r' target="_blank" rel="[^"]*"', "", render_markdown(text)).strip()
    return html.removeprefix("<p>").removesuffix("</p>")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("一<br>二<br/>三<BR />四", "一<br>\n二<br>\n三<br>\n四"),
        (
            "H<sub>2</sub>O，x<sup>2</sup>，<u>下</u>，<kbd>Ctrl</kbd>",
            "H<sub>2</sub>O，x<sup>2</sup>，<u>下</u>，<kbd>Ctrl</kbd>",
        ),
        ("x<sub>a<sub>b</sub></sub>", "x<sub>a<sub>b</sub></sub>"),
        ("`<br>` 换行", "<code>&lt;br&gt;</code> 换行"),
        ("只有 <sub> 开头", "只有 &lt;sub&gt; 开头"),
        ("只有结尾 </sub>", "只有结尾 &lt;/sub&gt;"),
        ("<sub onclick=x>1</sub>", "&lt;sub onclick=x&gt;1&lt;/sub&gt;"),
        ("<b>粗</b> List<String>", "&lt;b&gt;粗&lt;/b&gt; List&lt;String&gt;"),
    ],
)
def test_the_html_that_answers_hold(text: str, html: str) -> None:
    assert shown(text) == html


@pytest.mark.parametrize(
    ("text", "address", "after"),
    [
        ("见 https://a.example/b。再看", "https://a.example/b", "。再看"),
        ("（https://a.example/b）", "https://a.example/b", "）"),
        ("(https://a.example/x_(y)).", "https://a.example/x_(y)", ")."),
        ("http://a.example/?q=1&b=2, and", "http://a.example/?q=1&amp;b=2", ", and"),
        ("**https://a.example**", "https://a.example", "</strong>"),
        ("- https://a.example!\n", "https://a.example", "!</li>"),
    ],
)
def test_addresses_in_the_text_are_links(text: str, address: str, after: str) -> None:
    assert f'<a href="{address}">{address}</a>{after}' in shown(text)


def test_an_address_in_a_link_or_in_code_is_left() -> None:
    assert shown("[https://a.example](https://b.example)") == '<a href="https://b.example">https://a.example</a>'
    assert shown("`https://a.example`") == "<code>https://a.example</code>"
    assert shown("https:// 是开头，javascript://x 不是") == "https:// 是开头，javascript://x 不是"


def test_a_picture_is_a_link_without_a_mark() -> None:
    assert shown("图：![猫](https://a.example/c.png)") == '图：<a href="https://a.example/c.png">猫</a>'
    assert shown("好！[猫](https://a.example/)") == '好！<a href="https://a.example/">猫</a>'


def cells(table: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", render_markdown(table), re.S)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in rows]


def test_a_pipe_in_a_cells_code_or_formula_parts_no_cells() -> None:
    rows = cells("| 式 | 值 |\n|:--|--:|\n| `a|b` | 1 |\n| `x || y` | `p|q` |\n| \\| | 2 |")
    assert rows[1:] == [["<code>a|b</code>", "1"], ["<code>x || y</code>", "<code>p|q</code>"], ["|", "2"]]
    [_, row] = cells("> | f | v |\n> |---|---|\n> | $|x|$ | 3 |")
    assert 'alttext="|x|"' in row[0]
    assert row[1:] == ["3"]


def test_cells_that_are_parted_as_they_should_be_stay_so() -> None:
    assert cells("|a|b|\n|-|-|\n| ` | ` |\n| $5 | $6 |")[1:] == [["`", "`"], ["$5", "$6"]]


@pytest.mark.parametrize(
    "piece", ["<u>", "</u>", "<sub>x</sub>", "<br>", "|a|\n|-|\n", "| `a|b` |\n", "https://", "https://a.cn/ "]
)
def test_no_text_takes_long(piece: str) -> None:
    started = time.process_time()
    render_markdown(piece * (60_000 // len(piece)))
    assert time.process_time() - started < 6


def test_stars_that_multiply_and_stars_that_stress() -> None:
    assert shown("体积=长*宽*高") == "体积=长*宽*高"
    assert shown("y = a*b*c") == "y = a*b*c"
    assert shown("这是*重点*内容") == "这是<em>重点</em>内容"
    assert shown("**A（b）**c 和**《书》**吧") == "<strong>A（b）</strong>c 和<strong>《书》</strong>吧"
    assert shown("a**（b）**c") == "a<strong>（b）</strong>c"
