"""The page's files and its renderer over HTTP."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterator

import httpx
import pytest
from tests.server.page.standin import create_standin, serving

from huozhong.server.routes import page as page_routes
from huozhong.server.words import FOLDER


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    app, _ = create_standin()
    with serving(app) as url, httpx.Client(base_url=url) as client:
        yield client


def test_every_file_in_the_folder_is_served_with_its_type(http: httpx.Client) -> None:
    names = {path.name for path in FOLDER.iterdir()} - {"index.html"}
    assert names == set(page_routes.FILES)
    for name in names:
        response = http.get(f"/page/{name}")
        assert response.status_code == 200
        source = (FOLDER / name).read_bytes()
        if name.endswith(".js"):
            assert response.content.count(b"\n") == source.count(b"\n")
            assert not re.search(rb"^ *(?://|/\*\*)", response.content, re.MULTILINE)
        elif name.endswith(".html"):  # what it paints first is written into its head, and words into its body
            body = re.escape(source.partition(b"</head>")[2].decode())
            body = re.sub(r'(data\\-t="\w+">)', r"\1[^<]+", body)
            assert re.fullmatch(body, response.text.partition("</head>")[2])
        else:
            assert response.content == source
        assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("headers", "lang", "words"),
    [
        ({}, "zh-CN", "搜索对话"),
        ({"Accept-Language": "zh-TW,zh;q=0.9,en;q=0.8"}, "zh-Hant", "搜尋對話"),
        ({"Accept-Language": "de-DE, zh;q=0.5"}, "en", "Search chats"),
        ({"Accept-Language": "zh-CN", "Cookie": "language=en"}, "en", "Search chats"),
        ({"Accept-Language": "*", "Cookie": "language=../../x"}, "zh-CN", "搜索对话"),
    ],
)
def test_the_page_comes_with_its_readers_words(
    http: httpx.Client, headers: dict[str, str], lang: str, words: str
) -> None:
    response = http.get("/", headers=headers)
    html = response.text
    assert f'<html lang="{lang}"' in html
    assert f'aria-label="{words}" placeholder="{words}"' in html
    told = json.loads(html.partition('id="words">')[2].partition("</script>")[0])
    assert told["find"] == words
    assert {"Accept-Language", "Cookie"} < set(response.headers["vary"].split(", "))


def test_the_service_worker_knows_what_to_keep_and_changes_with_it(http: httpx.Client) -> None:
    response = http.get("/page/sw.js")
    assert response.headers["service-worker-allowed"] == "/"
    version = re.search(r'VERSION = "([0-9a-f]{12})"', response.text)
    assert version is not None
    kept = json.loads(response.text.partition("FILES = ")[2].partition(";")[0])
    assert "/page/page.js" in kept
    for path in kept:
        assert http.get(path).status_code == 200
    html = http.get("/").text
    loaded = re.findall(r'(?:src|href)="(/page/[^"]+\.(?:js|css|svg))"', html)
    assert set(loaded) - set(kept) == {"/page/old.js"}


SHEETS = ["/", *(f"/page/{name}" for name in page_routes.FILES if name.endswith(".html"))]


@pytest.mark.parametrize("path", SHEETS)
def test_every_module_is_announced_in_the_page(http: httpx.Client, path: str) -> None:
    """A browser need not learn of each from the one that imports it, one trip after another."""
    html = http.get(path).text
    asked = re.findall(r'<script type="module" src="/page/([\w.-]+)"', html)
    assert asked
    for name in asked:
        asked += set(re.findall(r"from '\./([\w.-]+)'", (FOLDER / name).read_text(encoding="utf-8"))) - set(asked)
    assert sorted(re.findall(r'modulepreload" href="/page/([\w.-]+)"', html)) == sorted(asked)


@pytest.mark.parametrize("path", SHEETS)
def test_a_first_paint_waits_for_nothing_but_the_document(http: httpx.Client, path: str) -> None:
    head = http.get(path).text.partition("</head>")[0]
    assert re.findall(r"<style>[^<]*--ink:", head)
    assert "data-theme" in head.partition("<script>")[2].partition("</script>")[0]
    assert not re.search(r'<script src=|<link rel="stylesheet" href="[^"]+">', head)


@pytest.mark.parametrize("language", ["zh", "zh-Hant", "en"])
def test_the_document_comes_without_waiting_for_the_browsers_word(http: httpx.Client, language: str) -> None:
    """Ten packets may be sent before any is acknowledged (RFC 6928)."""
    headers = {"Accept-Encoding": "gzip", "Accept-Language": language}
    with http.stream("GET", "/", headers=headers) as response:
        sent = len(b"".join(response.iter_raw())) + sum(len(n) + len(v) + 4 for n, v in response.headers.raw) + 19
    assert sent <= 10 * 1440


@pytest.mark.parametrize("name", ["../render.py", "..%2frender.py", "%2e%2e/app.py", "page.css.bak", "", "."])
def test_nothing_else_is_served(http: httpx.Client, name: str) -> None:
    assert http.get(f"/page/{name}").status_code in (404, 405)


def test_scripts_come_from_the_server_only(http: httpx.Client) -> None:
    """From its files, or in its documents: those are told apart from what somebody smuggled in by their hashes."""
    for path in SHEETS:
        response = http.get(path)
        policy, html = response.headers["content-security-policy"], response.text
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        for kind in ("script", "style"):
            hashes = "".join(
                f" 'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
                for text in re.findall(rf"<{kind}>([^<]*)</{kind}>", html)
            )
            assert f"; {kind}-src 'self'{hashes};" in policy
            assert html.count(f"<{kind}>") == hashes.count("sha256-") == 1
        assert not re.search(r"<style\s|\son\w+=|\sstyle=|https?://(?!www\.w3\.org)", html)


def test_files_are_compressed_and_not_sent_twice(http: httpx.Client) -> None:
    with http.stream("GET", "/page/page.css", headers={"Accept-Encoding": "gzip"}) as response:
        raw = b"".join(response.iter_raw())
        assert response.headers["content-encoding"] == "gzip"
        assert gzip.decompress(raw) == (FOLDER / "page.css").read_bytes()
        tag = response.headers["etag"]
    again = http.get("/page/page.css", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    plain = http.get("/page/page.css", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert http.head("/").status_code == 200


def test_info_names_the_model(http: httpx.Client) -> None:
    assert http.get("/page/info").json() == {
        "model": "ember",
        "max_context": 2048,
        "temperature": 0.0,
        "acts": False,
        "languages": ["zh", "zh-Hant", "en"],
    }


def test_render_answers_html(http: httpx.Client) -> None:
    response = http.post("/page/render", json={"text": "**好** $x$"})
    assert response.json()["html"].startswith("<p><strong>好</strong> <math")
    odd = http.post("/page/render", content=b'{"text": "a\\ud800b"}')
    assert odd.json() == {"html": "<p>a?b</p>\n"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b"\xff\xfe", 400, "invalid_json"),
        (b"[" * 100_000, 400, "invalid_json"),
        (b"[]", 400, "invalid_value"),
        (b'{"text": 5}', 400, "invalid_value"),
        (b'{"text": "a", "more": 1}', 400, "invalid_value"),
        (b'{"text": "' + b"a" * 100_001 + b'"}', 413, "text_too_long"),
        (b" " * (page_routes.MAX_RENDER_BYTES + 1), 413, "text_too_long"),
    ],
)
def test_render_refuses_what_is_no_request(http: httpx.Client, body: bytes, status: int, code: str) -> None:
    response = http.post("/page/render", content=body)
    assert response.status_code == status
    assert response.json()["error"]["code"] == code
    assert http.get("/page/info").status_code == 200


def test_the_first_load_is_small(http: httpx.Client) -> None:
    total = 0
    for path in ["/", *(f"/page/{name}" for name in page_routes.FIRST_LOAD)]:
        with http.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as response:
            total += len(b"".join(response.iter_raw()))
            total += sum(len(name) + len(value) + 4 for name, value in response.headers.raw) + 17
    assert total <= 60_000
