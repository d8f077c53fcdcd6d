"""How long until something is seen over a slow line, and how many round trips that takes.

    python benchmarks/first_paint.py [--url http://127.0.0.1:8000] [--paths /,/page/apps.html]
                                     [--round-trip 400] [--kbit 400] [--visits 3] [--chromium FILE]

A fresh browser opens each page of a house over a line of so many ms and kbit/s (slow 3G as browsers' own throttling has
it), and once more in a new tab.  The line is a proxy on loopback (`benchlib/far_line.py`), so connections and the
service worker take their time, too; `by_browser_ms` is the first visit by the browser's own throttling, which leaves
connections out.  `trips` is counted over a line that takes three seconds for a round trip and nothing for a byte: how
many of them fit before the first paint, whatever the machine is busy with.  Without --url a server of the built-in
model is started for it.  Words for people go to stderr; the last line, on stdout, is one JSON object: medians, in ms.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from benchlib.far_line import far_line
from benchlib.processes import free_port, our_server, running
from playwright.sync_api import Browser, BrowserContext, sync_playwright

ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
COUNTING_S = 3.0  # a round trip, where they are counted
PAINTED = """() => new Promise((done) => new PerformanceObserver((list, observer) => {
  const seen = performance.getEntriesByName('first-contentful-paint');
  if (seen.length) { observer.disconnect(); done(seen[0].startTime); }
}).observe({ type: 'paint', buffered: true }))"""


def main() -> None:
    options = parse()
    line: dict[str, Any] = {"round_trip": options.round_trip / 1000, "kbit": options.kbit}
    result: dict[str, Any] = {"benchmark": "first_paint", "round_trip_ms": options.round_trip, "kbit": options.kbit}
    with house(options.url) as port, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=ARGS)
        for warm in options.paths:
            throttled(browser, port, warm, line)  # the browser's own first steps
        for path in options.paths:
            pairs = []
            for _ in range(options.visits):
                with far_line(port, **line) as own:
                    pairs.append(visits(browser, own, path))
            with far_line(port, round_trip=COUNTING_S) as own:
                counted = visits(browser, own, path)
            result[path] = {
                "first_ms": round(statistics.median(first for first, _ in pairs)),
                "second_ms": round(statistics.median(second for _, second in pairs)),
                "by_browser_ms": round(
                    statistics.median(throttled(browser, port, path, line) for _ in range(options.visits))
                ),
                "trips": int(counted[0] / 1000 / COUNTING_S),
                "trips_again": int(counted[1] / 1000 / COUNTING_S),
            }
            print(f"{path}: {result[path]}", file=sys.stderr, flush=True)
        browser.close()
    print(json.dumps(result))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--url", help="of a house that runs here; default: one is started")
    parser.add_argument("--paths", type=lambda text: text.split(","), default=["/", "/page/apps.html"])
    parser.add_argument("--round-trip", type=float, default=400, help="ms (default: 400)")
    parser.add_argument("--kbit", type=float, default=400, help="a second, each way (default: 400)")
    parser.add_argument("--visits", type=int, default=3)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    return parser.parse_args()


@contextlib.contextmanager
def house(url: str | None) -> Iterator[int]:
    """The port of a house."""
    if url is not None:
        yield urlsplit(url).port or 80
        return
    with tempfile.TemporaryDirectory() as home:
        port = free_port()
        environment = os.environ | {"HUOZHONG_HOME": home}
        with running(our_server("ember", port, "--database", "sqlite://"), port=port, ready="/ready", env=environment):
            yield port


def visits(browser: Browser, port: int, path: str) -> tuple[float, float]:
    """First paints of a new visitor, and of the same one with another tab, in ms."""
    with browser.new_context(locale="zh-CN") as context:
        context.set_default_timeout(120_000)
        first = painted(context, port, path)
        if path == "/":
            context.pages[0].wait_for_function("() => navigator.serviceWorker.ready.then(() => true)")
        return first, painted(context, port, path)


def painted(context: BrowserContext, port: int, path: str) -> float:
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}{path}")
    return float(page.evaluate(PAINTED))


def throttled(browser: Browser, port: int, path: str, line: dict[str, Any]) -> float:
    """A new visitor's first paint where the browser itself is slow."""
    with browser.new_context(locale="zh-CN") as context:
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        speed = line["kbit"] * 1000 / 8
        session.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": line["round_trip"] * 1000,
                "downloadThroughput": speed,
                "uploadThroughput": speed,
            },
        )
        page.goto(f"http://127.0.0.1:{port}{path}")
        return float(page.evaluate(PAINTED))


if __name__ == "__main__":
    main()
