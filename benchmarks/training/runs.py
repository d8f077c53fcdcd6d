"""One run of a contestant: made once, resumed where it stopped, its curve read back."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console

from huozhong.train.recipe import Recipe
from huozhong.train.stages.pretrain import train
from huozhong.train.state import MetricsFile
from training.contestants import Contest, Setting, Who, kind_of


@dataclass(frozen=True)
class Result:
    """A finished run.  curve: (step, tokens, held-out bits per byte); wall and CPU seconds are as they fell out,
    with whatever else the machine was doing; `training.speeds` says what the same steps take when it is quiet.
    """

    who: Who
    name: str
    setting: dict[str, Any]
    seed: int
    asked: int  # tokens
    tokens: int
    steps: int
    bpb: float
    wall_seconds: float
    cpu_seconds: float
    median_step_seconds: float
    curve: tuple[tuple[int, int, float], ...]


class Stopped(Exception):
    """Ctrl-C during a run: it has been saved."""


def run_name(who: Who, setting: Setting, tokens: int, seed: int) -> str:
    """Readable, and different for every setting."""
    said = json.dumps(dataclasses.asdict(setting), sort_keys=True)
    return f"{who}-{tokens}-s{seed}-{hashlib.sha256(said.encode()).hexdigest()[:8]}"


def run(contest: Contest, who: Who, setting: Setting, *, tokens: int, seed: int) -> Result:
    """Train, or read what was trained before.  Raises Stopped after Ctrl-C."""
    name = run_name(who, setting, tokens, seed)
    recipe = contest.recipe(who, setting, tokens=tokens, seed=seed, name=name)
    out = Path(recipe.run.out)
    found = finished(out, recipe)
    if found is None:
        print(f"[{who}] {tokens:,} tokens, seed {seed}: {out}", flush=True)
        if not train(recipe, console=Console(file=StringIO()), kind=kind_of(who)).finished:
            raise Stopped
        found = MetricsFile(out).read()
        mark(out, recipe)
    scored = [record for record in found if "heldout_bpb" in record]
    seconds = sorted(record["seconds"] for record in found)
    result = Result(
        who=who,
        name=name,
        setting=dataclasses.asdict(setting),
        seed=seed,
        asked=tokens,
        tokens=found[-1]["tokens"],
        steps=len(found),
        bpb=scored[-1]["heldout_bpb"],
        wall_seconds=sum(seconds),
        cpu_seconds=sum(record["cpu_seconds"] for record in found),
        median_step_seconds=seconds[len(seconds) // 2],
        curve=tuple((r["step"], r["tokens"], r["heldout_bpb"]) for r in scored),
    )
    print(f"  {who} {result.tokens:,} tokens, {describe(setting)}, seed {seed}: {result.bpb:.4f} bits/byte", flush=True)
    return result


def finished(out: Path, recipe: Recipe) -> list[dict[str, Any]] | None:
    """The metrics of a run that came to its end under this very recipe, else None."""
    done = out / "finished.json"
    if not done.exists() or json.loads(done.read_text()) != json.loads(json.dumps(recipe.identity())):
        return None
    return MetricsFile(out).read()


def mark(out: Path, recipe: Recipe) -> None:
    """Say that the run is finished, and drop its checkpoints, which nobody needs any more."""
    temporary = out / "finished.tmp"
    temporary.write_text(json.dumps(recipe.identity(), indent=1, ensure_ascii=False))
    temporary.replace(out / "finished.json")
    for path in (out / "checkpoints").glob("step-*/*"):
        path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()


def describe(setting: Setting) -> str:
    """What is swept, in one line."""
    parts = [f"rate {setting.rate:g}"]
    if setting.muon:
        parts.append(f"Muon {setting.muon:g}")
    parts.append(f"batch {setting.batch_tokens}")
    parts.append(f"{setting.shape} decay over {setting.decay:.0%}")
    return ", ".join(parts)
