"""`huozhong skill` as people type it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from huozhong.cli.main import build

RUN = CliRunner()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUOZHONG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.chdir(tmp_path)


def typed(*words: str, code: int = 0) -> str:
    result = RUN.invoke(build(), ["skill", *words])
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def test_apps_are_listed_and_run() -> None:
    assert "万年历" in typed("list")
    assert "春节" in typed("run", "almanac", "-f", "day=2026-02-17")


def test_a_new_one_is_begun_changed_checked_added_and_taken_away(tmp_path: Path) -> None:
    assert "SKILL.md" in typed("new", "问候")
    file = tmp_path / "问候" / "SKILL.md"
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("Write two", "```python\n{'answer': '你好，' + who}\n```\nWrite two"), encoding="utf-8"
    )
    assert "1/1" in typed("check", str(file))
    file.write_text(file.read_text(encoding="utf-8").replace("→ 小明", "→ 小红"), encoding="utf-8")
    assert "0/1" in typed("check", str(file), code=1)
    assert "放上架子" in typed("add", str(file))
    assert "问候" in typed("list")
    assert "你好，老王" in typed("run", "问候", "-f", "who=老王")
    assert typed("export", "问候", "--to", str(tmp_path / "out")).strip().endswith("SKILL.md")
    typed("remove", "问候")
    assert "问候" not in typed("list")


def test_what_was_made_is_kept_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "day.txt"
    typed("run", "almanac", "-f", "day=2026-02-17", "--to", str(file))
    assert "春节" in file.read_text(encoding="utf-8")
    result = RUN.invoke(build(), ["skill", "run", "almanac", "-f", "day=2026-02-17", "--to", str(tmp_path / "day.srt")])
    assert ".txt" in str(result.exception)
    assert not (tmp_path / "day.srt").exists()


@pytest.mark.parametrize(("day", "said"), [("2026-02-17", "春节"), ("我不想活了", "12356")])
def test_what_is_filled_in_is_looked_at_for_distress_once(looked_at: list[str], day: str, said: str) -> None:
    assert said in typed("run", "almanac", "-f", f"day={day}")
    assert looked_at == [day]


def test_distress_is_answered_where_no_field_is_called_so() -> None:
    assert "12356" in typed("run", "almanac", "-f", "oh=我不想活了")


def test_what_is_wrong_is_an_error() -> None:
    for words in (["run", "nothing"], ["run", "almanac"], ["remove", "almanac"], ["new", "../x"], ["add", "none.md"]):
        result = RUN.invoke(build(), ["skill", *words])
        assert result.exit_code != 0
        assert result.exception is not None
