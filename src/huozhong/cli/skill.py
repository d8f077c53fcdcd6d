"""`huozhong skill`: the shelf of small apps from the terminal - listed, begun, checked, run, handed on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from huozhong.cli.words import dim, language, red, say
from huozhong.errors import ConfigError, SkillError

if TYPE_CHECKING:
    from huozhong.skills.run import Ask, Piece
    from huozhong.skills.sandbox import Tools
    from huozhong.skills.skill import Skill

Name = Annotated[str, typer.Argument(help="应用名，或 SKILL.md 文件 / an app's name, or a SKILL.md")]
Model = Annotated[str, typer.Option("--model", "-m", help="用哪个模型 / with which model")]
Given = Annotated[
    list[str] | None,
    typer.Option("--field", "-f", metavar="KEY=VALUE", help="填一栏，可以多次 / fill in a field, more than once"),
]

_NEW = """---
name: {name}
description: What it does, in a sentence.
metadata:
  title: {name}
---

```fields
who: text 给谁 / For whom
```

Write two friendly sentences for {{{{who}}}}.

## Examples

- who: 小明
  → 小明
"""


def register(app: typer.Typer) -> None:
    """Add `skill` and what it can do to `app`."""
    skill = typer.Typer(help="小应用 / small apps", no_args_is_help=True)
    skill.command("list", help="有哪些应用 / which there are")(list_command)
    skill.command("new", help="写一个新的 / begin a new one")(new_command)
    skill.command("check", help="检查，并运行它的例子 / check it, and run its examples")(check_command)
    skill.command("run", help="填好，运行 / fill it in and run it")(run_command)
    skill.command("add", help="放上架子 / put it on the shelf")(add_command)
    skill.command("remove", help="从架子上拿走 / take it from the shelf")(remove_command)
    skill.command("export", help="存成文件，给别人 / write its file, to be handed on")(export_command)
    skill.command("serve", help="给其他智能体用（MCP，标准输入输出） / for other agents, by MCP on stdin and stdout")(
        serve_command
    )
    app.add_typer(skill, name="skill")


def list_command() -> None:
    from huozhong.server.applying import app_shelf

    for app in app_shelf().apps():
        if app.skill is None:
            chinese, english = app.problem or ("", "")
            typer.echo(f"{app.name:<14} {red(say(chinese, english))}")
            continue
        title = app.skill.titles[language() != "zh"]
        about = app.skill.metadata.get("about", "") if language() == "zh" else ""
        typer.echo(f"{app.name:<14} {title}  {dim(about or app.skill.description)}")


def new_command(name: Annotated[str, typer.Argument(help="应用名 / its name")]) -> None:
    from huozhong.files import write_whole
    from huozhong.skills.skill import read_skill

    text = _NEW.format(name=name)
    skill = read_skill(text)
    file = Path(skill.name) / "SKILL.md"
    if file.exists():
        raise ConfigError(say(f"{file} 已经有了。", f"{file} is there already."))
    file.parent.mkdir(exist_ok=True)
    write_whole(file, text)
    typer.echo(
        say(
            f"写好了 {file}。改好以后：huozhong skill check {file}",
            f"{file} is written.  Once it says what you want: huozhong skill check {file}",
        )
    )


def check_command(name: Name, model: Model = "ember") -> None:
    from huozhong.skills.check import check_examples, read_examples

    skill = _skill(name)
    number = len(read_examples(skill))
    if not number:
        typer.echo(say("文件没有错；没有例子可运行。", "The file is right; it has no examples to run."))
        return
    wrong = 0
    with _asking(model) as (ask, tools):
        for outcome in check_examples(skill, ask, tools(skill)):
            given = "，".join(f"{key}={value}" for key, value in outcome.example.given.items())
            typer.echo(f"{red('✗') if outcome.problems else '✓'} {given}")
            for problem in outcome.problems:
                typer.echo(f"  {problem}")
            wrong += bool(outcome.problems)
    typer.echo(say(f"{number - wrong}/{number} 个例子对。", f"{number - wrong} of {number} examples are right."))
    if wrong:
        raise typer.Exit(1)


def run_command(
    name: Name,
    field: Given = None,
    model: Model = "ember",
    to: Annotated[
        Path | None, typer.Option("--to", help="也存成文件：.txt，口播稿还有 .srt / also keep it as a file: .txt, .srt")
    ] = None,
) -> None:
    from huozhong.skills.label import visible
    from huozhong.skills.run import run

    skill = _skill(name)
    given = dict(_filled_in(skill, field or []))
    with _asking(model) as (ask, tools):
        written = False
        for piece in run(skill, given, ask, tools(skill), language=language()):
            if piece.kind == "text":
                written = True
                typer.echo(piece.text, nl=False)
            elif piece.kind == "again":
                typer.echo(dim(say(f"\n（重写：{piece.text}）", f"\n(written anew: {piece.text})")), err=True)
            else:
                is_shown = written and piece.kind == "done" and piece.by_model
                typer.echo("" if is_shown else f"\n{piece.text}" if written else piece.text)
                if piece.problem and piece.by_model:  # what is shown instead is no half answer
                    typer.echo(red(say(f"检查没通过：{piece.problem}", f"A check fails: {piece.problem}")), err=True)
                if piece.by_model:
                    typer.echo(dim(visible(model, skill.text_in("label", language()), english=language() != "zh")))
                if to is not None:
                    _keep(skill, piece, model, to)


def _keep(skill: Skill, piece: Piece, model: str, to: Path) -> None:
    """Write what a run made, in the form that the file's name ends with."""
    from huozhong.files import write_whole
    from huozhong.server.applying import files_of

    made = {Path(name).suffix: text for name, text in files_of(skill, piece, model, english=language() != "zh").items()}
    if to.suffix not in made:
        kinds = "、".join(made) or "—"
        raise ConfigError(
            say(
                f"存不成 {to.name}，可以存成：{kinds}。",
                f"{to.name} cannot be made of it; it can be {', '.join(made) or '-'}.",
            )
        )
    write_whole(to, made[to.suffix])


def add_command(file: Annotated[Path, typer.Argument(help="SKILL.md")]) -> None:
    from huozhong.server.applying import app_shelf

    app = app_shelf().add(_text(file))
    typer.echo(say(f"“{app.name}”放上架子了。", f"'{app.name}' is on the shelf."))


def remove_command(name: Annotated[str, typer.Argument(help="应用名 / its name")]) -> None:
    from huozhong.server.applying import app_shelf

    app_shelf().remove(name)
    typer.echo(say(f"“{name}”拿走了。", f"'{name}' is gone."))


def export_command(
    name: Name, to: Annotated[Path | None, typer.Option("--to", help="文件夹 / the folder")] = None
) -> None:
    from huozhong.files import write_whole

    skill = _skill(name)
    file = (to or Path.cwd()) / skill.name / "SKILL.md"
    if file.exists():
        raise ConfigError(say(f"{file} 已经有了。", f"{file} is there already."))
    write_whole(file, skill.text)
    typer.echo(str(file))


def serve_command(model: Model = "ember") -> None:
    import asyncio
    import importlib.util

    if importlib.util.find_spec("mcp") is None:
        raise SkillError(
            "MCP 还需要一个包：pip install 'huozhong[apps]'。",
            "MCP needs one more package: pip install 'huozhong[apps]'.",
        )
    from huozhong.server.applying import app_shelf
    from huozhong.skills.mcp import mcp_server, serve_stdio

    with _asking(model) as (ask, tools):
        asyncio.run(serve_stdio(mcp_server(app_shelf(), ask, tools, model, language=language())))


def _skill(name: str) -> Skill:
    """The app of the shelf, or of a file or folder."""
    from huozhong.server.applying import app_shelf
    from huozhong.skills.skill import read_skill

    path = Path(name)
    for file in ("SKILL.md", "skill.md"):  # the convention knows both
        if path.is_dir() and (path / file).is_file():
            path = path / file
    if path.is_file():
        return read_skill(_text(path))
    skill = app_shelf().find(name).skill
    assert skill is not None
    return skill


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SkillError(f"读不了 {file}（{error}）。", f"{file} cannot be read ({error}).") from None


def _filled_in(skill: Skill, fields: list[str]) -> Iterator[tuple[str, str]]:
    """What was given on the command line; on a terminal, what is missing is asked for."""
    given = dict(one.partition("=")[::2] for one in fields)
    yield from given.items()
    for field in skill.fields:
        if field.key not in given and sys.stdin.isatty():
            options = f" ({'/'.join(field.shown(one, language()) for one in field.options)})" if field.options else ""
            default: Any = "" if field.optional else None
            yield (
                field.key,
                typer.prompt(field.labels[language() != "zh"] + options, default=default, show_default=False),
            )


@contextmanager
def _asking(model: str) -> Iterator[tuple[Ask, Callable[[Skill], Tools]]]:
    """A model of this machine, and the tools of an app that runs on it for the house."""
    from huozhong.cli.models import find_model
    from huozhong.engine.llm import LLM
    from huozhong.server.applying import app_shelf, model_ask, tools_for
    from huozhong.store.database import Store, default_url
    from huozhong.store.people import HOUSE, Person

    with LLM(find_model(model)) as llm:
        store = Store.open(default_url())
        try:
            house = Person(HOUSE, "", "owner")
            ask = model_ask(llm, None, lambda start, tokens: start)
            yield ask, lambda skill: tools_for(app_shelf(), skill, house, store)
        finally:
            store.close()
