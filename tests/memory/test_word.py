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


def test_what_is_damaged() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("word/document.xml", "<w:document")
    for data in (out.getvalue(), document("")[:40], document("").replace(b"w:body", b"w:bodi")):
        with pytest.raises(NotWord):
            words(data)
