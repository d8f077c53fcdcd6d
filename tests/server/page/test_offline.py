"""The page as an app: what it keeps for the time when the server is off, and what it must not keep."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect
from tests.server.page.standin import OpenPage, StandIn, ask, create_standin, finished, serving

pytestmark = pytest.mark.slow

READY = "() => navigator.serviceWorker.ready.then(() => Boolean(navigator.serviceWorker.controller))"
KEPT = """async () => {
  const cache = await caches.open('huozhong-chats');
  return (await cache.keys()).map((request) => new URL(request.url).pathname);
}"""
OF_ONE = "(path) => path.split('/').length > 3"  # of one conversation


def keeps(page: Page, what: str) -> None:
    """Waits until this is true of `paths`, of what is kept of conversations: it is kept after it is shown."""
    page.wait_for_function(f"() => ({KEPT})().then((paths) => {what})")


def test_chats_that_were_opened_are_read_while_the_server_is_off(open_page: OpenPage) -> None:
    app, standin = create_standin()
    with serving(app) as url:
        page = open_page(url=url, service_workers="allow")
        page.wait_for_function(READY)
        ask(page, "排版")
        page.click("#new")
        ask(page, "没有再打开过")
        page.reload()
        finished(page)
        page.locator(".item .open", has_text="排版").click()
        expect(page.locator(".body table")).to_have_count(1)
        page.reload()
        finished(page)
        keeps(page, "paths.includes('/house/conversations/' + location.hash.slice(3))")
        assert standin.url == ""
    page.reload()
    expect(page.locator(".body table")).to_have_count(1)
    expect(page.locator("#banner")).to_contain_text("服务器没有开")
    expect(page.locator(".item")).to_have_count(2)
    page.fill("#input", "还在吗")
    page.keyboard.press("Enter")
    expect(page.locator(".problem")).to_contain_text("联系不上服务器")


def test_nothing_is_kept_after_clearing_or_for_somebody_else(open_page: OpenPage, site: StandIn) -> None:
    page = open_page(service_workers="allow")
    page.wait_for_function(READY)
    ask(page, "一")
    page.reload()
    finished(page)
    keeps(page, "paths.includes('/house/conversations')")
    page.click("#house-menu")
    page.click("[role=menuitem]:has-text('清空')")
    expect(page.locator(".item")).to_have_count(0)
    keeps(page, f"!paths.some({OF_ONE})")
    ask(page, "二")
    page.reload()
    finished(page)
    keeps(page, f"paths.some({OF_ONE})")
    # The door's answer to who is not logged in: not a word of the one before stays.
    refused = '{"error": {"message": "no", "code": "other"}}'
    page.context.route("**/house/conversations?**", lambda route: route.fulfill(status=401, body=refused))
    page.context.route("**/house/me", lambda route: route.fulfill(status=401, body=refused))
    page.evaluate("fetch('/house/me')")
    page.wait_for_function("async () => !(await caches.has('huozhong-chats'))")


def test_what_was_on_its_way_when_all_was_forgotten_is_not_kept(open_page: OpenPage, site: StandIn) -> None:
    """On a shared computer the next pupil would find it."""
    page = open_page(service_workers="allow")
    page.wait_for_function(READY)
    ask(page, "一")
    page.reload()
    finished(page)
    keeps(page, f"paths.some({OF_ONE})")
    chat = "/house/conversations/" + page.evaluate("location.hash.slice(3)")
    held: list[Route] = []
    page.context.route(f"**{chat}?late", lambda route: held.append(route))
    page.evaluate("(path) => { window.late = fetch(path).then((response) => response.text()); }", f"{chat}?late")
    for _ in range(600):
        if held:
            break
        page.wait_for_timeout(100)
    page.evaluate("navigator.serviceWorker.controller.postMessage('forget')")
    page.wait_for_function("async () => !(await caches.has('huozhong-chats'))")
    held[0].continue_()
    assert '"一"' in page.evaluate("window.late"), "who asked is answered"
    page.evaluate("fetch('/house/conversations').then((response) => response.text())")  # asked for after it: kept
    keeps(page, "paths.length > 0")
    assert not page.evaluate(f"({KEPT})().then((paths) => paths.some({OF_ONE}))")


def test_the_page_can_be_installed(open_page: OpenPage) -> None:
    page = open_page(service_workers="allow")
    session = page.context.new_cdp_session(page)
    assert session.send("Page.getAppManifest")["errors"] == []
    page.wait_for_function(READY)
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] in (
        [],
        [{"errorId": "in-incognito", "errorArguments": []}],
    )
