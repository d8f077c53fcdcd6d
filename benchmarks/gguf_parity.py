"""Whether an exported model says the same in llama.cpp: greedy text of many prompts, and ids of much text.

    python benchmarks/gguf_parity.py LLAMA_SERVER [--model ember] [--type f32] [--prompts 40] [--text FILE]

LLAMA_SERVER is llama.cpp's server program.  The other side is the reference in float32 (torch, no cache).  FILE: one
JSON string a line, to compare the ids that both sides cut it into.  The last line, on stdout, is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from huozhong.engine.llm import resolve_model
from huozhong.formats.gguf.export import TYPES, export_gguf
from huozhong.formats.gguf.vocab import vocab_metadata
from huozhong.formats.source import open_model
from huozhong.model.transformer import Transformer, generate
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer
from huozhong.train.model_folder import load_transformer

QUESTIONS = (
    "你好", "你是谁？", "12+35等于几？", "写一首关于春天的诗。", "讲个笑话", "Hello, who are you?",
    "What is 7 times 8?", "请解释“画蛇添足”。", "天空为什么是蓝色的？", "小明有5个苹果，吃了2个，还剩几个？",
    "Tell me a short story.",
    "用“高兴”造句。", "北京在哪里？", "100-37=?", "李白是谁？", "怎么煮米饭？", "The sun rises in the", "春眠不觉晓，",
    "1, 2, 3, 4,", "我今天很难过。",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="greedy text of an exported GGUF in llama.cpp, against the reference")
    parser.add_argument("server")
    parser.add_argument("--model", default="ember")
    parser.add_argument("--type", default="f32", choices=TYPES)
    parser.add_argument("--prompts", type=int, default=40)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--port", type=int, default=18913)
    options = parser.parse_args()
    folder = resolve_model(options.model)
    source, tokenizer = open_model(folder), Tokenizer.load(folder)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.gguf"
        vocabulary = vocab_metadata(source.small_files(), source.architecture.vocab_size)
        export_gguf(source, path, options.type, vocabulary=vocabulary)
        command = [options.server, "-m", str(path), "--port", str(options.port), "-t", "1", "--no-webui", "-fa", "off"]
        log = Path(scratch) / "log"
        with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
            try:
                client = httpx.Client(base_url=f"http://127.0.0.1:{options.port}", timeout=120)
                wait(client, process, log)
                template = ChatTemplate.load(folder, tokenizer)
                result = compare(client, load_transformer(folder), tokenizer, template, options)
                if options.text:
                    result |= compare_ids(client, tokenizer, options.text)
            finally:
                process.terminate()
    print(json.dumps({"benchmark": "gguf_parity", "model": options.model, "type": options.type} | result))


def wait(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            sys.exit(f"llama-server ended: {log.read_text(errors='replace')[-2000:]}")
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    sys.exit("llama-server did not start within a minute")


def compare(
    client: httpx.Client, model: Transformer, tokenizer: Tokenizer, template: ChatTemplate, options: Any
) -> dict[str, Any]:
    """Half of the prompts as conversations, half as plain text behind the begin token."""
    asked = same = 0
    for index in range(options.prompts):
        question = QUESTIONS[index % len(QUESTIONS)] + ("" if index < 2 * len(QUESTIONS) else f" {index}")
        chat = index // len(QUESTIONS) % 2 == 0
        if chat:
            prompt = template.tokens([{"role": "user", "content": question}])
        else:
            begin = [] if tokenizer.bos_id is None else [tokenizer.bos_id]
            prompt = begin + tokenizer.encode(question)
        body = {"prompt": prompt, "temperature": 0, "n_predict": options.tokens, "cache_prompt": False, "top_k": 1}
        theirs = client.post("/completion", json=body | {"return_tokens": True}).json()
        ours = [id for id in generate(model, prompt, options.tokens, tokenizer.eos_id) if id != tokenizer.eos_id]
        said = [id for id in theirs["tokens"] if id != tokenizer.eos_id]
        asked, same = asked + 1, same + (said == ours)
        if said != ours:
            print(f"{question}\n  ours   {tokenizer.decode(ours)}\n  theirs {tokenizer.decode(said)}", file=sys.stderr)
    return {"prompts": asked, "same_text": same}


def compare_ids(client: httpx.Client, tokenizer: Tokenizer, file: Path) -> dict[str, Any]:
    texts = [json.loads(line) for line in file.read_text().splitlines()]
    differ = size = 0
    for text in texts:
        body = {"content": text, "add_special": False, "parse_special": False}
        theirs = client.post("/tokenize", json=body).json()["tokens"]
        size += len(text.encode())
        if theirs != tokenizer.encode(text):
            differ += 1
            print(f"cut differently: {text[:80]!r}", file=sys.stderr)
    return {"texts": len(texts), "text_mb": round(size / 1e6, 2), "texts_cut_differently": differ}


if __name__ == "__main__":
    main()
