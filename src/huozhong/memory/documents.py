"""Files that people have, as pages of text: plain text, Markdown, web pages, PDF, Word, and pictures of text.

What is here trusts the file's first bytes and not its name.  It runs in a process of its own (`apart.py`), because a
file from elsewhere may be made to use up time and memory.
"""

from __future__ import annotations

import html
import importlib.util
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

from huozhong.errors import DocumentError
from huozhong.memory.passages import unwrapped
from huozhong.text.plain import decoded

MAX_PAGES = 5_000
MAX_CHARACTERS = 5_000_000  # of text: thirty long novels
MAX_UNPACKED = 200 * 2**20  # bytes of a Word file's parts
IMAGES = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp", b"BM": "bmp"}
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
            raise DocumentError(
                f"{name} 是压缩包，不是 Word 文档；请解开后添加里面的文件。",
                f"{name} is a packed file, not a Word document; unpack it and add what is inside.",
            )
        return Kind("docx", False, _docx)
    if any(data.startswith(mark) for mark in IMAGES):
        return Kind("image", False, _image)
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise DocumentError(
            f"{name} 是旧格式的 Word、Excel 或 PowerPoint 文件；请另存为 .docx 或 PDF。",
            f"{name} is in an old form of Word, Excel or PowerPoint; save it as .docx or PDF.",
        )
    ending = PurePath(name).suffix.lower()
    text = decoded(data)
    if text is None:
        raise DocumentError(
            f"这里读不了 {name}；文本、Markdown、PDF、Word（.docx）和文字图片可以。",
            f"{name} cannot be read here; text, Markdown, PDF, Word (.docx) and pictures of text can.",
        )
    if ending in (".html", ".htm", ".xhtml") or re.match(r"\s*<(!doctype html|html)", text[:500], re.I):
        return Kind("html", False, lambda _: iter([_web_page(text)]))
    # A form feed is a page's end in plain text.
    pages = text.split("\f")
    return Kind("markdown" if ending in (".md", ".markdown") else "text", len(pages) > 1, lambda _: iter(pages))


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
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentError(
                "这份 PDF 有密码；请另存一份没有密码的。", "The PDF is locked with a password; save a copy without one."
            )
        number = len(reader.pages)
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DocumentError(
            f"这份 PDF 已损坏（{error}）；请打开后重新保存。",
            f"The PDF is damaged ({error}); open it and save it again.",
        ) from None
    for index in range(number):
        try:
            yield unwrapped(as_typed(reader.pages[index].extract_text()))
        except (
            PyPdfError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            IndexError,
            RecursionError,
            AssertionError,
        ):
            yield ""  # one page that cannot be read does not take the others along; an empty one is told of


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
    if "word/document.xml" not in (part.filename for part in parts):
        return None
    if sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise DocumentError(
            "这份 Word 文档解开后超过 200 MB；请去掉图片后重新保存。",
            "The Word document unpacks to more than 200 MB; save it again without its pictures.",
        )
    return parts


def _docx(data: bytes) -> Iterator[str]:
    if importlib.util.find_spec("docx") is None:
        raise DocumentError(
            "读 Word 文档还需要一个包：pip install 'huozhong[documents]'；或者另存为 PDF。",
            "Word documents need one more package: pip install 'huozhong[documents]'; or save it as PDF.",
        )
    from docx import Document
    from docx.table import Table
    from docx.text.paragraph import Paragraph

    try:
        document = Document(io.BytesIO(data))
        lines = []
        for block in document.iter_inner_content():
            if isinstance(block, Paragraph):
                style = (block.style.name or "") if block.style is not None else ""
                lines.append(("# " if style.startswith(("Heading", "Title", "标题")) else "") + block.text)
            elif isinstance(block, Table):
                lines += [" | ".join(dict.fromkeys(cell.text.strip() for cell in row.cells)) for row in block.rows]
            lines.append("")
    except (KeyError, ValueError, zipfile.BadZipFile, SyntaxError, AttributeError, NotImplementedError) as error:
        raise DocumentError(
            f"这份 Word 文档已损坏（{error}）；请打开后重新保存。",
            f"The Word document is damaged ({error}); open it and save it again.",
        ) from None
    yield "\n".join(lines)


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
