"""A seller, viewers in two languages, and everybody who has no business there: a real server, a scripted engine."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.apps.live.scripted import Scripted
from tests.server.conftest import Running, serving
from tests.server.household import household

from huozhong.engine.llm import LLM
from huozhong.server.models import Shelf
from huozhong.server.upstream.engines import Engines

HOUSE = "/house/room/live"


class Translating(BaseHTTPRequestHandler):
    """An engine in OpenAI's dialect that knows the words of `scripted.WORDS`."""

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.send(200, "application/json", json.dumps({"data": [{"id": "far-7b"}]}).encode())

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][-1]["content"]
        before = re.search(r"begins with: (.*?) Answer as JSON", asked)
        source, language = asked.rpartition("\n")[2], "ja" if "Japanese" in asked else "en"
        said = Scripted()(source, language, {}, before[1] if before else "")
        said = f"[ja] {said}" if language == "ja" and not before else said
        delta = {"choices": [{"index": 0, "delta": {"content": json.dumps({"text": said})}, "finish_reason": "stop"}]}
        usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
        lines = "".join(f"data: {json.dumps(one)}\n\n" for one in (delta, usage)) + "data: [DONE]\n\n"
        self.send(200, "text/event-stream", lines.encode())

    def send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Afar(Shelf):
    """A shelf that answers by an engine elsewhere where nobody names a model, once the server is up."""

    far = False

    @property
    def default(self) -> str:
        return "far-7b" if self.far else super().default


@contextmanager
def afar(llm: LLM) -> Iterator[Afar]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Translating)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    engines = Engines((f"http://127.0.0.1:{server.server_port}",), (), patience=60.0)
    shelf = Afar(llm, keep=None)
    shelf.engines = engines
    try:
        yield shelf
    finally:
        engines.close()
        server.shutdown()
        server.server_close()


@pytest.fixture
def running(llm: LLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv("HUOZHONG_HOME", str(tmp_path / "home"))
    with afar(llm) as shelf, serving(llm, shelf=shelf) as server:
        shelf.far = True
        yield server


def post(server: Running, path: str, body: Any = None) -> Any:
    answer = httpx.post(f"{server.url}{HOUSE}/{path}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_is_said_is_told_in_two_languages_and_kept_as_captions(running: Running) -> None:
    httpx.put(f"{running.url}{HOUSE}/settings", json={"languages": ["en", "ja"]}).raise_for_status()
    assert httpx.post(f"{running.url}{HOUSE}/say", json={"text": "x"}).status_code == 400  # not live yet
    state = post(running, "start")
    assert state["live"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/link/live/[\w-]{22}/", state["link"])
    assert post(running, "say", {"text": "今天苹果三十九块"})["rest"] == "今天苹果三十九块"
    answer = post(running, "say", {"text": "今天苹果三十九块九一斤，包邮。大家"})
    assert (answer["rest"], answer["lines"]) == ("大家", [1, 2])
    post(running, "say", {"text": "大家赶紧下单", "final": True})
    english = httpx.get(state["link"] + "captions.vtt?language=en")
    assert english.headers["content-type"].startswith("text/vtt")
    assert "today apples ¥39.9 per 500 g, free shipping" in english.text
    assert "AIGC" in english.text.split("\n\n")[1]
    assert "[ja] today apples500 g39.9元" in httpx.get(state["link"] + "captions.vtt?language=ja").text.replace(
        " 5", "5"
    )
    spoken = httpx.get(state["link"] + "captions.vtt?language=zh").text
    assert "今天苹果三十九块九一斤" in spoken
    assert "AI" not in spoken
    assert httpx.get(state["link"] + "captions.vtt?language=xx").status_code == 400
    assert "<svg" in httpx.get(f"{running.url}{HOUSE}/qr.svg").text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "settings", {"languages": ["fr"]}),
        ("PUT", "settings", {"languages": ["en", "en"]}),
        ("PUT", "settings", {"glossary": [{"en": "x"}]}),
        ("PUT", "settings", {"colour": 1}),
        ("POST", "say", {"text": 3}),
        ("POST", "say", {"text": "x", "final": "yes"}),
        ("POST", "say", {"text": "很" * 501}),
        ("POST", "mouth", {"level": 2}),
        ("POST", "mouth", {"level": True}),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(running: Running, method: str, path: str, body: Any) -> None:
    post(running, "start")
    answer = httpx.request(method, f"{running.url}{HOUSE}/{path}", json=body, headers={"accept-language": "en"})
    assert answer.status_code == 400
    assert len(answer.json()["error"]["message"].splitlines()) == 1


def test_without_an_account_nothing_opens_but_the_link(
    llm: LLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUOZHONG_HOME", str(tmp_path / "home"))
    with afar(llm) as shelf, household(llm, shelf=shelf) as house, house.stranger() as stranger:
        shelf.far = True
        seller, other = house.visitor("Bob"), house.visitor("Ann")
        link = seller.post(f"{HOUSE}/start").json()["link"]
        secret = link.rstrip("/").rpartition("/")[2]
        doors = [
            ("GET", "state"), ("PUT", "settings"), ("POST", "start"), ("POST", "stop"), ("POST", "say"),
            ("POST", "mouth"), ("POST", "trial"), ("GET", "captions"), ("GET", "captions.vtt"), ("GET", "qr.svg"),
            ("POST", "face/challenge"), ("POST", "face/consent"), ("DELETE", "face"),
        ]  # fmt: skip
        for method, path in doors:
            assert stranger.request(method, f"{HOUSE}/{path}").status_code == 401, path
            if not path.startswith("captions"):
                assert stranger.request(method, f"/link/live/{secret}/{path}").status_code in (404, 405), path
            for wrong in ("wrong", "", secret[:-1], secret + "x"):
                assert stranger.request(method, f"/link/live/{wrong}/{path}").status_code in (404, 405), path
        assert stranger.get(f"/link/live/{secret}/").status_code == 200
        assert stranger.get(f"/link/live/{secret}/obs.html").status_code == 200
        for file in ("rooms.py", "settings.json", "..%2frooms.py"):
            assert stranger.get(f"/link/live/{secret}/{file}").status_code == 404
        # another's stream is another's; an owner may end it
        house.add("Eve", "member")
        assert house.visitor("Eve").post(f"{HOUSE}/start").status_code == 400
        assert house.visitor("Eve").post(f"{HOUSE}/stop").status_code == 400
        assert other.post(f"{HOUSE}/stop").status_code == 200
        seller.post(f"{HOUSE}/start").raise_for_status()  # a new stream has a new link
        assert stranger.get(f"/link/live/{secret}/").status_code == 404


def viewer(browser: Browser, link: str, locale: str) -> Page:
    context = browser.new_context(locale=locale, viewport={"width": 360, "height": 640})
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(link)
    return page


def test_two_viewers_read_along_and_come_back_after_a_restart(
    llm: LLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: Browser
) -> None:
    """Sellers type; viewers choose languages; the server is stopped and started again on the same port."""
    monkeypatch.setenv("HUOZHONG_HOME", str(tmp_path / "home"))
    with afar(llm) as shelf:
        with serving(llm, shelf=shelf) as server:
            shelf.far = True
            page = browser.new_context(locale="en-US", viewport={"width": 1366, "height": 768}).new_page()
            page.on("pageerror", lambda error: pytest.fail(str(error)))
            page.goto(f"{server.url}/room/live/")
            page.get_by_role("checkbox", name="日本語").check()
            expect(page.locator("#said [data-language=ja]")).to_be_attached()
            page.click("#live")
            expect(page.locator("#share")).to_be_visible()
            link = page.input_value("#link")
            english, japanese = viewer(browser, link, "en-US"), viewer(browser, link, "ja-JP")
            expect(japanese.locator("#language")).to_have_value("ja")
            page.fill("#say", "今天苹果三十九块九一斤，包邮")
            page.press("#say", "Enter")
            expect(english.locator("#lines")).to_contain_text("¥39.9 per 500 g, free shipping")
            expect(japanese.locator("#lines")).to_contain_text("39.9元")
            expect(page.locator("#say")).to_have_value("")
            late = viewer(browser, link, "en-GB")
            expect(late.locator("#lines")).to_contain_text("¥39.9 per 500 g")
            expect(late.locator("footer")).to_contain_text("AI")
            late.select_option("#language", "zh")
            expect(late.locator("#lines")).to_contain_text("三十九块九一斤")
            port = int(server.url.rpartition(":")[2])
        expect(english.locator("#note")).to_be_visible()  # lost
        shelf.far = False
        with serving_at(llm, port, shelf) as server:
            shelf.far = True
            expect(english.locator("#note")).to_be_hidden()
            post(server, "say", {"text": "大家赶紧下单", "final": True})
            expect(english.locator("#lines")).to_contain_text("everyone quickly order")
            assert "¥39.9 per 500 g" in english.inner_text("#lines")
            for one in (english, japanese, late, page):
                one.context.close()


@contextmanager
def serving_at(llm: LLM, port: int, shelf: Shelf) -> Iterator[Running]:
    """The server again, on the port that it had."""
    import tests.server.conftest as conftest

    real = conftest.listen
    conftest.listen = lambda host, _: real(host, port)
    try:
        with serving(llm, shelf=shelf) as server:
            yield server
    finally:
        conftest.listen = real


@pytest.mark.parametrize(("width", "height"), [(360, 640), (1366, 768)])
@pytest.mark.parametrize("language", ["zh-CN", "en-US"])
def test_the_page_fits_and_moves_its_mouth(
    running: Running, browser: Browser, width: int, height: int, language: str
) -> None:
    context = browser.new_context(locale=language, viewport={"width": width, "height": height})
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(f"{running.url}/room/live/")
    page.click("#live")
    expect(page.locator("#share")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    heights = page.evaluate(
        "Array.from(document.querySelectorAll('button'), (one) => one.hidden ? 44 : one.offsetHeight)"
    )
    assert min(one for one in heights if one) >= 44
    mouths = page.evaluate(
        """async () => {
          const { head, level } = await import('/room/live/head.js');
          const tone = (loud) => Float32Array.from({ length: 1024 }, (_, i) => loud * Math.sin(i / 5));
          const box = document.createElement('div');
          const face = head(box);
          return [0, 0.01, 0.1, 0.5].map((loud) => {
            face.mouth(level(tone(loud)));
            return Number(box.querySelector('#lips').getAttribute('ry'));
          });
        }"""
    )
    assert mouths == sorted(set(mouths))
    assert (mouths[0], mouths[3] > 15) == (2, True)
    if shots := os.environ.get("HUOZHONG_SCREENSHOTS"):
        post(running, "say", {"text": "今天苹果三十九块九一斤，买二送一，大家赶紧下单", "final": True})
        page.wait_for_timeout(500)
        page.screenshot(path=f"{shots}/seller-{language}-{width}.png", full_page=True)
        link = page.input_value("#link")
        for name in ("", "obs.html?language=en&avatar=1"):
            page.goto(link + name)
            page.wait_for_timeout(800)
            page.screenshot(path=f"{shots}/{'obs' if name else 'viewer'}-{language}-{width}.png")
    context.close()


def test_a_trial_says_what_the_model_made_of_three_sentences(running: Running) -> None:
    found = post(running, "trial")
    assert found["can"]
    assert [one["zh"] for one in found["said"]][1] == "这个苹果很好吃。"
    assert "apples" in found["said"][1]["en"]


def test_what_another_member_tries_changes_nothing_of_a_stream(
    llm: LLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUOZHONG_HOME", str(tmp_path / "home"))
    with afar(llm) as shelf, household(llm, shelf=shelf) as house:  # the random model of this house answers
        house.add("Eve", "member")
        seller, other, owner = house.visitor("Bob"), house.visitor("Eve"), house.visitor("Ann")
        assert not other.post(f"{HOUSE}/trial").json()["can"]
        assert seller.get(f"{HOUSE}/state").json()["can"] is None  # no stream yet
        seller.post(f"{HOUSE}/start").raise_for_status()
        for member in (other, owner):
            assert not member.post(f"{HOUSE}/trial").json()["can"]
            assert seller.get(f"{HOUSE}/state").json()["can"] is None
        assert not seller.post(f"{HOUSE}/trial").json()["can"]
        assert other.get(f"{HOUSE}/state").json()["can"] is False


def test_where_the_model_cannot_translate_viewers_read_what_was_said(
    llm: LLM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: Browser
) -> None:
    """Tried by itself when a stream begins: a model that talks nonsense would be read by everybody."""
    monkeypatch.setenv("HUOZHONG_HOME", str(tmp_path / "home"))
    with afar(llm) as shelf, serving(llm, shelf=shelf) as server:  # the random model of this house answers
        page = browser.new_context(locale="zh-CN", viewport={"width": 360, "height": 640}).new_page()
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        page.goto(f"{server.url}/room/live/")
        page.click("#live")
        expect(page.locator("#cannot")).to_be_visible()
        expect(page.locator("#cannot")).to_contain_text("观众看到的是你的原话")
        english = viewer(browser, page.input_value("#link"), "en-US")
        page.fill("#say", "今天苹果三十九块九一斤，包邮")
        page.press("#say", "Enter")
        expect(english.locator("#lines")).to_contain_text("今天苹果三十九块九一斤，包邮")
        expect(english.locator("#whose")).to_have_text("The seller's own words, not translated")
        expect(english.locator("meta[name=aigc]")).to_have_count(0)
        expect(page.locator("#whose")).to_have_text("主播原话，没有翻译")
        page.reload()
        expect(page.locator("#cannot")).to_be_visible()
        page.click("#live")  # the end
        shelf.far = True  # another model
        expect(page.locator("#state")).to_contain_text("没有开播")
        page.click("#live")
        expect(page.locator("#share")).to_be_visible()
        expect(page.locator("#cannot")).to_be_hidden()
        again = viewer(browser, page.input_value("#link"), "en-US")
        page.fill("#say", "大家赶紧下单")
        page.press("#say", "Enter")
        expect(again.locator("#lines")).to_contain_text("everyone quickly order")
        expect(again.locator("#whose")).to_contain_text("Translated by AI")
        expect(again.locator("meta[name=aigc]")).to_have_count(1)
        expect(page.locator("#whose")).to_contain_text("AI 翻译")
        again.select_option("#language", "zh")
        expect(again.locator("#whose")).to_have_text("The seller's own words, not translated")
        expect(again.locator("meta[name=aigc]")).to_have_count(0)
        for one in (english, again, page):
            one.context.close()
