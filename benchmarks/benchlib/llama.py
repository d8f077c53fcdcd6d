"""llama.cpp from outside: its own benchmark program and its server, with the settings that suit it best."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchlib.processes import Watch

PROGRAMS = ("llama-bench", "llama-server")


class PeerError(Exception):
    """llama.cpp is not there, or does not run the file.  One sentence."""


@dataclass(frozen=True, order=True)
class Test:
    """Prefill or decode of some tokens behind `depth` others."""

    kind: str  # "prefill" or "decode"
    depth: int

    def __str__(self) -> str:
        return f"{self.kind}@{self.depth}"


@dataclass(frozen=True)
class Settings:
    """What may be chosen: flash attention, tokens per internal batch, threads."""

    flash: bool
    ubatch: int
    threads: int

    def __str__(self) -> str:
        return f"-fa {'on' if self.flash else 'off'} -ub {self.ubatch} -t {self.threads}"

    @property
    def options(self) -> list[str]:
        return str(self).split()


def candidates(threads: int) -> list[Settings]:
    """What is tried in the first round, on every test."""
    return [Settings(flash, 512, threads) for flash in (True, False)]


def more_candidates(threads: int) -> list[Settings]:
    """What is tried on an empty context only: other batches, and fewer threads where there are many."""
    fewer = {max(threads // 2, 1), threads - 1} - {0, 1, threads} if threads > 2 else set()
    return [Settings(True, 128, threads), *(Settings(True, 512, few) for few in sorted(fewer))]


@dataclass(frozen=True)
class Serving:
    """What may be chosen for llama-server as well: one cache for all slots, and guessing ahead without a model."""

    settings: Settings
    unified: bool = False
    speculation: str = "none"

    def __str__(self) -> str:
        guessing = "" if self.speculation == "none" else f" --spec-type {self.speculation}"
        return f"{self.settings} {'-kvu' if self.unified else '-no-kvu'}{guessing}"

    @property
    def options(self) -> list[str]:
        return str(self).split()


GUESSING = ("ngram-simple", "ngram-map-k", "ngram-mod")  # out of what was said; the other kinds need a second model


def servings(settings: Settings) -> list[Serving]:
    """What is tried in the first round, beside `settings`: the other attention, one cache, and each kind of guess."""
    other = Settings(not settings.flash, settings.ubatch, settings.threads)
    guessing = [Serving(settings, unified, kind) for unified in (False, True) for kind in GUESSING]
    return [Serving(settings), Serving(other), Serving(settings, unified=True), *guessing]


def check_folder(folder: Path) -> None:
    missing = [name for name in PROGRAMS if not os.access(folder / name, os.X_OK) or (folder / name).is_dir()]
    if missing:
        raise PeerError(
            f"{folder} does not hold {' and '.join(missing)}: give the folder of llama.cpp's programs "
            "(build/bin after its build) with --llama."
        )


def bench(
    folder: Path, model: Path, settings: Settings, tests: Sequence[Test], prompt: int, tokens: int
) -> tuple[dict[Test, float], dict[str, float]]:
    """Tokens per second of each test, run once after a warm-up, and the highest memory of the program."""
    rates: dict[Test, float] = {}
    memory: dict[str, float] = {}
    depths = {kind: {t.depth for t in tests if t.kind == kind} for kind in ("prefill", "decode")}
    if depths["prefill"] == depths["decode"]:
        runs = [(prompt, tokens, depths["decode"])]
    else:
        runs = [(prompt, 0, depths["prefill"]), (0, tokens, depths["decode"])]
    for prompts, answers, wanted in runs:
        if not wanted:
            continue
        command = [
            str(folder / "llama-bench"),
            "-m",
            str(model),
            "-p",
            str(prompts),
            "-n",
            str(answers),
            "-r",
            "1",
            "-d",
            ",".join(str(depth) for depth in sorted(wanted)),
            "-o",
            "jsonl",
            *settings.options,
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        watch = Watch(process.pid)
        try:
            out, said = process.communicate()
        finally:
            process.kill()
            seen = watch.end()
        if process.returncode:
            raise PeerError(f"llama-bench ended with status {process.returncode} on {model}: {said.strip()[-300:]}")
        memory = {name: max(value, memory.get(name, 0.0)) for name, value in seen.items()}
        for line in out.splitlines():
            run = json.loads(line)
            rates[Test("prefill" if run["n_prompt"] else "decode", run["n_depth"])] = float(run["avg_ts"])
    return rates, memory


def server_command(folder: Path, model: Path, port: int, serving: Serving, streams: int, context: int) -> list[str]:
    """llama-server with a slot of `context` tokens for each stream; continuous batching is its default."""
    return [
        str(folder / "llama-server"),
        "-m",
        str(model),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "-np",
        str(streams),
        "-c",
        str(streams * context),
        "--cache-reuse",
        "32",
        "--no-webui",
        *serving.options,
    ]
