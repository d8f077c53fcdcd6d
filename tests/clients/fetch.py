"""Clients that people use, for tests/clients: of Python (130 MB to fetch) and of Node (8 MB), pinned.

    make clients     (or: python tests/clients/fetch.py)
    make agents      (or: with the word agents) aider (690 MB, for Python 3.10 to 3.12) and opencode (350 MB)

build/clients/python/    what requirements.txt says, for PYTHONPATH: apart from what the tests themselves run with
build/clients/npm/       what package-lock.json says, checked by hash
build/clients/aider/     what requirements-aider.txt says, apart from all other: its pins are older
build/clients/opencode/  what opencode/package-lock.json says

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
AIDER, OPENCODE = CLIENTS / "aider", CLIENTS / "opencode"
NODE = ["npm", "ci", "--no-fund", "--no-audit", "--silent"]
HOW_AGENTS = "aider and opencode (1 GB of disk; needs node and npm): make agents"
HOW = "real clients of Python and Node (140 MB to fetch; needs node and npm): make clients"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet", "--no-deps"]


def main() -> None:
    bring(PYTHON, ["requirements.txt"], [*PIP, "--requirement", "requirements.txt", "--target", "."])
    bring(NPM, ["package.json", "package-lock.json"], NODE)


def agents() -> None:
    aider = "requirements-aider.txt"
    bring(AIDER, [aider], [*PIP, "--requirement", aider, "--target", "."])
    bring(OPENCODE, ["package.json", "package-lock.json"], NODE, HERE / "opencode")


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
    agents() if sys.argv[1:] == ["agents"] else main()
