"""The shelf over HTTP and in a real browser: apps are found, run, made by somebody who cannot program, and refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.apps.prices.made import weekly
from tests.server.conftest import Running, serving
from tests.server.page.standin import chromium

from huozhong.engine.llm import LLM
from huozhong.server.routes.apps import PATH

MINE = "---\nname: {name}\ndescription: Says hello.\n---\n```fields\nwho: text 谁 / Who\n```\n{body}\n"


@pytest.fixture(scope="module")
def house(endless_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server whose apps lie in a folder of this test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUOZHONG_HOME", str(tmp_path_factory.mktemp("home")))
        packed = tmp_path_factory.mktemp("packed")
        with LLM(endless_folder, num_threads=1, cache_dir=packed) as llm, serving(llm) as running:
            yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def events(url: str, path: str, body: dict[str, Any], **headers: str) -> list[tuple[str, dict[str, Any]]]:
    answer = httpx.post(url + PATH + path, json=body, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return [(name, json.loads(data)) for name, data in re.findall(r"event: (.*)\ndata: (.*)\n", answer.text)]


def test_apps_are_listed_and_run(house: Running) -> None:
    listed = httpx.get(house.url + PATH).json()["apps"]
    assert {"almanac", "idioms", "quiz"} <= {app["name"] for app in listed}
    assert all(app["problem"] is None and app["about"]["zh"] != app["about"]["en"] for app in listed)
    ((kind, done),) = events(house.url, "/almanac/run", {"fields": {"day": "2026-02-17"}})
    assert kind == "done"
    assert "春节" in done["html"]
    assert not done["by_model"]
    assert "AI" not in done["label"]["zh"]


def test_what_a_model_writes_comes_in_pieces_and_says_so(house: Running) -> None:
    body = {"text": MINE.format(name="hello", body="Greet {{who}}."), "fields": {"who": "小明"}}
    told = events(house.url, "/try", body)
    assert [kind for kind, _ in told][-1] == "done"
    assert told[0][0] == "text"
    assert told[-1][1]["label"]["zh"].startswith("AI 生成")
    assert told[-1][1]["by_model"]


def test_distress_is_answered_by_a_rule(house: Running) -> None:
    body = {"text": MINE.format(name="hello", body="Joke about {{who}}."), "fields": {"who": "我不想活了"}}
    ((kind, told),) = events(house.url, "/try", body)
    assert kind == "rule"
    assert "12356" in told["text"]


def test_distress_is_answered_by_a_rule_before_the_form_is_found_wrong(house: Running) -> None:
    ((kind, told),) = events(house.url, "/almanac/run", {"fields": {"day": "我不想活了"}})
    assert kind == "rule"
    assert "12356" in told["text"]
    ((kind, told),) = events(house.url, "/almanac/run", {"fields": {"day": "I want to kill myself"}, "model": "none"})
    assert kind == "rule"


@pytest.mark.parametrize(("who", "ends"), [("小明", "done"), ("我不想活了", "rule")])
def test_a_run_from_the_page_is_looked_at_once(house: Running, looked_at: list[str], who: str, ends: str) -> None:
    text = MINE.format(name="hello", body="Joke about {{who}}.")
    assert events(house.url, "/try", {"text": text, "fields": {"who": who}})[-1][0] == ends
    assert looked_at == [who]
    assert httpx.post(house.url + PATH, json={"text": text}).status_code == 201
    looked_at.clear()
    assert events(house.url, "/hello/run", {"fields": {"who": who}})[-1][0] == ends
    assert looked_at == [who]
    assert httpx.delete(f"{house.url}{PATH}/hello").status_code == 204


def test_an_app_is_taken_in_handed_on_and_taken_away(house: Running) -> None:
    text = MINE.format(name="我的", body="Greet {{who}}.")
    assert httpx.post(house.url + PATH, json={"text": text}).status_code == 201
    assert httpx.get(f"{house.url}{PATH}/我的/file").text == text
    assert httpx.get(f"{house.url}{PATH}/我的/qr").text.startswith("<svg")
    assert httpx.get(f"{house.url}{PATH}/我的").json()["origin"] == "people"
    assert httpx.delete(f"{house.url}{PATH}/我的").status_code == 204
    assert httpx.get(f"{house.url}{PATH}/我的").status_code == 404
    assert httpx.delete(f"{house.url}{PATH}/almanac").status_code == 400


def test_what_it_may_do_is_said_before_it_runs(house: Running) -> None:
    text = MINE.format(name="x", body="Greet {{who}}.").replace(
        "---\n```", "allowed-tools: search Bash(git:*)\n---\n```", 1
    )
    looked = httpx.post(f"{house.url}{PATH}/check", json={"text": text}).json()
    assert looked["tools"] == [{"zh": "在你添加的文件里查找", "en": "look things up in the documents that you added"}]
    assert looked["refused"] == ["Bash(git:*)"]


@pytest.mark.parametrize(("language", "says"), [("zh-CN", "请填写"), ("en", "fill it in")])
def test_what_is_wrong_is_said_in_the_readers_language(house: Running, language: str, says: str) -> None:
    answer = httpx.post(f"{house.url}{PATH}/almanac/run", json={"fields": {}}, headers={"accept-language": language})
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]
    broken = httpx.post(f"{house.url}{PATH}/check", json={"text": "x"}, headers={"accept-language": language})
    assert broken.status_code == 400


def test_nobody_without_the_key_and_no_foreign_page(llm: LLM) -> None:
    with serving(llm, api_keys=["secret"]) as guarded:
        for method, path in (
            ("GET", ""), ("POST", ""), ("POST", "/check"), ("POST", "/try"), ("GET", "/almanac"),
            ("POST", "/almanac/run"), ("GET", "/almanac/file"), ("GET", "/almanac/qr"), ("DELETE", "/almanac"),
            ("PUT", "/almanac/favourite"),
        ):  # fmt: skip
            assert httpx.request(method, guarded.url + PATH + path).status_code == 401
            foreign = httpx.request(method, guarded.url + PATH + path, headers={"origin": "http://evil.example"})
            assert foreign.status_code == 403


def visit(browser: Browser, url: str, path: str, locale: str = "zh-CN", script: str = "") -> Page:
    page = browser.new_context(locale=locale, viewport={"width": 360, "height": 640}).new_page()
    page.add_init_script(script)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(url + path)
    return page


def test_an_app_on_a_phone(house: Running, browser: Browser) -> None:
    page = visit(browser, house.url, "/page/apps.html")
    page.fill("input[type=search]", "接龙")
    page.click(".apps a")
    page.fill("#f0", "画蛇添足")
    page.click("button.main")
    expect(page.locator(".said strong").first).to_be_visible()
    expect(page.locator(".said")).to_contain_text("我接")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.click("text=二维码")
    page.wait_for_selector("main > p svg, main > p:not([hidden])")


def test_a_reader_of_english_fills_in_and_is_answered_in_english(house: Running, browser: Browser) -> None:
    page = visit(browser, house.url, "/page/apps.html?app=notice", locale="en")
    page.wait_for_selector("label[for=f0]")
    for number, words in enumerate(("Class 3", "a trip to the farm", "Friday, 8 am", "the school gate")):
        page.fill(f"#f{number}", words)
    page.fill("#f5", "Ms Lee")
    page.click("form button.main")
    page.wait_for_selector(".said:not(.raw) h3")
    told = page.inner_text(".said")
    assert "For the loudspeaker" in told
    assert "A trip to the farm: on Friday, 8 am, at the school gate." in told

    page.goto(house.url + "/page/apps.html?app=leaflet")
    page.wait_for_selector(".choices")
    shown = page.locator(".choices label").all_inner_texts()
    assert [one.strip() for one in shown][:2] == ["What it is for", "How to take it"]
    page.fill("#f0", "too short")
    page.click(".choices label:has-text('Side effects')")
    page.click("form button.main")
    page.wait_for_selector(".said:has-text('Put the words of the leaflet in')")
    for text in (told, page.inner_text("main")):
        assert re.search("[\u4e00-\u9fff]", text) is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_table_from_a_spreadsheet_becomes_a_fan_and_an_advice(house: Running, browser: Browser) -> None:
    page = visit(browser, house.url, "/page/apps.html?app=prices")
    table = {"name": "价格.csv", "mimeType": "text/csv", "buffer": weekly().encode("gbk")}
    page.set_input_files("input[type=file]", table)
    page.wait_for_function("document.getElementById('f0').value.startsWith('日期')")
    page.fill("#f2", "110")
    page.click("button.main")
    page.wait_for_selector(".said svg")
    expect(page.locator(".said")).to_contain_text("建议：")
    drawn = page.locator(".said svg").bounding_box()
    assert drawn is not None
    assert drawn["width"] > 250
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_somebody_who_cannot_program_makes_an_app(house: Running, browser: Browser) -> None:
    """The clicks and keys of making one: 3 clicks, 5 fields, and it stands on the shelf with its label."""
    page = visit(browser, house.url, "/page/apps.html")
    page.click("text=新的应用")
    page.fill("#app-name", "给奶奶的祝福")
    page.fill("#app-what", "写一句生日祝福")
    page.fill(".fields-made input", "名字")
    page.fill("#says", "给{名字}写一句生日祝福。")
    page.fill("#label", "心意要自己说")
    page.wait_for_selector("section .choices, section label[for=f0]")
    expect(page.locator("#file")).to_have_value(re.compile("名字: text 名字[\\s\\S]*给{{名字}}写"))
    page.click('button:has-text("放上架子")')
    page.wait_for_selector("h1:has-text('给奶奶的祝福')")
    page.fill("#f0", "王奶奶")
    page.click("button.main")
    page.wait_for_selector(".label-line:not([hidden])")
    expect(page.locator(".label-line")).to_contain_text("AI 生成 · 心意要自己说")
    assert httpx.get(f"{house.url}{PATH}/给奶奶的祝福").json()["titles"]["zh"] == "给奶奶的祝福"


def test_markup_in_an_apps_words_stays_words(house: Running, browser: Browser) -> None:
    evil = '<img src=x onerror="document.title=1"><script>document.title=1</script>'
    text = (
        MINE.format(name="evil", body=evil)
        .replace("Says hello.", json.dumps(evil))
        .replace("---\n```", f"metadata:\n  title: {json.dumps(evil)}\n---\n```", 1)
    )
    assert httpx.post(house.url + PATH, json={"text": text}).status_code == 201
    for path in ("/page/apps.html", "/page/apps.html?app=evil"):
        page = visit(browser, house.url, path)
        page.wait_for_selector("main h1")
        page.wait_for_timeout(300)
        assert page.title() == "应用"
        assert page.locator("main img, main script").count() == 0
    httpx.delete(f"{house.url}{PATH}/evil")


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_no_request_leaves_the_machine_and_the_page_is_small(house: Running, browser: Browser, locale: str) -> None:
    page = browser.new_context(locale=locale).new_page()
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.goto(house.url + "/page/apps.html")
    page.wait_for_selector(".apps a")
    assert all(address.startswith(house.url) for address in addresses)
    assert sum(len(_packed(house.url, name)) for name in ("apps.html", "apps.js", "apps.css")) <= 14_000


def _packed(url: str, name: str) -> bytes:
    with httpx.stream("GET", f"{url}/page/{name}", headers={"accept-encoding": "gzip"}) as answer:
        return b"".join(answer.iter_raw())


SHEET = {
    "product": "洛川苹果",
    "price": "39.9",
    "unit": "箱",
    "point1": "树上熟，全国第一",
    "stock": "300",
    "minutes": "1",
}
# What a phone over https has and a headless browser may not: a lock on the screen, counted.
LOCKS = """
  window.locks = 0;
  const lock = { release: () => { window.locks -= 1; } };
  Object.defineProperty(navigator, 'wakeLock', { value: { request: async () => { window.locks += 1; return lock; } } });
"""


def test_a_script_is_read_from_the_page(house: Running, browser: Browser) -> None:
    """A model that cannot write: the sheet's own lines, traced, marked, kept as files with the label, and prompted."""
    page = visit(browser, house.url, "/page/apps.html?app=script", script=LOCKS)
    page.wait_for_selector("label[for=f0]")
    for number, key in ((0, "product"), (1, "price"), (2, "unit"), (5, "stock"), (7, "point1"), (10, "minutes")):
        page.fill(f"#f{number}", SHEET[key])
    page.click("form button.main")
    page.wait_for_selector(".sentence", timeout=120_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    price = page.locator(".sentence", has_text="三十九块九一箱").first
    assert price.locator("rt").inner_text() == "39.9元/箱"
    price.click()
    assert "2. 价格：39.9元/箱" in page.inner_text(".basis")
    assert page.inner_text(".sheet-lines .on").startswith("价格")
    assert page.locator(".sentence mark").first.inner_text() == "全国第一"
    assert "可换成" in page.inner_text(".sheet-lines")
    with page.expect_download() as download:
        page.click("text=存成 .srt")
    assert "三十九块九一箱" in Path(download.value.path()).read_text(encoding="utf-8")

    page.click("text=提词器")
    page.wait_for_selector(".prompter [role=status]:has-text('屏幕会一直亮着')")
    assert page.evaluate("window.locks") == 1
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('.prompter-text')).fontSize)") >= 36
    for _ in range(12):
        page.keyboard.press("ArrowUp")
    assert page.inner_text(".prompter-bar output") == "480 字/分"
    page.keyboard.press("Space")
    page.wait_for_selector(".prompter-text p:nth-child(2).now")  # it moves on by itself
    page.keyboard.press("Space")
    page.keyboard.press("Home")
    page.keyboard.press("PageDown")
    page.keyboard.press("PageDown")
    assert page.locator(".prompter-text p").nth(2).get_attribute("class") == "now"
    page.keyboard.press("m")
    assert page.locator(".prompter-window.mirrored").count() == 1
    page.keyboard.press("Escape")
    assert page.locator(".prompter").count() == 0
    assert page.evaluate("window.locks") == 0


def test_what_a_model_wrote_is_kept_as_a_file_with_its_label(house: Running) -> None:
    body = {"text": MINE.format(name="hello", body="Greet {{who}}."), "fields": {"who": "小明"}}
    _, done = events(house.url, "/try", body, **{"accept-language": "en"})[-1]
    assert "(Made by AI" in done["files"]["hello.txt"]
    assert '"AIGC"' in done["files"]["hello.txt"]
    ((_, by_rule),) = events(house.url, "/almanac/run", {"fields": {"day": "2026-02-17"}})
    assert "AIGC" not in by_rule["files"]["almanac.txt"]


def test_a_photo_field_takes_a_photo_and_says_what_it_read(house: Running, browser: Browser, tmp_path: Path) -> None:
    """What is no picture of text is told in a sentence, and the box can be typed into; what is a text stands in it."""
    page = visit(browser, house.url, "/page/apps.html?app=leaflet")
    page.wait_for_selector("label[for=f0]")
    take = page.locator("input[type=file][capture=environment]")
    assert take.get_attribute("accept") == "image/*"
    nothing = tmp_path / "leaflet.jpg"
    nothing.write_bytes(b"\xff\xd8\xff no picture")
    take.set_input_files(nothing)
    page.wait_for_selector("[role=status]:has-text('也可以把字打在框里')")
    page.fill("#f0", "一日三次")
    assert page.input_value("#f0") == "一日三次"
    leaflet = tmp_path / "leaflet.txt"
    leaflet.write_text("口服。一次一片。", encoding="utf-8")
    take.set_input_files(leaflet)
    page.wait_for_selector("[role=status]:has-text('读出来了')")
    assert page.input_value("#f0") == "口服。一次一片。"
    assert httpx.get(f"{house.url}/house/files/text").status_code == 404, "nothing of it was kept"
