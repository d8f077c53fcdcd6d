"""The page's files and its renderer over HTTP."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.server.page.standin import create_standin, serving

from huozhong.server.routes import page as page_routes

FOLDER = Path(page_routes.__file__).parents[1] / "page"


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    app, _ = create_standin()
    with serving(app) as url, httpx.Client(base_url=url) as client:
        yield client


def test_every_file_in_the_folder_is_served_with_its_type(http: httpx.Client) -> None:
    names = {path.name for path in FOLDER.iterdir()}
    assert names == set(page_routes.FILES)
    for name in names:
        response = http.get(f"/page/{name}")
        assert response.status_code == 200
        assert response.content == (FOLDER / name).read_bytes()
        assert response.headers["x-content-type-options"] == "nosniff"
    assert http.get("/").content == (FOLDER / "index.html").read_bytes()


@pytest.mark.parametrize("name", ["../render.py", "..%2frender.py", "%2e%2e/app.py", "page.css.bak", "", "."])
def test_nothing_else_is_served(http: httpx.Client, name: str) -> None:
    assert http.get(f"/page/{name}").status_code in (404, 405)


def test_scripts_come_from_the_server_only(http: httpx.Client) -> None:
    policy = http.get("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    html = (FOLDER / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=|https?://(?!www\.w3\.org)", html)


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
        "languages": ["zh", "en"],
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


def test_the_page_is_small(http: httpx.Client) -> None:
    total = 0
    for name in page_routes.FILES:
        with http.stream("GET", f"/page/{name}", headers={"Accept-Encoding": "gzip"}) as response:
            total += len(b"".join(response.iter_raw()))
    assert total < 40_000  # 60 kB is promised, HTTP headers included
