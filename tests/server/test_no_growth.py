"""Thousands of chats over HTTP leave nothing behind in the server's own memory."""

from __future__ import annotations

import http.client
import json
import random
import string
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from tests.cli.test_serve import process, url_in

LETTERS = string.ascii_letters + string.digits + "  天地玄黄"
WARM_UP, COUNTED, AT_ONCE = 1200, 2400, 4
ALLOWED = 5 << 19  # one KB a request; when written they left 1.1 to 1.4 MB, and 5 with the tokenizer's word cache on


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--disk-cache", "0")], ids=["disk cache", "no disk cache"])
def test_own_memory_after_thousands_of_chats(tiny_folder: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    with process(tiny_folder, tmp_path, "--cache-tokens", "1024", *options, seconds=600) as (server, said):
        url = url_in(said)
        name = httpx.get(f"{url}/v1/models").json()["data"][0]["id"]

        def some(seed: int, count: int) -> None:
            dice = random.Random(seed)
            client = http.client.HTTPConnection(url.removeprefix("http://"), timeout=120)
            for _ in range(count):
                text = "".join(dice.choices(LETTERS, k=dice.randint(4, 90)))
                body = {"model": name, "messages": [{"role": "user", "content": text}], "max_tokens": 2}
                client.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
                answer = client.getresponse()
                assert (answer.status, bool(answer.read())) == (200, True)
            client.close()

        def serve(first_seed: int, count: int) -> int:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(some, range(first_seed, first_seed + AT_ONCE), [count // AT_ONCE] * AT_ONCE))
            info = psutil.Process(server.pid).memory_info()
            return int(info.rss - info.shared)  # shared: the mapped weights and libraries

        before = serve(0, WARM_UP)
        after = serve(AT_ONCE, COUNTED)
    assert after - before < ALLOWED
