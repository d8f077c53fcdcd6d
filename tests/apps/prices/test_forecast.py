"""`huozhong forecast`, the app and POST /v1/forecast, as people and programs meet them."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from tests.apps.prices.made import weekly
from typer.testing import CliRunner

from huozhong.apps.prices.services import SERVICES
from huozhong.apps.prices.tools import prices_outlook
from huozhong.cli.main import build
from huozhong.errors import ConfigError, SkillError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "prices.csv"
    file.write_bytes(weekly().encode("gbk"))
    return file


def run(*words: str) -> str:
    result = CliRunner().invoke(build(), ["forecast", *words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_eight_weeks_and_the_advice_in_either_language(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUOZHONG_LANG", "zh")
    said = run(str(table), "--weight", "110")
    assert said.count(" – ") >= 8
    assert "十次里大约有八次落在" in said
    assert "建议：" in said
    assert "元/公斤" in said
    assert "不是保证" in said
    monkeypatch.setenv("HUOZHONG_LANG", "en")
    said = run(str(table))
    assert "eight times in ten" in said
    assert "Advice" not in said


def test_json_and_a_picture(table: Path, tmp_path: Path) -> None:
    told = json.loads(run(str(table), "--json", "--weight", "110", "--svg", str(tmp_path / "fan.svg")))
    assert told["horizon_weeks"] == 8
    assert told["kilograms_per_price"] == 1.0
    for week in told["forecast"]:
        assert week["quantiles"] == sorted(week["quantiles"])
    assert told["decision"]["advice"] in ("sell", "wait")
    assert (tmp_path / "fan.svg").read_text().startswith("<?xml")


def test_a_backtest_says_all_that_is_needed_to_judge(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUOZHONG_LANG", "en")
    said = run("--backtest", str(table), "--peers", "light", "--every", "8")
    for word in ("Naive", "RWD", "ARIMA(2,1,0)", "Theta", "ETS", "80% band", "ratio", "yuan a head", "lstm"):
        assert word in said
    told = json.loads(run("--backtest", str(table), "--peers", "light", "--every", "8", "--json"))
    assert told["forecasts"] >= 10
    assert told["ours"]["pinball_x2"] > 0
    assert len(told["ours"]["covered_80_by_week"]) == 8
    assert told["earned_yuan_per_head"]["batches"] >= 8


def test_every_place_of_a_table(tmp_path: Path) -> None:
    rows = ["日期,地区,价格"]
    for place, seed in (("山东", 1), ("河南", 2)):
        rows += [line.replace(",", f",{place},") for line in weekly(120, seed).splitlines()[1:]]
    file = tmp_path / "all.csv"
    file.write_text("\n".join(rows))
    told = [json.loads(line) for line in run(str(file), "--each", "--json").splitlines()]
    assert [one["series"] for one in told] == ["山东", "河南"]
    assert told[0]["last"]["price"] != told[1]["last"]["price"]


@pytest.mark.parametrize(
    ("words", "error", "sentence"),
    [
        (["--unit", "磅"], SkillError, "unit"),
        (["--unit", "斤"], SkillError, "unit is not the one"),
        (["--weight", "5"], SkillError, "between"),
        (["--weight", "110", "--days", "3"], SkillError, "between 7 and 56"),
        (["--column", "牛"], SkillError, "no column"),
        (["--only", "四川"], SkillError, "No row"),
        (["--backtest", "--svg", "x.svg"], SkillError, "--svg"),
        (["--backtest", "--every", "90"], SkillError, "--every"),
        (["--peers", "all"], ConfigError, "--peers"),
    ],
)
def test_what_was_mistyped_is_told(table: Path, words: list[str], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        run(str(table), *words)


def test_a_file_that_is_not_there_and_one_that_is_too_short(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        run(str(tmp_path / "none.csv"))
    file = tmp_path / "short.csv"
    file.write_text(weekly(40))
    with pytest.raises(SkillError, match="at least 60"):
        run("--backtest", str(file))


def test_the_app_answers_the_farmer_and_remembers_the_table() -> None:
    first = prices_outlook(weekly(), {"weight": 110, "feed_price": 3.4})
    assert first["answer"].startswith("**建议：")
    assert "```fan" in first["answer"]
    rows = first["table"].splitlines()
    assert rows[0] == "date,price 元/公斤"
    newest = float(rows[-1].split(",")[1])
    later = prices_outlook(f"{newest * 1.01:.2f}", {}, "\n".join([rows[0], *_lately(rows[1:])]))
    assert later["table"].splitlines()[-1].startswith(str(datetime.date.today()))
    assert "建议：" not in later["answer"]
    english = prices_outlook(weekly(), {"weight": 110, "language": "en"})["answer"]
    assert "Advice" in english
    assert "eight times in ten" in english


def _lately(rows: list[str]) -> list[str]:
    """The same prices, the last one a week ago."""
    today = datetime.date.today()
    return [
        f"{today - datetime.timedelta(weeks=back)},{row.partition(',')[2]}"
        for back, row in zip(range(len(rows), 0, -1), rows, strict=True)
    ]


def test_a_price_of_meat_or_in_another_unit_is_not_taken_for_a_pigs() -> None:
    with pytest.raises(SkillError, match="hardly one of live pigs"):
        prices_outlook("150 151 152 150 149 151 152 153", {"weight": 110})
    with pytest.raises(SkillError, match="at least 8"):
        prices_outlook("14.2", {})


def test_programs_get_the_same_and_are_told_what_is_wrong(tmp_path: Path) -> None:
    service = SERVICES["forecast"]
    told = service.call({"table": weekly(), "weight": 110}, tmp_path)
    assert told["decision"]["today_yuan_per_head"] > 0
    assert set(service.properties) >= {"table", "weight", "days"}
    wrong: list[tuple[dict[str, object], str]] = [
        ({}, "'table'"), ({"table": 5}, "'table'"), ({"table": weekly(), "feed_price": 3.0}, "'weight'"),
        ({"table": weekly(), "weight": "fat"}, "'weight'"), ({"table": weekly(), "unit": 5}, "'unit'"),
        ({"table": weekly(), "weight": 110, "days": 7.5}, "'days'"),
    ]  # fmt: skip
    for body, sentence in wrong:
        with pytest.raises(SkillError, match=sentence):
            service.call(body, tmp_path)
