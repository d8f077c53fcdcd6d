"""`huozhong pack FOLDER`: everything a machine needs that has no internet, on a stick."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from huozhong.cli.models import find_model
from huozhong.cli.wheel import own_wheel, tag
from huozhong.cli.words import dim, say
from huozhong.errors import ConfigError

Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="带上的模型，可多次（ember 总在内） / a model to take along; ember is in"),
]
Extras = Annotated[
    list[str] | None,
    typer.Option("--with", help="可选的部分：lan、documents、postgresql / optional parts to take along"),
]
Wheels = Annotated[
    Path | None,
    typer.Option("--wheels", help="从这个文件夹取依赖，不上网 / take dependencies from this folder, not the internet"),
]
_EXTRAS = ("lan", "documents", "postgresql")

_START_SH = """#!/bin/sh
# 火种：不用网络，安装一次，然后启动。  Huozhong: installs once, without any network, and serves.
# sh start.sh [MODEL] [options of `huozhong serve`]
set -e
here=$(cd "$(dirname "$0")" && pwd)
home=${XDG_DATA_HOME:-$HOME/.local/share}/huozhong/packed
wheel=@wheel@
for python in python@version@ python3 python; do
  "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (@tuple@))' 2>/dev/null && break
  python=
done
if [ -z "$python" ]; then
  echo "需要 Python @version@。 / Python @version@ is needed." >&2
  exit 2
fi
if [ "$(cat "$home/installed" 2>/dev/null)" != "$wheel" ]; then
  echo "第一次使用，正在安装…… / First use: installing ..."
  rm -rf "$home"
  "$python" -m venv --without-pip "$home"
  "$home/bin/python" "$here/wheels/@pip@/pip" install --quiet --no-index --find-links "$here/wheels" "huozhong@extras@"
  echo "$wheel" > "$home/installed"
fi
HUOZHONG_MODELS=${HUOZHONG_MODELS:-$here/models}
export HUOZHONG_MODELS
[ $# -gt 0 ] || set -- @model@
exec "$home/bin/huozhong" serve "$@"
"""

_START_BAT = """@echo off
rem 火种：不用网络，安装一次，然后启动。  Huozhong: installs once, without any network, and serves.
chcp 65001 >nul
set here=%~dp0
set home=%LOCALAPPDATA%\\huozhong\\packed
set wheel=@wheel@
set known=
if exist "%home%\\installed" set /p known=<"%home%\\installed"
if not "%known%"=="%wheel%" (
  echo 第一次使用，正在安装…… / First use: installing ...
  if exist "%home%" rmdir /s /q "%home%"
  py -@version@ -m venv --without-pip "%home%" || (echo Python @version@ is needed. & exit /b 2)
  set pip="%home%\\Scripts\\python" "%here%wheels\\@pip@\\pip"
  call %%pip%% install --quiet --no-index --find-links "%here%wheels" "huozhong@extras@" || exit /b 2
  >"%home%\\installed" echo %wheel%
)
if not defined HUOZHONG_MODELS set HUOZHONG_MODELS=%here%models
if "%~1"=="" ("%home%\\Scripts\\huozhong" serve @model@) else ("%home%\\Scripts\\huozhong" serve %*)
"""

_README = """火种 Huozhong @huozhong@ （@tag@）

不需要网络。在另一台电脑上（同样的系统，装有 Python @version@）：
  Linux、macOS：  sh start.sh
  Windows：       双击 start.bat
然后在浏览器里打开它说的地址。给全班用：sh start.sh @model@ --lan
检查文件是否完好：sha256sum -c SHA256SUMS

No network is needed.  On another machine (the same system, with Python @version@):
  Linux, macOS:   sh start.sh
  Windows:        start.bat
Then open the address that it names in a browser.  For a classroom: sh start.sh @model@ --lan
To check the files: sha256sum -c SHA256SUMS

models/: @models@        docs/: how it works
"""


def register(app: typer.Typer) -> None:
    """Add `pack` to `app`."""
    app.command("pack", help="打包到 U 盘，给没有网络的电脑用 / onto a stick, for machines without internet")(
        pack_command
    )


def pack_command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="要写的文件夹 / the folder to write")],
    model: Models = None,
    extras: Extras = None,
    wheels: Wheels = None,
) -> None:
    from huozhong.hub.arrival import gigabytes

    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        raise ConfigError(say(f"{folder} 不是空的；请给一个新文件夹。", f"{folder} is not empty; give a new folder."))
    for extra in extras or []:
        if extra not in _EXTRAS:
            known = ", ".join(_EXTRAS)
            raise ConfigError(
                say(f"--with 只能是 {known}，没有 {extra!r}。", f"--with is one of {known}, not {extra!r}.")
            )
    taken = {_name(name): find_model(name) for name in model or []}
    taken.pop("ember", None)  # it is a part of the program
    try:
        for part in ("wheels", "models", "docs"):
            (folder / part).mkdir(parents=True)
        own = own_wheel(folder / "wheels")
        typer.echo(say(f"程序：{own.name}", f"The program: {own.name}"))
        _gather(own, extras or [], wheels, folder / "wheels")
        for name, path in taken.items():
            typer.echo(say(f"模型：{name}", f"Model: {name}"))
            _copy_model(path, folder / "models" / name.replace(":", "@"))
        _write_rest(folder, own, extras or [], [*taken])
    except OSError as error:
        raise ConfigError(
            say(
                f"不能写 {error.filename or folder}（{error.strerror}）。",
                f"{error.filename or folder} cannot be written ({error.strerror}).",
            )
        ) from None
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    typer.echo(say(f"好了：{folder}，{gigabytes(size)}。", f"Done: {folder}, {gigabytes(size)}."))
    typer.echo(dim(f"  sh {folder / 'start.sh'}"))


def _name(model: str) -> str:
    from huozhong.formats.installed import name_of

    return name_of(find_model(model))


def _gather(own: Path, extras: list[str], wheels: Path | None, target: Path) -> None:
    """The wheels that the program needs on this kind of machine, and pip's, so that not even that is missing there."""
    source = [] if wheels is None else ["--no-index", "--find-links", str(wheels)]
    wanted = f"{own}[{','.join(extras)}]" if extras else str(own)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", str(target)]
    typer.echo(say("正在收集依赖……", "Gathering what it needs ..."))
    done = subprocess.run([*command, *source, wanted, "pip"], capture_output=True, text=True, errors="replace")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["?"])[-1]
        raise ConfigError(
            say(
                f"依赖收集不全（{reason}）；请联网再试，或用 --wheels 指定放着它们的文件夹。",
                f"Not everything it needs could be gathered ({reason}); try again with internet, or name a folder "
                "with --wheels.",
            )
        )


def _copy_model(path: Path, target: Path) -> None:
    """A stored model with its manifest, or any other as `import` would leave it; links become files."""
    from huozhong.formats.installed import MANIFEST
    from huozhong.hub.arrival import need_space
    from huozhong.hub.bring import manifest_for, model_files

    files = model_files(path)
    need_space(target.parent, sum(file.stat().st_size for file in files))
    target.mkdir()
    for file in files:
        shutil.copyfile(file, target / file.name)
    name = target.name.replace("@", ":")
    (target / MANIFEST).write_text(manifest_for(name, path, target).to_json(), encoding="utf-8")


def _write_rest(folder: Path, own: Path, extras: list[str], models: list[str]) -> None:
    import huozhong

    pip = next(file.name for file in (folder / "wheels").iterdir() if file.name.startswith("pip-"))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    values = {
        "wheel": own.name, "pip": pip, "version": version, "tuple": version.replace(".", ", "), "tag": tag(),
        "extras": f"[{','.join(extras)}]" if extras else "", "model": models[0] if models else "ember",
        "models": ", ".join(["ember", *models]), "huozhong": huozhong.__version__,
    }  # fmt: skip
    for name, text, ends in (
        ("start.sh", _START_SH, "\n"),
        ("start.bat", _START_BAT, "\r\n"),
        ("README.txt", _README, "\r\n"),
    ):
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        (folder / name).write_bytes(text.replace("\n", ends).encode())
    os.chmod(folder / "start.sh", 0o755)
    sources = Path(huozhong.__file__).parents[2]
    for document in ("README.md", "README.zh.md", "docs/structure.md", "docs/cost.md", "LICENSE"):
        if (sources / "pyproject.toml").is_file() and (sources / document).is_file():
            shutil.copyfile(sources / document, folder / "docs" / Path(document).name)
    sums = []
    for file in sorted(one for one in folder.rglob("*") if one.is_file()):
        with open(file, "rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        sums.append(f"{digest}  {file.relative_to(folder).as_posix()}\n")
    (folder / "SHA256SUMS").write_bytes("".join(sums).encode())
