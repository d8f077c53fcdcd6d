"""Makes docs/images: the chat page in a real browser, talking to a running server.

    python docs/screenshots.py http://127.0.0.1:8000 [--chromium /usr/bin/chromium] [--out docs/images] [--only NAME,…]
                               [--pen]

Needs `huozhong[test]` (playwright, Pillow) and a Chromium.  The answers shown are the served model's own.  The chats
of the server are cleared before each picture: point this at a server of its own (`huozhong serve --database sqlite://`).
"""

from __future__ import annotations

import argparse
import datetime
import io
import math
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
DESKTOP, PHONE = (1366, 768), (360, 640)
QUESTIONS = {
    "zh": ["学校买来 6 箱粉笔，每箱 24 盒，用去 50 盒，还剩多少盒？", "写一首关于春雨的五言绝句"],
    "riddle": ["给我出个谜语", "不知道"],
    "distress": ["我不想活了"],
    "list": ["5千克等于多少克？", "给我出个谜语", "“画蛇添足”是什么意思？", "写一首关于春雨的五言绝句"],
    "en": ["A school buys 6 boxes of pens with 24 in each box and uses 50 of them. How many are left?"],
}
SHOTS = [
    # name, size, theme, language, what to say (of QUESTIONS)
    ("welcome", DESKTOP, "light", "zh", ""),
    ("welcome-dark", DESKTOP, "dark", "zh", ""),
    ("welcome-en", DESKTOP, "light", "en", ""),
    ("chat", DESKTOP, "light", "zh", "zh"),
    ("chat-dark", DESKTOP, "dark", "zh", "zh"),
    ("chat-en", DESKTOP, "light", "en", "en"),
    ("chat-search", DESKTOP, "light", "zh", "list"),
    ("chat-bill", DESKTOP, "light", "zh", "list"),
    ("chat-keys", DESKTOP, "light", "zh", "list"),
    ("welcome-hant", DESKTOP, "light", "zh-Hant", ""),
    ("chat-settings", DESKTOP, "light", "zh", "list"),
    ("phone-settings", PHONE, "light", "en", "en"),
    ("phone-list", PHONE, "light", "zh", "list"),
    ("phone-welcome", PHONE, "light", "zh", ""),
    ("phone-chat", PHONE, "light", "zh", "zh"),
    ("phone-chat-dark", PHONE, "dark", "zh", "riddle"),
    ("phone-distress", PHONE, "light", "zh", "distress"),
]

PENS = QUESTIONS["en"][0]
CAGE = "笼子里有鸡和兔共8只，脚有26只，兔有几只？"
# A made-up year of pig prices, as somebody would paste it.
HOGS = "日期,价格（元/公斤）\n" + "\n".join(
    f"{datetime.date(2025, 11, 28) + datetime.timedelta(weeks=week)},"
    f"{14.5 + 1.8 * math.sin(week / 9) + week % 3 / 20:.2f}"
    for week in range(53)
)

SHEET = {
    "#f0": "Luochuan apples", "#f1": "39.9", "#f2": "box", "#f3": "2 bags of 2.5 kg", "#f4": "a peeler", "#f5": "300",
    "#f6": "20 yuan off 199", "#f7": "ripened on the tree", "#f8": "broken ones are paid for", "#f10": "1",
}  # fmt: skip

# Pages of apps: name, size, theme, language, app ("" the shelf, "new" the making of one), what is filled in.
APPS: list[tuple[str, tuple[int, int], str, str, str, dict[str, str]]] = [
    ("apps", DESKTOP, "light", "zh", "", {}),
    ("apps-new", DESKTOP, "light", "zh", "new", {
        "#app-name": "给奶奶的祝福", "#app-what": "写一句生日祝福", ".fields-made input": "名字",
        "#says": "给{名字}写一句生日祝福，要温暖。", "#label": "心意要自己说",
    }),
    ("app-almanac", DESKTOP, "dark", "zh", "almanac", {"#f0": "2026-02-17"}),
    ("phone-app-notice", PHONE, "light", "zh", "notice", {
        "#f0": "全体村民", "#f1": "开会讨论修路", "#f2": "12月3日晚上7点", "#f3": "村委会", "#f5": "村民委员会",
    }),
    ("app-tutor", DESKTOP, "light", "zh", "tutor", {
        "#f0": "学校买来8箱粉笔，每箱24盒，用去50盒，还剩多少盒？", "#f1": "8×24=162",
    }),
    ("phone-app-tutor", PHONE, "light", "zh", "tutor", {
        "#f0": CAGE, "#f1": "2×8=16",
    }),
    ("phone-app-prices", PHONE, "light", "zh", "prices", {"#f0": HOGS, "#f2": "108", "#f3": "3.4"}),
    ("phone-app-idioms", PHONE, "dark", "zh", "idioms", {"#f0": "画蛇添足"}),
    ("app-almanac-en", DESKTOP, "light", "en", "almanac", {"#f0": "2026-02-17"}),
    ("phone-app-almanac-en", PHONE, "light", "en", "almanac", {"#f0": "2026-02-17"}),
    ("app-tutor-en", DESKTOP, "light", "en", "tutor", {"#f0": PENS, "#f1": "6*24=134"}),
    ("phone-app-tutor-en", PHONE, "light", "en", "tutor", {"#f0": PENS, "#f1": "6*24=144"}),
    ("apps-en", DESKTOP, "light", "en", "", {}),
    ("phone-apps-en", PHONE, "light", "en", "", {}),
    ("app-script-en", DESKTOP, "light", "en", "script", SHEET),
    ("phone-app-script-en", PHONE, "light", "en", "script", SHEET),
]  # fmt: skip


# What is opened before the picture is taken, by name.
OPENED = {
    "chat-search": lambda page: page.fill("#find", "春雨"),
    "chat-bill": lambda page: page.locator("[data-t-label=bill]").last.click(),
    "chat-keys": lambda page: page.keyboard.press("?"),
    "phone-list": lambda page: page.click("#side-open"),
    "chat-settings": lambda page: page.click("#settings-button"),
    "phone-settings": lambda page: page.click("#settings-button"),
}


def ask(page: Page, question: str) -> None:
    """Type a question and wait until its answer stands there, typeset."""
    page.fill("#input", question)
    page.keyboard.press("Enter")
    page.wait_for_selector("#log[aria-busy=false] .answer:last-child .body:not(:empty)", timeout=60_000)
    page.wait_for_selector(".answer:last-child .body .tail", state="detached")


def in_window(browser: Browser, size: tuple[int, int], theme: str, language: str) -> BrowserContext:
    """A window of a reader with this screen, theme and language."""
    width, height = size
    return browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        locale={"zh": "zh-CN", "zh-Hant": "zh-TW"}.get(language, "en-GB"),
        device_scale_factor=1.5 if width > 500 else 2,
        has_touch=width < 500,
        is_mobile=width < 500,
        reduced_motion="reduce",
    )


def shoot_app(
    browser: Browser, url: str, out: Path, shot: tuple[str, tuple[int, int], str, str, str, dict[str, str]]
) -> None:
    """One picture of the shelf, of an app that has answered, or of the making of one."""
    name, size, theme, language, app, filled = shot
    context = in_window(browser, size, theme, language)
    page = context.new_page()
    page.goto(f"{url}/page/apps.html" + ("?new" if app == "new" else f"?app={app}" if app else ""))
    page.wait_for_selector("main h1")
    page.wait_for_load_state("networkidle")
    for field, text in filled.items():
        page.locator(field).first.fill(text)
    if app and app != "new":
        page.click("button.main")
        page.wait_for_selector(".said > *")
        page.locator("section.card-box").scroll_into_view_if_needed()
    page.wait_for_timeout(1000)
    take(page, out / f"{name}.png")
    context.close()


def take(page: Page, file: Path, colours: int = 256) -> None:
    """A picture in 256 colours, a third of its size; a page has few, and one with a photo makes do with fewer."""
    page.screenshot(path=str(file))
    with Image.open(file) as picture:
        small = picture.convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    small.save(file, optimize=True)


def shoot_class(browser: Browser, url: str, out: Path) -> None:
    """The class's page of the tutor, after a pupil who said yes has made some mistakes."""
    for name, size in (("app-tutor-class", DESKTOP), ("phone-app-tutor-class", PHONE)):
        context = in_window(browser, size, "light", "zh")
        page = context.new_page()
        page.request.put(f"{url}/house/tallies/tutor", data={"yes": True})
        for mine in ("2×8=18", "2×8=16", "26-16=20", "26-16=10", "4-2=2", "10÷2=2", "10÷2=5"):
            fields = {"problem": CAGE, "mine": mine}
            page.request.post(f"{url}/house/apps/tutor/run", data={"fields": fields})
        page.goto(f"{url}/page/tallies.html?app=tutor")
        page.wait_for_selector(".bar")
        take(page, out / f"{name}.png")
        context.close()


PEOPLE = [
    {"name": "Jianguo", "relation": "elder son", "number": "13800000001"},
    {"name": "Li", "relation": "daughter", "number": "13800000002"},
    {"name": "Dr Chen", "relation": "doctor", "number": "13800000003"},
]
SAID = "今天苹果三十九块九一斤，买二送一，大家赶紧下单"


def phone_said(page: Page, url: str, said: str) -> None:
    """The elders' phone, once somebody has said whom to call."""
    room = f"{url}/house/room/callhome"
    for one in page.request.get(f"{room}/phone").json()["contacts"]:
        page.request.delete(f"{room}/contacts/{one['id']}")
    for person in PEOPLE:
        page.request.post(f"{room}/contacts", data=person)
    page.goto(f"{url}/room/callhome/")
    page.fill("#said", said)
    page.keyboard.press("Enter")
    page.wait_for_selector("#yes")


def live_said(page: Page, url: str, viewer: bool) -> None:
    """A stream, as its seller sees it or a viewer."""
    page.goto(f"{url}/room/live/")
    page.wait_for_selector("#live:not([disabled])")
    if page.get_attribute("#live", "class") == "main on":  # a stream of before
        page.click("#live")
        page.wait_for_selector("#live:not(.on)")
    page.click("#live")
    page.wait_for_selector("#live.on")
    page.wait_for_selector("#cannot:not([hidden])", timeout=120_000)  # once ember was tried
    link = page.input_value("#link")
    page.fill("#say", SAID)
    page.press("#say", "Enter")
    page.wait_for_selector("#said p:not([hidden])", timeout=120_000)
    if viewer:
        page.goto(link)
        page.wait_for_selector("#lines p:not([hidden])")


def pen_seen(page: Page, url: str) -> None:
    """A rendered pen, and one of its pigs with its twenty labels."""
    from recipes.pen.herd import make_herd
    from recipes.pen.paint import Scene, frame

    herd = make_herd(3, pigs=make_herd(101, 20).pigs[:5])  # of the pigs that the tests' detector was taught
    for _ in range(20):
        herd.step(1.0)
    picture, _ = frame(herd, Scene(5, 10.0, 40.0))
    made = io.BytesIO()
    Image.fromarray(picture).save(made, "PNG")
    page.goto(f"{url}/room/pen/")
    page.set_input_files("#photo", [{"name": "pen.png", "mimeType": "image/png", "buffer": made.getvalue()}])
    page.locator("#numbers button").first.click()
    page.wait_for_selector(".twenty li")


def shoot_rooms(browser: Browser, url: str, out: Path, only: list[str] | None, pen: bool) -> None:
    """The apps with a page of their own: the elders' phone, a stream, a pen."""
    for language in ("zh", "en"):
        for size in (DESKTOP, PHONE):
            rooms: dict[str, Callable[[Page], None]] = {
                "callhome": partial(phone_said, url=url, said="给我女儿打个电话"),
                "live": partial(live_said, url=url, viewer=size == PHONE),
            }
            if pen:
                rooms["pen"] = partial(pen_seen, url=url)
            for room, done in rooms.items():
                name = f"{'phone-' if size == PHONE else ''}app-{room}{'-en' if language == 'en' else ''}"
                if only and name not in only:
                    continue
                context = in_window(browser, size, "light", language)
                page = context.new_page()
                done(page)
                page.wait_for_timeout(1000)
                take(page, out / f"{name}.png", 24 if room == "pen" else 256)
                context.close()
                print(out / f"{name}.png")


def shoot(browser: Browser, url: str, out: Path, shot: tuple[str, tuple[int, int], str, str, str]) -> None:
    """One picture."""
    name, (width, height), theme, language, talk = shot
    context = in_window(browser, (width, height), theme, language)
    page = context.new_page()
    page.request.post(f"{url}/house/clear", data={})
    page.goto(url)
    page.wait_for_selector("#model:not(:empty)")
    if talk:
        for question in QUESTIONS[talk]:
            if talk == "list":
                page.evaluate("document.getElementById('new').click()")
            ask(page, question)
        thoughts = page.query_selector(".thinking:not([hidden]) summary")
        if thoughts and width > 500 and talk != "list":
            thoughts.click()
        page.mouse.move(0, 0)
        page.evaluate("document.getElementById('scroll').scrollTop = 0")
        page.evaluate("document.activeElement.blur()")
    if name in OPENED:
        OPENED[name](page)
    page.wait_for_timeout(1000)  # what is fetched when it is first wanted is there then
    take(page, out / f"{name}.png")
    context.close()


def main() -> None:
    """Parse the command line and make every picture."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("url")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--only", type=lambda text: text.split(","), help="the pictures of these names alone")
    parser.add_argument(
        "--pen",
        action="store_true",
        help="also the pen; tests/apps/pen/detector.npz lies in the server's apps-data/pen/1",
    )
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=ARGS)
        for shot in (one for one in SHOTS if not options.only or one[0] in options.only):
            shoot(browser, options.url, options.out, shot)
            print(options.out / f"{shot[0]}.png")
        for app in (one for one in APPS if not options.only or one[0] in options.only):
            shoot_app(browser, options.url, options.out, app)
            print(options.out / f"{app[0]}.png")
        if not options.only or "app-tutor-class" in options.only:
            shoot_class(browser, options.url, options.out)
        shoot_rooms(browser, options.url, options.out, options.only, options.pen)
        browser.close()


if __name__ == "__main__":
    main()
