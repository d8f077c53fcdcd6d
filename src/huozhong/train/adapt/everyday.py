"""Everyday questions, whose answers by the untouched model keep an adapted one from forgetting what it knew.

A small model that learns a school's two hundred answers forgets arithmetic while it does.  So beside them it is shown
what it said itself before (rehearsal; Robins 1995, "Catastrophic forgetting, rehearsal and pseudorehearsal").  The
questions are only an occasion to speak: nothing here says what is right.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Literal

from huozhong.train.adapt.familiar import familiar
from huozhong.train.adapt.matters import matters
from huozhong.verify.arithmetic import is_exam_expression

_NAMES = ("小明", "小红", "小芳", "小军", "妈妈", "王叔叔", "李老师", "小兰", "爷爷", "小宇")
_THINGS = (("苹果", "个"), ("铅笔", "支"), ("书", "本"), ("糖", "颗"), ("花", "朵"), ("鸡蛋", "个"), ("邮票", "张"))
_SUMS = ("{s}=", "计算：{s}", "{s}等于多少？", "算一算{s}", "{s}=?", "请计算 {s}", "What is {s}?", "Calculate {s}.",
         "帮我算{s}", "{s}得多少")  # fmt: skip
_PROBLEMS = (
    "{n}有{a}{u}{t}，又买了{b}{u}，现在有多少{u}？", "{n}有{a}{u}{t}，用去{b}{u}，还剩几{u}？",
    "每盒有{c}{u}{t}，{d}盒一共有多少{u}？", "把{e}{u}{t}平均分给{d}人，每人几{u}？",
    "{n}买了{d}{u}{t}，每{u}{c}元，付了{h}元，找回多少元？",
    "一本书有{h}页，已经看了{b}页，剩下的要{d}天看完，平均每天看几页？",
    "工程队要修{h}米的路，每天修{c}米，修了{d}天，还剩多少米？", "甲数是{a}，乙数是甲数的{d}倍，两数的和是多少？",
    "长方形的长是{a}厘米，宽是{d}厘米，周长是多少厘米？",
    "一辆车每小时行{a}千米，行{d}小时后离终点还有{c}千米，全程多少千米？",
    "果园里有桃树{a}棵，梨树比桃树的{d}倍少{c}棵，梨树有多少棵？", "一件衣服原价{h}元，打八折后是多少元？",
    "学校有男生{h}人，女生比男生多20%，女生有多少人？", "一桶油重{a}千克，用去它的1/{d}，还剩多少千克？",
    "{n} has {a} pencils and gives away {b}. How many are left?",
    "A box holds {c} eggs. How many eggs are in {d} boxes?",
)  # fmt: skip
_ANYTHING = (
    "你好", "你好呀，在吗？", "你是谁？", "你能做什么？", "谢谢你", "再见", "Hello!", "What can you do?",
    "你叫什么名字？",
    "今天天气怎么样？", "给我讲个故事", "世界上最高的山是哪座？", "怎样煮米饭？", "感冒了应该怎么办？",
    "帮我写一封请假条。",
    "把“我很高兴”翻译成英文。", "推荐一部好看的电影。", "写一段代码把列表倒过来。", "唐朝是哪一年建立的？",
    "水为什么会结冰？",
    "股票怎么买？", "光合作用是什么？", "How do I learn to swim?", "Translate “good morning” into Chinese.",
    "Write a short poem about the sea.", "What is the capital of Japan?", "Explain gravity in one sentence.",
    "怎样修自行车的链条？", "帮我起一个店名。", "中国有多少个省？", "怎么种西红柿？", "写一句生日祝福。",
    "手机连不上网怎么办？",
    "心情不好怎么办？", "什么是区块链？", "给我一份减肥计划。", "地球有多大？", "怎样写好作文？",
    "三国演义的作者是谁？",
    "怎样养多肉植物？", "孩子发烧了吃什么药？", "北京有什么好玩的地方？", "什么是人工智能？", "帮我想一个网名。",
    "怎么申请护照？", "月球离地球有多远？", "谁发明了电灯？", "足球比赛有几个人？", "鲸鱼是鱼吗？", "怎样戒烟？",
    "把下面的话改得礼貌一些：快点给我。", "写一份会议通知。", "帮我算命。", "明天会下雨吗？", "现在几点了？",
    "最近有什么新闻？", "红楼梦讲了什么？", "辛亥革命有什么意义？", "怎样选一台电脑？", "牙疼怎么办？",
    "给我讲个笑话。", "你觉得我应该换工作吗？", "如何与邻居相处？", "什么叫通货膨胀？", "怎么做番茄炒蛋？",
    "写一个关于勇气的故事。", "苹果公司是谁创立的？", "怎样学好英语？", "太阳为什么会发光？", "怎么设置路由器？",
    "请把“谢谢”译成法语。", "用一句话解释惯性。", "广州和上海哪个大？", "怎么养金鱼？", "打印机不工作了怎么修？",
    "背一段论语。", "什么是素数？", "写一封道歉信。", "世界杯几年一次？", "How can I fix a flat tyre?",
    "Summarise the plot of Romeo and Juliet.", "What is photosynthesis?", "Write an email to my boss.",
    "How far is the Moon?", "Sort a list in JavaScript.", "What should I cook tonight?", "Tell me a joke.",
    "Who was the first person in space?", "Is it going to rain tomorrow?", "Recommend a good book.",
    "How do planes fly?", "What does “serendipity” mean?", "Plan a weekend in Paris.",
    "How many days are there in a leap year?", "Give me a recipe for pancakes.", "Who wrote Hamlet?",
)  # fmt: skip
# Questions of which there are many: what is adapted learns answers to questions that it would have declined, and goes
# on declining only what it has declined often.
_WHOSE = (
    "李白",
    "爱因斯坦",
    "我的邻居",
    "张校长",
    "那位演员",
    "牛顿",
    "隔壁的阿姨",
    "成吉思汗",
    "这本书的作者",
    "刘经理",
)
_PLACES = ("武汉", "巴黎", "长白山", "火星", "埃及", "我家楼下", "青海湖", "南极", "成都", "亚马孙河", "镇上", "悉尼")
_MATTERS = (
    "钢琴", "股票", "蜜蜂", "火山", "电池", "围棋", "瑜伽", "量子力学", "咖啡", "恐龙", "合同", "糖尿病", "摄影",
    "地震", "篮球", "Python", "感冒药", "高铁", "茶叶", "细菌", "望远镜", "签证", "贷款", "梦", "黑洞", "化妆", "法律",
    "芯片",
)  # fmt: skip
_ASKED = (
    "{p}有什么好吃的？", "{p}离这里有多远？", "{p}今天多少度？", "去{p}怎么走？", "{p}有多少人口？",
    "{p}在哪个国家？", "{w}是哪一年出生的？", "{w}多高？", "{w}住在哪里？", "{w}最有名的事是什么？",
    "{w}的生日是哪天？", "{w}有几个孩子？", "{w}的邮箱是什么？", "{w}说过什么名言？", "{m}是什么原理？",
    "怎样学{m}？", "{m}是谁发明的？", "推荐一本讲{m}的书。", "写一篇关于{m}的短文。", "{m}对身体好吗？",
    "哪里能买到跟{m}有关的东西？", "{m}用英语怎么说？", "{m}有什么历史？", "为什么大家喜欢{m}？",
    "给我讲讲{m}。", "{m}多少钱？", "{m}的缺点是什么？", "最好的{m}是哪一种？",
)  # fmt: skip
_ENGLISH_MATTERS = (
    "music", "volcanoes", "honey", "chess", "the heart", "gravity", "rice", "glass", "democracy", "batteries", "dogs",
    "poetry", "sleep", "coffee", "the Moon", "bridges", "vaccines", "whales", "money", "clouds", "football", "tea",
    "dinosaurs", "the internet", "painting", "bread", "rivers", "maps", "bicycles", "light",
)  # fmt: skip
_ENGLISH_ASKED = (
    "What is {m}?", "Tell me something about {m}.", "Why is {m} important?", "Write two sentences about {m}.",
    "How would you explain {m} to a child?", "Give me three words that have to do with {m}.",
    "What should I know about {m}?", "Write a title for an essay about {m}.", "Ask me a question about {m}.",
    "Where can I learn more about {m}?", "What do people like about {m}?", "Write a haiku about {m}.",
)  # fmt: skip
_ENGLISH_SUMS = ("What is {s}?", "Calculate {s}.", "{s} =", "How much is {s}?", "Please work out {s}.")
_ENGLISH_PROBLEMS = (
    "{n} has {a} {t} and gives away {b}. How many are left?", "A box holds {c} {t}. How many are in {d} boxes?",
    "{n} has {a} {t} and buys {b} more. How many {t} are there now?",
    "{e} {t} are shared by {d} friends. How many each?",
    "A book has {h} pages; {n} has read {b} of them. How many are left?",
)  # fmt: skip
_ENGLISH_NAMES = ("Tom", "Anna", "Mr Lee", "Sara", "Grandma", "Ben")
_ENGLISH_THINGS = ("apples", "pencils", "books", "coins", "eggs", "stamps", "flowers")
_ENGLISH_WORDS = (
    "What is the opposite of “{x}”?", "Use the word “{x}” in a sentence.", "What does “{x}” mean?",
    "How do you spell “{x}”?",
    "Find a word that rhymes with “{x}”.", "Translate “{x}” into Spanish.", "Is “{x}” a noun or a verb?",
)  # fmt: skip
_ENGLISH_WORD = (
    "bright",
    "run",
    "careful",
    "stone",
    "sing",
    "early",
    "cold",
    "island",
    "brave",
    "write",
    "empty",
    "wind",
)

Language = Literal["any", "en"]


def everyday_prompts(count: int, seed: int, language: Language = "any") -> list[str]:
    """So many different questions: sums and word problems, poems, sayings and greetings, and half of anything else.

    language: "any" is Chinese with some English between.  None asks for an expression of the exam's bucket.
    """
    rng = random.Random(f"everyday {seed}")
    if language == "en":
        makers = [_english(rng), _english_anything(rng), matters(rng, english=True)]
    else:
        sums, problems, anything, asked, much = _sum(rng), _problem(rng), _anything(rng), _asked(rng), _matters(rng)
        known = familiar(rng)
        makers = [sums, problems, known, much, asked, anything, sums, much, known, problems, much, asked, much, known]
    made: dict[str, None] = {}
    tries = 0
    while len(made) < count and tries < 50 * count:
        made.setdefault(next(makers[tries % len(makers)]))
        tries += 1
    return list(made)[:count]


def _expression(rng: random.Random) -> str:
    while True:
        a, b, c = rng.randint(2, 999), rng.randint(2, 99), rng.randint(2, 30)
        forms = (
            f"{a}+{b}", f"{a + b}-{b}", f"{a}×{c}", f"{b * c}÷{c}", f"{a}-{b // 2 + 1}", f"{b}×{c}+{a}",
            f"({a}+{b})×{c}", f"{b * c}÷{c}+{a}", f"{a / 10}+{b / 10}", f"{a}+{b}×{c}", f"{a}×{c}-{b}",
            f"({a + b}-{b})×{c}",
        )  # fmt: skip
        expression = rng.choice(forms)
        if not is_exam_expression(expression):
            return expression


def _sum(rng: random.Random) -> Iterator[str]:
    while True:
        yield rng.choice(_SUMS).format(s=_expression(rng))


def _numbers(rng: random.Random) -> dict[str, int]:
    d = rng.randint(2, 9)
    return {
        "a": rng.randint(20, 99),
        "b": rng.randint(2, 19),
        "c": rng.randint(3, 15),
        "d": d,
        "e": d * rng.randint(3, 30),
        "h": 10 * rng.randint(15, 60),
    }


def _problem(rng: random.Random) -> Iterator[str]:
    while True:
        thing, unit = rng.choice(_THINGS)
        yield rng.choice(_PROBLEMS).format(n=rng.choice(_NAMES), t=thing, u=unit, **_numbers(rng))


def _asked(rng: random.Random) -> Iterator[str]:
    while True:
        yield rng.choice(_ASKED).format(p=rng.choice(_PLACES), w=rng.choice(_WHOSE), m=rng.choice(_MATTERS))


def _english(rng: random.Random) -> Iterator[str]:
    while True:
        yield rng.choice(_ENGLISH_SUMS).format(s=_expression(rng))
        name, thing = rng.choice(_ENGLISH_NAMES), rng.choice(_ENGLISH_THINGS)
        yield rng.choice(_ENGLISH_PROBLEMS).format(n=name, t=thing, **_numbers(rng))
        yield rng.choice(_ENGLISH_WORDS).format(x=rng.choice(_ENGLISH_WORD))


def _english_anything(rng: random.Random) -> Iterator[str]:
    while True:
        listed = [text for text in _ANYTHING if text.isascii()]
        rng.shuffle(listed)
        for text in listed:
            yield text
            yield rng.choice(_ENGLISH_ASKED).format(m=rng.choice(_ENGLISH_MATTERS))


def _anything(rng: random.Random) -> Iterator[str]:
    while True:
        rest = list(_ANYTHING)
        rng.shuffle(rest)
        yield from rest


def _matters(rng: random.Random) -> Iterator[str]:
    """Nine in ten of them in Chinese."""
    zh, en = matters(rng, english=False), matters(rng, english=True)
    while True:
        yield next(en if rng.random() < 0.1 else zh)
