"""PDF files and pictures as people make them: a browser prints a page, or a screen is photographed."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser
from tests.server.page.standin import chromium


@pytest.fixture(scope="module")
def printer() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def printed_pdf(printer: Browser) -> Callable[[list[str]], bytes]:
    """Prints texts, each on a page of its own."""

    def printed(pages: list[str]) -> bytes:
        page = printer.new_page()
        page.set_content("".join(f"<p style='page-break-after: always'>{html.escape(text)}</p>" for text in pages[:-1]))
        page.evaluate("(last) => document.body.append(last)", pages[-1])
        try:
            return page.pdf()
        finally:
            page.context.close()

    return printed


@pytest.fixture
def picture(printer: Browser) -> Callable[[str], bytes]:
    """A PNG of a text as a screen shows it."""

    def taken(text: str) -> bytes:
        page = printer.new_page(viewport={"width": 700, "height": 200})
        page.set_content(f"<p style='font: 24px serif'>{html.escape(text)}</p>")
        try:
            return page.screenshot()
        finally:
            page.context.close()

    return taken
