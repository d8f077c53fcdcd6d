"""`huozhong pen`: teach a detector, watch a film, and say what a detector is worth on real pens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `pen` to the terminal's command."""
    pen = typer.Typer(help="猪圈：认猪、跟踪、二十样 / the pen: pigs found, followed, labelled", no_args_is_help=True)
    pen.command("teach", help="用标好的照片教一个检测器 / teach a detector from labelled frames")(teach)
    pen.command("watch", help="看一段录像，每头猪的二十样 / watch a film: twenty labels a pig")(watch)
    pen.command("judge", help="检测器在标好的真照片上怎么样 / what a detector is worth on labelled frames")(judge)
    app.add_typer(pen, name="pen")


_FOLDER = typer.Argument(help="frames/*.ppm 和 labels.json 的文件夹 / folder of frames/*.ppm and labels.json")
_DETECTOR = typer.Option(help="detector.npz，或自己的 .onnx / detector.npz, or an .onnx of your own")


def teach(
    folder: Annotated[Path, _FOLDER],
    steps: Annotated[int, typer.Option(help="学多少步 / steps")] = 1000,
    minutes: Annotated[
        float, typer.Option(help="最多几分钟，再来一次就接着学 / minutes at most; again goes on")
    ] = 15.0,
) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "huozhong.apps.pen.train", str(folder)]
    raise typer.Exit(subprocess.run([*command, "--steps", str(steps), "--minutes", str(minutes)]).returncode)


def watch(
    film: Annotated[Path, typer.Argument(help="录像 / a film")],
    detector: Annotated[Path, _DETECTOR],
    every: Annotated[float, typer.Option(help="隔几秒看一张 / seconds between pictures")] = 1.0,
    count: Annotated[int | None, typer.Option(help="圈里几头 / how many pigs there are")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / as JSON")] = False,
) -> None:
    from huozhong.apps.pen.label import HOW_EN, HOW_ZH
    from huozhong.apps.pen.settings import Settings
    from huozhong.apps.pen.watching import Watch
    from huozhong.cli.words import language
    from huozhong.senses.look import film as pictures

    said, tongue = Watch(Settings(count=count), _detector(detector)), language()
    for time, picture in pictures(film, every):
        said.look(time + 1.0, picture)
    how = HOW_ZH if tongue == "zh" else HOW_EN
    for number in sorted(said.pigs):
        told = [one.told(tongue) for one in said.labels(number)]
        if as_json:
            typer.echo(json.dumps({"pig": number, "labels": told}, ensure_ascii=False))
            continue
        typer.echo(f"\n{number}")
        for one in told:
            value = "—" if one["value"] is None else f"{one['value']} {one['unit']}".strip()
            typer.echo(f"  {one['name']}  {value}  [{how[one['how']]}]  {one['why']}")


def judge(folder: Annotated[Path, _FOLDER], detector: Annotated[Path, _DETECTOR]) -> None:
    from huozhong.apps.pen.labelled import Frames
    from huozhong.apps.pen.worth import worth

    typer.echo(json.dumps(worth(_detector(detector), Frames(folder).read()).told()))


def _detector(file: Path):  # type: ignore[no-untyped-def]
    from huozhong.apps.pen.network import PenDetector
    from huozhong.senses.look import OnnxDetector

    return OnnxDetector(file) if file.suffix == ".onnx" else PenDetector.read(file)
