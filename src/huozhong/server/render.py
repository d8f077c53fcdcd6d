"""Markdown and formulas -> safe HTML for the chat page.  Pure: text in, HTML out, no state.

The page interprets nothing that a model writes: every answer passes through here, in three fences.
markdown-it-py is told to escape raw HTML; formulas become MathML built element by element from
an allow-list; and nh3 (ammonia) cleans the whole result once more.

Differences from CommonMark, each because of how models and Chinese readers write:
a newline is a line break (poems); four leading spaces are not code; `**重点:**下文` is bold although a
punctuation mark stands before the closing stars; the stars in 3*4*5 and in 体积=长*宽*高 multiply; what
`markup` says is read besides; images are shown as links; only http, https and mailto links are links;
headings start at <h3>, below the page's own, however many # they have, and need one; `- [x]` is a
ticked box; code is in colours where `highlight` knows the language.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token

from huozhong.server.highlight import KINDS, highlight
from huozhong.server.markup import TAGS, inline_html, link_addresses, pictures_as_links, table
from huozhong.server.mathml import MATHML_ATTRIBUTES, MATHML_TAGS, MAX_TEX, tex_to_mathml
from huozhong.skills.fan import SVG, draw, read_fan

MAX_MATH_LINES = 60

_TAGS = (
    {
        "p",
        "br",
        "hr",
        "strong",
        "em",
        "s",
        "code",
        "pre",
        "blockquote",
        "ul",
        "ol",
        "li",
        "a",
        "h3",
        "h4",
        "h5",
        "h6",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "div",
        "span",
    }
    | TAGS
    | MATHML_TAGS
    | SVG.keys()
)
_ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href", "title"},
    "ol": {"start"},
    "code": {"class"},
    "span": {"class"},
    "div": {"class"},
    "li": {"class"},
    "th": {"align"},
    "td": {"align"},
    **{tag: set(MATHML_ATTRIBUTES) for tag in MATHML_TAGS},
    **{tag: set(attributes) for tag, attributes in SVG.items()},
}
# The classes that may stand in an answer; whatever else stands there goes.
_CLASSES = {
    "code": re.compile(r"(?:tex|language-[\w+#.-]{1,20})\Z"),
    "span": re.compile(f"hl-[{KINDS}]\\Z"),
    "div": re.compile(r"(?:table|fan)\Z"),
    "li": re.compile(r"task\Z"),
}
_LINK = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_PRICE = re.compile(r"\d[\d.,]*(?:\s+[A-Za-z]{2,}|[kKmM万亿]?\s*[,;/-]\s*\Z)")
_CJK = "\u2e80-\u2fff\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
_CJK_CHARACTER = re.compile(f"[{_CJK}\u2018-\u201d\u2014\u2026]|[\U00020000-\U0003ffff]")
_TEX_TEXT = re.compile(r"\\(?:text\w*|mbox|mathrm)\s*\{[^{}]*\}")
# The delimiters of a formula that goes on a line of its own, when they open a line.
_BLOCK_MATH = {"$$": "$$", "\\[": "\\]"}


def render_markdown(text: str) -> str:
    """Turn a model's answer into HTML that is safe to insert into the page.

    Takes any text, finished or still streaming: a code fence without its end runs to the end of the
    text; a formula without its end, or one that cannot be converted, is shown as its source.
    """
    return nh3.clean(
        _MARKDOWN.render(text.replace("\0", "\ufffd")),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_filter_attribute,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


def _filter_attribute(tag: str, attribute: str, value: str) -> str | None:
    if attribute == "class" and not _CLASSES[tag].match(value):
        return None
    return value


# -- formulas ---------------------------------------------------------------------------------


def _is_formula(tex: str) -> bool:
    """Whether the text between two single dollar signs is a formula rather than prose about prices."""
    if not tex or tex[0].isspace() or tex[-1].isspace() or "\n\n" in tex:
        return False
    if _PRICE.match(tex):
        return False
    return not _CJK_CHARACTER.search(_TEX_TEXT.sub("", tex))


def _find_closing(source: str, start: int, closing: str) -> int | None:
    """Index of `closing` in `source` from `start`, skipping backslash escapes, within MAX_TEX characters."""
    pos, end = start - 1, min(len(source), start + MAX_TEX)
    while (pos := source.find(closing, pos + 1, end)) >= 0:
        before = source[start:pos]
        if (len(before) - len(before.rstrip("\\"))) % 2 == 0:
            return pos
    return None


def _inline_math(state: StateInline, silent: bool) -> bool:
    """$..$  $$..$$  \\(..\\)  \\[..\\] inside a paragraph."""
    source, start = state.src, state.pos
    opening = next((mark for mark in ("$$", "$", "\\(", "\\[") if source.startswith(mark, start)), None)
    if opening is None:
        return False
    closing = {"\\(": "\\)", "\\[": "\\]"}.get(opening, opening)
    body = start + len(opening)
    stop = _find_closing(source, body, closing)
    if stop is None:
        return False
    tex, after = source[body:stop], stop + len(closing)
    if opening == "$" and (not _is_formula(tex) or source[after : after + 1].isdigit()):
        return False
    if not tex.strip() or after > state.posMax:
        return False
    if not silent:
        token = state.push("math_inline", "math", 0)
        token.content = tex.strip()
        token.meta = {"block": opening in ("$$", "\\[")}
    state.pos = after
    return True


def _block_math(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """A formula whose delimiters stand at the beginning of one line and at the end of one line."""
    head = _line(state, first)
    closing = _BLOCK_MATH.get(head[:2])
    if closing is None:
        return False
    lines, head = [], head[2:]
    for number in range(first, min(last, first + MAX_MATH_LINES)):
        line = head if number == first else _line(state, number)
        if line.rstrip().endswith(closing):
            lines.append(line.rstrip()[:-2])
            break
        if closing in line:  # text goes on after the formula: the inline rule knows what to do
            return False
        lines.append(line)
    else:
        return False
    tex = "\n".join(lines).strip()
    if not tex or closing in tex:
        return False
    if not silent:
        state.line = number + 1
        token = state.push("math_block", "math", 0)
        token.block = True
        token.content = tex
        token.map = [first, state.line]
    return True


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _render_math(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    block = token.type == "math_block" or token.meta["block"]
    mathml = tex_to_mathml(token.content, block=block)
    if mathml is None:
        mathml = f'<code class="tex">{escape(token.content)}</code>'
    return f"<p>{mathml}</p>\n" if token.type == "math_block" else mathml


# -- Markdown ---------------------------------------------------------------------------------


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Stars and underscores, where a Chinese character or punctuation mark counts as a word boundary.

    CommonMark asks for a space outside when a punctuation mark stands inside the stars; Chinese puts
    no spaces there, and models write `**注意:**先乘除` all the time.
    """
    start, marker = state.pos, state.src[state.pos]
    if silent or marker not in "*_":
        return False
    can_open, can_close, length = state.scanDelims(start, marker == "*")
    if marker == "*":
        before = state.src[start - 1] if start > 0 else " "
        after = state.src[start + length] if start + length < state.posMax else " "
        # One side is enough: `**火（huǒ）**is` closes, though a mark stands before the stars and a letter behind.
        is_chinese = any(_CJK_CHARACTER.match(side) is not None for side in (before, after))
        can_open = can_open or (not after.isspace() and is_chinese)
        can_close = can_close or (not before.isspace() and is_chinese)
        if _multiplies(state, before, after, length):
            can_open = can_close = False
    for _ in range(length):
        state.push("text", "", 0).content = marker
        state.delimiters.append(
            Delimiter(
                marker=ord(marker),
                length=length,
                token=len(state.tokens) - 1,
                end=-1,
                open=can_open,
                close=can_close,
            )
        )
    state.pos += length
    return True


def _multiplies(state: StateInline, before: str, after: str, length: int) -> bool:
    if (before.isdigit() or before == ")") and (after.isdigit() or after == "("):
        return True
    if length > 1 or not (before.isalnum() or before in ")）") or not (after.isalnum() or after in "(（"):
        return False
    line_starts = state.src.rfind("\n", 0, state.pos) + 1
    return re.search("[=＝≈]", state.src[line_starts : state.pos]) is not None  # an equation's other side


def _adapt(state: StateCore) -> None:
    """Headings go below the page's own; table alignment is an attribute (the CSP bars styles); boxes are ticked."""
    _rank_headings([token for token in state.tokens if token.type in ("heading_open", "heading_close")])
    for index, token in enumerate(state.tokens):
        if token.type in ("th_open", "td_open"):
            style = str(token.attrs.pop("style", ""))
            if style:
                token.attrs["align"] = style.removeprefix("text-align:")
        elif token.type == "inline" and index > 1 and state.tokens[index - 2].type == "list_item_open":
            _tick(token, state.tokens[index - 2])


def _rank_headings(tokens: list[Token]) -> None:
    """The levels that an answer uses become <h3> and on, and none is passed over on the way down: screen readers walk
    by them, and models begin with any."""
    ranks = {tag: rank for rank, tag in enumerate(sorted({token.tag for token in tokens}), 3)}
    before = 2
    for token in tokens:
        if token.type == "heading_open":
            before = min(6, ranks[token.tag], before + 1)
        token.tag = f"h{before}"


def _tick(text: Token, item: Token) -> None:
    """`[ ] milk` and `[x] bread` at the beginning of a list's line: a box that every reader and printer knows."""
    first = text.children[0] if text.children else None
    if first is None or first.type != "text":
        return
    # "[x]" followed by a space: markdown-it keeps it in one text token, as no link has that name.
    if box := re.match(r"\[([ xX])\] (?=\S)|\[([ xX])\] \Z", first.content):
        first.content = ("☐ " if (box[1] or box[2]) == " " else "☑ ") + first.content[box.end() :]
        item.attrs["class"] = "task"


def _render_fence(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    name = token.info.strip().split(maxsplit=1)[0] if token.info.strip() else ""
    if name == "fan" and (chart := read_fan(token.content)) is not None:
        return f'<div class="fan">{draw(chart)}</div>\n'
    label = f' class="language-{escape(name)}"' if name else ""
    return f"<pre><code{label}>{highlight(token.content, name)}</code></pre>\n"


def _render_table(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """In a box of its own: a wide table scrolls there, and stays a table to a screen reader."""
    return '<div class="table"><table>\n' if tokens[index].type == "table_open" else "</table></div>\n"


def _build() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": 40})
    markdown.enable(["table", "strikethrough"]).disable(["image", "code", "lheading"])
    markdown.validateLink = lambda url: _LINK.match(url) is not None  # type: ignore[method-assign]
    markdown.inline.ruler.before("escape", "math", _inline_math)
    markdown.inline.ruler.at("emphasis", _emphasis)
    markdown.inline.ruler.before("html_inline", "some_html", inline_html)
    markdown.block.ruler.at("table", table, {"alt": ["paragraph", "reference"]})
    markdown.block.ruler.before("fence", "math", _block_math, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    markdown.core.ruler.push("addresses", link_addresses)
    markdown.core.ruler.push("pictures", pictures_as_links)
    markdown.core.ruler.push("adapt", _adapt)
    markdown.add_render_rule("math_inline", _render_math)
    markdown.add_render_rule("math_block", _render_math)
    markdown.add_render_rule("fence", _render_fence)
    markdown.add_render_rule("table_open", _render_table)
    markdown.add_render_rule("table_close", _render_table)
    return markdown


_MARKDOWN = _build()
