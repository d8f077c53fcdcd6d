"""Every text that ember says out of a table is fit to be said, and the tables answer what they are for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from huozhong.acts import labels
from huozhong.acts.choosing import rows, table
from huozhong.acts.riddles import is_right, posed_in, riddles
from huozhong.acts.tables import EVERYDAY_IDIOMS, reply
from huozhong.verify.refusal import is_refusal

NEEDS_A_GROWN_UP = ("难过", "生病", "生气", "害怕")
BANNED = re.compile(
    r"死|杀|屎|尿|屁|滚开|妓|赌|毒|瘸|瞎|聋|残废|白痴|弱智|神经病|丑|stupid|idiot|kill|\bdie|\bhate|ugly|damn|\bfat\b|\bdumb",
    re.IGNORECASE,
)
COMMAND = re.compile(
    r"huozhong (?:serve|chat|pull|import)|pip |sudo|serve |`|\$ |--\w|命令行|终端|terminal|command|shell|\bcd ",
    re.IGNORECASE,
)
CANNOT_BE_TRUE = re.compile(r"我(?:看到了|看见了|听见了|听到了声|记得你上次|昨天|上网查)|as we said (?:last|yester)")


def talk(*contents: str) -> list[dict[str, str]]:
    """A conversation that ends with the user."""
    first = len(contents) % 2
    return [{"role": "user" if at % 2 != first else "assistant", "content": text} for at, text in enumerate(contents)]


def spoken() -> Iterator[tuple[str, str, str]]:
    """File and kind, language, text."""
    for file, kinds in (("talk", labels.TALK_KINDS), ("cannot", labels.CANNOT_KINDS)):
        for kind in kinds:
            for part in table(file)[kind]:
                for language in ("zh", "en"):
                    yield from ((f"{file} {kind}", language, text) for text in part[language])
    for language in ("zh", "en"):
        yield from (("jokes", language, text) for text in table("jokes")[language])
        for text, _, _, _, hint in table("riddles")[language]:
            yield from (("riddles", language, said) for said in (text, hint))
    for key in ("idioms", "proverbs"):
        yield from ((f"english {key}", "en", text) for text in table("english")[key])
    for file in ("riddles", "english"):
        for key, texts in table(file)["says"].items():
            texts = [texts] if isinstance(texts, str) else texts
            yield from ((f"{file} says", key[-2:], text) for text in texts)
    yield from (("sayings", "zh", f"{first}——{second}") for use, first, second in rows("sayings") if use == "tell")


def test_every_text_is_short_clean_and_in_its_language() -> None:
    for where, language, text in spoken():
        place = f"{where}: {text}"
        assert len(text) <= (120 if language == "zh" else 170), place

        assert not BANNED.search(text), place
        assert not COMMAND.search(text), place
        assert not CANNOT_BE_TRUE.search(text), place
        assert text == text.strip(), place
        if not where.startswith("english idioms") and "{" not in text:
            assert bool(re.search("[\u4e00-\u9fff]", text.replace("小火苗", ""))) == (language == "zh"), place


def test_no_text_is_there_twice() -> None:
    twice = [text for text, count in Counter(text for _, _, text in spoken()).items() if count > 1]
    assert twice == []


def test_every_file_says_what_it_was_read_for() -> None:
    assert all(len(table(file)["reviewed"]) > 60 for file in ("talk", "cannot", "jokes", "riddles", "english"))


def test_every_kind_has_enough_in_both_languages() -> None:
    for kind in labels.TALK_KINDS:
        texts = {
            language: [text for part in table("talk")[kind] for text in part[language]] for language in ("zh", "en")
        }
        assert len(texts["zh"]) >= 6, kind
        assert len(texts["en"]) >= 3, kind
        assert "when" not in table("talk")[kind][-1], f"{kind} has no section for the rest"
    for kind in labels.CANNOT_KINDS:
        assert sum(len(part["zh"]) for part in table("cannot")[kind]) >= 5, kind
        assert "when" not in table("cannot")[kind][-1], f"{kind} has no section for the rest"
    assert len(table("jokes")["zh"]) >= 60
    assert len(table("jokes")["en"]) >= 15
    assert len(riddles(False)) >= 80
    assert len(riddles(True)) >= 20
    assert len(rows("idioms")) > 1000
    assert len(rows("sayings")) >= 280


def test_small_talk_is_no_refusal_and_every_no_is_one() -> None:
    for where, _, text in spoken():
        if where.startswith("talk"):
            assert not is_refusal(text), text
        if where.startswith("cannot"):
            assert is_refusal(text), text


def test_who_is_unwell_gets_a_grown_up_and_neither_a_joke_nor_a_goodbye() -> None:
    someone = "爸|妈|老师|大人|家里|家人|parent|teacher|grown-up|family|home"
    light = "再见|拜拜|笑话|谜|哈哈|goodbye|bye\\b|joke|riddle"
    for kind in NEEDS_A_GROWN_UP:
        for part in table("talk")[kind]:
            for text in (*part["zh"], *part["en"]):
                assert re.search(someone, text, re.IGNORECASE), text
                assert not re.search(light, text, re.IGNORECASE), text


@pytest.mark.parametrize(
    "label", [*map(labels.talk_label, labels.TALK_KINDS), *map(labels.cannot_label, labels.CANNOT_KINDS)]
)
def test_talk_answers_in_the_language_of_the_question_and_not_twice_the_same(label: str) -> None:
    said: list[str] = ["随便说说"]
    for _ in range(3):
        answer = reply(label, talk(*said), seed=5)
        assert answer is not None
        assert answer not in said
        assert answer == reply(label, talk(*said), seed=5)
        said += [answer, "随便说说"]
    english = reply(label, talk("well, go on"), seed=1)
    assert english is not None
    assert not re.search("[\u4e00-\u9fff]", english.replace("小火苗", ""))


def test_other_seeds_choose_other_texts() -> None:
    assert len({reply("聊天：问候。", talk("你好"), seed) for seed in range(30)}) > 5


def test_a_label_that_is_not_answered_by_a_table_is_none() -> None:
    assert reply(labels.CALCULATE, talk("1+1"), 0) is None
    assert reply("聊天：天文。", talk("你好"), 0) is None


# -- riddles


@pytest.mark.parametrize("english", [False, True])
def test_every_riddle_accepts_its_answers_and_no_hint_gives_it_away(english: bool) -> None:
    for riddle in riddles(english):
        for word in (riddle.answer, *riddle.accepted):
            for guess in (word, f"it's {word}!" if english else f"我猜是{word}吧？"):
                assert is_right(riddle, guess), (riddle.text, guess)
        assert riddle.kind == "字" or riddle.answer not in riddle.hint
        assert posed_in(riddle.text) == riddle, riddle.text


@pytest.mark.parametrize(
    ("guess", "right"),
    [
        ("西瓜", True),
        ("是不是西瓜呀", True),
        ("嗯……大西瓜？", True),
        ("冬瓜还是西瓜", True),
        ("西瓜！！！", True),
        ("應該是西瓜吧", True),
        ("南瓜", False),
        ("不是西瓜", False),
        ("西瓜皮", False),
        ("我不知道", False),
        ("", False),
    ],
)
def test_a_guess_is_read_through_the_words_around_it(guess: str, right: bool) -> None:
    riddle = next(riddle for riddle in riddles(False) if riddle.answer == "西瓜")
    assert is_right(riddle, guess) == right


def test_a_short_answer_is_not_found_in_other_words() -> None:
    rain = next(riddle for riddle in riddles(False) if riddle.answer == "雨")
    assert is_right(rain, "大雨")
    assert is_right(rain, "雨")
    assert not is_right(rain, "雨伞")
    assert not is_right(rain, "流星雨吧")


def test_a_riddle_is_posed_judged_hinted_and_told() -> None:
    posed = reply(labels.TELL_RIDDLE, talk("出个谜语"), 3)
    assert posed is not None
    riddle = posed_in(posed)
    assert riddle is not None
    assert "不知道" in posed
    asked = ("出个谜语", posed)
    right = reply(labels.JUDGE_RIDDLE, talk(*asked, riddle.answer), 3)
    assert right is not None
    assert riddle.answer in right
    assert posed_in(right) is None
    hint = reply(labels.JUDGE_RIDDLE, talk(*asked, "大石头"), 3)
    assert hint is not None
    assert riddle.hint in hint
    assert riddle.answer not in hint
    told = reply(labels.JUDGE_RIDDLE, talk(*asked, "大石头", hint, "小石头"), 3)
    assert told is not None
    assert f"谜底是{riddle.answer}" in told
    late = reply(labels.JUDGE_RIDDLE, talk(*asked, "大石头", hint, riddle.answer), 3)
    assert late is not None
    assert posed_in(late) is None
    assert "谜底" in late
    for gives_up in ("不知道", "猜不出来", "告诉我吧", "谜底是什么？", "I give up"):
        told = reply(labels.JUDGE_RIDDLE, talk(*asked, gives_up), 3)
        assert f"谜底是{riddle.answer}" in str(told), gives_up
    helped = reply(labels.JUDGE_RIDDLE, talk(*asked, "给个提示"), 3)
    assert helped is not None
    assert riddle.hint in helped
    again = reply(labels.JUDGE_RIDDLE, talk(*asked, "给个提示", helped, "大石头"), 3)
    assert again is not None
    assert posed_in(again) == riddle


def test_nothing_is_judged_where_no_riddle_was_posed() -> None:
    assert reply(labels.JUDGE_RIDDLE, talk("西瓜"), 0) is None
    assert reply(labels.JUDGE_RIDDLE, talk("你好", "你好！", "西瓜"), 0) is None


def test_a_riddle_that_a_user_asks_is_guessed_or_given_up() -> None:
    known = reply(labels.SAYING, talk("猜谜语：麻屋子，红帐子，里面住着个白胖子"), 0)
    assert known is not None
    assert "花生" in known
    unknown = reply(labels.SAYING, talk("猜个谜：天上飞着一只纸做的大灰鸟，打一玩具"), 0)
    assert unknown in table("riddles")["says"]["unknown_zh"]


def test_english_riddles_are_posed_and_judged_in_english() -> None:
    posed = reply(labels.TELL_RIDDLE, talk("Tell me a riddle"), 1)
    assert posed is not None
    riddle = posed_in(posed)
    assert riddle is not None
    assert riddle.english
    right = reply(labels.JUDGE_RIDDLE, talk("Tell me a riddle", posed, f"I think it's {riddle.answer}"), 1)
    assert right is not None
    assert riddle.answer in right


# -- another one


@pytest.mark.parametrize(
    "label", [labels.TELL_JOKE, labels.TELL_RIDDLE, labels.TELL_SAYING, labels.TELL_IDIOM, "聊天：表演。"]
)
@pytest.mark.parametrize("asked", [("来一个", "再来一个"), ("one please", "another one")])
def test_one_more_is_of_the_same_and_new(label: str, asked: tuple[str, str]) -> None:
    first = reply(label, talk(asked[0]), 2)
    assert first is not None
    more = reply(labels.ONE_MORE, talk(asked[0], first, asked[1]), 2)
    assert more is not None
    assert more != first
    third = reply(labels.ONE_MORE, talk(asked[0], first, asked[1], more, asked[1]), 2)
    assert third is not None
    assert third not in (first, more)
    kinds = [posed_in(text) is not None for text in (first, more, third)]
    assert kinds == [label == labels.TELL_RIDDLE] * 3


def test_one_more_goes_back_over_thanks_and_stops_at_poems_and_problems() -> None:
    joke = reply(labels.TELL_JOKE, talk("讲个笑话"), 0)
    assert joke is not None
    thanks = reply("聊天：夸奖。", talk("讲个笑话", joke, "真好笑"), 0)
    assert thanks is not None
    assert reply(labels.ONE_MORE, talk("讲个笑话", joke, "真好笑", thanks, "再来一个"), 0) in table("jokes")["zh"]
    assert reply(labels.ONE_MORE, talk("3+4", "3+4=7。\n答：7。", "再来一个"), 0) is None
    assert reply(labels.ONE_MORE, talk("写首诗", "春眠不觉晓，\n处处闻啼鸟。", "再来一首"), 0) is None
    assert reply(labels.ONE_MORE, talk("再来一个"), 0) is None
    assert reply(labels.ONE_MORE, talk("3+4", "3+4=7。\n答：7。", "再讲一个笑话"), 0) in table("jokes")["zh"]


# -- idioms, sayings, names


def test_idioms_are_explained_or_honestly_not_known() -> None:
    assert str(reply(labels.IDIOM, talk("画蛇添足是什么意思？"), 0)).startswith("画蛇添足：")
    unknown = reply(labels.IDIOM, talk("“马空冀北”是什么意思"), 0)
    assert unknown is not None
    assert "马空冀北" in unknown
    assert is_refusal(unknown)
    assert reply(labels.IDIOM, talk("什么是三角形"), 0) is None
    assert reply(labels.IDIOM, talk("今天天气怎么样"), 0) is None


def test_the_tables_of_idioms_and_sayings_are_tidy() -> None:
    names = [row[0] for row in rows("idioms")]
    assert len(names) == len(set(names))
    assert all(re.fullmatch("[\u4e00-\u9fff]{4}", name) for name in names)
    assert all(5 <= len(row[1]) <= 70 and row[1].endswith(("。", "！", "？")) for row in rows("idioms"))
    assert names[0] == "画蛇添足"
    assert EVERYDAY_IDIOMS == 298
    assert names[297] == "人云亦云"
    firsts = [first for _, first, _ in rows("sayings")]
    assert len(firsts) == len(set(firsts))
    assert {use for use, _, _ in rows("sayings")} == {"tell", "know"}


def test_an_idiom_with_a_wished_character_is_told() -> None:
    told = reply(labels.TELL_IDIOM, talk("说一个带“马”字的成语"), 4)
    assert told is not None
    assert "马" in told[:4]


def test_sayings_are_completed_or_honestly_not_known() -> None:
    assert reply(labels.SAYING, talk("擀面杖吹火——"), 0) == "擀面杖吹火——一窍不通。"
    assert reply(labels.SAYING, talk("歇后语：隔壁老李修飞机——"), 0) in table("english")["says"]["unknown_saying_zh"]
    assert (
        reply(labels.SAYING, talk("The early bird, how does the proverb go on?"), 0)
        == "The early bird — catches the worm."
    )
    assert reply(labels.SAYING, talk("今天星期几"), 0) is None


def test_names_are_repeated_and_remembered_in_the_chat() -> None:
    hello = reply("聊天：名字。", talk("你好，我叫林小溪，今年七岁"), 0)
    assert hello is not None
    assert "林小溪" in hello
    kept = reply("聊天：名字。", talk("我叫小林", "你好！", "我叫什么？"), 0)
    assert kept is not None
    assert "小林" in kept
    assert "告诉我" in str(reply("聊天：名字。", talk("我叫什么名字？"), 0))
    assert "Anna" in str(reply("聊天：名字。", talk("My name is Anna"), 0))
    assert "爸爸" not in str(reply("聊天：名字。", talk("我叫你爸爸"), 0))
