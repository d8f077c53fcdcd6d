"""Rooms import one way only.  The table is the house's plan; docs/structure.md explains it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import huozhong

SOURCE = Path(huozhong.__file__).parent
EVERYTHING = ("",)

# room -> what its files may import from the package (`errors` and `files` always; a room may import itself)
ARROWS: dict[str, tuple[str, ...]] = {
    "cli": EVERYTHING,
    "server": ("engine", "text", "cost"),
    "exam": ("verify", "cost", "text", "engine"),
    "train": ("model", "formats", "text", "cost", "verify"),
    "hub": ("formats", "model"),
    "engine": ("model", "formats", "text", "cost"),
    "formats": ("model", "text"),
    "model": ("formats",),
    "text": (), "cost": (), "verify": (), "files": (), "errors": (),
}  # fmt: skip
MAY_USE_TORCH = ("model.layers", "model.transformer", "model.families", "model.frozen", "train")

FILES = sorted(SOURCE.rglob("*.py"))


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def imports(file: Path) -> Iterator[str]:
    """Every module imported anywhere in a file, inside functions too, but not for type checking only."""
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: write imports out in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting.extend(ast.iter_child_nodes(node))


def within(module: str, rooms: tuple[str, ...]) -> bool:
    return any(room == "" or module == room or module.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_arrows(file: Path) -> None:
    module = module_of(file)
    room = module.partition(".")[0]
    for name in imports(file):
        if within(name, ("torch",)):
            assert within(module, MAY_USE_TORCH) or module == "cli.train", f"{module} imports torch"
        if name.startswith("huozhong.") and room in ARROWS:
            target = name.removeprefix("huozhong.")
            assert within(target, (*ARROWS[room], room, "errors", "files")), f"{module} imports {name}"


def test_every_room_is_in_the_table() -> None:
    rooms = {module_of(file).partition(".")[0] for file in FILES} - {"__init__", "__main__"}
    assert rooms == set(ARROWS)
