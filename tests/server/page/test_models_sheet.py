"""The sheet of models on the page, before a real server and a real local hub: chosen, brought, offered."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from tests.hub.conftest import MODEL, StandIn, hub, tiny_gguf
from tests.server.conftest import serving
from tests.server.page.conftest import browser, open_page, shared_site, site
from tests.server.test_models import store, until

from huozhong.engine.llm import LLM
from huozhong.hub.advice import Advised, Offer
from huozhong.server.models import Shelf
from huozhong.server.opening import Opening
from huozhong.server.routes import shelf as routes

__all__ = ["browser", "hub", "open_page", "shared_site", "site", "tiny_gguf"]  # fixtures


@pytest.fixture
def house(
    hub: StandIn, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Shelf]]:
    """ember and one more model; the machine's best is what the local hub has."""
    store(tiny_folder, "second", tmp_path / "store")
    better = Advised(f"hf:{MODEL}", 1_117_000_000, 1.8, "最快，会推理", "the fastest that reasons")
    monkeypatch.setattr(routes, "offers", lambda *_: [Offer(better, 13.3)])
    opening = Opening({"num_threads": 1, "cache_dir": tmp_path / "cache", "prefix_cache_bytes": 0})
    with Shelf(LLM("ember", **opening.options), opening=opening, everything=True) as shelf:
        first = shelf.take_now("ember")
        shelf.give_back(first)
        with serving(first.llm, shelf=shelf) as running:
            yield running.url, shelf


def pictured(page: Page, name: str) -> None:
    """Kept where somebody wants to look at it."""
    if folder := os.environ.get("HUOZHONG_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png")


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1100, 800), (390, 780)])
def test_a_model_is_chosen_and_another_brought(
    house: tuple[str, Shelf], hub: StandIn, open_page: Callable[..., Page], width: int, height: int
) -> None:
    url, shelf = house
    page = open_page(url=url, width=width, height=height)
    page.click("#model")
    sheet = page.locator("#models")
    expect(sheet.get_by_role("list", name="这台机器上的模型")).to_be_visible()
    expect(sheet).to_contain_text("1.1 GB，约 20 字/秒")
    expect(sheet.locator("li")).to_have_count(2)
    pictured(page, f"models-{width}")
    hub.delay = 1.0  # the rest takes far longer than the way to the next button
    sheet.get_by_role("button", name=f"下载 hf:{MODEL}").click()
    expect(sheet.locator(".model-pull progress")).to_be_visible()
    pictured(page, f"pull-{width}")
    sheet.get_by_role("button", name="暂停 tiny").click()
    expect(sheet.locator(".model-pull")).to_contain_text("已暂停")
    hub.delay = 0
    sheet.get_by_role("button", name="继续 tiny").click()
    expect(sheet.locator("li")).to_have_count(3)
    sheet.get_by_role("button", name="用它 tiny").click()
    until(lambda: shelf.state("tiny").state == "loaded")
    expect(page.locator("#model")).to_have_text("tiny")
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(page.locator("#model")).to_be_focused()
    page.fill("#input", "你好")
    page.keyboard.press("Enter")
    page.wait_for_selector(".answer:not(.live)")
    messages = httpx.get(f"{url}/house/conversations").json()["conversations"]
    assert messages[0]["model"] == "tiny"


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(1366, 768), (360, 640)])
def test_the_welcome_page_offers_the_best_while_there_is_only_the_built_in_one(
    house: tuple[str, Shelf], open_page: Callable[..., Page], tmp_path: Path, width: int, height: int
) -> None:
    url, _ = house
    page = open_page(url=url, width=width, height=height)
    expect(page.locator("#welcome")).to_be_visible()
    with page.expect_response(re.compile("/house/models/advice")):
        page.reload()
    expect(page.locator("#offer .model-offer")).to_have_count(0)  # somebody brought a better one already
    shutil.rmtree(tmp_path / "store" / "second")
    watch = (
        "new PerformanceObserver(l => l.getEntries().forEach(e => { window.shift = (window.shift || 0) + e.value }))"
    )
    page.add_init_script(f"{watch}.observe({{type: 'layout-shift', buffered: true}})")
    page.reload()
    offer = page.locator("#offer .model-offer")
    expect(offer).to_contain_text(f"更聪明的助手：hf:{MODEL}")
    expect(offer).to_contain_text("1.1 GB，约 20 字/秒")
    pictured(page, f"welcome-offer-{width}")
    assert page.evaluate("window.shift || 0") < 0.01, "nothing moves for it"
    offer.locator("button").click()
    expect(page.locator("#models .model-pull")).to_contain_text("tiny")


@pytest.mark.slow
def test_below_a_no_the_best_for_this_machine_is_offered(
    house: tuple[str, Shelf], open_page: Callable[..., Page]
) -> None:
    url, _ = house
    page = open_page(url=url, locale="en-US")
    page.fill("#input", "Write a Python program that sorts a list with quicksort.")
    page.keyboard.press("Enter")
    card = page.locator(".model-card")
    expect(card).to_contain_text("1.1 GB, about 10 words/s")
    pictured(page, "offer")
    card.get_by_role("button", name="Download").click()
    expect(page.locator("#models")).to_contain_text("Models")


@pytest.mark.slow
def test_a_model_removed_under_an_open_page_is_no_dead_end(
    house: tuple[str, Shelf], open_page: Callable[..., Page], tmp_path: Path
) -> None:
    url, _ = house
    page = open_page(url=url)
    page.click("#model")
    page.get_by_role("button", name="用它 second").click()
    page.keyboard.press("Escape")
    shutil.rmtree(tmp_path / "store" / "second")
    page.fill("#input", "你好")
    page.keyboard.press("Enter")
    page.click("#model")
    page.get_by_role("button", name="用它 ember").click()
    page.keyboard.press("Escape")
    page.fill("#input", "你好")
    page.keyboard.press("Enter")
    expect(page.locator(".answer:not(.live) .body").last).to_have_text(re.compile(r"\S"))
