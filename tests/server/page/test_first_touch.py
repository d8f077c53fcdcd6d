"""What a family looks for at first touch: larger letters, the model on a phone, where to drop a document."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.server.page.standin import OpenPage, StandIn, ask

pytestmark = pytest.mark.slow


def test_larger_letters_stay_on_every_page_and_fit(open_page: OpenPage, site: StandIn) -> None:
    page = open_page(width=360, height=640)
    ask(page, "排版")
    size = "parseFloat(getComputedStyle(document.querySelector('.body p')).fontSize)"
    before = page.evaluate(size)
    page.click("#side-open")
    page.click("#house-menu")
    page.click("[role=menuitem]:has-text('大字')")
    assert page.evaluate(size) == before * 1.25
    assert page.evaluate("document.documentElement.scrollWidth <= 360")
    page.reload()
    page.wait_for_selector(".body p")
    assert page.evaluate(size) == before * 1.25
    page.goto(f"{site.url}/page/apps.html")
    page.wait_for_selector(".apps li")
    assert page.evaluate("document.documentElement.dataset.letters") == "large"
    assert page.evaluate("document.documentElement.scrollWidth <= 360")
    page.go_back()
    page.click("#side-open")
    page.click("#house-menu")
    page.click("[role=menuitem]:has-text('正常字号')")
    page.wait_for_selector(".body p", state="attached")
    assert page.evaluate(size) == before


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_on_a_phone_the_model_can_be_pressed_beside_a_long_title(open_page: OpenPage, locale: str) -> None:
    page = open_page(width=360, height=640, locale=locale)
    ask(page, "一个很长很长的问题，它成了这段对话的名字，手机上放不下")
    title, model, bar = (page.locator(one).bounding_box() for one in ("#title", "#model", ".bar"))
    assert title is not None
    assert model is not None
    assert bar is not None
    assert model["height"] >= 44
    assert model["x"] >= 0
    assert model["x"] + model["width"] < 250
    assert title["y"] + title["height"] <= model["y"] + model["height"] / 2
    assert model["y"] + model["height"] <= bar["y"] + bar["height"] + 8
    page.click("#model")
    expect(page.locator("#models")).to_be_visible()


def test_a_dragged_document_shows_where_it_can_be_let_go(open_page: OpenPage) -> None:
    page = open_page()
    data = page.evaluate_handle(
        "() => { const data = new DataTransfer();"
        "data.items.add(new File(['天上有云'], '云.txt', {type: 'text/plain'})); return data; }"
    )
    page.dispatch_event("body", "dragenter", {"dataTransfer": data})
    expect(page.locator(".drop-place")).to_have_text("松手，让模型读这份文件")
    page.dispatch_event("body", "drop", {"dataTransfer": data})
    expect(page.locator(".drop-place")).to_be_hidden()
    expect(page.locator("#attached .chip")).to_have_text("云.txt")


def test_the_browsers_offer_to_install_is_in_the_menu(open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate(
        "() => { const offer = new Event('beforeinstallprompt');"
        "offer.prompt = () => { window.asked = true; }; window.dispatchEvent(offer); }"
    )
    page.click("#house-menu")
    page.click("[role=menuitem]:has-text('装成应用')")
    assert page.evaluate("window.asked")
    page.click("#house-menu")
    expect(page.locator("[role=menuitem]", has_text="装成应用")).to_have_count(0)
