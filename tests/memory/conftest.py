"""PDF files as people make them: a browser prints a page."""

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
            page.close()

    return printed
