"""What large requests have used is given back."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import httpx
from tests.server.conftest import Running

from huozhong.server.memory import give_back, set_aside

BOOK = "今天天气很好，我们去公园玩。The quick brown fox jumps over the lazy dog. 12345\n" * 30_000


def own_mb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def test_after_fifteen_books_the_memory_is_as_before(server: Running) -> None:
    for path in ("/v1/chat/completions", "/tokenize"):
        ask(server, path)  # what is made once is made
    before = own_mb()
    for _ in range(15):
        ask(server, "/v1/chat/completions")
    ask(server, "/tokenize")
    assert own_mb() - before < 50
    give_back()  # again, for nothing


def test_the_program_is_set_aside() -> None:
    try:
        set_aside()
        assert gc.get_freeze_count() > 50_000  # which are no longer looked through again and again
        assert len(gc.get_objects()) < 1_000
    finally:
        gc.unfreeze()


def test_a_server_loads_nothing_that_it_may_never_need() -> None:
    """Each of these takes megabytes; they come when a model is fetched, a certificate made, a PDF read."""
    program = "import sys, huozhong.cli.main, huozhong.cli.serve, huozhong.cli.lit, huozhong.server.app\n"
    program += "import huozhong.server.secure, huozhong.store.database, huozhong.store.usage\n"
    program += "huozhong.store.database.create_engine('sqlite://')\n"
    program += "with huozhong.cli.serve.packing_bar() as show: show(1, 2)\nprint(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "sqlalchemy.dialects.sqlite" in said.split()
    assert "sqlalchemy.dialects.postgresql" not in said.split()
    loaded = {name.partition(".")[0] for name in said.split()}
    assert {"fastapi", "sqlalchemy"} <= loaded
    seldom = {"httpx", "rich", "pygments", "cryptography", "alembic", "latex2mathml", "pypdf", "docx", "mcp", "torch"}
    assert loaded & seldom == set()


def ask(server: Running, path: str) -> None:
    body = {"content": BOOK} if path == "/tokenize" else server.body(messages=[{"role": "user", "content": BOOK}])
    answer = httpx.post(f"{server.url}{path}", json=body, timeout=120)
    assert answer.status_code == (200 if path == "/tokenize" else 400)
