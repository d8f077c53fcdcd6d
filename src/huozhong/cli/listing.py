"""`huozhong list` (`ls`), `remove` (`rm`) and `cp`: the models that are on this machine."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from huozhong.cli.words import dim, say

Stored = Annotated[str, typer.Argument(metavar="NAME", help="模型名 / the model's name")]
AsJson = Annotated[bool, typer.Option("--json", help="给程序读的 JSON / JSON for programs")]


def register(app: typer.Typer) -> None:
    """Add the commands, and the short names that Ollama's users type, to `app`."""
    listing = "列出本机的模型 / the models on this machine"
    removing = "删除下载或导入的模型 / delete models that were brought here"
    app.command("list", help=listing)(list_command)
    app.command("ls", help=listing)(list_command)
    app.command("remove", help=removing)(remove_command)
    app.command("rm", help=removing)(remove_command)
    app.command("cp", help="给模型另起一个名字，再存一份 / a copy of a model under another name")(copy_command)


def list_command(as_json: AsJson = False) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from huozhong.formats.installed import models_folder
    from huozhong.hub.arrival import gigabytes

    rows = _rows()
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in (say("名字", "name"), say("大小", "size"), say("格式", "format"), say("来源", "from")):
        table.add_column(column, overflow="fold")
    states = {
        "gone": say("链接的文件不在了", "linked files are gone"),
        "missing": say("缺少文件", "files are missing"),
        "changed": say("文件变了或已损坏", "files have changed or are damaged"),
        "damaged": say("清单已损坏", "damaged manifest"),
        "unfinished": say("未下载完", "unfinished"),
    }
    for row in rows:
        source = say("内置", "built in") if row["built_in"] else str(row["source"])
        table.add_row(str(row["name"]), gigabytes(row["size"]), states.get(row["state"], str(row["format"])), source)
    Console(markup=False, emoji=False).print(table)
    typer.echo(dim(str(models_folder())))


def _rows() -> list[dict[str, Any]]:
    """Every model, and what is not one yet.  state: ready, unfinished, gone (linked files), missing,
    changed (other sizes than they came with) or damaged (the manifest)."""
    from huozhong.errors import CheckpointError
    from huozhong.formats.installed import InstalledModel, name_of, read_manifest, stored_folders
    from huozhong.formats.resolve import BUILT_IN, built_in_names
    from huozhong.hub.arrival import unfinished

    rows: list[dict[str, Any]] = []

    def add(name: str, size: int, format: str, source: str, state: str = "ready", built_in: bool = False) -> None:
        rows.append(
            {"name": name, "size": size, "format": format, "source": source, "state": state, "built_in": built_in}
        )

    for name in built_in_names():
        size = sum(file.stat().st_size for file in (BUILT_IN / name).iterdir() if file.is_file())
        add(name, size, "safetensors", "huozhong", built_in=True)
    for folder in stored_folders():
        try:
            manifest = read_manifest(folder)
        except CheckpointError:  # one that is damaged hides no other
            add(name_of(folder), sum(f.stat().st_size for f in folder.iterdir() if f.is_file()), "", "", "damaged")
            continue
        names = [file.name for file in manifest.files]
        unlike = InstalledModel(name_of(folder), folder, manifest).unlike()
        state = "missing" if unlike == "gone" and not manifest.linked else unlike or "ready"
        kind = "GGUF" if any(name.endswith(".gguf") for name in names) else "safetensors"
        add(name_of(folder), manifest.bytes, kind, manifest.source, state)
    for name, size in unfinished():
        add(name, size, "", f"huozhong pull {name}", "unfinished")
    return rows


def remove_command(
    models: Annotated[list[str], typer.Argument(metavar="NAME...", help="模型名 / the models' names")],
) -> None:
    from huozhong.engine.weights.load import forget_packed
    from huozhong.formats.installed import find
    from huozhong.hub.arrival import gigabytes, remove

    for model in models:
        folder = find(model)
        packed = [] if folder is None else [folder.resolve(), *(file.resolve() for file in folder.glob("*.gguf"))]
        freed = remove(model) + sum(forget_packed(path) for path in packed)
        typer.echo(
            say(f"已删除 {model}，腾出 {gigabytes(freed)}。", f"Removed {model}: {gigabytes(freed)} are free again.")
        )


def copy_command(
    model: Stored,
    name: Annotated[str, typer.Argument(metavar="NEW", help="新名字 / its new name")],
) -> None:
    from huozhong.cli.models import find_model
    from huozhong.hub.bring import copy_stored

    copied = copy_stored(find_model(model), name)
    typer.echo(say(f"{model} 也叫 {copied.name} 了。", f"{model} is {copied.name} too now."))
