"""Markdown and formulas for the page: what is shown, and that nothing in it is ever interpreted."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest

from huozhong.server.mathml import MATHML_ATTRIBUTES, MATHML_TAGS, MAX_TEX, tex_to_mathml
from huozhong.server.render import render_markdown

_PROSE = "p br hr strong em s code pre blockquote ul ol li a h3 h4 h5 h6 table thead tbody tr th td div span"
ALLOWED_TAGS = set(_PROSE.split()) | MATHML_TAGS
ALLOWED_ATTRIBUTES = {"href", "title", "target", "rel", "start", "class", "align"} | MATHML_ATTRIBUTES


def show(text: str) -> str:
    """The HTML without the newlines between tags."""
    return re.sub(r"\n+(?=<|\Z)", "", render_markdown(text))


# -- Markdown ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        ("你好", "<p>你好</p>"),
        ("一行\n二行", "<p>一行<br>\n二行</p>"),
        ("# 题\n正文", "<h3>题</h3><p>正文</p>"),
        ("###### 小题", "<h3>小题</h3>"),
        ("### 三\n# 一\n### 三\n###### 六\n## 二", "<h3>三</h3><h3>一</h3><h4>三</h4><h5>六</h5><h4>二</h4>"),
        ("正文\n---", "<p>正文</p><hr>"),
        ("> 引用", "<blockquote><p>引用</p></blockquote>"),
        ("~~错~~", "<p><s>错</s></p>"),
        ("    四个空格", "<p>四个空格</p>"),
        ("3. 三\n4. 四", '<ol start="3"><li>三</li><li>四</li></ol>'),
        ("`a < b`", "<p><code>a &lt; b</code></p>"),
        ("a\0b", "<p>a\ufffdb</p>"),
    ],
)
def test_markdown(text: str, html: str) -> None:
    assert show(text) == html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**\u6ce8\u610f\uff1a**先乘除", "<strong>\u6ce8\u610f\uff1a</strong>先乘除"),
        ("他说**“好”**的", "他说<strong>“好”</strong>的"),
        ("中文**粗体**中文", "中文<strong>粗体</strong>中文"),
        ("*a* **b** ***c***", "<em>a</em> <strong>b</strong> <em><strong>c</strong></em>"),
        ("3*4*5=60", "3*4*5=60"),
        ("(1+2)*(3+4)*5", "(1+2)*(3+4)*5"),
        ("2**3**2", "2**3**2"),
        ("snake_case_name", "snake_case_name"),
        ("**没有关", "**没有关"),
    ],
)
def test_emphasis(text: str, html: str) -> None:
    assert show(text) == f"<p>{html}</p>"


def test_tables_keep_their_alignment_without_styles() -> None:
    html = show("|a|b|c|\n|:-|:-:|-:|\n|1|**2**|3|")
    assert '<td align="left">1</td><td align="center"><strong>2</strong></td><td align="right">3</td>' in html
    assert "style" not in html


def test_lists_nest_and_hold_code() -> None:
    html = show("- 一\n  - 二\n\n    ```py\n    if x:\n        y()\n    ```\n- 三")
    assert html.count("<ul>") == 2
    code = '<span class="hl-k">if</span> x:\n    <span class="hl-f">y</span>()'
    assert f'<pre><code class="language-py">{code}</code></pre>' in html


def test_boxes_of_a_list_are_ticked_or_not() -> None:
    html = show("- [ ] 牛奶\n- [x] **面包**\n- [X]没有空格\n- [a](https://b.cn) 链接\n\n[x] 正文")
    assert '<li class="task">☐ 牛奶</li><li class="task">☑ <strong>面包</strong></li>' in html
    assert "<li>[X]没有空格</li>" in html
    assert html.count("☐") == html.count("☑") == 1


@pytest.mark.parametrize("text", ["```python\nprint(1)", "```python\nprint(1)\n", "```python\nprint(1)\n```"])
def test_an_unfinished_fence_is_code_already(text: str) -> None:
    printed = '<span class="hl-b">print</span>(<span class="hl-n">1</span>)'
    assert show(text).startswith(f'<pre><code class="language-python">{printed}')


def test_links_open_elsewhere_and_only_the_web_is_linked() -> None:
    html = show("[a](https://example.com/?x=1&y=2) <http://b.example> [c](mailto:c@d.example)")
    assert html.count('target="_blank"') == html.count('rel="noopener noreferrer nofollow"') == 3
    for address in (
        "javascript:alert(1)",
        "data:text/html,x",
        "/v1/models",
        "//evil.example",
        "file:///etc",
        "JaVaScRiPt:alert(1)",
        "java&#10;script:alert(1)",
        "#top",
    ):
        assert "<a" not in show(f"[x]({address})"), address


# -- formulas ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["$x^2$", "\\(x^2\\)", "前$x^2$后", "**$x^2$**"])
def test_inline_formulas(text: str) -> None:
    assert '<math display="inline" alttext="x^2"><mrow><msup><mi>x</mi><mn>2</mn></msup>' in show(text)


@pytest.mark.parametrize(
    "text",
    ["$$x=1$$", "$$\nx=1\n$$", "\\[x=1\\]", "\\[\n  x=1\n\\]", "因为\n$$x=1$$\n所以", "因为 $$x=1$$ 所以",
     "- 第一步\n  $$\n  x=1\n  $$\n- 第二步", "> \\[\n> x=1\n> \\]"],
)  # fmt: skip
def test_formulas_on_their_own_line(text: str) -> None:
    html = show(text)
    assert '<math display="block" alttext="x=1">' in html
    assert "$" not in html


@pytest.mark.parametrize(
    "text",
    ["$5 and $10", "from $5 to ($10)", "US$5,US$10", "苹果$5元,梨$6元", "\\$x\\$", "$ x $", "$", "$$", "$x",
     "I paid $5 or maybe 10$", "`$x$`", "$$x", "\\(x", "\\[x", "$5-$10", "$5k, $6k"],
)  # fmt: skip
def test_prices_and_unfinished_formulas_stay_text(text: str) -> None:
    assert "<math" not in show(text)
    assert 'class="tex"' not in show(text)


@pytest.mark.parametrize("tex", ["5", "5x+1", "5\\text{元}", "2 \\times 3", "10\\%", "a_1, a_2"])
def test_formulas_that_begin_like_prices(tex: str) -> None:
    assert "<math" in show(f"${tex}$")


@pytest.mark.parametrize(
    "tex",
    ["\\frac{1}", "\\foo{x}", "x_", "\\left( x", "a & b", "\\begin{matrix}1", "}", "\\sqrt[", "^" * 50,
     "{" * 300 + "x" + "}" * 300, "\\newcommand{\\a}{\\a\\a}\\a", "\\def\\a{b}\\a"],
)  # fmt: skip
def test_broken_formulas_show_their_source(tex: str) -> None:
    assert tex_to_mathml(tex) is None
    html = show(f"\\({tex}\\)")
    assert '<code class="tex">' in html
    assert "<math" not in html


def test_too_long_a_formula_is_not_converted() -> None:
    assert tex_to_mathml("x" * (MAX_TEX + 1)) is None


@pytest.mark.parametrize(
    "tex",
    ["\\begin{aligned} a &= 1 \\\\ b &= 2 \\end{aligned}", "\\begin{cases} 1 & x>0 \\\\ 2 & x<0 \\end{cases}",
     "\\begin{gather*} a \\\\ b \\end{gather*}", "\\begin{equation} x \\end{equation}", "\\boxed{42}",
     "\\dfrac{1}{2}", "\\sum_{i=1}^{n} i", "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "90^\\circ",
     "12 \\div 4 = 3 \\cdots\\cdots 0", "1{,}000", "\\text{速度} = \\frac{\\text{路程}}{\\text{时间}}"],
)  # fmt: skip
def test_what_schools_write_is_converted(tex: str) -> None:
    mathml = tex_to_mathml(tex, block=True)
    assert mathml is not None
    assert mathml.startswith('<math display="block"')


def test_no_macro_outlives_its_formula() -> None:
    show("$\\newcommand{\\zz}{x}$ $\\DeclareMathOperator{\\zz}{x}$")
    assert tex_to_mathml("\\zz") is None


# -- safety --------------------------------------------------------------------------------------

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><a xlink:href='javascript:alert(1)'>x</a></svg>",
    "<math><mtext><script>alert(1)</script></mtext></math>",
    "<math><annotation-xml encoding='text/html'><img src=x onerror=alert(1)></annotation-xml></math>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<style>*{display:none}</style>",
    "<!-- --!><script>alert(1)</script> -->",
    "[x](javascript:alert(1)) ![x](javascript:alert(1)) <javascript:alert(1)>",
    '[x](https://a.example "onmouseover=alert(1)")',
    "[x]: javascript:alert(1)\n\n[x]",
    '```"><script>alert(1)</script>\nx\n```',
    "```html onload=alert(1)\n</code></pre><script>alert(1)</script>\n```",
    "$\\text{<script>alert(1)</script>}$",
    "$\\text{&lt;img src=x onerror=alert(1)&gt;}$",
    "$\\href{javascript:alert(1)}{x} \\class{a\" onload=alert(1)}{x} \\style{color:red}{x}$",
    "$\\unicode{x3c}script$ $<img src=x onerror=alert(1)>$",
    "$\\color{red\" onload=\"alert(1)}{x}$",
    "\\(</math><script>alert(1)</script>\\)",
    "|<b onclick=alert(1)>|\n|-|\n|<script>|",
]  # fmt: skip


class _Audit(HTMLParser):
    """Collects every tag and attribute that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ALLOWED_TAGS:
            self.problems.append(tag)
        for name, value in attrs:
            if name not in ALLOWED_ATTRIBUTES:
                self.problems.append(f"{tag} {name}")
            if name == "href" and not re.match(r"(https?://|mailto:)", value or ""):
                self.problems.append(f"{tag} {name}={value}")

    def handle_comment(self, data: str) -> None:
        self.problems.append("comment")


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_from_the_model_is_interpreted(attack: str) -> None:
    # Also cut off at every place, as it streams in, and inside other structures.
    wrapped = [f"- {attack}", f"**{attack}**", f"> {attack}"]
    for text in [attack[:end] for end in range(len(attack) + 1)] + wrapped:
        audit = _Audit()
        audit.feed(render_markdown(text))
        audit.close()
        assert audit.problems == [], text


def test_the_rendered_html_is_stable() -> None:
    """Cleaning again changes nothing: what was cleaned is what the browser will parse (no mutation)."""
    import nh3

    for attack in ATTACKS:
        html = render_markdown(attack)
        again = nh3.clean(
            html,
            tags=ALLOWED_TAGS,
            attributes={"*": ALLOWED_ATTRIBUTES - {"rel"}},
            link_rel="noopener noreferrer nofollow",
        )
        assert again == html


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit", ["$a ", "\\(", "\\[\n", "$$\n", "[", "**a ", "> ", "`", "- a\n", "*a **a ", "$x$ ", "<a ", "\\"]
)
def test_no_text_takes_long(unit: str) -> None:
    text = unit * (10_000 // len(unit))
    start = time.process_time()
    render_markdown(text)
    assert time.process_time() - start < 5
