"""`huozhong forecast`: eight weeks of prices from somebody's own table, sell or wait, and how good it was so far."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add `forecast` to the terminal's command."""
    app.command("forecast", help="以后八周的价格，卖还是等 / prices of the next eight weeks; sell or wait")(
        forecast_command
    )


def forecast_command(
    file: Annotated[Path, typer.Argument(help="价格表（CSV）：日期和价格 / a CSV of dates and prices")],
    column: Annotated[str, typer.Option(help="哪一列价格 / which column")] = "",
    only: Annotated[str, typer.Option(help="只要这个地方或品种 / of which place or kind")] = "",
    unit: Annotated[str, typer.Option(help="表里没写单位时：公斤、斤 / where the table does not say: kg, jin")] = "",
    weight: Annotated[
        float | None, typer.Option(help="猪现在多重，公斤；给了就说卖还是等 / kg a pig weighs now")
    ] = None,
    feed_price: Annotated[float, typer.Option(help="饲料，元/公斤 / feed, yuan a kg")] = 3.4,
    gain: Annotated[float | None, typer.Option(help="每天长几公斤 / kg it puts on a day")] = None,
    eaten: Annotated[float | None, typer.Option(help="每天吃几公斤 / kg it eats a day")] = None,
    daily: Annotated[float, typer.Option(help="每天每头其他花费，元 / other costs, yuan a head and day")] = 1.5,
    deaths: Annotated[float, typer.Option(help="每月死亡率，% / deaths, % a month")] = 0.5,
    transport: Annotated[float, typer.Option(help="运费，元/头 / transport, yuan a head")] = 0.0,
    days: Annotated[int | None, typer.Option(help="最多再养几天，7 到 56 / days it may be kept at most")] = None,
    backtest: Annotated[
        bool, typer.Option("--backtest", help="过去报得准不准，和别的方法比 / how good it was, beside others")
    ] = False,
    every: Annotated[int, typer.Option(help="回测隔几周报一次 / weeks between the backtest's forecasts")] = 4,
    each: Annotated[
        bool, typer.Option("--each", help="表里每一列、每个地方都来 / every column or place of the table")
    ] = False,
    peers: Annotated[str, typer.Option(help="和谁比：auto、light、statsforecast / beside whom")] = "auto",
    svg: Annotated[Path | None, typer.Option(help="把图存成 SVG / write the picture")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / as JSON")] = False,
) -> None:
    from huozhong.apps.prices import printed
    from huozhong.apps.prices.sell import Pig
    from huozhong.cli.words import language
    from huozhong.errors import ConfigError

    if peers not in ("auto", "light", "statsforecast"):
        raise ConfigError("--peers is auto, light or statsforecast.").in_chinese(
            "--peers 是 auto、light 或 statsforecast。"
        )
    try:
        data = file.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"{file} cannot be read: {reason}.").in_chinese(f"读不了 {file}：{reason}。") from None
    pig = None
    if weight is not None:
        pig = Pig(weight, feed_price, gain, eaten, daily, deaths, transport)
    asked = printed.Asked(
        data, column, only, unit, each, pig or Pig(90.0, feed_price, None, None, daily, deaths, transport),
        weight is not None, days, every, peers,
    )  # fmt: skip
    work = printed.backtests if backtest else printed.forecasts
    for line in work(asked, language(), as_json=as_json, svg=svg):
        typer.echo(line)
