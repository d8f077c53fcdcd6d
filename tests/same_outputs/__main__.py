"""Are the outputs the same, bit for bit, after a change that should change none?

    python -m tests.same_outputs record FILE.json          in the checkout as it was
    python -m tests.same_outputs compare FILE.json         in the checkout as it is, on the same machine

Bits differ from processor to processor, so nothing recorded is kept here: record and compare on one machine, with the
same packages.  Only what outlives a refactor is used: the public names, the command line, the HTTP API, files on disk.
So the code under test may be another checkout's: run its python, in the folder of the checkout that has this script.

`--models` holds the tiny models and the training data that both runs read.  They are made by whichever run comes
first, so let that be the recording one.  `--only engine,server` and `--scenario qwen3` run a part; a part that is
recorded takes its place in FILE.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.same_outputs import cli, engine, server, train
from tests.same_outputs.models import make_models
from tests.same_outputs.tools import Place, forked, prepare

GROUPS = {"engine": engine, "train": train, "server": server, "cli": cli}
SHOWN = 300  # characters of a value


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.same_outputs")
    parser.add_argument("what", choices=("record", "compare"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", default=",".join(GROUPS), help="groups, such as engine,server")
    parser.add_argument("--scenario", default="", help="only scenarios with this in their name")
    parser.add_argument("--models", type=Path, help="made where absent; default: beside FILE")
    options = parser.parse_args()
    groups = options.only.split(",")
    if unknown := sorted(set(groups) - set(GROUPS)):
        parser.error(f"--only: there is no group {unknown[0]!r}; there are {', '.join(GROUPS)}")
    models = (options.models or options.file.with_suffix(".models")).resolve()
    known = None if options.what == "record" else json.loads(options.file.read_text(encoding="utf-8"))
    if known is not None and known["machine"] != machine():
        print(f"careful: recorded on {known['machine']}, this is {machine()}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="same-") as work:
        place = Place(models, Path(work))
        prepare(place)
        with locked(models):
            if not models.is_dir():
                forked(make_models, place)
        chosen = {name: GROUPS[name].scenarios for name in GROUPS if name in groups}
        found, alike = run(place, chosen, options.scenario, None if known is None else known["scenarios"])
    if known is None:
        if options.file.exists() and (len(groups) < len(GROUPS) or options.scenario):
            found = json.loads(options.file.read_text(encoding="utf-8"))["scenarios"] | found
        text = json.dumps({"machine": machine(), "scenarios": found}, ensure_ascii=False, indent=1, sort_keys=True)
        options.file.write_text(text + "\n", encoding="utf-8")
    return 0 if alike else 1


def run(place: Place, groups: dict[str, Any], wanted: str, known: dict[str, Any] | None) -> tuple[dict[str, Any], bool]:
    """What the scenarios gave, and whether none failed or differs; a line for each as it ends."""
    found: dict[str, Any] = {}
    alike = True
    for group, scenarios in groups.items():
        for name, scenario in scenarios(place):
            name = f"{group}: {name}"
            if wanted not in name:
                continue
            began = time.monotonic()
            found[name] = values = outcome(scenario)
            if known is None:
                word, told = ("FAILED", [values["failed"]]) if "failed" in values else ("recorded", [])
            elif name not in known:
                word, told = "DIFFERENT", ["it was not recorded"]
            else:
                told = list(differences(known[name], values))
                word = "DIFFERENT" if told else "same"
            alike = alike and word in ("recorded", "same")
            print(f"{word:9} {name}  ({len(values)} values, {time.monotonic() - began:.1f} s)", flush=True)
            for line in told:
                print(f"          {line}", flush=True)
        if known is not None and not wanted:
            for name in sorted(known.keys() - found.keys()):
                if name.startswith(f"{group}: "):
                    alike = False
                    print(f"DIFFERENT {name}\n          it was recorded, and does not exist any more")
    return found, alike


def outcome(scenario: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """As JSON would give it back; a scenario that fails is a value, too, and the others go on."""
    try:
        return dict(json.loads(json.dumps(forked(scenario))))
    except Exception as error:
        return {"failed": str(error)}


def differences(before: Any, now: Any, where: str = "") -> list[str]:
    """A line for every value that is not what it was."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            line
            for key in sorted(before.keys() | now.keys())
            for line in differences(before.get(key, "(absent)"), now.get(key, "(absent)"), f"{where}[{key}]")
        ]
    # by their JSON, so that NaN is what it was, and 1 is not 1.0
    one, other = (json.dumps(value, ensure_ascii=False, sort_keys=True) for value in (before, now))
    if one == other:
        return []
    alike = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(0, alike - 60)
    return [f"{where} was {one[start : start + SHOWN]}\n{' ' * 10}{where} is  {other[start : start + SHOWN]}"]


def machine() -> str:
    """What bits depend on besides the code."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = lines[0] if lines else cpu
    return f"{cpu}, Python {platform.python_version()}"


@contextmanager
def locked(models: Path) -> Iterator[None]:
    """Two runs that begin together must not both make the models."""
    models.parent.mkdir(parents=True, exist_ok=True)
    with models.with_name(models.name + ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
