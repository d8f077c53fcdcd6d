from __future__ import annotations

import pytest

from huozhong.verify.refusal import is_refusal


@pytest.mark.parametrize(
    "text",
    [
        "我太小了，做不了这个。可以换一个更大的模型。",
        "这个我做不了，我太小了。你可以安装一个更大的模型。",
        "对不起！我不会写代码。",
        "抱歉，我无法提供实时新闻。",
        "作为一个人工智能语言模型，我无法预测天气。",
        "很遗憾，这超出了我的能力范围。",
        "这个问题我不知道。",
        "这道题对我来说太难了。",
        "I am too small for that. You can install a larger model.",
        "I'm sorry, but I can't help with that.",
        "I cannot browse the internet.",
        "I don't know who won the match.",
        "Sorry, I am not able to draw pictures.",
        "You need a larger model for that.",
        "Unfortunately, that is beyond what I can do.",
        "<think>想一想</think>我太小了，不会翻译。",
    ],
)
def test_refusals(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "答：我们不能装下。",
        "12不能被5整除，所以还剩2个。",
        "36×4=144，144-58=86。答案：86",
        "我是小火苗，一个很小的语言模型，会做应用题、写诗。太难的事我做不了。",
        "Hello! I am Ember, a small model that does sums and poems. I cannot do everything.",
        "春眠不觉晓，处处闻啼鸟。",
        "形容知道得很少，不懂装懂。",
        "《我不知道的事》是一首诗的名字吗？",
        "Put a larger DeepSeek model folder on this computer and run: huozhong serve MODEL_FOLDER.",
        "The capital of France is Paris.",
        "<think>我不会</think>答案是3。",
    ],
)
def test_answers(text: str) -> None:
    assert not is_refusal(text)
