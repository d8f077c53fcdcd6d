"""Checked replies: small talk, an honest no, jokes, riddles, idioms and sayings, out of the files in acts/data.

A model of 7.5 million parameters that composes such answers invents half of them.  So it says only which kind is
asked for, and the text comes from here: read by people before, never twice in one conversation as long as there is
another, and in the language of the question.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from huozhong.acts import riddles
from huozhong.acts.choosing import Messages, answers, content, question, rows, say, table
from huozhong.acts.labels import (
    CANNOT,
    CANNOT_KINDS,
    IDIOM,
    JUDGE_RIDDLE,
    ONE_MORE,
    SAYING,
    TALK,
    TALK_KINDS,
    TELL_IDIOM,
    TELL_JOKE,
    TELL_RIDDLE,
    TELL_SAYING,
)
from huozhong.text.language import is_english


def reply(label: str, messages: Messages, seed: int) -> str | None:
    """The answer to the last message for a label of TABLE_ACTS, TALK_KINDS or CANNOT_KINDS; None: not possible here."""
    if label in _ACTS:
        return _ACTS[label](messages, seed)
    for prefix, kinds, file in ((TALK, TALK_KINDS, "talk"), (CANNOT, CANNOT_KINDS, "cannot")):
        kind = label.removeprefix(prefix).removesuffix("。")
        if label.startswith(prefix) and kind in kinds:
            return (_named(messages, seed) if label == _NAMES else None) or _from(file, kind, messages, seed)
    return None


def _from(file: str, kind: str, messages: Messages, seed: int) -> str:
    asked = question(messages)
    language = "en" if is_english(asked) else "zh"
    sections = table(file)[kind]
    fitting = next(
        part for part in sections if re.search(part.get("when", ""), asked, re.IGNORECASE) and part.get(language)
    )
    return say(fitting[language], messages, seed)


# -- names -----------------------------------------------------------------------------------------------------

_NAMES = f"{TALK}名字。"
_CALLED = re.compile(
    r"(?:我叫|我的名字(?:是|叫)|叫我|我的小名(?:是|叫)|我名叫)(?!什么|啥|做)([\u4e00-\u9fff]{2,4}?)(?:[，。！,.!\s呀啊哦吧啦]|$)"
)
_CALLED_EN = re.compile(r"(?:my name is|i am called|call me|my name's)\s+([A-Z][a-z]{1,11})\b", re.IGNORECASE)
_ASKS_NAME = re.compile(
    r"我叫(?:什么|啥)|我的名字(?:是什么|叫什么|呢)|记得我|我是谁|what(?:'s| is) my name|remember me|who am i"
)
# A name is repeated only if nobody could mean it to hurt or to trick.
_NO_NAME = re.compile(
    r"爸|爷|妈|奶|爹|祖宗|主人|皇|傻|笨|蛋|猪|狗|鬼|死|屁|屎|滚|坏|丑|胖|老公|老婆|大王|上帝|习|毛泽|fool|idiot|stupid",
    re.I,
)


def _name_in(text: str) -> str | None:
    found = _CALLED.search(text) or _CALLED_EN.search(text)
    return found[1] if found and not _NO_NAME.search(found[1]) else None


def _named(messages: Messages, seed: int) -> str | None:
    """A greeting by name, or the name that was told earlier; None where there is none to repeat."""
    asked = question(messages)
    english = is_english(asked)
    if _ASKS_NAME.search(asked.lower()):
        told = [name for message in messages if message.get("role") == "user" and (name := _name_in(content(message)))]
        if told:
            return f"You told me: {told[-1]}." if english else f"你刚才告诉我，你叫{told[-1]}。"
        unknown = "You have not told me yet in this chat. What is your name?"
        return unknown if english else "这次聊天里你还没告诉我呢，以前聊的我记不住。你叫什么名字？"
    name = _name_in(asked)
    if name is None:
        return None
    texts = _WITH_NAME_EN if english else _WITH_NAME
    return say([text.format(name=name) for text in texts], messages, seed)


_WITH_NAME = (
    "{name}，你好！我是小火苗，很高兴认识你。",
    "你好呀，{name}！今天想做题，还是想猜谜语？",
    "{name}，好名字！我叫小火苗 ember。",
    "欢迎你，{name}！想先试哪一样：应用题、古诗还是谜语？",
)
_WITH_NAME_EN = (
    "Hello {name}! I am ember, nice to meet you.",
    "Nice to meet you, {name}! A sum, a joke, or a riddle?",
    "{name}, what a nice name! Mine is ember.",
)

# -- idioms and sayings ----------------------------------------------------------------------------------------

EVERYDAY_IDIOMS = 298  # the first of the file: those that every child hears; only these are told on demand
_HAN4 = r"[\u4e00-\u9fff]{4}"
_ASKED_IDIOM = re.compile(
    rf"[“\"「『《]({_HAN4})[”\"」』》]"
    rf"|(?:什么叫做?|什么是|解释一下|解释|成语|弄懂|不懂|请问|知道)[：:“\s]*({_HAN4})(?:[”\s]*(?:的意思|这个成语|是什么意思|的含义)|[？?。！]*$)"
    rf"|^[“\"]?({_HAN4})[”\"]?(?:这个成语|这个词)?(?:是什么意思|什么意思|是啥意思|啥意思|是啥子意思|的意思|的含义|怎么理解"
    rf"|怎么解释|怎么讲|指什么|比喻什么|形容什么|用来形容|说的是|讲的是|是指|[？?。]*$)"
)


@cache
def idioms() -> dict[str, str]:
    """Every idiom that is known here, with its meaning."""
    return {row[0]: row[1] for row in rows("idioms")}


def _idiom_in(text: str) -> str | None:
    """The first idiom of the table that a text names."""
    known = idioms()
    windows = (text[at : at + 4] for at in range(len(text) - 3))
    return next((window for window in windows if window in known), None)


def _explain_idiom(messages: Messages, seed: int) -> str | None:
    asked = question(messages)
    name = _idiom_in(asked)
    if name is not None:
        return f"{name}：{idioms()[name]}"
    unknown = _ASKED_IDIOM.search(asked)
    if unknown is None:
        return None
    return say(table("english")["says"]["unknown_idiom_zh"], messages, seed).format(
        idiom=next(filter(None, unknown.groups()))
    )


def _tell_idiom(messages: Messages, seed: int) -> str:
    asked = question(messages)
    if is_english(asked):
        return say(table("english")["idioms"], messages, seed)
    names = list(idioms())[:EVERYDAY_IDIOMS]
    wanted = re.search(r"[带有含][“\"「]?([\u4e00-\u9fff])[”\"」]?字?的?(?:成语|四字)", asked)
    if wanted:
        names = [name for name in idioms() if wanted[1] in name] or names
    name = say(names, messages, seed)
    return f"{name}：{idioms()[name]}"


@cache
def _sayings() -> tuple[tuple[str, str, bool], ...]:
    """First half, second half, whether it is told on demand."""
    return tuple((first, second, use == "tell") for use, first, second in rows("sayings"))


@cache
def _bare_sayings() -> tuple[tuple[str, str, str], ...]:
    return tuple((_bare(first), first, second) for first, second, _ in _sayings())


_MORE_ASKED = re.compile(
    r"歇后语|——|——?$|下[半一]?句|后半句|上一?句|后面|后边|接下来|下面|…|怎么接|你来接|proverb|saying", re.IGNORECASE
)


def _bare(text: str) -> str:
    return re.sub(r"[\W_]", "", text)


def _complete_saying(messages: Messages, seed: int) -> str | None:
    asked = question(messages)
    bare = _bare(asked)
    fitting = [(first, second) for key, first, second in _bare_sayings() if key in bare]
    if fitting:
        first, second = max(fitting, key=lambda pair: len(pair[0]))
        return f"{first}——{second}。"
    english = is_english(asked)
    for proverb in table("english")["proverbs"] if english else ():
        if _bare(proverb.split(" — ")[0]).lower() in bare.lower():
            return str(proverb)
    guessed = riddles.guess(messages, seed)
    if guessed is not None:
        return guessed
    if _MORE_ASKED.search(asked):
        return say(table("english")["says"][f"unknown_saying_{'en' if english else 'zh'}"], messages, seed)
    return None


def _tell_saying(messages: Messages, seed: int) -> str:
    if is_english(question(messages)):
        return say(table("english")["proverbs"], messages, seed)
    told = [f"{first}——{second}" for first, second, tell in _sayings() if tell]
    return f"{say(told, messages, seed)}。"


# -- jokes, and another one of what came last -----------------------------------------------------------------


def _tell_joke(messages: Messages, seed: int) -> str:
    return say(table("jokes")["en" if is_english(question(messages)) else "zh"], messages, seed)


_NAMED = (
    (re.compile(r"谜|riddle", re.IGNORECASE), TELL_RIDDLE),
    (re.compile(r"笑话|段子|joke", re.IGNORECASE), TELL_JOKE),
    (re.compile(r"歇后语|俗语|谚语|proverb|saying", re.IGNORECASE), TELL_SAYING),
    (re.compile(r"成语|idiom", re.IGNORECASE), TELL_IDIOM),
)
_OTHER = re.compile(r"诗|首|题|poem|problem|sum\b", re.IGNORECASE)


def _one_more(messages: Messages, seed: int) -> str | None:
    """Another one of what is named, or of what came last; None after poems and problems, which the model writes."""
    asked = question(messages)
    for pattern, named in _NAMED:
        if pattern.search(asked):
            return _ACTS[named](messages, seed)
    if _OTHER.search(asked):
        return None
    for answer in answers(messages)[:4]:
        label = _kind_of(answer)
        if label is not None:
            return reply(label, messages, seed)
        if answer not in _talk_texts():
            return None  # a poem, a problem
    return None


def _kind_of(answer: str) -> str | None:
    """Which act an answer came from, of those that can be had again."""
    if answer in _performances():
        return f"{TALK}表演。"
    if (
        riddles.posed_in(answer)
        or answer in _idle_riddle_talk()
        or re.search(r"谜底|the answer is ", answer, re.IGNORECASE)
    ):
        return TELL_RIDDLE
    if answer in table("jokes")["zh"] or answer in table("jokes")["en"]:
        return TELL_JOKE
    if answer in table("english")["idioms"] or answer.split("：")[0] in idioms():
        return TELL_IDIOM
    if answer in table("english")["proverbs"] or any(answer.startswith(f"{first}——") for first, _, _ in _sayings()):
        return TELL_SAYING
    return None


@cache
def _talk_texts() -> frozenset[str]:
    parts = [part for kind in TALK_KINDS for part in table("talk")[kind]]
    return frozenset(text for part in parts for language in ("zh", "en") for text in part[language])


@cache
def _performances() -> frozenset[str]:
    return frozenset(text for part in table("talk")["表演"] for language in ("zh", "en") for text in part[language])


@cache
def _idle_riddle_talk() -> frozenset[str]:
    says = table("riddles")["says"]
    return frozenset((*says["unknown_zh"], *says["unknown_en"]))


_ACTS: dict[str, Callable[[Messages, int], str | None]] = {
    IDIOM: _explain_idiom,
    SAYING: _complete_saying,
    TELL_IDIOM: _tell_idiom,
    TELL_SAYING: _tell_saying,
    TELL_RIDDLE: riddles.pose,
    JUDGE_RIDDLE: riddles.judge,
    TELL_JOKE: _tell_joke,
    ONE_MORE: _one_more,
}
