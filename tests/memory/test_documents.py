"""Files as people have them: made by a real browser, a real Word library, and by hands that mean no good."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from difflib import SequenceMatcher

import pytest
from docx import Document as WordDocument
from pypdf import PdfReader, PdfWriter
from pypdf.errors import DependencyError

from huozhong.errors import DocumentError
from huozhong.memory.apart import read_apart
from huozhong.memory.documents import read

PAGES = [
    "第一页讲养猪：母猪怀孕一百一十四天。",
    "第二页讲养鸡：春季注意通风。",
    "The third page is about sheep and wool.",
]


def hand_made_pdf(stream: bytes, encoding: str = "") -> bytes:
    """The smallest PDF with one page of this content."""
    return pdf_of(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
            b"<</Length %d%s>>stream\n%s\nendstream" % (len(stream), encoding.encode(), stream),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        ]
    )


def pdf_of(objects: list[bytes]) -> bytes:
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, content)
    count, start = len(objects) + 1, len(out)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        out
        + b"xref\n0 %d\n0000000000 65535 f \n" % count
        + table
        + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, start)
    )


def chinese_pdf(encoding: str, drawn: bytes, more: bytes = b"") -> bytes:
    """A page in a font that is not in the file; drawn: the numbers of its characters.  more: what else is drawn."""
    stream = b"BT /F 20 Tf 20 100 Td <%s> Tj ET %s" % (drawn.hex().encode(), more)
    return pdf_of(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R/L 8 0 R>>>>>>",
            b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
            b"<</Type/Font/Subtype/Type0/BaseFont/Song/Encoding/%s/DescendantFonts[6 0 R]>>" % encoding.encode(),
            b"<</Type/Font/Subtype/CIDFontType0/BaseFont/Song/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)"
            b"/Supplement 2>>/FontDescriptor 7 0 R>>",
            b"<</Type/FontDescriptor/FontName/Song/Flags 4>>",
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        ]
    )


def word(fill: Callable[[WordDocument], None]) -> bytes:
    document = WordDocument()
    fill(document)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_a_pdf_that_a_browser_printed(printed_pdf: Callable[[list[str]], bytes]) -> None:
    document = read_apart("养殖.pdf", printed_pdf(PAGES))
    assert (document.kind, document.paged, len(document.pages)) == ("pdf", True, 3)
    assert [page.replace(" ", "") for page in document.pages[:2]] == PAGES[:2]
    assert document.pages[2] == PAGES[2]


CHINESE = "光合作用是植物利用阳光，把水和二氧化碳变成氧气的过程。小明有 15 个苹果，吃了 7 个，还剩几个？"
ENGLISH = "Plants make sugar and oxygen out of water and carbon dioxide. Chapter 3, page 42."


@pytest.mark.parametrize(
    ("encoding", "codec"),
    [("GBK-EUC-H", "gbk"), ("GBKp-EUC-H", "gbk"), ("UniGB-UCS2-H", "utf-16-be"), ("Identity-H", "utf-16-be")],
)
def test_a_pdf_whose_font_says_its_characters_by_a_known_encoding(encoding: str, codec: str) -> None:
    said = "我们的母猪怀孕了一百天。"
    assert read_apart("a.pdf", chinese_pdf(encoding, said.encode(codec))).pages == (said,)


# Numbers of drawings: of a font for Chinese, and of one for Latin letters, where they are letters again.
DRAWINGS = [b"".join(at.to_bytes(2, "big") for at in (1234, 833, 2211, 405, 4000, 3001)), b"\0W\0K\0H\0\3\0F\0D\0W"]


@pytest.mark.parametrize("drawn", DRAWINGS)
def test_a_pdf_whose_font_only_draws_is_no_text(drawn: bytes) -> None:
    with pytest.raises(DocumentError, match="fonts do not say"):
        read_apart("a.pdf", chinese_pdf("Identity-H", drawn))
    beside = b"BT /L 20 Tf 20 50 Td (Invoice 17) Tj ET"
    (page,) = read_apart("a.pdf", chinese_pdf("Identity-H", drawn, beside)).pages
    assert page == "Invoice 17"


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_a_pdf_that_may_be_read_but_not_changed(algorithm: str) -> None:
    writer, out, locked = PdfWriter(), io.BytesIO(), io.BytesIO()
    writer.append(io.BytesIO(hand_made_pdf(b"BT /F 20 Tf 20 100 Td (Hello) Tj ET")))
    writer.encrypt("", "owner", algorithm=algorithm)
    writer.write(out)
    assert read_apart("a.pdf", out.getvalue()).pages == ("Hello",)
    writer.encrypt("user", "owner", algorithm=algorithm)
    writer.write(locked)
    with pytest.raises(DocumentError, match="password"):
        read_apart("a.pdf", locked.getvalue())


@pytest.mark.parametrize("text", [CHINESE, ENGLISH], ids=["Chinese", "English"])
def test_a_picture_of_text(picture: Callable[[str], bytes], text: str) -> None:
    document = read_apart("screen.png", picture(text))
    assert (document.kind, document.paged, len(document.pages)) == ("image", False, 1)
    read = "".join(document.pages[0].split()).replace("?", "？")
    alike = SequenceMatcher(None, read, text.replace(" ", ""), autojunk=False).ratio()
    assert alike > 0.93, document.pages[0]


def test_a_picture_where_no_program_reads_it(picture: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    png = picture("火种")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DocumentError, match="need the program tesseract"):
        read_apart("screen.png", png)


def test_a_word_document_with_headings_and_tables() -> None:
    def fill(document: WordDocument) -> None:
        document.add_heading("村规", 1)
        document.add_paragraph("晚上十点以后不放音乐。")
        table = document.add_table(rows=1, cols=2)
        table.cell(0, 0).text, table.cell(0, 1).text = "卫生费", "每户五元"
        document.add_paragraph("完。")

    document = read_apart("村规.docx", word(fill))
    assert (document.kind, document.paged) == ("docx", False)
    assert document.pages[0].split() == ["#", "村规", "晚上十点以后不放音乐。", "卫生费", "|", "每户五元", "完。"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16", "big5"])
def test_plain_text_in_the_encodings_of_peoples_disks(encoding: str) -> None:
    text = (
        "今天天氣很好，我們一起去學校讀書，老師說大家都來。" if encoding == "big5" else "今天天气很好，我们去上学。\r\n"
    )
    document = read_apart("a.txt", (text * 5).encode(encoding))
    assert document.pages == ((text * 5).replace("\r\n", "\n"),)
    assert not document.paged


def test_form_feeds_are_pages() -> None:
    assert read_apart("a.txt", b"one\ftwo").pages == ("one", "two")
    assert read_apart("a.txt", b"one\ftwo").paged


def test_a_web_page_is_its_words() -> None:
    page = b"<!doctype html><title>T</title><script>steal()</script><p>Pigs &amp; sheep</p><p>a  b</p>"
    document = read_apart("page.html", page)
    assert document.kind == "html"
    assert document.pages[0].split("\n") == ["T", "", "Pigs & sheep", "", "a b"]


def test_an_encrypted_pdf_without_the_package_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    writer, out = PdfWriter(), io.BytesIO()
    writer.append(io.BytesIO(hand_made_pdf(b"BT /F 20 Tf 20 100 Td (Hello) Tj ET")))
    writer.encrypt("", "owner", algorithm="RC4-128")
    writer.write(out)

    def without(self: PdfReader, password: str) -> None:
        raise DependencyError("cryptography>=3.1 is required for AES algorithm")

    monkeypatch.setattr(PdfReader, "decrypt", without)
    _, pages = read("a.pdf", out.getvalue())
    with pytest.raises(DocumentError, match="one more package"):
        next(pages)


def test_text_that_begins_like_a_picture() -> None:
    for text in ("BMW 是一家公司。", "RIFF is a format.", "GIF8 is none."):
        document = read_apart("a.txt", text.encode())
        assert (document.kind, document.pages) == ("text", (text,))


def packed(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return out.getvalue()


REFUSED: dict[str, tuple[bytes, str]] = {
    "a.bin": (b"\0\1\2", "cannot be read here"),
    "empty.txt": (b"", "holds no text"),
    "blank.pdf": (hand_made_pdf(b""), "pages seem to be pictures"),
    "cut.pdf": (b"%PDF-1.4 and then nothing", "damaged"),
    "a.zip": (b"PK\x03\x04 and then nothing", "packed file"),
    "slides.pptx": (packed("ppt/presentation.xml"), "PowerPoint file; save it as PDF"),
    "sheet.xlsx": (packed("xl/workbook.xml"), "Excel file; save it as CSV"),
    "book.epub": (packed("META-INF/container.xml"), "EPUB book"),
    "note.odt": (packed("content.xml", "META-INF/manifest.xml"), "OpenDocument"),
    "mine.zip": (packed("word.txt"), "unpack it"),
    "note.rtf": (rb"{\rtf1\ansi Hello}", "Rich Text Format"),
    "photo.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "HEIC photo; save it as JPEG"),
    "locked.docx": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "password"),
    "none.pdf": (pdf_of([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"]), "no pages"),
    "old.doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old form"),
    "long.txt": ("字".encode() * 5_000_001, "too long"),
    "many.txt": (b"x\f" * 5_001, "too long"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_said_in_one_sentence(name: str) -> None:
    data, why = REFUSED[name]
    with pytest.raises(DocumentError, match=why) as caught:
        read_apart(name, data)
    assert "\n" not in str(caught.value)
    assert any("\u4e00" <= character <= "\u9fff" for character in caught.value.chinese)


def bomb_of(piece: bytes, times: int) -> bytes:
    """`piece * times`, packed, without packing all of it: a piece that ends on a byte may be written again."""
    packer = zlib.compressobj(9)
    first = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)  # after a full flush nothing refers to before
    end = packer.flush()[:-4]
    check = 1
    for _ in range(times):
        check = zlib.adler32(piece, check)
    return first + again * (times - 1) + end + check.to_bytes(4, "big")


def test_a_pdf_that_unpacks_to_a_gigabyte_takes_its_own_memory_only() -> None:
    piece = b"BT /F 9 Tf (x) Tj ET\n" * 50_000
    assert zlib.decompress(bomb_of(piece, 3)) == piece * 3
    bomb = bomb_of(piece, 1_000)
    with pytest.raises(DocumentError):
        read_apart("bomb.pdf", hand_made_pdf(bomb, "/Filter/FlateDecode"), seconds=20)


def test_a_word_document_that_unpacks_to_a_gigabyte_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        packed.writestr("word/document.xml", b" " * (300 * 2**20))
    with pytest.raises(DocumentError, match="more than 200 MB"):
        read_apart("bomb.docx", out.getvalue())


def test_entities_that_multiply_are_refused() -> None:
    laughs = '<!DOCTYPE d [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {after} "{f"&{before};" * 20}">' for before, after in zip("abcdefgh", "bcdefghi", strict=True)
    )
    body = (
        f'{laughs}]><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">&i;</w:document>'
    )
    good = word(lambda document: document.add_paragraph("x"))
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as source, zipfile.ZipFile(out, "w") as packed:
        for part in source.infolist():
            packed.writestr(part, body if part.filename == "word/document.xml" else source.read(part))
    with pytest.raises(DocumentError):
        read_apart("laughs.docx", out.getvalue(), seconds=20)


def test_a_file_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(DocumentError, match="took longer"):
        read_apart("slow.txt", b"x" * 100, seconds=0.001)
