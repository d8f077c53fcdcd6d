"""A model larger than the memory that it may take: how much of what the disk gives becomes tokens.

    python benchmarks/streaming.py [--model FILE.gguf] [--share 0.33] [--tokens 96] [--at-once 1 4] [--folder DISK]

Without --model a file with random weights is written (shapes.py, v4-flash-experts: 7 GB, and as much again packed; or
--shape v4-flash-layers, half as much in eight layers; or tiny-experts).  Its experts stay on the disk but for --share
of them.  Greedy answers of --tokens tokens; of each, after a warm-up: tokens a second, how often an expert was in
memory, the bytes read for a token, and what the disk would allow: the rate that it gave in this very run while
something was being read, divided by those bytes.  (A rate probed before and after in pieces of 4 MB is printed, too;
disks of rented machines change fivefold within seconds, so that it says little.)  Beside it what the processor would
allow: the same answers by a model that maps the file whole, whose bits must be the same.  Nothing can be faster than
the slower of the two (of_the_lower_limit); where reading and computing wait for each other their times add up (overlap
0), where the shorter hides behind the longer it is 1.  The last line, on stdout, is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from huozhong.engine import kernels
from huozhong.engine.disk import read_rate
from huozhong.engine.llm import LLM, SamplingParams
from huozhong.formats.source import open_model
from huozhong.model.footprint import footprint

HERE = Path(__file__).parent
PIECE = 4 << 20  # bytes, about an expert


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--shape", default="v4-flash-experts")
    parser.add_argument("--share", type=float, default=0.33, help="of the experts that memory holds")
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--folder", type=Path, help="where files are written: the disk to be measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        model = options.model or written(options.shape, Path(folder))
        print(json.dumps({"benchmark": "streaming", "kernels": kernels.used()} | measure(model, Path(folder), options)))


def written(shape: str, folder: Path) -> Path:
    command = [sys.executable, str(HERE / "shapes.py"), shape, "--out", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Path(json.loads(done.stdout.splitlines()[-1])[shape]["path"])


def measure(model: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    experts = footprint(open_model(model)).experts["stored"]
    memory = int(experts * options.share)
    result: dict[str, Any] = {"experts_gb": experts / 1e9, "memory_gb": memory / 1e9, "answers": []}
    asked = prompts(max(options.at_once))
    params = SamplingParams(max_tokens=options.tokens, temperature=0, ignore_eos=True)
    quiet: dict[str, Any] = {"cache_dir": folder / "cache", "prefix_cache_bytes": 0, "max_context": 1024}
    with LLM(model, expert_memory=memory, speculation="off", **quiet) as llm:
        (packed,) = (folder / "cache").glob("*.packed")
        llm.generate(asked, params)  # the shelf fills, and learns what is used
        for at_once in options.at_once:
            result["answers"].append(answer(llm, packed, asked[:at_once], params))
        texts = [one.text for one in llm.generate(asked[:1], params)]
    with LLM(model, expert_memory=1 << 50, speculation="off", **quiet) as llm:
        llm.generate(asked, params)  # the file comes into memory
        for told in result["answers"]:
            told |= limits(told, speed(llm, asked[: told["at_once"]], params)[0])
            print("  ".join(f"{k} {v:.3g}" for k, v in told.items()), file=sys.stderr, flush=True)
        result["same_bits"] = [one.text for one in llm.generate(asked[:1], params)] == texts
    return result


def speed(llm: LLM, asked: list[str], params: SamplingParams) -> tuple[float, int, float]:
    """Tokens a second; tokens; seconds."""
    before = llm.stats().generated_tokens
    began = time.perf_counter()
    llm.generate(asked, params)
    seconds = time.perf_counter() - began
    tokens = llm.stats().generated_tokens - before
    return tokens / seconds, tokens, seconds


def limits(told: dict[str, float], in_memory: float) -> dict[str, float]:
    """What disk and processor would allow alone, and how much of the shorter time hides behind the longer."""
    disk, took = told["disk_limit"], 1 / told["tokens_per_second"]
    return {
        "processor_limit": in_memory,
        "of_the_lower_limit": told["tokens_per_second"] / min(disk, in_memory),
        "overlap": (1 / disk + 1 / in_memory - took) / min(1 / disk, 1 / in_memory),
    }


def answer(llm: LLM, packed: Path, asked: list[str], params: SamplingParams) -> dict[str, Any]:
    before = llm.stats()
    assert before.expert_slots, "this model's experts all fit"
    rates = [rate_of(packed, PIECE)]
    per_second, tokens, seconds = speed(llm, asked, params)
    after = llm.stats()
    rates.append(rate_of(packed, PIECE))
    wanted = after.expert_hits + after.expert_misses - before.expert_hits - before.expert_misses
    bytes_read = after.expert_read_bytes - before.expert_read_bytes
    busy = after.expert_busy_seconds - before.expert_busy_seconds
    per_token, rate = bytes_read / tokens, bytes_read / busy
    return {
        "at_once": len(asked),
        "tokens_per_second": per_second,
        "hit_rate": (after.expert_hits - before.expert_hits) / wanted,
        "guessed": (after.expert_ahead - before.expert_ahead) / max(1, after.expert_guesses - before.expert_guesses),
        "mb_per_token": per_token / 1e6,
        "disk_gb_per_second": rate / 1e9,
        "at_a_time": (after.expert_reading_seconds - before.expert_reading_seconds) / busy,
        "probed_gb_per_second": statistics.mean(rates) / 1e9,
        "disk_limit": rate / per_token,
        "of_what_the_disk_allows": per_second * per_token / rate,
        "waited": (after.expert_wait_seconds - before.expert_wait_seconds) / seconds,
    }


def prompts(count: int) -> list[str]:
    dice = random.Random(5)
    return ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz ,.", k=64)) for _ in range(count)]


def rate_of(file: Path, piece: int) -> float:
    rate = read_rate(file, piece)
    assert rate is not None, "the file is too small to tell the disk's speed"
    return rate


if __name__ == "__main__":
    main()
