"""Word documents written by hand, with what people's documents have and a library's examples do not."""

from __future__ import annotations

import io
import zipfile

import pytest

from huozhong.memory.word import NotWord, words

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"


def document(body: str, *, namespace: str = W, **parts: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("word/document.xml", f'<w:document xmlns:w="{namespace}"><w:body>{body}</w:body></w:document>')
        for name, inner in parts.items():
            packed.writestr(f"word/{name}.xml", f'<w:{name} xmlns:w="{namespace}">{inner}</w:{name}>')
    return out.getvalue()


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*inner: str) -> str:
    return f"<w:p>{''.join(inner)}</w:p>"


def cell(text: str, settings: str = "") -> str:
    return f"<w:tc><w:tcPr>{settings}</w:tcPr>{paragraph(run(text)) if text else '<w:p/>'}</w:tc>"


def said(data: bytes) -> list[str]:
    return [line for line in words(data).split("\n") if line]


def test_tracked_changes_are_read_as_they_would_be_accepted() -> None:
    struck = '<w:del w:id="1"><w:r><w:delText>五元</w:delText></w:r></w:del>'
    moved = f'<w:moveFrom w:id="3">{run("搬走的")}</w:moveFrom>'
    put_in = f'<w:ins w:id="2">{run("八元")}</w:ins>'
    assert said(document(paragraph(run("每户"), struck, put_in, moved, run("。")))) == ["每户八元。"]


def test_what_stands_in_controls_links_and_under_pinyin_is_text() -> None:
    control = f"<w:sdt><w:sdtPr><w:alias/></w:sdtPr><w:sdtContent>{paragraph(run('姓名：王芳'))}</w:sdtContent></w:sdt>"
    link = paragraph(run("见"), f"<w:hyperlink>{run('附件')}</w:hyperlink>", f"<w:smartTag>{run('一')}</w:smartTag>")
    pinyin = f"<w:ruby><w:rt>{run('mā')}</w:rt><w:rubyBase>{run('妈')}</w:rubyBase></w:ruby>"
    assert said(document(control + link + paragraph(f"<w:r>{pinyin}</w:r>"))) == ["姓名：王芳", "见附件一", "妈"]


def test_notes_stand_where_they_are_marked() -> None:
    mark = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    notes = f'<w:footnote w:id="2">{paragraph(run("1998 年"))}</w:footnote>'
    english = f'<w:footnote w:id="2">{paragraph(run("in 1998"))}</w:footnote>'
    assert said(document(paragraph(run("建成"), mark, run("。")), footnotes=notes)) == ["建成（注：1998 年）。"]
    assert said(document(paragraph(run("Built"), mark, run(".")), footnotes=english)) == ["Built (note: in 1998)."]


def test_a_text_box_is_read_once() -> None:
    box = f"<w:txbxContent>{paragraph(run('盒子里'))}</w:txbxContent>"
    both = (
        f'<m:AlternateContent xmlns:m="m"><m:Choice>{box}</m:Choice><m:Fallback>{box}</m:Fallback></m:AlternateContent>'
    )
    assert said(document(paragraph(run("盒子外"), f"<w:r>{both}</w:r>"))) == ["盒子外", "盒子里"]


def test_equal_cells_stay_two_and_merged_ones_say_it_in_every_row() -> None:
    begins, goes_on, wide = '<w:vMerge w:val="restart"/>', "<w:vMerge/>", '<w:gridSpan w:val="2"/>'
    rows = [
        cell("合计", wide) + cell("6"),
        cell("一组", begins) + cell("3") + cell("3"),
        cell("", goes_on) + cell("4") + cell(""),
    ]
    inner = f"<w:tc>{paragraph(run('外'))}<w:tbl><w:tr>{cell('里')}{cell('面')}</w:tr></w:tbl><w:p/></w:tc>"
    table = "".join(f"<w:tr>{row}</w:tr>" for row in [*rows, inner])
    assert said(document(f"<w:tbl><w:tblPr/>{table}</w:tbl>")) == [
        "合计 | 6", "一组 | 3 | 3", "一组 | 4 | ", "外 里 | 面",
    ]  # fmt: skip


@pytest.mark.parametrize("namespace", [W, STRICT])
def test_headings_are_those_whose_style_is_called_so(namespace: str) -> None:
    styles = "".join(
        f'<w:style w:styleId="{key}"><w:name w:val="{name}"/></w:style>'
        for key, name in (("a3", "heading 2"), ("b", "Body"))
    )
    body = "".join(
        paragraph(f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>', run(text))
        for style, text in (("a3", "村规"), ("b", "正文"))
    )
    assert said(document(body, namespace=namespace, styles=styles)) == ["# 村规", "正文"]


def level(at: int, form: str, text: str, more: str = "", start: int = 1) -> str:
    return (
        f'<w:lvl w:ilvl="{at}"><w:start w:val="{start}"/><w:numFmt w:val="{form}"/>{more}<w:lvlText w:val="{text}"/>'
        "</w:lvl>"
    )


def numbering(*levels: str, nums: str = '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>') -> str:
    return f'<w:abstractNum w:abstractNumId="0">{"".join(levels)}</w:abstractNum>{nums}'


def item(text: str, at: int = 0, num: int = 1, more: str = "") -> str:
    settings = f'<w:pPr><w:numPr><w:ilvl w:val="{at}"/><w:numId w:val="{num}"/></w:numPr>{more}</w:pPr>'
    return paragraph(settings, run(text) if text else "")


def test_numbers_that_word_counts_itself_are_read() -> None:
    lists = numbering(
        level(0, "chineseCountingThousand", "第%1条"),
        level(1, "decimal", "%1.%2", "<w:isLgl/>"),
        level(2, "lowerLetter", "(%3)"),
    )
    body = [
        item("总则"),
        item("姓名", 1),
        item("年龄", 1),
        item("甲", 2),
        paragraph(run("说明")),
        item("费用"),
        item("押金", 1),
    ]
    assert said(document("".join(body), numbering=lists)) == [
        "第一条 总则", "1.1 姓名", "1.2 年龄", "(a) 甲", "说明", "第二条 费用", "2.1 押金",
    ]  # fmt: skip


def test_a_list_begins_anew_only_where_it_says_so() -> None:
    nums = (
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="0"/></w:num>'
        '<w:num w:numId="3"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/>'
        "</w:lvlOverride></w:num>"
    )
    body = [item("a"), item("b", num=2), item("c", num=3), item("d", num=3), item("none", num=0)]
    assert said(document("".join(body), numbering=numbering(level(0, "decimal", "%1."), nums=nums))) == [
        "1. a", "2. b", "1. c", "2. d", "none",
    ]  # fmt: skip
    kept = numbering(level(0, "decimal", "%1."), level(1, "decimal", "%2)", '<w:lvlRestart w:val="0"/>'))
    body = [item("a"), item("b", 1), item("c"), item("d", 1)]
    assert said(document("".join(body), numbering=kept)) == ["1. a", "1) b", "2. c", "2) d"]


def test_an_empty_item_counts_and_one_struck_out_does_not() -> None:
    struck = item("", more='<w:rPr><w:del w:id="1"/></w:rPr>')
    lists = numbering(level(0, "upperRoman", "%1.", start=3))
    assert said(document(item("a") + item("") + struck + item("b"), numbering=lists)) == ["III. a", "V. b"]


def test_a_heading_has_its_number_from_its_style() -> None:
    listed = '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>'
    styles = (
        f'<w:style w:styleId="h1"><w:name w:val="heading 1"/>{listed}</w:style>'
        f'<w:style w:styleId="h2"><w:name w:val="heading 2"/>{listed}</w:style>'
        '<w:style w:styleId="own"><w:name w:val="Own"/><w:basedOn w:val="h2"/></w:style>'
    )
    lists = numbering(
        level(0, "chineseCounting", "%1、", '<w:pStyle w:val="h1"/><w:suff w:val="nothing"/>'),
        level(1, "decimal", "%2．", '<w:pStyle w:val="h2"/><w:suff w:val="nothing"/>'),
    )
    rows = [("h1", "背景"), ("h2", "人口"), ("own", "耕地"), ("h1", "办法")]
    body = "".join(paragraph(f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>', run(text)) for style, text in rows)
    assert said(document(body, styles=styles, numbering=lists)) == ["# 一、背景", "# 1．人口", "2．耕地", "# 二、办法"]


@pytest.mark.parametrize(
    ("form", "number", "mark"),
    [
        ("bullet", 1, "- x"), ("none", 1, "x"), ("chineseCounting", 10, "十. x"),
        ("chineseCountingThousand", 103, "一百零三. x"),
        ("chineseLegalSimplified", 12, "壹拾贰. x"), ("ideographTraditional", 3, "丙. x"),
        ("decimalEnclosedCircle", 9, "⑨. x"),
        ("lowerRoman", 49, "xlix. x"), ("upperLetter", 28, "BB. x"),
        ("decimalZero", 7, "07. x"), ("hebrew1", 4, "4. x"),
        ("chineseCountingThousand", 1010, "一千零一十. x"), ("ideographEnclosedCircle", 21, "21. x"),
    ],
)  # fmt: skip
def test_forms_of_numbers(form: str, number: int, mark: str) -> None:
    text = "" if form == "none" else "%1."
    assert said(document(item("x"), numbering=numbering(level(0, form, text, start=number)))) == [mark]


def test_ticked_boxes_and_formulas_are_not_lost() -> None:
    boxes = (
        '<w:r><w:sym w:font="Wingdings" w:char="F0FE"/></w:r>',
        '<w:r><w:sym w:font="Wingdings" w:char="F0A8"/></w:r>',
    )
    ornament = '<w:r><w:sym w:font="Webdings" w:char="F0E4"/></w:r>'
    assert said(document(paragraph(boxes[0], run("同意 "), boxes[1], run("不同意"), ornament))) == ["☑同意 ☐不同意"]
    math = "http://schemas.openxmlformats.org/officeDocument/2006/math"

    def m(inner: str) -> str:
        return f'<m:oMath xmlns:m="{math}">{inner}</m:oMath>'

    def part(name: str, text: str) -> str:
        return f"<m:{name}><m:r><m:t>{text}</m:t></m:r></m:{name}>"

    half = f"<m:f>{part('num', '1')}{part('den', 'a+2')}</m:f>"
    square = f"<m:sSup>{part('e', 'x')}{part('sup', '2')}</m:sSup>"
    root = f"<m:rad><m:radPr><m:degHide/></m:radPr><m:deg/>{part('e', '2')}</m:rad>"
    shape = '<w:pict><v:f xmlns:v="urn:schemas-microsoft-com:vml" eqn="sum 1 2 3"/></w:pict>'
    assert said(document(paragraph(m(half + square + root), shape))) == ["1/(a+2)x^2√2"]


def test_what_is_damaged() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("word/document.xml", "<w:document")
    for data in (out.getvalue(), document("")[:40], document("").replace(b"w:body", b"w:bodi")):
        with pytest.raises(NotWord):
            words(data)
