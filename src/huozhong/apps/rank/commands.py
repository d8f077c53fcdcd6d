"""`huozhong rank`: fit a table, ask what to offer, look at what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from huozhong.errors import SkillError

Where = Annotated[Path | None, typer.Option("--model", "-m", help="模型文件夹 / the model's folder")]


def register(app: typer.Typer) -> None:
    """Add `rank` to the terminal's command."""
    rank = typer.Typer(help="推荐：什么卖给谁 / what to offer whom", no_args_is_help=True)
    rank.command(
        "fit", help="从表格学，找出够用的最便宜的模型 / learn from a table: the cheapest model that is enough"
    )(fit_command)
    rank.command("ask", help="给谁推荐什么 / what to offer somebody, or whom to offer something")(ask_command)
    app.add_typer(rank, name="rank")


def fit_command(
    file: Annotated[Path, typer.Argument(help="CSV 表格 / a CSV table")],
    model: Where = None,
    target: Annotated[str | None, typer.Option(help="要预测的列 / the column that is foretold")] = None,
    good: Annotated[float | None, typer.Option(help="从多少起算好 / from which number on it counts")] = None,
    who: Annotated[str | None, typer.Option(help="谁：顾客、读者那一列 / the column of customers")] = None,
    what: Annotated[str | None, typer.Option(help="什么：商品、书那一列 / the column of things")] = None,
    when: Annotated[str | None, typer.Option(help="时间那一列 / the column of moments")] = None,
    seed: Annotated[int, typer.Option(help="随机种子 / seed of what is drawn by lot")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="结果用 JSON / print JSON")] = False,
) -> None:
    import json

    from huozhong.apps.rank.fit import fit
    from huozhong.apps.rank.kept import save
    from huozhong.apps.rank.report import report, understood
    from huozhong.apps.rank.table import read_table
    from huozhong.apps.rank.task import understand

    table = read_table(file)
    task = understand(table, target=target, good=good, who=who, what=what, when=when)
    typer.echo(understood(table, task), err=True)
    fitted, _, _ = fit(table, task, _say, seed)
    typer.echo("", err=True)
    folder = model or default_folder()
    save(fitted, folder)
    typer.echo(json.dumps(fitted.figures, ensure_ascii=False) if as_json else report(fitted.figures, folder))


def ask_command(
    who: Annotated[str | None, typer.Option(help="给谁推荐 / whom to offer something")] = None,
    what: Annotated[str | None, typer.Option(help="推荐给谁：哪件商品 / which thing is to be offered")] = None,
    rows: Annotated[Path | None, typer.Option(help="一张表，每行算一个可能 / a table: a chance for every row")] = None,
    top: Annotated[int, typer.Option(min=1, max=1000, help="几个 / how many")] = 10,
    model: Where = None,
    as_json: Annotated[bool, typer.Option("--json", help="结果用 JSON / print JSON")] = False,
) -> None:
    import json

    from huozhong.apps.rank.kept import load
    from huozhong.apps.rank.offers import offers, score_rows
    from huozhong.apps.rank.report import offer_line
    from huozhong.apps.rank.table import read_table

    fitted = load(model or default_folder())
    if rows is not None:
        if who is not None or what is not None:
            raise SkillError("--rows 不能和 --who、--what 一起用。", "--rows goes without --who and --what.")
        table = read_table(rows)
        listed = [dict(zip(table.columns, row, strict=True)) for row in zip(*table.columns.values(), strict=True)]
        found = score_rows(fitted, listed, top)
    else:
        found = offers(fitted, who=who, what=what, top=top)
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in found], ensure_ascii=False))
        return
    for n, one in enumerate(found, 1):
        typer.echo(f"{n:>3}. {offer_line(one, with_chance=fitted.task.target is not None)}")


def default_folder() -> Path:
    from huozhong.files import app_folder

    return app_folder("rank")


def _say(name: str, done: float) -> Any:
    typer.echo(f"\r{name:<10} {done:4.0%}", err=True, nl=done >= 1)
