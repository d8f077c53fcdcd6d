"""One browser and one stand-in server for all tests of the page; a fresh visitor for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page
from tests.server.page.standin import OpenPage, StandIn, chromium, create_standin, serving


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def shared_site() -> Iterator[StandIn]:
    app, standin = create_standin()
    with serving(app) as url:
        standin.url = url
        yield standin


@pytest.fixture
def site(shared_site: StandIn) -> StandIn:
    shared_site.forget()
    return shared_site


@pytest.fixture
def open_page(browser: Browser, site: StandIn) -> Iterator[OpenPage]:
    """Opens the page as a new visitor; no script may fail, and nothing may come from elsewhere."""
    contexts, problems, addresses = [], [], []

    def listen(message: ConsoleMessage, reports: str) -> None:
        # A refused request is reported by the browser itself; the tests look at what the page makes of it.
        if message.type == "error" and reports not in message.text:
            problems.append(message.text)

    def opened(
        *,
        width: int = 1100,
        height: int = 800,
        locale: str = "zh-CN",
        url: str = site.url,
        script: str | None = None,
        reports: str = "Failed to load resource",
        **options: Any,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            locale=locale,
            reduced_motion="reduce",
            # What a service worker asks for does not come through a test's `route`.
            **({"service_workers": "block"} | options),
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: listen(message, reports))
        page.on("request", lambda request: addresses.append((url, request.url)))
        if script:
            page.add_init_script(script)
        page.goto(url)
        page.wait_for_selector("#model:not(:empty)")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []
    assert all(address.startswith(home) for home, address in addresses)
