"""How many of the nearest are found among a million vectors, how fast, and in how much memory; others beside it.

    python benchmarks/vectors.py [--count 1000000] [--dim 512] [--few 100000] [--questions 1000] [--data FILE.npy]
                                 [--peers all|none|NAME,NAME] [--kills 0]

Made-up vectors (benchlib/vector_sets.py): random directions with a faint likeness planted for each question, and
vectors that lean one way, as real embeddings do.  --data: real ones, rows of a .npy file, some of which become the
questions.  Recall is against the exact answer.  Peers, if installed: pip install faiss-cpu usearch hnswlib sqlite-vec;
those that build a graph, and sqlite-vec, are asked among --few vectors, and so are we once more.  --kills N: a process
that adds and deletes is ended with kill -9 that many times, and what it had acknowledged is looked for.
One question at a time, two threads.  The last line, on stdout, is one JSON object.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchlib import vector_sets as sets
from benchlib.streams import percentile
from benchlib.vector_peers import AMONG_ALL, AMONG_FEW, THREADS, Ask, Build

from huozhong.engine import kernels
from huozhong.memory.vectors import Vectors

Array = np.ndarray[Any, Any]
PACKAGES = {"faiss flat": "faiss", "faiss RaBitQ fast scan": "faiss", "sqlite-vec": "sqlite_vec"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--few", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--peers", default="all")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where files are written (a disk, not memory)")
    options = parser.parse_args()
    result: dict[str, Any] = {"count": options.count, "dim": options.dim, "kernels": kernels.used()}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        if options.data:
            rows, questions = sets.read(options.data, options.questions, 1)
            result |= {"count": len(rows), "dim": rows.shape[1]}
            result["data"] = run(rows, lambda _: [questions], Path(folder), options)
        else:
            result["random directions"] = random_directions(Path(folder), options)
            result["leaning"] = leaning(Path(folder), options)
        if options.kills:
            result["kills"] = kill_often(Path(folder), options.kills)
    print(json.dumps(result))


def random_directions(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    rows = sets.isotropic(options.count, options.dim, 1)

    def planted(among: Array) -> list[sets.Questions]:
        return [sets.at_cosine(among, cosine, options.questions, 2) for cosine in (0.5, 0.35, 0.28)]

    return run(rows, planted, folder, options)


def leaning(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    made = sets.Leaning.of(options.dim, 3)
    rows = made.rows(options.count, 4)

    def pictures(among: Array) -> list[sets.Questions]:
        return [made.others(among, options.questions, 5), made.strangers(options.questions, 7)]

    return run(rows, pictures, folder, options)


def run(
    rows: Array, questions_among: Callable[[Array], list[sets.Questions]], folder: Path, options: argparse.Namespace
) -> dict[str, Any]:
    raw, centred = sets.signs_that_differ(rows)
    say(f"{len(rows)} vectors of {rows.shape[1]}; signs differ in {raw:.1f}%, around the mean in {centred:.1f}%")
    out: dict[str, Any] = {"signs_differ_percent": round(raw, 1), "centred_percent": round(centred, 1)}
    asking = Asking.of(rows, questions_among(rows))
    ask, figures = ours(rows, folder)
    out["ours"] = figures | asking.ask("ours", ask)
    for name, build in chosen(AMONG_ALL, options.peers).items():
        out[name] = peer(name, build, rows, asking)
    if few := chosen(AMONG_FEW, options.peers):
        some = rows[: options.few]
        asking = Asking.of(some, questions_among(some))
        ask, figures = ours(some, folder)
        out["few"] = {"count": len(some), "ours": figures | asking.ask("ours, among few", ask)}
        for name, build in few.items():
            out["few"][name] = peer(name, build, some, asking)
    return out


def unit(rows: Array) -> Array:
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def ours(rows: Array, folder: Path) -> tuple[Ask, dict[str, Any]]:
    """Built in an empty file, and opened again as a fresh process would."""
    path = folder / f"{len(rows)}.vectors"
    path.unlink(missing_ok=True)
    start = time.perf_counter()
    with Vectors.open(path, dim=rows.shape[1], threads=THREADS) as vectors:
        vectors.add(rows)
        built = time.perf_counter() - start
        appended, more = 1000, rows[:1000] * np.float32(-1)
        start = time.perf_counter()
        for at in range(0, appended, 50):
            added = vectors.add(more[at : at + 50])
        per_second = appended / (time.perf_counter() - start)
        vectors.remove(np.arange(len(rows), len(rows) + appended))
        assert len(added) == 50
    start = time.perf_counter()
    vectors = Vectors.open(path, dim=rows.shape[1], threads=THREADS)
    opened = time.perf_counter() - start
    figures = {
        "build_s": round(built, 2),
        "open_s": round(opened, 2),
        "appended_per_s": round(per_second),
        "memory_mb": round(vectors.memory / 1e6, 1),
        "file_mb": round(path.stat().st_size / 1e6),
    }
    return lambda question: int(vectors.search(question, 1).ids[0]), figures


def peer(name: str, build: Build, rows: Array, asking: Asking) -> dict[str, Any]:
    start = time.perf_counter()
    ask = build(unit(rows))
    figures = {"build_s": round(time.perf_counter() - start, 2)}
    # Of those that compare with every vector the time alone is of interest.
    return figures | asking.ask(name, ask, most=50 if name in ("faiss flat", "sqlite-vec") else None)


@dataclass(frozen=True)
class Asking:
    """Questions of length 1 with their right answers."""

    names: list[str]
    units: list[Array]
    right: list[Array]

    @classmethod
    def of(cls, rows: Array, questions: list[sets.Questions]) -> Asking:
        units = [unit(one.vectors) for one in questions]
        return cls([one.name for one in questions], units, [sets.nearest(rows, one) for one in units])

    def ask(self, who: str, ask: Ask, most: int | None = None) -> dict[str, Any]:
        figures: dict[str, Any] = {}
        for name, units, right in zip(self.names, self.units, self.right, strict=True):
            ask(units[0])
            found, times = [], []
            for one in units[:most]:
                start = time.perf_counter()
                found.append(ask(one))
                times.append(1000 * (time.perf_counter() - start))
            recall = 100 * float((np.array(found) == right[: len(found)]).mean())
            median, p95 = (round(percentile(times, share), 2) for share in (0.5, 0.95))
            figures[name] = {"recall": round(recall, 2), "median_ms": median, "p95_ms": p95}
            say(f"  {who:24} {name:16} recall@1 {recall:6.2f}%  median {median} ms  p95 {p95} ms")
        return figures


def chosen(peers: dict[str, Build], named: str) -> dict[str, Build]:
    """The peers that were asked for; of all, those that are installed."""
    if named == "none":
        return {}
    there = {name: one for name, one in peers.items() if importlib.util.find_spec(PACKAGES.get(name, name))}
    return there if named == "all" else {name: one for name, one in there.items() if name in named.split(",")}


WRITER = """
import sys, numpy as np
from pathlib import Path
from huozhong.memory.vectors import Vectors
vectors = Vectors.open(Path(sys.argv[1]), dim=64)
for number in range(100_000):
    ids = vectors.add(np.random.default_rng(number).standard_normal((1 + number * 37 % 500, 64)).astype(np.float32))
    print("added", ids[0], ids[-1], flush=True)
    if number % 3 == 0:
        vectors.remove(ids[:1])
        print("removed", ids[0], flush=True)
"""


def kill_often(folder: Path, kills: int) -> dict[str, Any]:
    path, dice = folder / "killed.vectors", random.Random(1)
    added, removed, maybe, torn = set[int](), set[int](), set[int](), 0
    lost = came_back = 0
    for _ in range(kills):
        with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            end = None
            for line in writer.stdout:
                word, first, *last = line.split()
                if word == "added":
                    added |= set(range(int(first), int(last[0]) + 1))
                    maybe.add(int(first))
                else:
                    removed.add(int(first))
                end = end or time.monotonic() + dice.uniform(0.0, 0.3)
                if time.monotonic() > end:
                    writer.send_signal(signal.SIGKILL)
        with Vectors.open(path, dim=64) as vectors:
            vectors.verify()
            there = set(vectors.ids.tolist())
            torn += vectors.told is not None
        lost += len(added - removed - maybe - there)
        came_back += len(there & removed)
    say(f"  {kills} kills: {len(added)} added, {lost} lost, {came_back} deleted ones came back, {torn} torn tails cut")
    return {"kills": kills, "added": len(added), "lost": lost, "came_back": came_back, "torn_tails": torn}


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
