"""What calls for help, and what only has the word in it."""

from __future__ import annotations

import pytest

from huozhong.apps.callhome.emergency import cried


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("我胸口特别疼", "120"), ("老头子喊不醒了", "120"), ("煤气漏了", "119"), ("阳台冒烟了", "119"),
        ("有人砸门", "110"), ("骗了我的钱", "110"), ("买个火烧吃", None), ("不要叫救护车", None), ("别报警", None),
        ("楼下没有着火", None), ("睡着了", None),
    ],
)  # fmt: skip
def test_cries(said: str, number: str | None) -> None:
    assert cried(said) == number
