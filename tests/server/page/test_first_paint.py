"""What a first paint waits for, counted in round trips of a line on which nothing else takes any time."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser
from tests.server.page.standin import StandIn

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from benchlib.far_line import far_line

sys.path.remove(str(Path(__file__).parents[3] / "benchmarks"))

pytestmark = pytest.mark.slow

ROUND_TRIP_S = 4.0  # so long that what a busy machine computes meanwhile is no round trip
PAINTED = """() => new Promise((done) => new PerformanceObserver((list, observer) => {
  const seen = performance.getEntriesByName('first-contentful-paint');
  if (seen.length) { observer.disconnect(); done(seen[0].startTime); }
}).observe({ type: 'paint', buffered: true }))"""


@pytest.mark.parametrize("path", ["/", "/page/apps.html"])
def test_a_first_paint_takes_a_connection_and_a_document(browser: Browser, site: StandIn, path: str) -> None:
    port = urlsplit(site.url).port
    assert port is not None
    with (
        far_line(port, round_trip=ROUND_TRIP_S) as line,
        browser.new_context(locale="zh-CN", service_workers="block") as context,
    ):
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{line}{path}", wait_until="commit", timeout=60_000)
        painted = page.evaluate(PAINTED) / 1000
    assert 2 * ROUND_TRIP_S <= painted < 3 * ROUND_TRIP_S
