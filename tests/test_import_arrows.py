"""The house's plan, held: rooms import one way only, nothing imports in a circle, and files stay readable.

The table is explained in docs/structure.md.  If it stops fitting, change the structure, and say why there.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import huozhong

SOURCE = Path(huozhong.__file__).parent
EVERYTHING = ("",)

# room -> what its files may import from the package (a room may import itself, everyone the ground floor)
ARROWS: dict[str, tuple[str, ...]] = {
    "cli": EVERYTHING,
    "server": ("engine", "store", "memory", "skills", "hub", "formats", "model", "text", "cost", "verify"),
    "exam": ("verify", "cost", "text", "engine", "acts"),
    "train": ("model", "formats", "text", "cost", "verify"),
    "memory": ("text", "engine.kernels"),
    "skills": ("verify", "memory", "text"),
    "senses": ("memory",),
    "apps": ("skills", "memory", "senses", "verify", "text", "acts", "cli.words", "engine.kernels"),
    "hub": ("formats", "model"),
    "engine": ("model", "formats", "text", "cost", "acts"),
    "acts": ("verify", "text"),
    "formats": ("model", "text"),
    "store": (),
    "model": (), "text": (), "verify": (), "cost": (), "files": (), "errors": (),
}  # fmt: skip
GROUND_FLOOR = ("errors", "files")
MAY_USE_TORCH = (
    "model.layers", "model.transformer", "model.families", "model.documents", "model.frozen", "train", "cli.train",
    "apps.rank.train", "apps.pen.train",
)  # fmt: skip

LONGEST_FILE, LONGEST_FUNCTION = 450, 60  # lines

FILES = sorted(SOURCE.rglob("*.py"))


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(file) for file in FILES}


def imports(file: Path) -> Iterator[tuple[str, str]]:
    """Every (module, name) imported anywhere in a file: inside functions and for type checking only, too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: write imports out in full"
            yield from ((str(node.module), alias.name) for alias in node.names)


def of_the_house(module: str, name: str) -> str | None:
    """The module of ours that an import means, without `huozhong.`; None for what others wrote."""
    if module != "huozhong" and not module.startswith("huozhong."):
        return None
    target = module.removeprefix("huozhong").removeprefix(".")
    whole = f"{target}.{name}".removeprefix(".")
    return whole if whole in MODULES else target


def within(module: str, rooms: tuple[str, ...]) -> bool:
    return any(room == "" or module == room or module.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_arrows(file: Path) -> None:
    importer = module_of(file)
    room = importer.partition(".")[0]
    for module, name in imports(file):
        if within(module, ("torch",)):
            assert within(importer, MAY_USE_TORCH), f"{importer} imports torch"
        target = of_the_house(module, name)
        if target and room in ARROWS:
            assert within(target, (*ARROWS[room], room, *GROUND_FLOOR)), f"{importer} imports {target}"


def test_acts_are_a_guide_and_nothing_else_to_the_engine() -> None:
    users = {
        module_of(file) for file in FILES for target in imports(file) if within(of_the_house(*target) or "", ("acts",))
    }
    assert {user for user in users if within(user, ("engine",))} == {"engine.guides.acts"}


def test_every_room_is_in_the_table() -> None:
    rooms = {module_of(file).partition(".")[0] for file in FILES} - {"__init__", "__main__"}
    assert rooms == set(ARROWS)


def test_no_two_files_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = defaultdict(set)
    for file in FILES:
        importer = module_of(file)
        graph[importer] |= {t for m, n in imports(file) if (t := of_the_house(m, n)) and t != importer}
    del graph["__init__"]  # huozhong/__init__.py hands public names on, for type checkers
    try:
        tuple(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail("a circle: " + " -> ".join(error.args[1]))


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_what_begins_with_an_underscore_stays_at_home(file: Path) -> None:
    for module, name in imports(file):
        if of_the_house(module, name) and f"{module}.{name}" != "huozhong.engine._kernels":
            assert not name.startswith("_") or name.startswith("__"), f"{module_of(file)} imports {module}.{name}"


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_files_and_functions_can_be_read_at_a_sitting(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= LONGEST_FUNCTION, f"{node.name} has {lines} lines"
