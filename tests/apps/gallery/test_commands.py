"""`huozhong gallery` in the terminal: the same people, consent and log as on the page."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
import typer
from tests.apps.gallery.drawn import Drawn, jpeg
from typer.testing import CliRunner, Result

from huozhong.apps.gallery import commands
from huozhong.apps.gallery.faces import Faces, tracks_of
from huozhong.errors import DataError

UNTIL = (date.today() + timedelta(days=300)).isoformat()


@pytest.fixture
def app(drawn: type[Drawn], monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setenv("HUOZHONG_LANG", "zh")
    made = typer.Typer()
    commands.register(made)
    return made


def run(app: typer.Typer, *words: str) -> Result:
    return CliRunner().invoke(app, ["gallery", *words])


def photos(folder: Path, *people: int) -> list[str]:
    out = []
    for seed, person in enumerate(people):
        file = folder / f"{person}-{seed}.jpg"
        file.write_bytes(jpeg(person, seed=seed))
        out.append(str(file))
    return out


def refused(result: Result, words: str) -> None:
    assert isinstance(result.exception, Exception), result.output
    assert words in str(result.exception)
    assert getattr(result.exception, "chinese", None)


def test_a_person_comes_is_known_is_handed_out_and_goes(app: typer.Typer, tmp_path: Path) -> None:
    refused(run(app, "list"), "Not set up")
    setup = ("--place", "大门", "--purpose", "开门", "--other-way", "按门铃", "--keeper", "王主任")
    assert "设好了" in run(app, "setup", *setup).output
    asked = ("register", "张桂兰", *photos(tmp_path, 1, 1, 1), "--until", UNTIL, "--signed-by", "张桂兰")
    refused(run(app, *asked), "without it nobody is registered")
    refused(run(app, *asked, "--agreed", "--born", str(date.today().year - 9)), "guardian")
    assert "照片没有保存" in run(app, *asked, "--agreed").output
    assert run(app, "look", *photos(tmp_path, 1)).output.startswith("张桂兰")
    assert run(app, "look", *photos(tmp_path, 5)).output == "不认识。可以按门铃。\n"
    listed = json.loads(run(app, "list", "--json").output)
    assert [one["name"] for one in listed["people"]] == ["张桂兰"]
    assert "0.0100%" in run(app, "list").output
    code = run(app, "log").output.rstrip().rpartition("：")[2]
    assert json.loads(run(app, "export", "0").output)["name"] == "张桂兰"
    assert "第 3 行" in run(app, "log", "--witness", code).output
    refused(run(app, "log", "--witness", "0" * 12), "replaced or cut")
    assert "删掉了" in run(app, "delete", "0").output
    refused(run(app, "delete", "0"), "Nobody has the number 0")
    assert run(app, "look", *photos(tmp_path, 1)).output.startswith("不认识")
    refused(run(app, "look", str(tmp_path / "none.jpg")), "cannot be read")


def test_pooling_is_learnt_from_pictures_and_kept_only_if_better(app: typer.Typer, tmp_path: Path) -> None:
    result = run(app, "train", *photos(tmp_path, *range(12)), "--copies", "6")
    assert result.exception is None
    kept = (tmp_path / "home" / "apps-data" / "gallery" / "attention.npz").exists()
    assert kept == ("已启用" in result.output)
    refused(run(app, "train", *photos(tmp_path, 1, 2)), "at least 8 people")
    empty = tmp_path / "nobody.jpg"
    empty.write_bytes(jpeg())
    with pytest.raises(DataError, match="shows 0 faces"):
        tracks_of(Drawn(), [empty], 4)


def test_without_its_packages_the_real_front_end_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match="dlib-bin face-recognition-models pillow"):
        Faces.check()


def test_the_file_of_68_points_is_never_named() -> None:
    source = Path(commands.__file__).with_name("faces.py").read_text(encoding="utf-8")
    assert "shape_predictor_5_face_landmarks" in source
    assert "shape_predictor_68" not in source
