"""The gallery's page in a real browser, with a camera that plays somebody drawn, and without any camera."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.apps.gallery.drawn import Drawn, camera, jpeg
from tests.server.conftest import Running, serving
from tests.server.page.standin import chromium
from tests.server.page.test_people import NAMELESS

import huozhong
from huozhong.engine.llm import LLM

RULES = {"place": "敬老院大门", "purpose": "开门", "other_way": "按门铃", "keeper": "王主任 138"}
XSS = "<img src=x onerror=hacked=1>"
PAGE = Path(huozhong.__file__).parent / "apps" / "gallery" / "page"
GATE = "gate.test"  # a name that is neither this machine's own nor encrypted: browsers give no camera there


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    plays = camera(tmp_path_factory.mktemp("camera") / "person.mjpeg", 1)
    with chromium(
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={plays}", f"--host-resolver-rules=MAP {GATE} 127.0.0.1",
    ) as running:  # fmt: skip
        yield running


@pytest.fixture
def server(drawn: type[Drawn], llm: LLM) -> Iterator[Running]:
    with serving(llm, allow_hosts=[GATE]) as running:
        yield running


def laid_down(server: Running, **changes: str) -> None:
    answer = httpx.put(f"{server.url}/house/room/gallery/rules", json=RULES | changes, timeout=60)
    assert answer.status_code == 200, answer.text


def registered(server: Running, name: str, person: int) -> None:
    at = f"{server.url}/house/room/gallery"
    pictures = [jpeg(person, seed=seed) for seed in range(3)]
    frames = [httpx.post(f"{at}/frames?alone=1", content=one, timeout=60).json()["frame"] for one in pictures]
    whole = {
        "name": name,
        "frames": frames,
        "signed_by": name,
        "signed_as": "本人",
        "until": "2028-01-01",
        "agreed": True,
    }
    assert httpx.post(f"{at}/people", json=whole, timeout=60).status_code == 200


@contextmanager
def opened(browser: Browser, address: str, **options: object) -> Iterator[Page]:
    """A visitor at the page; a script that fails, or a request that leaves the house, fails the test."""
    kept = {"viewport": {"width": 390, "height": 800}, "locale": "zh-CN", "service_workers": "block"} | options
    context = browser.new_context(**kept)  # type: ignore[arg-type]
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda told: problems.append(told.text) if "Content Security Policy" in told.text else None)
    house = re.compile(r"(http://(127\.0\.0\.1|gate\.test):\d+/|blob:)")
    page.on("request", lambda asked: None if house.match(asked.url) else problems.append(asked.url))
    try:
        page.goto(f"{address}/room/gallery/")
        expect(page.locator("h1")).to_be_visible()
        yield page
        assert page.evaluate("typeof hacked") == "undefined"
    finally:
        context.close()
    assert problems == []


def test_somebody_agrees_is_registered_by_the_camera_known_at_the_gate_and_forgotten(
    browser: Browser, server: Running
) -> None:
    with opened(browser, server.url) as page:
        expect(page.locator("#tab-rules")).to_have_attribute("aria-current", "page")  # nothing before the rules
        for name, text in RULES.items():
            page.fill(f"[name={name}]", text)
        page.click("button[type=submit]")
        expect(page.locator("#saved")).to_have_text("保存好了。")
        page.click("#tab-register")
        for words in (RULES["place"], RULES["purpose"], RULES["other_way"], RULES["keeper"], "不存"):
            expect(page.locator(".terms")).to_contain_text(words)
        page.fill("[name=name]", "张桂兰")
        page.fill("[name=signed]", "张桂兰")
        page.click("text=打开摄像头")
        for count in (1, 2, 3):
            page.get_by_role("button", name="拍一张", exact=True).click()
            expect(page.locator(".shots .taken")).to_have_count(count)
        page.click("#register-now")
        assert page.locator("[name=agreed]").evaluate("box => box.validity.valueMissing")  # the browser asks for it
        page.check("[name=agreed]")
        page.click("#register-now")
        expect(page.locator(".done")).to_contain_text("登记好了：张桂兰")
        expect(page.locator(".shots .taken")).to_have_count(0)
        page.click("#tab-look")
        expect(page.locator("#answer .way")).to_have_text("不刷脸也可以：按门铃")  # before anything is asked
        page.click("text=打开摄像头")
        page.locator("main .main").click()
        expect(page.locator("#answer .who")).to_have_text("张桂兰")
        expect(page.locator("#answer .way")).to_have_text("不刷脸也可以：按门铃")
        page.set_input_files("input[type=file]", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": jpeg(4)})
        expect(page.locator("#answer .who")).to_have_text("不认识")
        expect(page.locator("#answer .way")).to_have_text("不刷脸也可以：按门铃")
        page.click("#tab-log")
        expect(page.locator("#log-whole")).to_contain_text("3 行")
        page.fill("[name=head]", page.locator("#head").inner_text())
        page.click("text=对一对")
        expect(page.locator(".done")).to_have_text("对得上：在第 3 行之后。")
        page.click("#tab-people")
        expect(page.locator("#people li")).to_contain_text("张桂兰")
        with page.expect_download() as downloading:
            page.click("text=导出")
        told = json.loads(Path(downloading.value.path()).read_text(encoding="utf-8"))
        assert (told["name"], told["consent"]["purpose"]) == ("张桂兰", "开门")
        page.get_by_role("button", name="删除", exact=True).click()
        page.get_by_role("button", name="真的删除？", exact=True).click()
        expect(page.locator("#people li")).to_have_text("还没有人登记。")


def test_without_https_photos_are_taken_and_the_reason_is_said(browser: Browser, server: Running) -> None:
    laid_down(server)
    registered(server, "李大爷", 2)
    with opened(browser, server.url.replace("127.0.0.1", GATE), locale="en-US") as page:
        assert page.evaluate("window.isSecureContext") is False
        expect(page.locator("text=Start the camera")).to_have_count(0)
        expect(page.locator("#main")).to_contain_text("This address is not encrypted")
        assert page.get_attribute("main .hint a", "href") == "/page/trust"
        assert page.get_attribute("input[type=file]", "capture") == "user"
        sideways = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": jpeg(2, seed=5, turned=True)}
        page.set_input_files("input[type=file]", sideways)
        expect(page.locator("#answer .who")).to_have_text("李大爷")
        page.set_input_files("input[type=file]", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": jpeg()})
        expect(page.locator(".problem").first).to_contain_text("No face is seen")
        expect(page.locator("#answer .way")).to_have_text("Without a face: 按门铃")


def test_what_people_write_is_text_and_every_tab_fits_a_phone(browser: Browser, server: Running) -> None:
    laid_down(server, **dict.fromkeys(RULES, XSS))
    registered(server, XSS, 1)
    for theme, locale, width, height in (
        ("light", "zh-CN", 360, 640), ("dark", "en-US", 360, 640), ("light", "en-US", 1366, 768),
    ):  # fmt: skip
        size = {"width": width, "height": height}
        with opened(browser, server.url, color_scheme=theme, locale=locale, viewport=size) as page:
            page.click("text=/打开摄像头|Start the camera/")
            page.locator("main .main").click()
            expect(page.locator("#answer .who")).to_have_text(XSS)
            for tab in ("look", "register", "people", "log", "rules"):
                page.click(f"#tab-{tab}")
                expect(page.locator(f"#tab-{tab}")).to_have_attribute("aria-current", "page")
                assert page.evaluate(NAMELESS) == [], tab
                assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
                other = re.findall(r"[\u4e00-\u9fff]{2,}", page.inner_text("body")) if locale == "en-US" else []
                assert set(other) <= {"中文", "本人"}, (tab, other)


def test_the_words_are_the_same_in_both_languages_and_the_page_is_small() -> None:
    words = json.loads((PAGE / "words.json").read_text(encoding="utf-8"))
    assert words["zh"].keys() == words["en"].keys()
    scripts = "".join(file.read_text(encoding="utf-8") for file in PAGE.glob("*.js"))
    for key in set(re.findall(r"say\('(\w+)'", scripts)):
        assert key in words["en"], key
