"""Patience with a slow, busy machine, and such a machine on request, to find tests that pass by haste alone:

HUOZHONG_TEST_SLOW=0.2 pytest tests/server/page/test_list.py lets every request wait that many seconds before the server
sees it, and pages compute several times slower.  A test that fails only so looks at something before it has come.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

PATIENCE = 60_000  # milliseconds for whatever is to come in a browser
_LATE = float(os.environ.get("HUOZHONG_TEST_SLOW", "0"))  # seconds
_TIMES_SLOWER = 4


def slow_app(app: Any) -> Any:
    """The application, which hears of each request late where that is asked for."""
    if not _LATE:
        return app

    async def late(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(_LATE)
        await app(scope, receive, send)

    return late


def patient(browser: Browser) -> Browser:
    """The browser, in which everything may take a minute; its pages compute slowly where that is asked for."""
    real = browser.new_context

    def new_context(**options: Any) -> BrowserContext:
        context = real(**options)
        context.set_default_timeout(PATIENCE)
        if _LATE:
            _slow_down(context)
        return context

    browser.new_context = new_context  # type: ignore[assignment,method-assign]
    browser.new_page = lambda **options: new_context(**options).new_page()  # type: ignore[assignment,method-assign]
    return browser


def _slow_down(context: BrowserContext) -> None:
    real = context.new_page

    def new_page() -> Page:
        page = real()
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": _TIMES_SLOWER})
        return page

    context.new_page = new_page  # type: ignore[method-assign]
