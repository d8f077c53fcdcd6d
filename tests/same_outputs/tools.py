"""What all groups use: the place they work in, commands in a process of their own, and exact values as JSON."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import re
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
SECONDS = 600  # for one command; then it is killed
WIDTH = "120"


@dataclass(frozen=True)
class Place:
    """models: what both runs read.  work: an empty folder, gone afterwards."""

    models: Path
    work: Path

    def folder(self, name: str) -> Path:
        path = self.work / name
        path.mkdir(parents=True, exist_ok=True)
        return path


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str

    def checked(self) -> Said:
        if self.status:
            raise RuntimeError(f"exit status {self.status}: {(self.err or self.out)[-600:]}")
        return self


def prepare(place: Place) -> None:
    """The surroundings of every command: nothing of the user's is read or written, texts are of one width."""
    os.environ |= {
        "HUOZHONG_MODELS": str(place.work / "store"), "XDG_CACHE_HOME": str(place.work / "cache"), "NO_COLOR": "1",
        "HUOZHONG_LANG": "en", "LC_ALL": "C.UTF-8", "COLUMNS": WIDTH, "TERMINAL_WIDTH": WIDTH, "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }  # fmt: skip
    for name in ("HUOZHONG_KERNELS", "HF_TOKEN", "WORLD_SIZE", "RANK"):
        os.environ.pop(name, None)
    os.chdir(place.work)  # what says no folder writes into the current one
    _load_packages()
    sys.dont_write_bytecode, sys.pycache_prefix = False, str(place.work / "pycache")


def _load_packages() -> None:
    """Once, for all commands to come, which are forked: they take longer to load than most commands to run."""
    import fastapi  # noqa: F401
    import jinja2  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import rich.progress  # noqa: F401
    import tokenizers  # noqa: F401
    import torch.distributed

    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], fused=True)  # loads hundreds of modules more
    import huozhong.cli.main  # noqa: F401


# -- processes -------------------------------------------------------------------------------------------


def forked(function: Callable[..., T], *arguments: Any) -> T:
    """Its result, from a process of its own: threads, torch's settings and memory are gone afterwards."""
    _, wait = started(function, *arguments)
    return wait()


def started(function: Callable[..., T], *arguments: Any) -> tuple[int, Callable[[], T]]:
    """Begin at once: the process's number, and a function that waits for the result."""
    result = tempfile.NamedTemporaryFile(prefix="same-result-")  # noqa: SIM115
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        signal.alarm(SECONDS)
        try:
            content = pickle.dumps((True, function(*arguments)))
        except BaseException as error:
            content = pickle.dumps((False, f"{type(error).__name__}: {error}\n{traceback.format_exc()[-1500:]}"))
        Path(result.name).write_bytes(content)
        os._exit(0)

    def wait() -> T:
        os.waitpid(pid, 0)
        with result:
            content = Path(result.name).read_bytes()
        if not content:
            raise RuntimeError("a process was killed")
        fine, value = pickle.loads(content)
        if not fine:
            raise RuntimeError(value)
        return value  # type: ignore[no-any-return]

    return pid, wait


def command(*words: Any, env: Mapping[str, str] | None = None, given: str = "") -> Said:
    """`huozhong WORDS`.  env: more of the environment.  given: what is typed."""
    return forked(_command, words, env or {}, given)


def commands(*words: Any, envs: list[dict[str, str]]) -> list[Said]:
    """The same command several times at once, as torchrun would start it."""
    begun = [started(_command, words, env, "") for env in envs]
    return [wait() for _, wait in begun]


def started_command(*words: Any) -> tuple[int, Callable[[], Said]]:
    """As `started`: a command that somebody may send a signal to."""
    return started(_command, words, {}, "")


def _command(words: tuple[Any, ...], env: Mapping[str, str], given: str) -> Said:
    from huozhong.cli.main import main

    os.environ |= env
    sys.argv = ["huozhong", *map(str, words)]
    sys.modules["__main__"].__package__ = None  # so that help calls the command by its name
    with tempfile.TemporaryFile("w+") as typed, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        typed.write(given)
        typed.seek(0)
        for number, file in enumerate((typed, out, err)):
            os.dup2(file.fileno(), number)
        status: Any = 0
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    return Said(status if isinstance(status, int) else 1, *texts)


# -- values ----------------------------------------------------------------------------------------------


def digest(content: Any) -> str:
    """SHA-256 of bytes, of a file, or of a value's exact JSON."""
    if isinstance(content, Path):
        content = content.read_bytes()
    if not isinstance(content, bytes):
        content = json.dumps(exact(content), ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass")
    return hashlib.sha256(content).hexdigest()[:32]


def exact(value: Any) -> Any:
    """A value as JSON that keeps every bit: floats have all their digits, arrays are hashed."""
    if dataclasses.is_dataclass(value):
        return {field.name: exact(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): exact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "detach"):  # torch has types that numpy has not: as bytes
        import torch

        flat = value.detach().contiguous().reshape(-1).view(torch.uint8)
        return [str(value.dtype), list(value.shape), digest(flat.numpy().tobytes())]
    if hasattr(value, "tobytes"):
        return [str(value.dtype), list(value.shape), digest(value.tobytes())]
    return value


def files(folder: Path, *patterns: str) -> dict[str, str]:
    """The hash of each file in `folder` that one of the patterns names."""
    found = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    return {str(path.relative_to(folder)): digest(path) for path in found}


# What commands print and what is measured: times, energy, its price, speeds, memory.
_MEASURED = (
    (r"\d+ (min|分) \d+ (s|秒)|[\d.]+ (s\b|秒|min left)", "TIME"), (r"[\d.]+ (k?J|kWh)\b", "ENERGY"),
    (r"¥[\d.,]+", "MONEY"), (r"[\d.,]+ (tok|tokens|GFLOP)/s", "SPEED"), (r"[\d.]+ / [\d.]+ / [\d.]+ GB", "MEMORY"),
    (r"([ ─━═])\1+", r"\1"),  # tables are as wide as what stands in them
)  # fmt: skip


def masked(text: str, place: Place, *, measured: bool = False) -> str:
    """A text without our folders and, where it tells what was measured, without that."""
    for path, name in ((place.work, "WORK"), (place.models, "MODELS")):
        text = text.replace(str(path), name)
    for pattern, name in _MEASURED if measured else ():
        text = re.sub(pattern, name, text)
    return text
