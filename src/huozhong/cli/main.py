"""The `huozhong` command.  A `HuozhongError` becomes one red sentence on stderr and exit status 2."""

from __future__ import annotations

import sys

import typer

from huozhong.cli import backup, chat, eval, models, running, serve, train
from huozhong.cli.words import red, say
from huozhong.errors import HubError, HuozhongError, StoreError


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
    for module in (serve, chat, models, running, backup, train, eval):
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
        build()()
    except HuozhongError as error:
        text = say(error.chinese, str(error)) if isinstance(error, HubError | StoreError) else str(error)
        print(red(text), file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
