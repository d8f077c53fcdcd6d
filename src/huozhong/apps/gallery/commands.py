"""`huozhong gallery`: people who agreed to be recognised, by pictures of theirs that are not kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from huozhong.apps.gallery.desk import Desk

Pictures = Annotated[list[Path], typer.Argument(help="照片 / pictures")]
Number = Annotated[int, typer.Argument(help="编号，见 list / the number, as list shows it")]
_WHO = "terminal"


def register(app: typer.Typer) -> None:
    """Add `gallery` to the terminal's command."""
    gallery = typer.Typer(help="认得同意过的人 / people who agreed to be recognised", no_args_is_help=True)
    gallery.command("setup", help="写明用在哪里、为了什么、不刷脸怎么办 / say where, what for, and the other way in")(
        setup
    )
    gallery.command("register", help="登记一个人：3 到 5 张照片 / register a person by 3 to 5 pictures")(add)
    gallery.command("look", help="照片上是谁 / who is on a picture")(look)
    gallery.command("list", help="存了哪些人 / everybody who is kept")(list_people)
    gallery.command("delete", help="删掉一个人 / forget a person")(delete)
    gallery.command("export", help="一个人的全部记录 / all that is kept of a person")(export)
    gallery.command("log", help="谁在什么时候看过（并检查记录） / who looked when, with the log checked")(log)
    gallery.command("train", help="学习怎样合并几张模糊的照片 / learn how poor pictures are pooled")(train)
    app.add_typer(gallery, name="gallery")


def setup(
    place: Annotated[str, typer.Option(help="摄像头在哪里 / where the camera is")],
    purpose: Annotated[str, typer.Option(help="为了什么 / what for")],
    other_way: Annotated[str, typer.Option(help="不刷脸怎么办 / how to come in without a face")],
    keeper: Annotated[str, typer.Option(help="找谁 / whom to turn to")],
) -> None:
    from huozhong.apps.gallery.desk import Rules

    with _desk() as desk:
        desk.lay_down(Rules(place, purpose, other_way, keeper))
    _say("设好了。", "Set up.")


def add(
    name: Annotated[str, typer.Argument(help="姓名 / name")],
    pictures: Pictures,
    until: Annotated[str, typer.Option(help="同意到哪一天，例如 2027-08-31 / the consent's last day")],
    signed_by: Annotated[str, typer.Option(help="谁签的字 / who signed")],
    signed_as: Annotated[str, typer.Option(help="本人，或监护人的身份 / 本人, or the guardian's relation")] = "本人",
    born: Annotated[int | None, typer.Option(help="出生年份 / year of birth")] = None,
    agreed: Annotated[
        bool, typer.Option("--agreed", help="单独同意书已签 / the consent of its own has been signed")
    ] = False,
) -> None:
    from huozhong.errors import ConfigError
    from huozhong.memory.gallery import Consent

    if not agreed:
        raise ConfigError(
            "Give --agreed once the consent has been signed; without it nobody is registered."
        ).in_chinese("签过同意书以后加上 --agreed；没有同意，就不登记。")
    try:
        last = date.fromisoformat(until)
    except ValueError:
        raise ConfigError("--until is a day such as 2027-08-31.").in_chinese(
            "--until 是一个日期，例如 2027-08-31。"
        ) from None
    with _desk() as desk:
        desk.gallery  # noqa: B018  told before the pictures are read
        frames = [desk.take(0, _read(path), alone=True)[1] for path in pictures]
        person = desk.register(name, frames, Consent(signed_by, signed_as, "", last, born), _WHO)
    _say(f"登记好了：{person.name}，编号 {person.id}，到 {person.consent.until}。照片没有保存。",
         f"Registered: {person.name}, number {person.id}, until {person.consent.until}. "
         "No picture is kept.")  # fmt: skip


def look(pictures: Pictures) -> None:
    from huozhong.cli.words import language

    with _desk() as desk:
        desk.gallery  # noqa: B018
        found = desk.look([desk.take(0, _read(path), alone=False)[1] for path in pictures[:5]], _WHO)
    typer.echo(found.said(chinese=language() == "zh"))


def list_people(as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / as JSON")] = False) -> None:
    import json

    from huozhong.apps.gallery.shown import people_json

    with _desk() as desk:
        told = people_json(desk)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    for one in told["people"]:
        typer.echo(
            f"{one['id']}\t{one['name']}\t{one['purpose']}\t-> {one['until']}\t{one['signed_as']} {one['signed_by']}"
        )
    threshold = told["threshold"]
    _say(f"共 {len(told['people'])} 人；相似度从 {threshold['likeness']} 起算认得，"
         f"陌生人约 {threshold['rate']:.4%} 会被误认。",
         f"{len(told['people'])} people; known from a likeness of {threshold['likeness']} on, which about "
         f"{threshold['rate']:.4%} of strangers reach.")  # fmt: skip
    for duty in told["duties"]:
        if duty["due"]:
            _say("· " + duty["zh"], "· " + duty["en"])


def delete(number: Number) -> None:
    with _desk() as desk, _known(number):
        desk.gallery.delete(number, who=_WHO)
    _say("删掉了，文件里也没有了。", "Deleted, from the files as well.")


def export(number: Number) -> None:
    from huozhong.apps.gallery.shown import export_json

    with _desk() as desk, _known(number):
        typer.echo(export_json(desk, number, _WHO).decode())


def log(
    witness: Annotated[str, typer.Option(help="以前抄下的核对码 / a check code written down earlier")] = "",
) -> None:
    import json

    from huozhong.apps.gallery.shown import log_json

    with _desk() as desk:
        told = log_json(desk)
        line = desk.gallery.audit.line_of(witness) if witness else None
    for one in reversed(told["lines"]):
        typer.echo(json.dumps(one, ensure_ascii=False))
    count, code = told["count"], told["head"][:12]
    _say(f"{count} 行，首尾相接。核对码（请抄在纸上）：{code}",
         f"{count} lines, none missing between. Check code (write it down on paper): {code}")  # fmt: skip
    if witness and line is None:
        from huozhong.errors import DataError

        raise DataError(f"The log never had the check code {witness}: it was replaced or cut.").in_chinese(
            f"记录里从来没有核对码 {witness}：记录被换过或截断过。"
        )
    if witness:
        _say(f"核对码在第 {line} 行之后，对得上。", f"The check code stands after line {line}.")


def train(
    pictures: Annotated[list[Path], typer.Argument(help="每人一张照片 / one picture of each person")],
    copies: Annotated[int, typer.Option(min=4, max=40, help="每张做几张模糊的 / poor copies of each")] = 12,
) -> None:
    from huozhong.apps.gallery.faces import front_end, tracks_of
    from huozhong.apps.gallery.train import fit

    clean, tracks = tracks_of(front_end()(), pictures, copies)
    result = fit(clean, tracks)
    better = result.learnt > result.mean
    if better:
        _folder().mkdir(parents=True, exist_ok=True)
        result.attention.write(_folder() / "attention.npz")
    _say(f"没参加学习的人里，认得出：取平均 {result.mean:.1%}，学会的 {result.learnt:.1%}。"
         + ("已启用。" if better else "没有更好，仍取平均。"),
         f"Of people kept out, recognised: by the mean {result.mean:.1%}, by what was learnt {result.learnt:.1%}. "
         + ("In use." if better else "No better: the mean stays."))  # fmt: skip


def _folder() -> Path:
    from huozhong.files import app_folder

    return app_folder("gallery")


@contextmanager
def _desk() -> Iterator[Desk]:
    from huozhong.apps.gallery.desk import Desk

    _folder().mkdir(parents=True, exist_ok=True)
    desk = Desk(_folder())
    try:
        yield desk
    finally:
        desk.close()


def _read(path: Path) -> bytes:
    from huozhong.errors import DataError

    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path} cannot be read: {reason}.").in_chinese(f"读不了 {path}：{reason}。") from None


@contextmanager
def _known(number: int) -> Iterator[None]:
    from huozhong.errors import DataError

    try:
        yield
    except KeyError:
        raise DataError(f"Nobody has the number {number}; see huozhong gallery list.").in_chinese(
            f"没有编号 {number} 的人；请看 huozhong gallery list。"
        ) from None


def _say(chinese: str, english: str) -> None:
    from huozhong.cli.words import language

    typer.echo(chinese if language() == "zh" else english)
