"""The `huozhong` command.  A `HuozhongError` becomes one red sentence on stderr and exit status 2."""

from __future__ import annotations

import os
import sys

import typer
from typer.main import get_command

from huozhong.cli import backup, chat, eval, listing, models, pack, people, run, running, serve, skill, tools, train
from huozhong.cli.usage import usage_in_chinese
from huozhong.cli.words import language, red, say
from huozhong.errors import HuozhongError
from huozhong.skills.trusted import HOUSE_APPS, trusted


def build() -> typer.Typer:
    """The command with its sub-commands; each imports what it needs only when it runs."""
    app = typer.Typer(
        name="huozhong",
        help="火种：在一台普通电脑上训练、运行、分享 DeepSeek 式的模型。\n\n"
        "Huozhong: train, run and share DeepSeek-style models on one ordinary machine.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_root)
    for module in (serve, people, run, chat, models, listing, running, pack, backup, skill, tools, train, eval):
        module.register(app)
    for module in trusted(HOUSE_APPS, "commands"):
        module.register(app)
    return app


def _root(
    version: bool = typer.Option(False, "--version", help="显示版本 / show the version", is_eager=True),
) -> None:
    if version:
        from huozhong import __version__

        typer.echo(f"huozhong {__version__}")
        raise typer.Exit


def main() -> None:
    """The entry point of the installed command."""
    try:
        if language() == "en":
            build()()
        _in_chinese()
    except HuozhongError as error:
        print(red(say(error.chinese or str(error), str(error))), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Who read the answer has gone away (`| head`).  Nothing may be flushed into the pipe at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _in_chinese() -> None:
    """The command, with the library's own complaints about what was typed in Chinese."""
    command = get_command(build())
    try:
        sys.exit(command.main(prog_name="huozhong", standalone_mode=False) or 0)
    except Exception as error:
        # The library's exceptions are known by their attributes: it brings its own copy of click's classes.
        sentence = usage_in_chinese(error)
        if sentence is None:
            raise
        context = getattr(error, "ctx", None)
        if context is not None:
            print(f"用法：{context.command_path} --help 看说明", file=sys.stderr)
        print(red(sentence), file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
