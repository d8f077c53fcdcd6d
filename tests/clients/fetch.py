"""Clients that people use, for tests/clients: of Python (130 MB to fetch) and of Node (8 MB), pinned.

    make clients     (or: python tests/clients/fetch.py)

build/clients/python/    what requirements.txt says, for PYTHONPATH: apart from what the tests themselves run with
build/clients/npm/       what package-lock.json says, checked by hash

What is here already, of the same versions, is not fetched again; each appears in one step.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLIENTS = HERE.parents[1] / "build" / "clients"
PYTHON, NPM = CLIENTS / "python", CLIENTS / "npm"
HOW = "real clients of Python and Node (140 MB to fetch; needs node and npm): make clients"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet", "--no-deps"]


def main() -> None:
    bring(PYTHON, ["requirements.txt"], [*PIP, "--requirement", "requirements.txt", "--target", "."])
    bring(NPM, ["package.json", "package-lock.json"], ["npm", "ci", "--no-fund", "--no-audit", "--silent"])


def bring(target: Path, wanted: list[str], command: list[str], source: Path = HERE) -> None:
    """Make `target`, a folder with the `wanted` files in it and what the command, run in it, makes of them."""
    if is_there(target, wanted, source):
        return
    print(f"fetching {target.name} clients ...", flush=True)
    part = target.with_name(f".{target.name}.part")
    for old in (part, target):
        shutil.rmtree(old, ignore_errors=True)
    part.mkdir(parents=True)
    for name in wanted:
        shutil.copy(source / name, part / name)
    try:
        failed = subprocess.run(command, cwd=part).returncode
    except FileNotFoundError:
        sys.exit(f"'{command[0]}' is missing: install it (Debian, Ubuntu: apt install nodejs npm).")
    if failed:
        sys.exit(f"The {target.name} clients could not be fetched; why, is said above. Run it again.")
    part.replace(target)


def is_there(target: Path, wanted: list[str], source: Path = HERE) -> bool:
    """Whether it was made, and of these files as they are now."""
    return all((target / n).is_file() and (target / n).read_bytes() == (source / n).read_bytes() for n in wanted)


if __name__ == "__main__":
    main()
