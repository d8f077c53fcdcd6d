"""The same GGUF file in llama.cpp and here, by turns in one run: ratios of speed, and the memory of both.

    python benchmarks/compare.py MODEL.gguf --llama LLAMA/build/bin [--streams 8] [--depths 0,1024,4096]

First the engines alone: prefill of 512 tokens and decode of 64 behind each depth, random tokens, `llama-bench`
against `Runner`.  The first round tries llama.cpp's settings; every test goes on with the fastest and those within
a tenth of it.  Then over HTTP, `llama-server` against `huozhong serve`: one stream, and crowds of streams whose
prompts share a prefix that is new each time.  There its first round tries one cache for all slots and its kinds of
guessing ahead as well, and each crowd goes on with what served it fastest.  Rounds alternate, medians count, and the
spread is shown.  Above 1 a ratio is in our favour.  Run it on a machine that does nothing else: company slows
llama.cpp's spinning threads far more than it slows ours, so on a busy machine the ratios flatter us.  Words for people
go to stderr; the last line, on stdout, is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from benchlib import llama
from benchlib.llama import PeerError, Settings, Test
from benchlib.processes import StartError, Watch, free_port, our_server, running
from benchlib.streams import Crowd, Prompts, Server, StreamError, percentile
from rich.console import Console
from rich.table import Table

OURS = Path(__file__).resolve().parent / "benchlib" / "ours.py"
screen = Console(stderr=True, width=120, highlight=False)


def main() -> None:
    options = parse()
    try:
        llama.check_folder(options.llama)
        if not options.model.is_file():
            raise PeerError(f"{options.model} is not a file: give a GGUF file, which llama.cpp reads as well.")
        load = os.getloadavg()[0]
        if load > 0.3:
            screen.print(f"[red]the machine is busy (load {load:.1f}): these ratios will mean little[/]")
        result: dict[str, Any] = {
            "benchmark": "compare",
            "model": options.model.name,
            "cpus": os.cpu_count(),
            "load_before": load,
        }
        best = Settings(True, 512, options.threads)
        if options.depths:
            engines = Engines(options)
            for number in range(options.rounds):
                engines.round(number)
            result |= engines.result()
            best = engines.server_settings()
        if options.streams:
            result["http"] = Served(options, best).result()
    except (PeerError, StartError, StreamError) as error:
        sys.exit(f"compare: {error}")
    print(json.dumps(result))


def parse() -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("model", type=Path, help="a GGUF file")
    parser.add_argument("--llama", type=Path, required=True, help="folder with llama-bench and llama-server")
    parser.add_argument("--ours", help="what our side runs instead of the same file: a name, folder or file")
    parser.add_argument("--quantization", choices=["q8", "q4", "none"], help="of our side (default: as in the file)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of llama.cpp, at most")
    parser.add_argument("--depths", type=whole_numbers, default=(0, 1024, 4096), help="'' leaves the engines out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=whole_numbers, default=(1, 8), help="crowds; '' leaves HTTP out")
    parser.add_argument("--prefix", type=int, default=200, help="tokens that the prompts of a crowd share")
    parser.add_argument("--prompt", type=int, default=256, help="tokens of a crowd's prompts")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of an answer, and of a decode test")
    parser.add_argument("--prefill", type=int, default=512, help="tokens of a prefill test")
    parser.add_argument("--serve", default="", help="more options of huozhong serve, in one string")
    return parser.parse_args()


def whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


# -- the engines alone ---------------------------------------------------------------------------


class Engines:
    """Rounds of llama-bench and of our runner, each in a process of its own, so that only one is in memory."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._tests = [Test(kind, depth) for kind in ("prefill", "decode") for depth in sorted(options.depths)]
        self._theirs: dict[Test, dict[Settings, list[float]]] = {test: {} for test in self._tests}
        self._ours: list[dict[str, Any]] = []
        self._memory: list[dict[str, float]] = []

    def round(self, number: int) -> None:
        tries: dict[Settings, list[Test]] = {}
        if number == 0:
            tries |= {settings: list(self._tests) for settings in llama.candidates(self._options.threads)}
            tries |= {
                settings: [t for t in self._tests if t.depth == 0]
                for settings in llama.more_candidates(self._options.threads)
            }
        else:
            for test in self._tests:
                for settings in self._good(test):
                    tries.setdefault(settings, []).append(test)
        for settings, tests in tries.items():
            if not tests:
                continue
            screen.print(f"round {number + 1}: llama-bench {settings}")
            rates, memory = llama.bench(
                self._options.llama,
                self._options.model,
                settings,
                tests,
                self._options.prefill,
                self._options.tokens,
            )
            self._memory.append(memory)
            for test in tests:
                self._theirs[test].setdefault(settings, []).append(rates[test])
        screen.print(f"round {number + 1}: ours")
        self._ours.append(self._measure_ours())

    def _measure_ours(self) -> dict[str, Any]:
        o = self._options
        wanted = {
            "model": o.ours or str(o.model),
            "quantization": o.quantization,
            "depths": sorted(o.depths),
            "prompt": o.prefill,
            "tokens": o.tokens,
        }
        done = subprocess.run([sys.executable, str(OURS), json.dumps(wanted)], capture_output=True, text=True)
        if done.returncode:
            raise StartError(f"our engine did not run {wanted['model']}: {done.stderr.strip()[-600:]}")
        measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return measured

    def _good(self, test: Test) -> list[Settings]:
        """Settings that may still be the best: within a tenth of it."""
        tried = {settings: statistics.median(found) for settings, found in self._theirs[test].items()}
        return [settings for settings, rate in tried.items() if rate >= 0.9 * max(tried.values())]

    def best(self, test: Test) -> Settings:
        tried = self._theirs[test]
        return max(tried, key=lambda settings: statistics.median(tried[settings]))

    def server_settings(self) -> Settings:
        """For llama-server: what decodes best at the smallest depth."""
        return self.best(Test("decode", min(self._options.depths)))

    def result(self) -> dict[str, Any]:
        table = Table(title=self._options.model.name, title_justify="left")
        for heading in ("tokens/s", "ours", "llama.cpp", "its settings", "ratio"):
            table.add_column(heading, justify="left" if heading in ("tokens/s", "its settings") else "right")
        rows: dict[str, Any] = {}
        for test in self._tests:
            settings = self.best(test)
            ours = Spread.of(one["rates"][str(test)] for one in self._ours)
            theirs = Spread.of(self._theirs[test][settings])
            ratio = ours.median / theirs.median
            table.add_row(str(test), str(ours), str(theirs), str(settings), f"{ratio:.2f}x")
            rows[str(test)] = {
                "ours": ours.figures,
                "llama": theirs.figures,
                "llama_settings": str(settings),
                "ratio": ratio,
                "llama_all": {str(s): [round(x, 2) for x in found] for s, found in self._theirs[test].items()},
            }
        screen.print(table)
        return {"engines": rows, "bandwidth": self._bandwidth(), "memory": self._compare_memory()}

    def _bandwidth(self) -> dict[str, float]:
        first = f"decode@{min(self._options.depths)}"
        read = max(one["read_gb_s"] for one in self._ours)
        per_token = self._ours[0]["bytes_per_token"] / 1e9
        ours = per_token * statistics.median(one["rates"][first] for one in self._ours)
        share = statistics.median(per_token * one["rates"][first] / one["read_gb_s"] for one in self._ours)
        screen.print(
            f"memory gives {read:.1f} GB/s; a token takes {per_token:.3f} GB, so {first} reads {ours:.1f} GB/s, "
            f"{share:.0%} of what was measured beside it"
        )
        return {"read_gb_s": read, "gb_per_token": per_token, "decode_gb_s": ours, "share": share}

    def _compare_memory(self) -> dict[str, Any]:
        ours = {name: max(one["memory"][name] for one in self._ours) for name in self._ours[0]["memory"]}
        theirs = {name: max(one.get(name, 0.0) for one in self._memory) for name in ours}
        last = self._ours[-1]
        screen.print(f"MB at the highest: ours {_short(ours)}, llama-bench {_short(theirs)}")
        screen.print(
            f"our cache {last['cache_mb']:.0f} MB, file {last['file_mb']:.0f} MB; loading took {last['load_s']:.1f} s"
        )
        return {
            "ours": ours,
            "llama": theirs,
            "our_cache_mb": last["cache_mb"],
            "file_mb": last["file_mb"],
            "our_load_s": [one["load_s"] for one in self._ours],
        }


# -- over HTTP -----------------------------------------------------------------------------------


class Served:
    """Rounds of both servers, each started for its turn, so that only one is in memory."""

    def __init__(self, options: argparse.Namespace, settings: Settings) -> None:
        self._options = options
        needed = options.prompt + options.tokens + 64
        self._context = -(-needed // 128) * 128  # of one stream
        self._memory: dict[str, dict[str, float]] = {"ours": {}, "llama": {}}
        self._crowds: dict[str, dict[int, list[Crowd]]] = {"ours": {}, "llama": {}}
        self._settings = settings
        self._seen: dict[llama.Serving, dict[int, Crowd]] = {}
        self._seed = secrets.randbits(48)  # texts of an earlier run may be in our cache on disk
        self._run()

    def _run(self) -> None:
        for serving in llama.servings(self._settings):  # the first round finds out which suits the server
            try:
                self._seen[serving] = self._theirs(serving, 0)
            except StartError as error:
                if serving == llama.Serving(self._settings):
                    raise
                screen.print(f"[yellow]left out, since this llama-server does not take it: {serving} ({error})[/]")
        for count in self._options.streams:
            best = self._best(count)
            self._keep("llama", {count: self._seen[best][count]})
        self._keep("ours", self._ours(0))
        for number in range(1, self._options.rounds):
            for serving in dict.fromkeys(map(self._best, self._options.streams)):
                found = self._theirs(serving, number)
                self._keep("llama", {count: crowd for count, crowd in found.items() if self._best(count) == serving})
            self._keep("ours", self._ours(number))

    def _best(self, count: int) -> llama.Serving:
        """What served so many streams fastest in the first round."""
        return max(self._seen, key=lambda serving: self._seen[serving][count].tokens_per_s)

    def _keep(self, side: str, crowds: dict[int, Crowd]) -> None:
        for count, crowd in crowds.items():
            self._crowds[side].setdefault(count, []).append(crowd)

    def _theirs(self, serving: llama.Serving, number: int) -> dict[int, Crowd]:
        port = free_port()
        command = llama.server_command(
            self._options.llama, self._options.model, port, serving, max(self._options.streams), self._context
        )
        return self._measure("llama", f"llama-server {serving}", command, port, number)

    def _ours(self, number: int) -> dict[int, Crowd]:
        port, o = free_port(), self._options
        chosen = [] if o.quantization is None else ["--quantization", o.quantization]
        command = our_server(
            o.ours or str(o.model), port, "--max-context", str(self._context), *chosen, *o.serve.split()
        )
        return self._measure("ours", "huozhong serve", command, port, number)

    def _measure(self, side: str, name: str, command: list[str], port: int, number: int) -> dict[int, Crowd]:
        o = self._options
        screen.print(f"round {number + 1}: {name}")
        crowds: dict[int, Crowd] = {}
        with running(command, port=port, ready="/health") as process:
            watch = Watch(process.pid)
            server = Server(port, httpx.get(f"http://127.0.0.1:{port}/v1/models").json()["data"][0]["id"])
            prompts = Prompts.measure(server, seed=self._seed + number)  # the same texts for both
            for count in o.streams:
                crowds[count] = Crowd.of(server, prompts.sharing(count, o.prefix, o.prompt), o.tokens)
            highest = watch.end()
        kept = self._memory[side]
        kept |= {key: max(value, kept.get(key, 0.0)) for key, value in highest.items()}
        return crowds

    def result(self) -> dict[str, Any]:
        table = Table(
            title=f"over HTTP: {self._options.prompt}-token prompts, {self._options.prefix} shared, "
            f"{self._options.tokens} generated",
            title_justify="left",
        )
        for heading in ("streams", "", "ours", "llama-server", "ratio", "its settings"):
            table.add_column(heading, justify="left" if heading in ("streams", "", "its settings") else "right")
        rows: dict[str, Any] = {"memory": self._memory}
        for count in self._options.streams:
            ours, theirs = self._crowds["ours"][count], self._crowds["llama"][count]
            row: dict[str, Any] = {
                "llama_settings": str(self._best(count)),
                "llama_all": {str(serving): round(seen[count].tokens_per_s, 2) for serving, seen in self._seen.items()},
                "prompt_tokens": [statistics.mean(c.prompt_tokens for c in side) for side in (ours, theirs)],
                "tokens": [statistics.mean(c.tokens for c in side) for side in (ours, theirs)],
            }
            rate = [Spread.of(c.tokens_per_s for c in side) for side in (ours, theirs)]
            row["tokens_per_s"] = compared(*rate, rate[0].median / rate[1].median)
            ratio = f"{row['tokens_per_s']['ratio']:.2f}x"
            table.add_row(str(count), "tokens/s", *(str(r) for r in rate), ratio, row["llama_settings"])
            for label, share in (("p50", 0.5), ("p95", 0.95)):
                first = [Spread.of(percentile(c.first_s, share) for c in side) for side in (ours, theirs)]
                row[f"first_token_s_{label}"] = compared(*first, first[1].median / first[0].median)
                ratio = f"{row[f'first_token_s_{label}']['ratio']:.2f}x"
                table.add_row("", f"first token {label}, s", *(f"{f:.3f}" for f in first), ratio, "")
            rows[str(count)] = row
        screen.print(table)
        screen.print(f"MB at the highest: ours {_short(self._memory['ours'])}, llama {_short(self._memory['llama'])}")
        return rows


# -- figures -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spread:
    """A median between a lowest and a highest value."""

    values: tuple[float, ...] = field(default=())

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        return cls(tuple(values))

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def figures(self) -> dict[str, float]:
        return {"median": self.median, "min": min(self.values), "max": max(self.values)}

    def __format__(self, how: str) -> str:
        how = how or ".1f"
        return f"{self.median:{how}} ({min(self.values):{how}}..{max(self.values):{how}})"

    def __str__(self) -> str:
        return format(self)


def compared(ours: Spread, theirs: Spread, ratio: float) -> dict[str, Any]:
    return {"ours": ours.figures, "llama": theirs.figures, "ratio": ratio}


def _short(memory: dict[str, float]) -> str:
    return f"{memory['VmHWM']:.0f} (own {memory['RssAnon']:.0f}, mapped {memory['RssFile']:.0f})"


if __name__ == "__main__":
    main()
