"""A real server on a loopback port, with a tiny random model whose answers never end by themselves."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import uvicorn
from tests.conftest import tiny_config
from tests.server.slowly import slow_app

from huozhong.cli.serve import listen, server_config
from huozhong.engine.llm import LLM
from huozhong.server.app import create_app
from huozhong.server.connections import Limits
from huozhong.text.tokenizer import Tokenizer

CONTEXT = 8192


@dataclass(frozen=True)
class Running:
    """A server at `url`, the model behind it, and OpenAI's client in front of it."""

    url: str
    llm: LLM
    client: openai.OpenAI

    def body(self, **changes: Any) -> dict[str, Any]:
        """A good request for a short, greedy answer without thinking."""
        return {
            "model": self.llm.name,
            "messages": [{"role": "user", "content": "你好"}],
            "max_tokens": 8,
            "temperature": 0,
            "thinking": {"type": "disabled"},
        } | changes

    def post(self, **changes: Any) -> httpx.Response:
        return httpx.post(f"{self.url}/v1/chat/completions", json=self.body(**changes), timeout=60)

    def is_idle(self, seconds: float = 60.0) -> bool:
        """Whether the engine has nothing left to do, waiting for that at most `seconds`."""
        deadline = time.monotonic() + seconds
        while self.llm._engine.scheduler.has_work:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


@contextmanager
def serving(llm: LLM, *, limits: Limits | None = None, **options: Any) -> Iterator[Running]:
    with listen("127.0.0.1", 0) as listener:
        server = uvicorn.Server(server_config(slow_app(create_app(llm, **options)), limits))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.005)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=60) as client:
                yield Running(url, llm, client)
        finally:
            server.should_exit = True
            thread.join()


def write_endless(folder: Path, tokenizer: Tokenizer, context: int = CONTEXT) -> Path:
    """A model whose output row for the end token is zero, so that a greedy answer goes on to the limit."""
    import torch

    from huozhong.model.transformer import Transformer
    from huozhong.train.model_folder import save_transformer

    torch.manual_seed(7)
    config = tiny_config(tokenizer.vocab_size, tie_word_embeddings=False, max_position_embeddings=context)
    model = Transformer(config).eval()
    with torch.no_grad():
        model.lm_head.weight[tokenizer.eos_id] = 0
    save_transformer(model, folder, extra_files=tokenizer.files(), dtype="float32")
    return folder


@pytest.fixture(scope="session")
def endless_folder(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_endless(tmp_path_factory.mktemp("models") / "endless", tokenizer)


@pytest.fixture(scope="session")
def llm(endless_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LLM]:
    with LLM(endless_folder, num_threads=1, cache_dir=tmp_path_factory.mktemp("packed")) as model:
        yield model


@pytest.fixture(scope="session")
def server(llm: LLM) -> Iterator[Running]:
    with serving(llm) as running:
        yield running
