"""Nobody else waits while a large request is read; counted in a processor's time, as clocks run on a busy machine."""

from __future__ import annotations

import gc

import httpx
from benchmarks.held import Held, bodies

from huozhong.cli.serve import listen
from huozhong.engine.llm import LLM
from huozhong.server.app import create_app
from huozhong.server.memory import set_aside

# What held the loop for 300 to 600 ms: many small parts, many numbers, many complaints.
ONCE_HELD = {
    ("/v1/chat/completions", "messages"): 200,
    ("/v1/completions", "ids"): 400,
    ("/v1/chat/completions", "unknown"): 400,
}
MOST_MS = 150.0  # 40 where this was written


def test_a_large_request_holds_nobody_up(tmp_path) -> None:
    with (
        LLM("ember", num_threads=1, cache_dir=tmp_path, prefix_cache_bytes=0) as llm,
        listen("127.0.0.1", 0) as listener,
    ):
        held = Held(create_app(llm), listener)
        set_aside()
        try:
            with held.running(), httpx.Client(base_url=held.url, timeout=120) as client:
                hello = {"model": llm.name, "messages": [{"role": "user", "content": "a"}]}
                assert client.post("/v1/chat/completions", json=hello).status_code == 200
                for path, kind, body in bodies(llm.name):
                    if (path, kind) not in ONCE_HELD:
                        continue
                    held.since()
                    assert client.post(path, json=body).status_code == ONCE_HELD[path, kind]
                    loop, _ = held.since()
                    assert loop < MOST_MS, (path, kind)
        finally:
            gc.unfreeze()
