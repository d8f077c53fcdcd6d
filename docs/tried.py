"""Tries the house as a new user would, from the first start to a house restored elsewhere: docs/images/tried-*.

    python docs/tried.py [--chromium /usr/bin/chromium] [--out docs/images] [--language zh]

Starts `huozhong serve --lan` in an empty folder.  The owner comes by the link that is printed, a phone joins by the QR
code's address, a member asks about a handbook of forty pages, changes the question, searches and prints; then the
house is backed up, and restored in another folder, where the member finds everything.  Needs `huozhong[test]`
(playwright) and a Chromium; stops with an error where a step does not do what it should.
"""

from __future__ import annotations

import argparse
import contextlib
import html
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

ARGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
DESKTOP, PHONE = (1366, 768), (360, 640)
OWNER, MEMBER, PASSWORD = "林老师", "小雨", "春眠不觉晓 42"
PATIENCE = 120_000  # ms; the machine may do much else

# name, in flower, where it stands: a handbook of a school's plants, made up for this, a page for each
PLANTS = """
梅花 一月到二月 校门左侧|迎春 二月到三月 操场南边|玉兰 三月 图书馆门前|桃花 三月到四月 食堂后面
樱花 四月 教学楼东边|海棠 四月 办公楼前|紫荆 四月 花坛中央|牡丹 四月到五月 百花园
丁香 五月 音乐教室外|蔷薇 五月 西边围墙|月季 五月到十一月 升旗台旁|石榴 五月到六月 后勤院里
栀子 六月 美术教室外|荷花 六月到八月 池塘|紫薇 七月到九月 停车棚旁|凌霄 七月到八月 东边围墙
茉莉 六月到八月 温室|木槿 七月到十月 操场北边|向日葵 七月到八月 实验田|凤仙花 六月到九月 三年级花圃
鸡冠花 七月到九月 四年级花圃|牵牛花 六月到十月 篱笆|美人蕉 七月到十月 水池边|桂花 九月到十月 钟楼两旁
木芙蓉 十月 小桥边|菊花 十月到十一月 校史馆前|茶花 十二月到三月 校长室外|蜡梅 十二月到一月 北门
水仙 一月到二月 温室|山茶 二月到三月 阅览室外|杜鹃 四月到五月 假山|绣球 六月 医务室外
百合 六月到七月 百花园|兰花 二月到三月 温室|紫藤 四月到五月 长廊|金银花 五月到六月 凉亭
鸢尾 四月到五月 池塘边|芍药 五月 百花园|萱草 六月到七月 坡地|薄荷 八月到九月 菜园
"""
TEXTS = {
    "zh": {
        "file": "校园植物手册.pdf",
        "about": "桂花几月开？",
        "again": "桂花树在哪儿？",
        "riddle": "给我出个谜语",
        "find": "桂花",
    },
    "en": {
        "file": "校园植物手册.pdf",
        "about": "When does 桂花 flower?",
        "again": "Where does 桂花 stand?",
        "riddle": "Ask me a riddle",
        "find": "riddle",
    },
}


@dataclass
class Trial:
    """What every step needs.  home: where the house lies."""

    browser: Browser
    out: Path
    language: str
    home: Path
    said: list[tuple[str, str]]  # commands, and what they said

    def texts(self, name: str) -> str:
        return TEXTS[self.language][name]

    def window(self, size: tuple[int, int], **more: object) -> BrowserContext:
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale="zh-CN" if self.language == "zh" else "en-GB",
            device_scale_factor=1.5 if size[0] > 500 else 2,
            has_touch=size[0] < 500,
            is_mobile=size[0] < 500,
            reduced_motion="reduce",
            **more,  # type: ignore[arg-type]
        )
        context.set_default_timeout(PATIENCE)
        return context

    def shoot(self, page: Page, name: str, **more: bool) -> None:
        page.mouse.move(0, 0)
        page.wait_for_timeout(300)
        file = self.out / f"{name}{'' if self.language == 'zh' else '-' + self.language}.png"
        page.screenshot(path=str(file), **more)  # type: ignore[arg-type]
        print(file)

    def command(self, *arguments: str, home: Path | None = None) -> str:
        """Run `huozhong` to its end; what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "huozhong.cli.main", *arguments],
            env=self.environment(home or self.home),
            capture_output=True,
            text=True,
            check=True,
        )
        shown = [Path(one).name if os.sep in one else one for one in arguments]
        where = "" if home is None else f"HUOZHONG_HOME={home.name} "
        text = re.sub(rf"{re.escape(str(self.home.parent))}/", "", done.stdout)
        self.said.append((f"{where}huozhong {' '.join(shown)}", text.strip("\n")))
        return done.stdout

    def environment(self, home: Path) -> dict[str, str]:
        return os.environ | {"HUOZHONG_HOME": str(home), "HUOZHONG_LANG": self.language, "PYTHONUNBUFFERED": "1"}

    @contextlib.contextmanager
    def serving(self, home: Path) -> Iterator[tuple[str, str]]:
        """`huozhong serve --lan` of a folder: its address, and what it printed at its start."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        url, said = f"http://127.0.0.1:{port}", home.parent / f"{home.name}.txt"
        command = [
            sys.executable,
            "-m",
            "huozhong.cli.main",
            "serve",
            "--lan",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        with said.open("w") as output:
            process = subprocess.Popen(command, env=self.environment(home), stdout=output, stderr=subprocess.STDOUT)
        try:
            while not _answers(url):
                if process.poll() is not None:
                    sys.exit(f"tried: the server did not start: {said.read_text()[-600:]}")
                time.sleep(0.1)
            yield url, said.read_text()
        finally:
            process.terminate()
            process.wait(60)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False


def handbook(browser: Browser, file: Path) -> None:
    """Forty pages, as a browser prints them."""
    plants = [one.split() for line in PLANTS.strip().splitlines() for one in line.split("|")]
    assert len(plants) == 40, len(plants)
    pages = "".join(
        f"<section><h1>{name}</h1><p>{name}的花期是{when}，种在{where}。浇水要看天气：土干了再浇，一次浇透。"
        f"看花的时候不要折枝，落花可以拾回去做标本。</p></section>"
        for name, when, where in plants
    )
    page = browser.new_page()
    page.set_content(
        f"<meta charset=utf-8><style>section{{break-after:page}}section:last-child{{break-after:auto}}</style>{pages}"
    )
    page.pdf(path=str(file), format="A5")
    page.close()


def ask(page: Page, question: str) -> None:
    count = page.locator(".answer").count()
    page.fill("#input", question)
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_have_count(count + 1, timeout=PATIENCE)
    page.wait_for_selector("#log[aria-busy=false] .answer:last-child .body:not(:empty)")


def begin(trial: Trial, url: str, printed: str) -> str:
    """The owner comes by the printed link; returns the address that the QR code holds."""
    found = re.search(r"#setup=[\w-]+", printed)
    assert found is not None, printed
    with trial.window(DESKTOP) as context:
        page = context.new_page()
        page.goto(f"{url}/page/login.html{found[0]}")
        page.fill("#name", OWNER)
        page.fill("#password", PASSWORD)
        trial.shoot(page, "tried-setup")
        page.click("#go")
        page.wait_for_url(f"{url}/")
        if page.request.get(f"{url}/house/models/advice").json()["models"]:
            expect(page.locator("#offer .model-offer")).to_be_visible()
            trial.shoot(page, "tried-welcome")
        else:
            print("no picture of the offer: this machine has no memory to spare for a larger model now")
        page.goto(f"{url}/page/owner.html")
        page.click("#code-buttons button >> nth=0")
        page.locator("#codes img").wait_for()
        page.locator("#code-box").scroll_into_view_if_needed()
        trial.shoot(page, "tried-join-code")
        code = page.request.get(f"{url}/house/join-code").json()["codes"][0]["url"]
        return re.sub(r"^https?://[^/]+", url, code)


def join(trial: Trial, url: str, address: str) -> None:
    with trial.window(PHONE) as context:
        page = context.new_page()
        page.goto(address)
        page.fill("#name", MEMBER)
        page.fill("#password", PASSWORD)
        trial.shoot(page, "phone-tried-join")
        page.click("#go")
        page.wait_for_url(f"{url}/")
        page.wait_for_selector("#model:not(:empty)")
        trial.shoot(page, "phone-tried-joined")


def come_in(page: Page, url: str, name: str) -> None:
    page.goto(url)
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("#go")
    page.wait_for_url(f"{url}/")
    page.wait_for_selector("#model:not(:empty)")


def learn(trial: Trial, url: str, document: Path) -> None:
    """A member's afternoon: a document, a branch, a search, a print."""
    with trial.window(DESKTOP) as context:
        page = context.new_page()
        come_in(page, url, MEMBER)
        ask(page, trial.texts("riddle"))
        page.click("#new")
        page.set_input_files("#attach-file", str(document))
        page.locator("#attached .chip:not(.reading)").wait_for()
        ask(page, trial.texts("about"))
        trial.shoot(page, "tried-document")
        page.locator(".answer .source").first.click()
        expect(page.locator("#passage-text")).to_contain_text("桂花的花期是九月到十月")
        trial.shoot(page, "tried-passage")
        page.keyboard.press("Escape")
        page.locator(".user .icon[data-t-label=edit]").first.click()
        page.fill(".editor textarea", trial.texts("again"))
        page.keyboard.press("Enter")
        expect(page.locator(".user .walk")).to_contain_text("2/2")
        page.wait_for_selector("#log[aria-busy=false] .answer:last-child .body:not(:empty)")
        trial.shoot(page, "tried-branch")
        page.fill("#find", trial.texts("find"))
        page.locator(".snippet mark, .item .name").first.wait_for()
        trial.shoot(page, "tried-search")
        page.fill("#find", "")
        page.set_viewport_size({"width": 794, "height": 600})  # as wide as A4
        page.emulate_media(media="print")
        trial.shoot(page, "tried-print", full_page=True)
    with trial.window(PHONE) as context:
        page = context.new_page()
        come_in(page, url, MEMBER)
        page.click("#side-open")
        page.locator(".item .open").first.click()
        page.locator(".answer .source").first.click()
        page.locator("#passage-text").wait_for()
        trial.shoot(page, "phone-tried-passage")


def keep(trial: Trial, url: str) -> None:
    """The owner's page, with what was used, and a backup from there."""
    with trial.window(DESKTOP) as context:
        page = context.new_page()
        come_in(page, url, OWNER)
        page.goto(f"{url}/page/owner.html")
        expect(page.locator("#tiles .tile")).to_have_count(8)
        page.locator("svg.chart").first.wait_for()
        trial.shoot(page, "tried-owner")
        page.click("#backup")
        page.locator("#backup-told:not(:empty)").wait_for()
        # Where this trial happens to lie is nobody's business.
        page.evaluate(
            "home => { const told = document.getElementById('backup-told');"
            "told.textContent = told.textContent.replace(home, '~/.local/share/huozhong') }",
            str(trial.home),
        )
        page.locator("#backup").scroll_into_view_if_needed()
        trial.shoot(page, "tried-backup")
    with trial.window(PHONE) as context:
        page = context.new_page()
        come_in(page, url, OWNER)
        page.goto(f"{url}/page/owner.html")
        page.locator("svg.chart").first.wait_for()
        trial.shoot(page, "phone-tried-owner")


def restored(trial: Trial, url: str) -> None:
    """The member finds everything in the other folder's house."""
    with trial.window(DESKTOP) as context:
        page = context.new_page()
        come_in(page, url, MEMBER)
        expect(page.locator(".item")).to_have_count(2)
        page.locator(".item .open", has_text="桂花").click()
        expect(page.locator(".user .walk")).to_contain_text("2/2")
        trial.shoot(page, "tried-restored")


def terminal(trial: Trial) -> None:
    """What was typed at the keyboard of the house, as it was answered."""
    lines = "".join(f"<b>$ {html.escape(typed)}</b>\n{html.escape(said)}\n\n" for typed, said in trial.said)
    style = "body{margin:0;background:#191714;color:#ebe4da;font:16px/1.6 monospace}b{color:#ff9a68}"
    style += "pre{padding:20px;margin:0;white-space:pre-wrap}"
    with trial.window((900, 300)) as context:
        page = context.new_page()
        page.set_content(f"<meta charset=utf-8><style>{style}</style><pre>{lines.rstrip()}</pre>")
        trial.shoot(page, "tried-terminal", full_page=True)


def main() -> None:
    """Parse the command line and try everything."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    parser.add_argument("--language", choices=["zh", "en"], default="zh")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=ARGS)
        home, other = Path(folder) / "house", Path(folder) / "other"
        trial = Trial(browser, options.out, options.language, home, [])
        document, saved = Path(folder) / trial.texts("file"), Path(folder) / "house.backup"
        home.mkdir()
        handbook(browser, document)
        with trial.serving(home) as (url, printed):
            join(trial, url, begin(trial, url, printed))
            learn(trial, url, document)
            keep(trial, url)
            trial.command("people", "list")
            trial.command("backup", str(saved))
        other.mkdir()
        trial.command("restore", str(saved), home=other)
        with trial.serving(other) as (url, _):
            restored(trial, url)
        terminal(trial)
        browser.close()


if __name__ == "__main__":
    main()
