"""How fast a model answers: tokens per second alone and in company, time to the first token, start, memory.

    python benchmarks/generate.py [MODEL] [--quantization q8] [--streams 8] [--tokens 128]

MODEL is a folder or a built-in name.  Without it: ember, or random weights of ember's shape where it has not
been trained yet.  Words for people go to stderr; the last line, on stdout, is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from huozhong.engine.llm import LLM, SamplingParams, resolve_model
from huozhong.errors import CheckpointError
from huozhong.formats.checkpoint import expected_tensors, write_checkpoint
from huozhong.model.config import ModelConfig
from huozhong.text.tokenizer import Tokenizer

EMBER_SHAPE = ModelConfig(
    vocab_size=6144,
    hidden_size=256,
    intermediate_size=704,
    num_hidden_layers=8,
    first_k_dense_replace=8,
    num_attention_heads=6,
    q_lora_rank=128,
    kv_lora_rank=96,
    qk_nope_head_dim=32,
    qk_rope_head_dim=32,
    v_head_dim=32,
    max_position_embeddings=2048,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)

# A process of its own, so that the start includes Python's and every import.
START = """
import json, sys, time
began = time.time() - time.perf_counter()
from huozhong.engine.llm import LLM, SamplingParams
imported = time.perf_counter()
llm = LLM(sys.argv[1], quantization=sys.argv[2])
loaded = time.perf_counter()
next(iter(llm.stream([1, 3, 4], SamplingParams(temperature=0, max_tokens=2, ignore_eos=True))))
print(json.dumps({"at": time.time(), "import": imported, "load": loaded - imported}))
"""


def main() -> None:
    options = parse()
    with model_folder(options.model) as (folder, name):
        say(f"{name}, {options.quantization}, {os.cpu_count()} CPUs")
        result: dict[str, Any] = {
            "benchmark": "generate",
            "model": name,
            "quantization": options.quantization,
        }
        first = start_seconds(folder, options.quantization)
        again = start_seconds(folder, options.quantization)
        result |= {"first_start_s": first, "start_s": again}
        say(f"from nothing to the first token: {first:.2f} s the first time, {again:.2f} s afterwards")
        with LLM(folder, quantization=options.quantization, num_threads=options.threads) as llm:
            result |= measure(llm, options)
    print(json.dumps(result))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("model", nargs="?", help="folder or built-in name (default: ember)")
    parser.add_argument("--quantization", choices=["q8", "q4", "none"], default="q8")
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=128, help="tokens generated per stream")
    parser.add_argument("--prompt", type=int, default=64, help="tokens of each prompt")
    parser.add_argument("--threads", type=int, default=None)
    return parser.parse_args()


def measure(llm: LLM, options: argparse.Namespace) -> dict[str, Any]:
    """Decode alone, decode together, first token, overhead, memory."""
    dice = np.random.default_rng(0)

    def prompt() -> list[int]:
        return dice.integers(16, min(llm.tokenizer.vocab_size, llm.config.vocab_size), options.prompt).tolist()

    params = SamplingParams(temperature=0, max_tokens=options.tokens, ignore_eos=True)
    llm.generate([prompt()], params)  # warm
    before = llm.stats().runner_seconds
    one = llm.generate([prompt()], params)[0].usage
    assert one.seconds_to_first_token is not None
    single = (options.tokens - 1) / (one.seconds - one.seconds_to_first_token)
    in_runner = llm.stats().runner_seconds - before
    overhead = (one.seconds - in_runner) / options.tokens * 1e6
    began = time.perf_counter()
    answers = llm.generate([prompt() for _ in range(options.streams)], params)
    total = sum(len(a.token_ids) for a in answers) / (time.perf_counter() - began)
    say(f"one stream: {single:.0f} tokens/s; first token after {one.seconds_to_first_token * 1e3:.1f} ms")
    say(f"{options.streams} streams: {total:.0f} tokens/s together, prompts included")
    say(f"outside the runner: {overhead:.0f} us per token; memory {rss_mb():.0f} MB")
    return {
        "single_tokens_per_s": single,
        "streams": options.streams,
        "streams_tokens_per_s": total,
        "first_token_ms": one.seconds_to_first_token * 1e3,
        "prompt_tokens": options.prompt,
        "overhead_us_per_token": overhead,
        "rss_mb": rss_mb(),
        "cpus": os.cpu_count(),
    }


def start_seconds(folder: Path, quantization: str) -> float:
    began = time.time()
    done = subprocess.run(
        [sys.executable, "-c", START, str(folder), quantization], capture_output=True, text=True, check=True
    )
    return float(json.loads(done.stdout)["at"]) - began


def rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def model_folder(name: str | None) -> Iterator[tuple[Path, str]]:
    """The model's folder and name; without a name ember, else a random model that is gone afterwards."""
    if name is not None:
        yield resolve_model(name), name
        return
    try:
        yield resolve_model("ember"), "ember"
        return
    except CheckpointError:
        say("ember is not there yet: random weights of its shape")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "random-ember"
        dice = np.random.default_rng(0)
        tensors = {
            name: np.ones(shape, np.float32) if len(shape) == 1 else dice.normal(0, 0.02, shape).astype(np.float32)
            for name, shape in expected_tensors(EMBER_SHAPE).items()
        }
        write_checkpoint(folder, EMBER_SHAPE, tensors, extra_files=Tokenizer.train(["火种"], 272).files())
        yield folder, "random weights of ember's shape"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
