"""The words that say nothing about what is asked: particles, politeness, asking and answering, exercises.

A question may hold as many of them as it likes and stays what it is; a thing, a person or something that happens is
none of them, so a story is never left without a word.
"""

from __future__ import annotations

import re

_CHINESE = """
    请问一下 请问 请教一下 请教 请你 请您 请 想请教 想问 想知道 问一下 问问 问 打扰一下 打扰了 打扰 麻烦你
    麻烦您 麻烦 劳驾 拜托了 拜托 帮我 帮忙 帮帮我 帮个忙 帮 谢谢你 谢谢您 谢谢 谢啦 谢了 多谢 感谢 辛苦啦 辛苦了
    辛苦 您好 你好 老师好 老师 同学 小火苗 火苗 火种 ember 小朋友们 小朋友 嗨 哈喽 喂 哎 诶 嗯 呃 那个 哇 你们
    你 您 我们 我 咱们 咱 大家 谁能 谁会 它们 它 这里 那里 这儿 那儿 这些 那些 这种 这样 那样 这么 那么 这个
    那个 这 那 此 该 告诉我 告诉 给我 给出 给个 说说看 说说 说一下 说一说 说 讲讲 讲 回答 答一下 看看 看一下
    看一看 看 听听 试试 试 教教我 教 考考你 考考 猜猜 猜 想想 想一想 想 知道 明白 懂 会不会 会算 会 能不能 能否
    能够 能 可不可以 可以 可 要不要 要 需要 必须 应该 应当 该 得出 得到 得 愿意 行不行 行 好吗 好 算一算 算一下
    算算看 算算 算出来 算出 算下来 算起来 算来 算 计算一下 计算出 计算 运算 求出 求一下 求 解出 解一下 解答 解
    列式 列竖式 竖式 脱式 口算 笔算 心算 简便 列出 列 写出来 写出 写下 写上 写一写 写 填一填 填上 填入 填写 填空
    填 找出来 找出 找到 找 选出 选一选 选 判断一下 判断 指出 标出 说出 做出来 做 完成 进行 处理 等于 是不是 是否
    是 为 就是 也就是 即 叫做 叫 算是 当作 成为 变为 多少个 多少 几个 几 什么样的 什么样 什么 啥 怎么样 怎么
    怎样 如何 咋 哪一个 哪个 哪些 哪种 哪 第几 到底 究竟 最后 最终 结果 答案 得数 答数 数值 值 结论 过程 步骤
    方法 办法 形式 样子 意思 的话 话 时候 情况 内容 部分
    之后 以后 后 下面 下列 以下 上面 以上 前面 后面 如下 一道 这道 道
    题目 习题 练习 作业 问题 题 小题 式子 算式 数字 数据 数 个 位 组 串 批 些 一共 总共 共有 共计 合计 总计 总的
    全部 所有 全 都 分别 各自 各 每 另外 其中 当中 之中 中间 之间 里面 里边 里头 里 中 内 上 下 如果 假如 要是
    假设 若 当 已知 根据 按照 依照 按 照 由 因为 所以 于是 然后 接着 现在 刚才 刚刚 先 再 又 还 也 就 才 只 仅
    真的 真 很 太 挺 非常 十分 特别 比较 快速 快点 快 急急急 急 马上 赶紧 立刻 直接 简单地 简单 准确地 准确
    正确地 正确 精确 大概 大约 约 差不多 左右 完整 详细 把 将 用 以 拿 对 对于 给 替 让 使 从 在 和 与 跟 同
    及 以及 或者 或 还是 而且 而 并且 并 且 但 来 去 一些 一点儿 一点 一下子 一下 一遍 一次 一个 一种 出来 起来
    下来 过来 过去 回来 出 有没有 有个 有一个 有 没有 没 不 的 地 了 着 过 吗 呢 啊 呀 吧 嘛 哦 哟 哈 啦 咧 捏
    哩 喔 噢 呐 嘞 吖 哒 滴 么 呗 嘿 哼 耶
"""
_ENGLISH = """
    please pls plz thanks thank hello hi hey dear teacher sir madam can could would will shall should may might
    must do does did is are am was were be been being what what's whats which who how many much when where why
    the a an this that these those it its their they them there here you your i me my we us our tell give show
    find get say write know want need like help work out figure solve answer question quick quickly problem
    exercise result value number numbers following of to in into as for from by with on at up if then so and or
    but also all total altogether equal equals equivalent same make makes have has had let please's calculate
    compute evaluate determine check whether just really exactly now ok okay one ones
"""

_PUNCTUATION = r"[\s,，。、.:：;；!！?？~～…“”\"'‘’《》「」【】\-—_□()（）=＝]"
CHINESE = "|".join(sorted(map(re.escape, set(_CHINESE.split())), key=len, reverse=True))
ENGLISH = rf"\b(?:{'|'.join(sorted(map(re.escape, set(_ENGLISH.split())), key=len, reverse=True))})\b"
_ZH = re.compile(f"{CHINESE}|{_PUNCTUATION}")
_EN = re.compile(f"{ENGLISH}|{_PUNCTUATION}", re.IGNORECASE)


def rest_of(text: str, english: bool, also: re.Pattern[str] | None = None) -> str:
    """What is left of a text without its small words and without `also`, which goes first."""
    if also is not None:
        text = also.sub(" ", text)
    return (_EN if english else _ZH).sub("", text)
