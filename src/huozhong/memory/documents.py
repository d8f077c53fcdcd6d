"""Files that people have, as pages of text: plain text, Markdown, web pages, PDF, Word, and pictures of text.

What is here trusts the file's first bytes and not its name.  It runs in a process of its own (`apart.py`), because a
file from elsewhere may be made to use up time and memory.
"""

from __future__ import annotations

import html
import io
import os
import re
import shutil
import subprocess
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import PurePath
from typing import Any

from huozhong.errors import DocumentError
from huozhong.memory.passages import unwrapped
from huozhong.memory.word import DOCUMENT, NotWord, words
from huozhong.text.plain import common_share, decoded, mended

MAX_PAGES = 5_000
MAX_CHARACTERS = 5_000_000  # of text: thirty long novels
MAX_UNPACKED = 200 * 2**20  # bytes of a Word file's parts
IMAGES = {
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "jpeg": re.compile(rb"\xff\xd8\xff"),
    "gif": re.compile(rb"GIF8[79]a"),
    "webp": re.compile(rb"RIFF....WEBP", re.S),
    "bmp": re.compile(rb"BM....\0\0\0\0", re.S),
    "tiff": re.compile(rb"II\*\0|MM\0\*"),
}
OCR_SECONDS = 120

# Fonts that print a character and a radical with one glyph make PDF files say the radical: ⻚ for 页.  Unicode's
# compatibility forms lead back from the Kangxi radicals (U+2F00) and from ligatures; from these they do not.
_RADICALS = str.maketrans(
    "⺄⺎⺒⺓⺜⺝⺞⺟⺠⺧⺩⺬⺶⺷⺼⺽⻁⻄⻅⻆⻇⻉⻊⻋⻑⻓⻔⻗⻘⻙⻚⻛⻜⻝⻢⻣⻤⻥⻦⻧⻨⻩⻪⻫⻬⻭⻮⻯⻰⻱⻲⻳",
    "乙兀巳幺日月歺母民牛王示羊羊肉臼虎西见角角贝足车長长门雨青韦页风飞食马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀龟",
)
_HAN = re.compile("[\u4e00-\u9fff]")
_COMPATIBLE = re.compile("[\u2f00-\u2fd5\ufb00-\ufb06]")


@dataclass(frozen=True)
class Kind:
    """A kind of file.  paged: whether its pages mean something to a reader."""

    name: str
    paged: bool
    pages: Callable[[bytes], Iterator[str]]


def read(name: str, data: bytes) -> tuple[Kind, Iterator[str]]:
    """The kind of a file and its pages, read one by one; DocumentError says what cannot be read and what to do."""
    found = _kind(name, data)
    return found, _bounded(name, found.pages(data))


def _kind(name: str, data: bytes) -> Kind:
    if data.startswith(b"%PDF-") or b"%PDF-" in data[:1024]:
        return Kind("pdf", True, _pdf)
    if data.startswith(b"PK\x03\x04"):
        if _parts(data) is None:
            raise _other(name, data)
        return Kind("docx", False, _docx)
    if any(mark.match(data) for mark in IMAGES.values()):
        return Kind("image", False, _image)
    ending = PurePath(name).suffix.lower()
    is_other = any(data[at : at + len(mark)] == mark for at, mark, *_ in _OTHERS)
    text = None if is_other else decoded(data)
    if text is None and not is_other:
        text = mended(data)
    if text is None:
        raise _other(name, data)
    if ending in (".html", ".htm", ".xhtml") or re.match(r"\s*<(!doctype html|html)", text[:500], re.I):
        return Kind("html", False, lambda _: iter([_web_page(text)]))
    # A form feed is a page's end in plain text.
    pages = text.split("\f")
    return Kind("markdown" if ending in (".md", ".markdown") else "text", len(pages) > 1, lambda _: iter(pages))


# What people have beside these: where its mark stands, what it is called, and what to do with it.
_SAVE = ("请另存为 .docx 或 PDF", "save it as .docx or PDF")
_JPEG = ("请另存为 JPEG 或 PNG", "save it as JPEG or PNG")
_OTHERS = (
    (
        0,
        b"\xd0\xcf\x11\xe0",
        "旧格式的 Word、Excel 或 PowerPoint 文件",
        "in an old form of Word, Excel or PowerPoint",
        _SAVE,
    ),
    (0, b"{\\rtf", " RTF 文件", "in Rich Text Format", _SAVE),
    (4, b"ftyphe", " HEIC 照片", "a HEIC photo", _JPEG),
    (4, b"ftypmif1", " HEIC 照片", "a HEIC photo", _JPEG),
)
_PACKED = (
    ("ppt/presentation.xml", " PowerPoint 文件", "a PowerPoint file", ("请另存为 PDF", "save it as PDF")),
    ("xl/workbook.xml", " Excel 文件", "an Excel file", ("请另存为 CSV 或 PDF", "save it as CSV or PDF")),
    ("META-INF/container.xml", " EPUB 电子书", "an EPUB book", ("请转换成 PDF 或文本", "convert it to PDF or text")),
    ("content.xml", " OpenDocument 文件", "an OpenDocument file", _SAVE),
    (
        "",
        "压缩包，不是 Word 文档",
        "a packed file, not a Word document",
        ("请解开后添加里面的文件", "unpack it and add what is inside"),
    ),
)


def _other(name: str, data: bytes) -> DocumentError:
    """What a file is that cannot be read here, and what to do with it."""
    if "EncryptedPackage".encode("utf-16-le") in data and data.startswith(b"\xd0\xcf\x11\xe0"):
        chinese, english, todo = (
            "加了密码的 Office 文件",
            "locked with a password",
            ("请另存一份没有密码的", "save a copy without one"),
        )
    elif data.startswith(b"PK\x03\x04"):
        inside = {"", *_names(data)}
        chinese, english, todo = next((zh, en, do) for part, zh, en, do in _PACKED if part in inside)
    elif found := next(((zh, en, do) for at, mark, zh, en, do in _OTHERS if data[at : at + len(mark)] == mark), None):
        chinese, english, todo = found
    else:
        return DocumentError(
            f"这里读不了 {name}；文本、Markdown、PDF、Word（.docx）和文字图片可以。",
            f"{name} cannot be read here; text, Markdown, PDF, Word (.docx) and pictures of text can.",
        )
    return DocumentError(f"{name} 是{chinese}；{todo[0]}。", f"{name} is {english}; {todo[1]}.")


def _bounded(name: str, pages: Iterator[str]) -> Iterator[str]:
    characters = 0
    for number, page in enumerate(pages, start=1):
        characters += len(page)
        if number > MAX_PAGES or characters > MAX_CHARACTERS:
            raise DocumentError(
                f"{name} 太长了：最多 {MAX_PAGES} 页、{MAX_CHARACTERS // 10_000} 万字；请只添加其中一部分。",
                f"{name} is too long: at most {MAX_PAGES} pages and {MAX_CHARACTERS // 1_000_000} million characters "
                "can be read; add a part of it.",
            )
        yield page.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _pdf(data: bytes) -> Iterator[str]:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    damaged = (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentError(
                "这份 PDF 有密码；请另存一份没有密码的。", "The PDF is locked with a password; save a copy without one."
            )
        number = len(reader.pages)
    except DependencyError:
        raise DocumentError(
            "这份 PDF 加了密；读它还需要一个包：pip install 'huozhong[documents]'；"
            "或者在浏览器里打开，再“打印”成 PDF。",
            "The PDF is encrypted, and reading it needs one more package: pip install 'huozhong[documents]'; or open "
            "it in a browser and print it as PDF.",
        ) from None
    except damaged as error:
        raise DocumentError(
            f"这份 PDF 已损坏（{error}）；请打开后重新保存。",
            f"The PDF is damaged ({error}); open it and save it again.",
        ) from None
    if not number:
        raise DocumentError("这份 PDF 一页也没有。", "The PDF has no pages.")
    for index in range(number):
        try:
            yield unwrapped(as_typed(_page_text(reader.pages[index])))
        except (*damaged, IndexError, AssertionError):
            yield ""  # one page that cannot be read does not take the others along; an empty one is told of


def _page_text(page: Any) -> str:
    """A page's text, without what is written in fonts that do not say which characters they draw."""
    from pypdf.generic import NameObject

    for font in _fonts(page):
        # The same characters as another one's, drawn narrower.
        encoding = str(font.get("/Encoding"))
        if (alike := encoding.replace("GBKp-EUC", "GBK-EUC").replace("B5pc", "ETen-B5")) != encoding:
            font[NameObject("/Encoding")] = NameObject(alike)
    said: list[tuple[str, bool]] = []
    whole: str = page.extract_text(
        visitor_text=lambda text, cm, tm, font, size: said.append((text, _is_nameless(font)))
    )
    nameless = "".join(text for text, is_nameless in said if is_nameless)
    return whole if _is_prose(nameless) else "".join(text for text, is_nameless in said if not is_nameless)


def _fonts(page: Any) -> list[Any]:
    resources = page.get("/Resources")
    fonts = resources.get_object().get("/Font") if resources is not None else None
    return [font.get_object() for font in fonts.get_object().values()] if fonts is not None else []


def _is_nameless(font: Any) -> bool:
    """Whether a font's numbers are those of its drawings alone; where they are characters too, it may be read."""
    if not font or font.get("/Subtype") != "/Type0" or "/ToUnicode" in font:
        return False
    return not _NAMED.search(str(font.get("/Encoding")))


_NAMED = re.compile(r"/(Uni(GB|CNS|JIS)-U\w+|GB(pc)?-EUC|GBK-EUC|GBK2K|ETen(ms)?-B5|90ms-RKSJ|\S+-UCS2)-[HV]$")


def _is_prose(text: str) -> bool:
    """Whether what a font's numbers make as characters is what somebody wrote."""
    letters = [c for c in text if not c.isspace()]
    if sum(ord(c) < 32 for c in letters) * 50 > len(letters):
        return False
    foreign = sum(not c.isascii() for c in letters)
    return foreign * 5 <= len(letters) or common_share(text) >= 0.15


def as_typed(text: str) -> str:
    """Text out of a PDF file with the characters that its writer typed, not those that its font drew."""
    return _COMPATIBLE.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text.translate(_RADICALS))


def _parts(data: bytes) -> list[zipfile.ZipInfo] | None:
    """The parts of a Word file; None where a packed file is none, or would unpack to more than can be meant."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            parts = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None
    if DOCUMENT not in (part.filename for part in parts):
        return None
    if sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise DocumentError(
            "这份 Word 文档解开后超过 200 MB；请去掉图片后重新保存。",
            "The Word document unpacks to more than 200 MB; save it again without its pictures.",
        )
    return parts


def _names(data: bytes) -> list[str]:
    """What is in a packed file; nothing where it cannot be unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            return packed.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return []


def _docx(data: bytes) -> Iterator[str]:
    try:
        yield words(data)
    except (NotWord, RecursionError) as error:
        raise DocumentError(
            f"这份 Word 文档已损坏（{error}）；请打开后重新保存。",
            f"The Word document is damaged ({error}); open it and save it again.",
        ) from None


class _Words(HTMLParser):
    """The words of a web page, with an end of line where a block ends."""

    BLOCKS = re.compile("(p|div|br|li|tr|h[1-6]|section|article|table|ul|ol|blockquote|pre|title)")
    SILENT = frozenset(("script", "style", "noscript", "template", "svg"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in self.SILENT
        if self.BLOCKS.fullmatch(tag):
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in self.SILENT and self._silent > 0
        if self.BLOCKS.fullmatch(tag):
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(re.sub(r"\s+", " ", data))


def _web_page(text: str) -> str:
    parser = _Words()
    parser.feed(text)
    parser.close()
    return html.unescape(re.sub(r"\n\s*\n+", "\n\n", "".join(parser.words))).strip()


def _image(data: bytes) -> Iterator[str]:
    program = shutil.which("tesseract")
    if program is None:
        raise DocumentError(
            "读图片里的文字需要程序 tesseract（Debian、Ubuntu：apt install tesseract-ocr tesseract-ocr-chi-sim）；"
            "或者把文字打出来。",
            "Pictures of text need the program tesseract (Debian, Ubuntu: apt install tesseract-ocr "
            "tesseract-ocr-chi-sim); or type the text.",
        )
    listed = subprocess.run([program, "--list-langs"], capture_output=True, text=True, timeout=30, check=False).stdout
    chinese = [one for one in ("chi_sim", "chi_tra") if one in listed.split()]
    text = _ocr(program, data, chinese)
    # Asked for both at once it reads Chinese as capital letters, so English is another try, where there is hardly any.
    if chinese and "eng" in listed.split() and len(_HAN.findall(text)) * 10 < len(text):
        text = _ocr(program, data, ["eng"])
    # Between Chinese characters the program puts spaces that nobody wrote.
    yield re.sub(r"(?<=[\u4e00-\u9fff，。]) (?=[\u4e00-\u9fff，。])", "", text).strip()


def _ocr(program: str, data: bytes, languages: Sequence[str]) -> str:
    """What tesseract reads in a picture; languages: none for its own choice."""
    command = [program, "stdin", "stdout", *(["-l", "+".join(languages)] if languages else [])]
    # Its threads wait for each other by computing: beside an engine four take a minute for what one does in a second.
    environment = os.environ | {"OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=OCR_SECONDS, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        raise DocumentError(
            "这张图片读得太久；请只截取有文字的部分。",
            "The picture took too long to read; cut out the part with the text.",
        ) from None
    if done.returncode:
        raise DocumentError(
            "这张图片读不了；请另存为 PNG 或 JPEG。", "The picture cannot be read; save it as PNG or JPEG."
        )
    return done.stdout.decode("utf-8", "replace")
