"""What people say besides problems, with the label that answers it: small talk, what ember cannot do, jokes, riddles.

The phrases lie in talk_questions.toml and utterances.tsv; here they are varied as people vary them (an address, a
particle, dialect, typos, signs) and put into conversations whose earlier answers are what ember really says
(`huozhong.acts.tables`).
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from common import SAYINGS

from huozhong.acts import labels
from huozhong.acts.choosing import rows
from huozhong.acts.riddles import Riddle, posed_in, riddles
from huozhong.acts.tables import reply

Message = dict[str, str]
Asked = tuple[list[Message], str]  # earlier messages and the question, and the label


@cache
def _lists() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


@cache
def _utterances() -> dict[str, list[str]]:
    """utterances.tsv: more messages, each written for itself, by label."""
    found: dict[str, list[str]] = {}
    for line in Path(__file__).with_name("utterances.tsv").read_text(encoding="utf-8").splitlines():
        label, _, text = line.partition("\t")
        found.setdefault(label, []).append(text)
    return found


@cache
def texts(kind: str, english: bool) -> list[str]:
    """Every way of saying `kind` that is written down, with {slots} to fill."""
    label = next(label for label, other in KIND_OF.items() if other == kind)
    more = [text for text in _utterances().get(label, []) if text.isascii() == english]
    return [*_lists()[kind]["en" if english else "zh"], *more]


_TOLD = {
    "出谜语": labels.TELL_RIDDLE,
    "讲笑话": labels.TELL_JOKE,
    "讲成语": labels.TELL_IDIOM,
    "讲歇后语": labels.TELL_SAYING,
}
_TALK = {kind: labels.talk_label(kind) for kind in labels.TALK_KINDS}
_CANNOT = {f"不会{kind}": labels.cannot_label(kind) for kind in labels.CANNOT_KINDS}
KIND_OF = {label: kind for kind, label in (_TALK | _CANNOT | _TOLD).items()}
# How often each kind is asked, of its own list; what people open with comes more often.
_WEIGHTS = {
    "问候": 3,
    "生活": 2,
    "夸奖": 2,
    "调侃": 2,
    "难过": 2,
    "应声": 2,
    "不会知识": 7,
    "不会建议": 4,
    "不会时事": 3,
}
_WEIGHTS |= {"不会写作": 3, "不会图音": 2, "不会语言": 2, "不会翻译": 2, "出谜语": 2, "讲笑话": 2}


# -- phrases ----------------------------------------------------------------------------------------------------


def phrase(kind: str, rng: random.Random, english: bool | None = None, *, plain: bool = False) -> str:
    """One way of saying `kind` (a table of the .toml), varied unless it is to be plain."""
    if english is None:
        english = rng.random() < 0.17
    listed = texts(kind, english) if kind in KIND_OF.values() else _lists()[kind]["en" if english else "zh"]
    text = filled(rng.choice(listed), rng)
    if plain:
        return text
    return vary_english(text, rng) if english else vary(text, rng)


def filled(text: str, rng: random.Random) -> str:
    """A phrase with something in each of its slots."""
    used: set[str] = set()

    def fill(match: re.Match[str]) -> str:
        choices = [value for value in _lists()["slots"][match[1]] if value not in used]
        value = str(rng.choice(choices))
        used.add(value)
        return value

    return re.sub(r"\{(\w+)\}", fill, text)


_CALLS = (
    "请问",
    "请问一下，",
    "你好，",
    "您好，",
    "小火苗，",
    "那个，",
    "老师，",
    "我想问问，",
    "嗨，",
    "哎，",
    "喂，",
    "ember，",
    "小火苗小火苗，",
)
_PARTICLES = ("呀", "啊", "呢", "啦", "嘛", "哦", "哈", "呗", "哟", "噻", "嘞", "咧", "伐", "撒", "喔")
_TAILS = ("，谢谢", "，好吗", "，行不行", "，快点", "，可以吗", "，拜托了", "，快告诉我", "，急", "，好不好")
_TRADITIONAL = str.maketrans(
    "你们会说语谜个么吗谢见讲话题写诗们这对错问还过开难气怕闷欢爱药疼热",
    "你們會說語謎個麼嗎謝見講話題寫詩們這對錯問還過開難氣怕悶歡愛藥疼熱",
)


def vary(text: str, rng: random.Random) -> str:
    """The same as another person would type it in Chinese."""
    if len(text) > 3 and rng.random() < 0.12:
        text = rng.choice(_CALLS) + text
    if rng.random() < 0.12:
        fitting = [(plain, others) for plain, others in _lists()["typing"]["dialect"] if plain in text]
        if fitting:
            plain, others = rng.choice(fitting)
            text = text.replace(plain, rng.choice(others), 1)
    if rng.random() < 0.16 and text[-1:] not in "吗呀啊呢吧—）”：？?。！…":
        text += rng.choice(_PARTICLES)
    if rng.random() < 0.05:
        text = text.rstrip("？?。！") + rng.choice(_TAILS)
    if rng.random() < 0.03:
        text = text.translate(_TRADITIONAL)
    if rng.random() < 0.04:
        text = _mistyped(text, rng)
    return _signed(text, rng)


def _mistyped(text: str, rng: random.Random) -> str:
    fitting = [(right, wrong) for right, wrong in _lists()["typing"]["typos"] if right in text]
    if fitting and rng.random() < 0.5:
        right, wrong = rng.choice(fitting)
        return text.replace(right, wrong, 1)
    if len(text) < 4:
        return text
    at = rng.randrange(len(text) - 1)
    return rng.choice((text[:at] + text[at] + text[at:], text[:at] + text[at + 1] + text[at] + text[at + 2 :]))


def _signed(text: str, rng: random.Random) -> str:
    """With the sign at its end that one leaves out, doubles or takes for another."""
    asks = re.search(r"吗|什么|谁|几|哪|怎|多少|啥|咋|呢|么$|不$|为何", text) is not None
    bare = text.rstrip("？?。！!")
    if not bare:
        return text
    luck = rng.random()
    if luck < 0.35:
        return bare
    if luck < 0.75:
        return bare + ("？" if asks else rng.choice(("", "。", "！", "")))
    return bare + rng.choice(
        ("？", "?", "。", "！", "!", "～", "~", "？？", "！！", "…", " ", "。。。", "(๑•̀ㅂ•́)و", "😊", "😂", "^_^", "、")
    )


def vary_english(text: str, rng: random.Random) -> str:
    """The same as another person would type it in English."""
    if rng.random() < 0.1:
        text = rng.choice(("Please ", "Hey, ", "ember, ", "Hi, ", "um, ", "Can you tell me: ")) + text
    if rng.random() < 0.15:
        text = text.rstrip("?.!") + rng.choice((" please", " pls", "??", "!!", "", " :)", ", ember", "...", "!"))
    if rng.random() < 0.25:
        text = text.lower()
    if rng.random() < 0.04:
        text = text.upper()
    if rng.random() < 0.04 and len(text) > 6:
        at = rng.randrange(1, len(text) - 2)
        text = rng.choice((text[:at] + text[at + 1 :], text[:at] + text[at + 1] + text[at] + text[at + 2 :]))
    return text


# -- tables: idioms, sayings ----------------------------------------------------------------------------------

IDIOM_ASK = (
    "{}是什么意思？",
    "“{}”是什么意思？",
    "{}是什么意思",
    "{}啥意思",
    "解释成语：{}",
    "解释一下{}",
    "成语{}的意思",
    "请解释“{}”",
    "{}怎么理解？",
    "“{}”这个成语是什么意思？",
    "什么叫{}？",
    "{}的意思是什么？",
    "请问{}是什么意思",
    "成语“{}”怎么解释？",
    "你知道{}的意思吗？",
    "{}这个成语讲的是什么",
    "说说{}的含义",
    "老师让我们查{}的意思",
    "{}用来形容什么？",
    "“{}”说的是什么意思",
    "{}讲的是什么",
    "“{}”怎么讲？",
    "{}指什么？",
    "什么是{}？",
    "什么叫“{}”",
    "“{}”比喻什么？",
    "课文里的“{}”是什么意思？",
    "“{}”的含义",
    "书上写着{}，怎么理解",
    "我不懂“{}”的意思",
    "妈妈说我{}，是什么意思",
    "同学说“{}”，那是什么意思？",
    "{}",
    "“{}”",
    "成语 {}",
    "{}是褒义词还是贬义词，什么意思",
    "What does {} mean?",
    "{} 解释",
    "{}是啥子意思嘛",
    "给我讲讲{}这个成语",
)
SAYING_ASK = (
    "歇后语：{}——",
    "{}——？",
    "{}——",
    "{}，下一句是什么？",
    "歇后语“{}”的下半句",
    "{}（打一歇后语）",
    "补全歇后语：{}",
    "歇后语{}后面是什么",
    "{}的下一句是？",
    "猜歇后语：{}",
    "“{}”的后半句是什么？",
    "{}——后面怎么接",
    "歇后语 {} 下一句",
    "“{}”这个歇后语怎么接？",
    "{}，下半句怎么说？",
    "{}，后面是什么",
    "{}，接下来呢？",
    "“{}”后面是哪几个字？",
    "俗话说{}，下面是什么",
    "常说“{}”，后半句呢？",
    "{}……",
    "{}，你来接",
    "我说上半句：{}。你说下半句",
    "“{}”，这是什么歇后语？",
    "接歇后语 {}",
)
RIDDLE_ASK = (
    "猜谜语：{}",
    "{}（打一{kind}）",
    "谜语：{}，打一{kind}",
    "{}，是什么？猜一猜",
    "猜一猜：{}",
    "你来猜：{}",
    "猜个谜：{}（猜一{kind}）",
    "{}——打一{kind}",
    "我出一个谜语你猜：{}",
    "{}，打一物",
)


def _idiom(rng: random.Random) -> Asked:
    known = rows("idioms")
    name = rng.choice(known[:298] if rng.random() < 0.5 else known)[0]
    return [_user(vary(rng.choice(IDIOM_ASK).format(name), rng))], labels.IDIOM


def _saying(rng: random.Random) -> Asked:
    luck = rng.random()
    if luck < 0.15:
        riddle = rng.choice(riddles(False))
        return [_user(rng.choice(RIDDLE_ASK).format(riddle.text, kind=riddle.kind))], labels.SAYING
    first = rng.choice(rows("sayings"))[1] if luck < 0.85 else rng.choice(SAYINGS)[0]
    return [_user(vary(rng.choice(SAYING_ASK).format(first), rng))], labels.SAYING


def unknown_idiom(rng: random.Random, names: list[str]) -> Asked:
    """An idiom that is not in the table: it is asked about in the same words."""
    return [_user(vary(rng.choice(IDIOM_ASK).format(rng.choice(names)), rng))], labels.IDIOM


def unknown_saying(rng: random.Random, firsts: list[str]) -> Asked:
    """A two-part saying that is not in the table."""
    return [_user(vary(rng.choice(SAYING_ASK).format(rng.choice(firsts)), rng))], labels.SAYING


# -- conversations ----------------------------------------------------------------------------------------------


def _user(text: str) -> Message:
    return {"role": "user", "content": text}


def _assistant(text: str) -> Message:
    return {"role": "assistant", "content": text}


def _answered(messages: list[Message], label: str, rng: random.Random) -> list[Message]:
    """The messages and what ember answers, or nothing where it has no answer."""
    text = reply(label, messages, rng.randrange(1000))
    return [] if text is None else [*messages, _assistant(text)]


def _opening(rng: random.Random) -> Asked:
    """A first question of any kind that needs no earlier one."""
    luck = rng.random()
    if luck < 0.05:
        return _idiom(rng)
    if luck < 0.10:
        return _saying(rng)
    kinds = [*_TALK, *_CANNOT, *_TOLD]
    kind = rng.choices(kinds, [_WEIGHTS.get(kind, 1) for kind in kinds])[0]
    return [_user(phrase(kind, rng))], (_TALK | _CANNOT | _TOLD)[kind]


def _guessed(rng: random.Random) -> Asked:
    """A riddle that ember posed, and what the user says to it; sometimes a second try."""
    english = rng.random() < 0.17
    posed = _answered([_user(phrase("出谜语", rng, english))], labels.TELL_RIDDLE, rng)
    riddle = posed_in(posed[-1]["content"])
    assert riddle is not None
    messages = [*posed, _user(_guess(riddle, rng, 0.4))]
    if rng.random() < 0.3:
        answer = _answered(messages, labels.JUDGE_RIDDLE, rng)
        if answer and posed_in(answer[-1]["content"]):
            messages = [*answer, _user(_guess(riddle, rng, 0.5))]
    return messages, labels.JUDGE_RIDDLE


def _guess(riddle: Riddle, rng: random.Random, right: float) -> str:
    luck = rng.random()
    if luck < 0.25:
        return (
            rng.choice(_lists()["guesses"]["gives_up_en"])
            if riddle.english
            else vary(rng.choice(_lists()["guesses"]["gives_up"]), rng)
        )
    if luck < 0.25 + 0.75 * right:
        word = rng.choice((riddle.answer, riddle.answer, *riddle.accepted))
    elif riddle.english:
        word = rng.choice((*_lists()["guesses"]["wrong_en"], rng.choice(riddles(True)).answer))
    else:
        word = rng.choice(
            (*_lists()["guesses"]["wrong"], rng.choice(riddles(False)).answer, rng.choice(riddles(False)).answer)
        )
    return rng.choice(_lists()["guesses"]["said_en"] if riddle.english else _lists()["guesses"]["said"]).format(word)


_AGAIN = {
    labels.TELL_RIDDLE: "riddle",
    labels.TELL_JOKE: "joke",
    labels.TELL_SAYING: "saying",
    labels.TELL_IDIOM: "idiom",
}


def _once_more(rng: random.Random) -> Asked:
    """A joke, riddle, idiom, saying or trick, perhaps a word about it, and the wish for another one."""
    english = rng.random() < 0.15
    kind, label = rng.choice([*_TOLD.items(), ("表演", _TALK["表演"])])
    messages = _answered([_user(phrase(kind, rng, english))], label, rng)
    if label == labels.TELL_RIDDLE and rng.random() < 0.7:
        riddle = posed_in(messages[-1]["content"])
        assert riddle is not None
        messages = _answered([*messages, _user(_guess(riddle, rng, 0.6))], labels.JUDGE_RIDDLE, rng)
    elif rng.random() < 0.15:
        messages = _answered([*messages, _user(phrase("夸奖", rng, english))], _TALK["夸奖"], rng)
    named = rng.random() < 0.2 and label in _AGAIN
    texts = _lists()["再来"][_AGAIN[label] if named else "en" if english else "zh"]
    texts = [text for text in texts if text.isascii() == english] or texts
    text = rng.choice(texts)
    messages = [*messages, _user(vary_english(text, rng) if text.isascii() else vary(text, rng))]
    if reply(labels.ONE_MORE, messages, 0) is None:  # in the other language it is nothing that can be had again
        return _once_more(rng)
    return messages, labels.ONE_MORE


_SUMS = (
    ("小明有{a}个苹果，吃了{b}个，还剩几个？", "{a}-{b}={c}（个）。\n答：还剩{c}个。", "-"),
    ("一本书有{a}页，看了{b}页，还有多少页没看？", "{a}-{b}={c}（页）。\n答：还有{c}页没看。", "-"),
    ("每盒{a}支铅笔，{b}盒一共多少支？", "{a}×{b}={c}（支）。\n答：一共{c}支。", "×"),
    ("果园里有{a}棵桃树，{b}棵梨树，一共有多少棵？", "{a}+{b}={c}（棵）。\n答：一共有{c}棵。", "+"),
    ("{a}+{b}", "{a}+{b}={c}。\n答：{c}。", "+"),
    ("Tom has {a} apples and buys {b} more. How many apples has he now?", "{a} + {b} = {c}.\nAnswer: {c} apples.", "+"),
)
_AFTER_SUM = ("感谢", "夸奖", "纠错", "应声", "感谢", "夸奖", "告别", "累了", "调侃")


def _after_a_sum(rng: random.Random) -> Asked:
    """Thanks, praise or doubt after a problem, which is not continued by it."""
    asked, answer, op = rng.choice(_SUMS)
    a, b = rng.randint(20, 90), rng.randint(2, 19)
    numbers = {"a": a, "b": b, "c": a - b if op == "-" else a * b if op == "×" else a + b}
    kind = rng.choice(_AFTER_SUM)
    earlier = [_user(asked.format(**numbers)), _assistant(answer.format(**numbers))]
    return [*earlier, _user(phrase(kind, rng, asked.isascii()))], _TALK[kind]


def questions(rng: random.Random) -> Iterator[Asked]:
    """Without end: earlier messages with the question last, and the label that answers it."""
    while True:
        luck = rng.random()
        if luck < 0.62:
            messages, label = _opening(rng)
            if rng.random() < 0.25:  # not the first thing that is said
                earlier = _answered(*_opening(rng), rng)
                messages = [*earlier, *messages]
        elif luck < 0.78:
            messages, label = _guessed(rng)
        elif luck < 0.90:
            messages, label = _once_more(rng)
        else:
            messages, label = _after_a_sum(rng)
        if reply(label, messages, 0) is not None:
            yield messages, label


# -- questions from elsewhere -----------------------------------------------------------------------------------


@cache
def _kinds() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((part["kind"], re.compile(part["pattern"], re.IGNORECASE)) for part in _lists()["kinds"])


def cannot_kind(question: str) -> str:
    """The label of the honest no that fits a question that is out of scope."""
    return labels.cannot_label(next((kind for kind, found in _kinds() if found.search(question)), "知识"))
