"""What a conversation is called by its first question."""

from __future__ import annotations

import pytest

from huozhong.store.titles import title_of


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("你好，请问什么是光合作用？谢谢", "什么是光合作用"),
        ("写一首关于春天的诗", "写一首关于春天的诗"),
        ("你好", "你好"),
        ("请帮我算一下 3.14 乘以 2。", "算一下 3.14 乘以 2"),
        ("## 作业\n第一题：甲乙两人", "作业 第一题：甲乙两人"),
        ("小明有五个苹果，吃了两个，又买了三个，现在一共有几个苹果呢？", "小明有五个苹果，吃了两个，又买…"),
        ("Hello! Could you please explain how a steam engine works in detail?", "explain how a steam engine…"),
        ("What is 3.5 + 4? Show steps.", "What is 3.5 + 4"),
        ("highlight the first word", "highlight the first word"),
        ("Donaudampfschifffahrtsgesellschaftskapitän", "Donaudampfschifffahrtsgesellsc…"),
        ("```python\nprint(1)\n```", "python print(1)"),
        ("？？？", "？？？"),
        ("   \n ", ""),
        ("🔥🔥", "🔥🔥"),
    ],
)
def test_titles(question: str, title: str) -> None:
    assert title_of(question) == title
