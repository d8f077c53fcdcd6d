"""This program as a wheel, made of what is installed here: its files as they are, compiled kernels included.

No compiler and no build tool is needed, and what is packed is what runs.  The wheel is for this kind of machine and
this version of Python, which its name says.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import huozhong
from huozhong.cli.words import say
from huozhong.errors import ConfigError
from huozhong.files import whole_file

_PACKAGE = Path(huozhong.__file__).parent
_TIME = (2026, 1, 1, 0, 0, 0)  # of every file, so that the same program makes the same bytes
_SOURCES = (".cpp", ".h", ".inl", ".pyc")  # that nobody needs who does not compile


def tag() -> str:
    """What a wheel made here runs on, such as cp311-cp311-linux_x86_64."""
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return f"{python}-{python}-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


def own_wheel(folder: Path) -> Path:
    """Write this program's wheel into a folder.  `ConfigError` where neither an installation nor sources tell of it."""
    metadata, entry_points = _about()
    name = f"huozhong-{huozhong.__version__}"
    path = folder / f"{name}-{tag()}.whl"
    info = f"{name}.dist-info"
    wheel = f"Wheel-Version: 1.0\nGenerator: huozhong pack\nRoot-Is-Purelib: false\nTag: {tag()}\n"
    extra = {"METADATA": metadata, "WHEEL": wheel, "entry_points.txt": entry_points}
    record = []
    with whole_file(path) as out, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:

        def write(place: str, content: bytes) -> None:
            archive.writestr(zipfile.ZipInfo(place, _TIME), content, zipfile.ZIP_DEFLATED)

        def add(place: str, content: bytes) -> None:
            write(place, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{place},sha256={digest},{len(content)}\n")

        for file in _files():
            add(f"huozhong/{file.relative_to(_PACKAGE).as_posix()}", file.read_bytes())
        for file_name, text in extra.items():
            add(f"{info}/{file_name}", text.encode())
        write(f"{info}/RECORD", ("".join(record) + f"{info}/RECORD,,\n").encode())
    return path


def _files() -> Iterator[Path]:
    for file in sorted(_PACKAGE.rglob("*")):
        hidden = any(part.startswith(".") or part == "__pycache__" for part in file.relative_to(_PACKAGE).parts)
        if file.is_file() and not hidden and file.suffix not in _SOURCES:
            yield file


def _about() -> tuple[str, str]:
    """METADATA and entry_points.txt: of the installation, or else of the sources that this runs from."""
    try:
        installed = importlib.metadata.distribution("huozhong")
        metadata, entry_points = installed.read_text("METADATA"), installed.read_text("entry_points.txt")
        if metadata and entry_points:
            return metadata, entry_points
    except importlib.metadata.PackageNotFoundError:
        pass  # it runs from its sources, which are asked below
    file = _PACKAGE.parent.parent / "pyproject.toml"
    try:
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        raise ConfigError(
            say(
                "找不到火种自己的安装信息，不能打包；请先用 make serve 或 pip 安装。",
                "Nothing tells how Huozhong was installed, so it cannot be packed; install it first (make serve).",
            )
        ) from None
    lines = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {project['version']}"]
    lines += [f"Summary: {project['description']}", f"Requires-Python: {project['requires-python']}"]
    lines += [f"Requires-Dist: {wanted}" for wanted in project["dependencies"]]
    for extra, wanted in project.get("optional-dependencies", {}).items():
        lines += [f"Provides-Extra: {extra}", *(f'Requires-Dist: {one} ; extra == "{extra}"' for one in wanted)]
    scripts = "".join(f"{name} = {target}\n" for name, target in project["scripts"].items())
    return "\n".join(lines) + "\n", f"[console_scripts]\n{scripts}"
