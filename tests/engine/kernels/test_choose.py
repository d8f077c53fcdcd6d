"""Which kernels there are, and that they are used when asked for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import huozhong.engine
from huozhong.engine import kernels
from huozhong.engine.kernels.choose import native
from huozhong.errors import KernelError


def test_plain_kernels_run_everywhere() -> None:
    assert kernels.available()[-2:] == ["plain", "reference"]


def test_unknown_kernels_are_named() -> None:
    with pytest.raises(KernelError, match="sse9"):
        kernels.use("sse9")


def test_use_is_remembered() -> None:
    for name in kernels.available():
        kernels.use(name)
        assert kernels.used() == name


def test_arithmetic_is_one_word_for_all_that_agree_in_every_bit() -> None:
    words = set()
    for name in kernels.available():
        kernels.use(name)
        words.add(kernels.arithmetic())
    assert {"reference", "float"} <= words <= {"reference", "float", "bf16"}


def test_the_stub_says_what_the_native_module_has() -> None:
    stub = ast.parse((Path(huozhong.engine.__file__).parent / "_kernels.pyi").read_text())
    declared = {node.name: node for node in stub.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert declared.keys() == {name for name in vars(native) if not name.startswith("_")}
    for name, node in declared.items():
        for function in [node] if isinstance(node, ast.FunctionDef) else methods(node):
            assert isinstance(function, ast.FunctionDef)
            owner = native if function is node else getattr(native, name)
            (signature, *_), *_ = getattr(owner, function.name).__nb_signature__
            names = re.findall(r"(?<=[(,])\s*(\w+)(?=[:,)])", signature)
            assert names == [argument.arg for argument in function.args.args], f"{name}.{function.name}: {signature}"


def methods(node: ast.ClassDef) -> list[ast.stmt]:
    """Those of a class; an error that is only named has none."""
    return [one for one in node.body if not isinstance(one, ast.Expr)]
