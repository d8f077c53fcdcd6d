from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from huozhong.skills.trusted import HOUSE_APPS, folders_below, services, trusted

SERVICES = """
from huozhong.errors import SkillError
from huozhong.skills.trusted import Service

def double(body, folder):
    return {"doubled": 2 * body["number"], "kept": folder.name}

SERVICES = {"double": Service(double, "Doubles a number.", {"number": {"type": "integer"}}, ("number",))}
"""

COMMANDS = """
def register(app):
    @app.command("double")
    def double(number: int) -> None:
        print(2 * number)
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    folder = tmp_path / "house" / "doubling"
    folder.mkdir(parents=True)
    (folder / "services.py").write_text(SERVICES, encoding="utf-8")
    (folder / "commands.py").write_text(COMMANDS, encoding="utf-8")
    (tmp_path / "house" / ".hidden").mkdir()
    (tmp_path / "house" / ".hidden" / "services.py").write_text("raise RuntimeError", encoding="utf-8")
    return tmp_path / "house"


def test_a_service_is_found_under_its_name_and_knows_its_app(house: Path) -> None:
    found = services(house)
    assert [*found] == ["double"]
    app, service = found["double"]
    assert app == "doubling"
    assert service.call({"number": 21}, Path("x")) == {"doubled": 42, "kept": "x"}


def test_a_command_is_added_to_the_terminals(house: Path) -> None:
    app = typer.Typer()
    app.command("other")(lambda: None)
    for module in trusted(house, "commands"):
        module.register(app)
    assert CliRunner().invoke(app, ["double", "4"]).stdout == "8\n"


def test_hidden_folders_and_links_are_nobodys(house: Path, tmp_path: Path) -> None:
    (house / "link").symlink_to(tmp_path)
    assert [folder.name for folder in folders_below(house)] == ["doubling"]
    assert folders_below(tmp_path / "none") == []


def test_the_houses_own_can_all_be_loaded() -> None:
    assert all(callable(module.register) for module in trusted(HOUSE_APPS, "commands"))
    assert all(callable(service.call) for _, service in services().values())
