"""Serving needs no torch: with its import blocked, a server starts and answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "matplotlib", "pypinyin"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, NoTorch())

import threading, time
import httpx, uvicorn
import huozhong
from huozhong.cli.main import build
from huozhong.cli.serve import listen, server_config

build()
llm = huozhong.LLM(sys.argv[1], num_threads=1, cache_dir=sys.argv[2])
listener = listen("127.0.0.1", 0)
server = uvicorn.Server(server_config(huozhong.create_app(llm)))
thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
thread.start()
body = {"model": llm.name, "messages": [{"role": "user", "content": "1+1"}], "max_tokens": 4}
url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/chat/completions"
print(httpx.post(url, json=body, timeout=120).json()["usage"]["completion_tokens"] > 0)
server.should_exit = True
thread.join()
llm.close()
assert "torch" not in sys.modules
"""


@pytest.mark.slow
def test_serving_without_torch(tiny_folder: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tiny_folder), str(tmp_path)],
        text=True,
        capture_output=True,
        timeout=120,
    )
    assert done.stdout == "True\n", done.stderr
