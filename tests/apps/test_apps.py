"""The apps that come with the house: each keeps to the public convention, and does what its examples say."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from skills_ref import validate
from tests.apps.script.sheets import EXAMPLE, honest, honest_in_english
from tests.skills.scripted import Scripted

import huozhong
from huozhong.errors import SkillError
from huozhong.skills.check import check_examples, read_examples
from huozhong.skills.run import Piece, run
from huozhong.skills.sandbox import Tools
from huozhong.skills.shelf import App, AppShelf
from huozhong.skills.tools import keep_in

HOUSE = Path(huozhong.__file__).parent / "apps"
NAMES = sorted(folder.name for folder in HOUSE.iterdir() if (folder / "SKILL.md").is_file())

# What a model that does as it is told would write; the apps that are not named here need none, or take anything.
ANSWERS = {
    "live": '{"text": "Apples ⟦1⟧"}',
    "couplets": '{"first": "面白汤鲜迎远客", "second": "心诚价实待乡亲", "top": "开业大吉"}',
    "quiz": '{"questions": []}',
    "script": honest(EXAMPLE, 0),
    "letter": "尊敬的县供电所领导：\n10 月 3 日起村口 4 盏路灯不亮，晚上老人摔倒过一次，恳请派人来修。" * 2,
}


# The same for readers of English, in the prompts that are theirs.
WALK = "A walk with a neighbour, a little talk over the fence, and an early night: that is this day's work."
IN_ENGLISH = {
    "couplets": ANSWERS["couplets"],
    "live": ANSWERS["live"],
    "quiz": ANSWERS["quiz"],
    "script": honest_in_english(),
    "letter": "Dear Sir or Madam,\n\nRe: a swing\n\nThe swing has been broken since 3 October, and a child of 6 fell "
    "off it. Please send somebody to mend it.\n\nYours faithfully,\nMary Field",
}


class Bilingual(Scripted):
    """Answers a prompt in Chinese in one way, and one in English in the other."""

    def __init__(self, chinese: str, english: str) -> None:
        super().__init__(chinese)
        self._english = Scripted(english)

    def __call__(
        self, messages: list[dict[str, Any]], *, schema: dict[str, Any] | None, max_tokens: int
    ) -> Iterator[str]:
        if re.match(r"\W*[A-Za-z]", messages[0]["content"]):
            return self._english(messages, schema=schema, max_tokens=max_tokens)
        return super().__call__(messages, schema=schema, max_tokens=max_tokens)


@pytest.fixture
def shelf(tmp_path: Path) -> AppShelf:
    return AppShelf(tmp_path / "own", HOUSE)


def tools_for(shelf: AppShelf, app: App, folder: Path) -> Tools:
    lent = {name: tool.call for name, tool in shelf.tools().items()}
    return lent | {"keep": keep_in(folder / f"{app.name}.json"), "search": lambda question: []}


def answer(shelf: AppShelf, name: str, folder: Path, model: Scripted, **given: Any) -> Piece:
    app = shelf.find(name)
    assert app.skill is not None
    return list(run(app.skill, given, model, tools_for(shelf, app, folder)))[-1]


def test_there_are_as_many_as_promised() -> None:
    assert len(NAMES) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_it_keeps_to_the_public_convention(name: str) -> None:
    assert validate(HOUSE / name) == []


@pytest.mark.parametrize("name", NAMES)
def test_its_examples_come_true(shelf: AppShelf, tmp_path: Path, name: str) -> None:
    app = shelf.find(name)
    assert app.skill is not None
    assert read_examples(app.skill)
    model = Bilingual(ANSWERS.get(name, "一起去散散步，和邻居说说话，早点休息。"), IN_ENGLISH.get(name, WALK))
    for outcome in check_examples(app.skill, model, tools_for(shelf, app, tmp_path)):
        assert outcome.problems == (), outcome


def test_the_almanac_is_computed(shelf: AppShelf, tmp_path: Path) -> None:
    found = answer(shelf, "almanac", tmp_path, Scripted("never"), day="2025-01-29")
    assert not found.by_model
    assert "春节" in found.text
    assert "乙巳" not in answer(shelf, "almanac", tmp_path, Scripted("x"), day="2025-01-28").text
    assert "正月初一　乙巳年（属蛇）" in found.text  # the animal turns at the Spring Festival
    assert "甲辰年 丁丑月 戊戌日" in found.text  # and the pillar of the year at 立春
    late = answer(shelf, "almanac", tmp_path, Scripted("x"), day="2024-02-03", hour="23").text
    assert "戊戌日 壬子时" in late  # the day's pillar turns at 23:00
    for hour in ("24", "-1", "noon"):
        with pytest.raises(SkillError):
            answer(shelf, "almanac", tmp_path, Scripted("x"), day="2024-02-03", hour=hour)


@pytest.mark.parametrize(
    ("day", "lunar", "festival"),
    [
        ("2023-03-22", "二〇二三年闰二月初一", ""),
        ("2033-12-22", "二〇三三年闰冬月初一", ""),
        ("2034-02-18", "腊月三十", "除夕"),  # the leap month moves the year's end
        ("2025-01-28", "腊月廿九", "除夕"),  # a twelfth month of 29 days
        ("2020-06-20", "闰四月廿九", ""),
        ("2009-07-21", "闰五月廿九", ""),
        ("2025-08-29", "七月初七", "七夕节"),
        ("2026-02-10", "腊月廿三", "北方小年"),
        ("2026-12-22", "冬月十四", "冬至节"),
        ("2100-02-09", "正月初一", "春节"),
    ],
)
def test_leap_months_year_ends_and_the_days_that_people_keep(
    shelf: AppShelf, tmp_path: Path, day: str, lunar: str, festival: str
) -> None:
    text = answer(shelf, "almanac", tmp_path, Scripted("x"), day=day).text
    assert lunar in text
    assert festival in text
    assert festival or "节日" not in text


WORDS = [
    (app.name, field.key)
    for app in AppShelf(HOUSE / "nobody's", HOUSE).apps()
    for field in (app.skill.fields if app.skill else ())
    if field.type in ("text", "long", "photo", "sound", "file")
]


@pytest.mark.parametrize(("name", "key"), WORDS)
def test_distress_is_answered_by_a_rule_in_every_field_of_every_app(
    shelf: AppShelf, tmp_path: Path, name: str, key: str
) -> None:
    app = shelf.find(name)
    assert app.skill is not None
    given = next((example.given for example in read_examples(app.skill) if not example.refused), {})
    model = Scripted("never")
    for cry in ("我不想活了", "i want to kill myself", "孩子把一整瓶药吃下去了"):
        found = answer(shelf, name, tmp_path, model, **given | {key: f"{given.get(key, '')} {cry}"})
        assert any(number in found.text for number in ("12356", "120")), cry
        assert not found.by_model
    assert model.asked == []


def test_a_fortune_that_talks_of_lotteries_is_asked_again_and_then_told(shelf: AppShelf, tmp_path: Path) -> None:
    given = {"born": "1988-08-08", "today": "2026-11-30", "mood": "开心"}
    model = Scripted("今天买彩票必中", "今天适合晒被子，也适合给老朋友打个电话。")
    assert answer(shelf, "fortune", tmp_path, model, **given).problem is None
    assert "属龙" in model.asked[0][0]["content"]
    assert "彩票" in str(answer(shelf, "fortune", tmp_path, Scripted("买彩票"), **given).problem)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh", "今天去买张刮刮乐吧，手气好得很，晚上再喝杯茶。"),
        ("zh", "最近要注意身体，早点去体检，饭后散散步。"),
        ("zh", "今年犯太岁，请张灵符放在枕头下面就好了。"),
        ("zh", "这只基金会涨，今天适合买一点，再晒晒被子。"),
        ("zh", "长辈要走了，今天适合看看墓地，顺便踏青。"),
        ("zh", "胃不舒服的话，今天喝点小米粥能调理好。"),
        ("zh", "花点小钱请个手串，今年就顺了，晒晒被子。"),
        ("zh", "把闲钱存进余额宝，今天是个好日子，喝杯茶。"),
        ("zh", "你和属鸡的人相冲，今天少说话，多散步。"),
        ("zh", "今天肯定有好事发生，百分之百，等着就行。"),
        ("en", "Skip the gym today; your blood pressure needs a rest, and so do you."),
        ("en", "Play poker tonight, the cards are on your side after all this time."),
        ("en", "Someone close to you may pass away, so be kind to everybody today."),
        ("en", "Send me ten dollars and I will turn your luck around for the week."),
        ("en", "Buy bitcoin before noon, then have a slow cup of tea with a friend."),
        ("en", "See your doctor soon, and walk home by the river in the evening light."),
        ("en", "An amulet by the door will keep the neighbours friendly all week long."),
        ("en", "You will surely meet somebody who changes everything by the evening."),
    ],
)
def test_a_fortune_never_speaks_of_what_it_may_not(shelf: AppShelf, tmp_path: Path, language: Any, said: str) -> None:
    skill = shelf.find("fortune").skill
    assert skill is not None
    lent = {name: tool.call for name, tool in shelf.tools().items()}
    given = {"born": "1988-08-08", "today": "2026-11-30", "mood": "开心"}
    *_, last = run(skill, given, Scripted(said), lent, language=language)
    assert not last.by_model
    assert said not in last.text


def test_a_fortune_takes_nothing_of_death_illness_or_money_from_the_old_almanac(
    shelf: AppShelf, tmp_path: Path
) -> None:
    found = {tool: lent.call for tool, lent in shelf.tools().items()}["almanac"]
    days = [datetime.date(2026, 1, 1) + datetime.timedelta(days=17 * place) for place in range(20)]
    days = [day for day in days if set("葬殓坟病医财墓丧柩") & set("".join(found(day.isoformat())["good_for"]))]
    assert len(days) > 5
    for day in days[:6]:
        model = Scripted("买彩票")
        told = answer(shelf, "fortune", tmp_path, model, born="1988-02-10", today=day.isoformat(), mood="开心").text
        facts = model.asked[0][0]["content"].partition("生日那天")[2]
        assert not set("葬殓坟病医财墓丧柩") & set(told + facts), (told, facts)
        assert "属兔" in facts  # a week before the Spring Festival of 1988


def test_the_chain_of_idioms_has_a_strict_judge(shelf: AppShelf, tmp_path: Path) -> None:
    first = answer(shelf, "idioms", tmp_path, Scripted("x"), mine="画蛇添足", again="yes").text
    assert "我接：**足" in first
    assert "要用" in answer(shelf, "idioms", tmp_path, Scripted("x"), mine="画龙点睛").text


def test_the_judge_reads_idioms_as_people_write_them(shelf: AppShelf, tmp_path: Path) -> None:
    for mine in ("畫蛇添足！", "“画蛇添足”。", " 画 蛇 添 足 "):
        assert "我接：**足" in answer(shelf, "idioms", tmp_path, Scripted("x"), mine=mine, again="yes").text


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("ice cream 冰淇淋\nlook after 照顾", {"ice cream": "冰淇淋", "look after": "照顾"}),
        ("1. apple 苹果\n2、pear 梨\n(3) fig 无花果", {"apple": "苹果", "pear": "梨", "fig": "无花果"}),
        (
            "apple：苹果\npear - 梨\nfig=无花果\nplum\t李子",
            {"apple": "苹果", "pear": "梨", "fig": "无花果", "plum": "李子"},
        ),
        ("apple苹果\nMr. Smith 史密斯先生\ndon’t 不要", {"apple": "苹果", "Mr. Smith": "史密斯先生", "don't": "不要"}),
        ("orchard where apples grow", {"orchard": "where apples grow"}),
    ],
)
def test_words_to_be_dictated_are_read_as_people_list_them(
    shelf: AppShelf, tmp_path: Path, words: str, asked: dict[str, str]
) -> None:
    told = answer(shelf, "dictation", tmp_path, Scripted("x"), words=words).text
    assert sorted(line.partition(". ")[2] for line in told.splitlines() if re.match(r"\d+\. ", line)) == sorted(
        asked.values()
    )
    places = {line.partition(". ")[2]: line.partition(". ")[0] for line in told.splitlines()}
    typed = "\n".join(f"{places[meaning]}. {word.upper()}" for word, meaning in asked.items())
    right = answer(shelf, "dictation", tmp_path, Scripted("x"), typed=typed).text
    assert right.startswith(f"{len(asked)}/{len(asked)}"), right


def test_an_empty_line_is_a_word_not_known_and_no_line_between(shelf: AppShelf, tmp_path: Path) -> None:
    told = answer(shelf, "dictation", tmp_path, Scripted("x"), words="apple 苹果\nbanana 香蕉\npear 梨").text
    order = [line.partition(". ")[2] for line in told.splitlines() if re.match(r"\d+\. ", line)]
    words = [{"苹果": "apple", "香蕉": "banana", "梨": "pear"}[one] for one in order]
    for typed, score in (("\n\n".join(words), "3/3"), (f"{words[0]}\n\n{words[2]}", "2/3"), (f"{words[0]}。", "1/3")):
        assert answer(shelf, "dictation", tmp_path, Scripted("x"), typed=typed).text.startswith(score), typed


def test_dictation_marks_letter_by_letter(shelf: AppShelf, tmp_path: Path) -> None:
    answer(shelf, "dictation", tmp_path, Scripted("x"), words="apple 苹果\nbanana 香蕉")
    marked = answer(shelf, "dictation", tmp_path, Scripted("x"), typed="aple\nbanana").text
    assert marked.startswith(("1/2", "0/2"))
    assert "✓" in marked or "✗" in marked


@pytest.mark.parametrize(
    ("first", "problem"),
    [("面白汤鲜", "4 个字"), ("面白汤鲜迎远亲", "都是“亲”"), ("全网最好面白汤", "不能用“最好”")],
)
def test_couplets_of_the_wrong_form_are_not_let_through(
    shelf: AppShelf, tmp_path: Path, first: str, problem: str
) -> None:
    said = json.dumps({"first": first, "second": "心诚价实待乡亲", "top": "开业大吉"}, ensure_ascii=False)
    given = {"shop": "老王", "trade": "面馆", "occasion": "开业", "length": "7"}
    assert problem in str(answer(shelf, "couplets", tmp_path, Scripted(said), **given).problem)


def test_a_leaflets_numbers_are_not_invented(shelf: AppShelf, tmp_path: Path) -> None:
    given = {
        "leaflet": "成人一次1片，一日3次，饭后服用。孕妇禁用。有效期24个月，密封保存在阴凉处。",
        "question": "怎么吃",
    }
    assert (
        answer(
            shelf,
            "leaflet",
            tmp_path,
            Scripted("一次吃1片，一天3次，饭后吃。拿不准马上问医生，吃多了打 120。"),
            **given,
        ).problem
        is None
    )
    assert "2" in str(answer(shelf, "leaflet", tmp_path, Scripted("一次2片"), **given).problem)


# What is filled in, and what stands there when the model is too small: found or made by code, and told to be so.
HOPELESS = {
    "letter": ({"to": "供电所", "sender": "王芳", "about": "路灯", "facts": "路灯不亮", "wish": "来修"}, "此致"),
    "leaflet": (
        {"leaflet": "【贮藏】密封保存。【用法】口服，成人一次1片，一日3次。【禁忌】孕妇禁用。", "question": "怎么保存"},
        "> 【贮藏】密封保存。",
    ),
    "leftovers": ({"have": "面条、番茄", "people": 2, "minutes": 20}, "4 碗水"),
    "classical": ({"text": "是故弟子不必不如师。", "grade": "高中"}, "是故：因此"),
    "fortune": ({"born": "1988-08-08", "today": "2026-11-30", "mood": "有点烦"}, "二十分钟"),
}


@pytest.mark.parametrize("name", sorted(HOPELESS))
def test_a_model_that_cannot_do_it_leaves_nobody_with_nothing(shelf: AppShelf, tmp_path: Path, name: str) -> None:
    given, words = HOPELESS[name]
    found = answer(shelf, name, tmp_path, Scripted("我不会。"), **given)
    assert words in found.text
    assert not found.by_model  # so no label says that a machine wrote it


@pytest.mark.parametrize("occasion", ["开业", "春节", "婚礼", "乔迁", "平时"])
def test_the_old_couplets_keep_the_form_that_new_ones_are_held_to(
    shelf: AppShelf, tmp_path: Path, occasion: str
) -> None:
    for length in ("5", "7", "9"):
        given = {"shop": "李家", "trade": "种地", "occasion": occasion, "length": length}
        found = answer(shelf, "couplets", tmp_path, Scripted('{"first": "a", "second": "b", "top": "c"}'), **given)
        first, second = (line.partition("：")[2] for line in found.text.splitlines() if "联：" in line)
        top = found.text.partition("### ")[2].splitlines()[0]
        said = json.dumps({"first": first, "second": second, "top": top}, ensure_ascii=False)
        assert answer(shelf, "couplets", tmp_path, Scripted(said), **given).problem is None


def test_a_quiz_without_a_model_asks_for_what_stands_in_the_text(shelf: AppShelf, tmp_path: Path) -> None:
    text = "蚯蚓住在土里，它没有脚，靠身体一伸一缩往前爬。它吃烂叶子，拉出来的粪让土变肥，农民把它叫做土里的朋友。"
    found = answer(shelf, "quiz", tmp_path, Scripted('{"questions": []}'), text=text, number="3")
    keys = found.text.partition("答案：")[2].split()
    asked = found.text.split("**")[1::2]
    assert len(asked) == 3
    for number, question in enumerate(asked):
        block = found.text.partition(question)[2]
        right = next(line for line in block.splitlines() if line.startswith(f"- {keys[number * 2 + 1]}."))
        before, _, after = question.partition("……")[2].rpartition("……")[0].partition("＿＿＿＿")
        assert before + right[5:] + after in text


def test_a_quizs_answers_stand_in_the_text(shelf: AppShelf, tmp_path: Path) -> None:
    text = (
        "牛是反刍动物，有四个胃。牛吃草以后先把草存在瘤胃里，休息的时候再返回嘴里慢慢嚼，这叫反刍。"
        "猪和马都不会反刍，它们只有一个胃。"
    )
    one = {"question": "牛有几个胃？", "choices": ["一个", "两个", "四个胃", "五个"], "right": 3}
    other = one | {"question": "谁会反刍？", "choices": ["猪", "马", "狗", "牛"], "right": 4}
    good = json.dumps({"questions": [one, other]}, ensure_ascii=False)
    assert "答案：1. C　2. D" in answer(shelf, "quiz", tmp_path, Scripted(good), text=text, number="2").text
    bad = json.dumps({"questions": [one | {"right": 4}, other]}, ensure_ascii=False)
    assert "找不到" in str(answer(shelf, "quiz", tmp_path, Scripted(bad), text=text, number="2").problem)


QUIZ_TEXT = (
    "牛是反刍动物，有四个胃。牛吃草以后先把草存在瘤胃里，休息的时候再返回嘴里慢慢嚼，这叫反刍。猪和马都不会反刍。"
)
STOMACHS = {"question": "牛有几个胃？", "choices": ["四个", "一个", "两个", "三个"], "right": 1}
WHERE = {"question": "草先存在哪里？", "choices": ["嘴里", "瘤胃", "肠子", "心脏"], "right": 2}


@pytest.mark.parametrize(
    ("second", "fits"),
    [
        (WHERE, True),
        (WHERE | {"choices": ["嘴里", " ", "肠子", "心脏"]}, False),
        (WHERE | {"choices": ["嘴里", "瘤胃", "瘤胃。", "心脏"]}, False),
        (STOMACHS, False),
        (WHERE | {"question": "草存在瘤胃里，对吗？"}, False),
        (WHERE | {"choices": ["嘴里", "皱胃", "肠子", "心脏"]}, False),
    ],
)
def test_a_quiz_with_a_question_that_is_none_is_not_let_through(
    shelf: AppShelf, tmp_path: Path, second: dict[str, Any], fits: bool
) -> None:
    said = json.dumps({"questions": [STOMACHS, second]}, ensure_ascii=False)
    assert answer(shelf, "quiz", tmp_path, Scripted(said), text=QUIZ_TEXT, number="2").by_model is fits


@pytest.mark.parametrize("line", ["早餐首选王家面", "全城最美一碗面", "面香治病千家乐"])
def test_couplets_keep_to_the_whole_list_of_the_law(shelf: AppShelf, tmp_path: Path, line: str) -> None:
    said = json.dumps({"first": line, "second": "满座皆夸百样香", "top": "宾至如归"}, ensure_ascii=False)
    given = {"shop": "老王面馆", "trade": "面馆", "occasion": "开业", "length": "7"}
    assert not answer(shelf, "couplets", tmp_path, Scripted(said), **given).by_model
    well = json.dumps({"first": "生意兴隆通四海", "second": "财源茂盛达三江", "top": "招财进宝"}, ensure_ascii=False)
    assert answer(shelf, "couplets", tmp_path, Scripted(well), **given).by_model


def test_a_letter_with_invented_numbers_is_told(shelf: AppShelf, tmp_path: Path) -> None:
    given = {"to": "供电所", "sender": "王芳", "about": "路灯", "facts": "10 月 3 日起路灯不亮", "wish": "来修"}
    said = "尊敬的供电所：路灯从 10 月 3 日起不亮，已经 15 天了。" * 3
    assert "15" in str(answer(shelf, "letter", tmp_path, Scripted(said), **given).problem)


def in_english(shelf: AppShelf, name: str, folder: Path, model: Scripted, **given: Any) -> Piece:
    app = shelf.find(name)
    assert app.skill is not None
    return list(run(app.skill, given, model, tools_for(shelf, app, folder), language="en"))[-1]


def test_every_shelf_app_that_answers_has_an_example_in_english(shelf: AppShelf) -> None:
    own_pages = {
        "callhome",
        "gallery",
        "live",
        "pen",
        "prices",
    }  # they speak the reader's language on pages of their own
    for name in set(NAMES) - own_pages:
        skill = shelf.find(name).skill
        assert skill is not None
        assert any(example.given.get("language") == "en" for example in read_examples(skill)), name


CHINESE = re.compile("[\u4e00-\u9fff]")
TEXT = (
    "The honeybee visits flowers to collect nectar and pollen. A worker carries the pollen home in baskets on her "
    "hind legs. In the dark hive she dances to tell the others where the flowers stand."
)
IN_WORDS = {
    "homework": {"tasks": "maths 30\nreading 20", "start": "18:00", "bed": "21:00"},
    "letter": {"to": "the council", "sender": "Ann Lee", "about": "a lamp", "facts": "It is out.", "wish": "mend it"},
    "notice": {"who": "Class 3", "what": "a trip", "when": "Friday", "where": "the gate", "signed": "Ms Lee"},
    "leaflet": {"leaflet": "Dosage: adults take 1 tablet daily. Store below 25 degrees.", "question": "怎么保存"},
    "leftovers": {"have": "noodles, tomatoes and eggs", "people": 2, "minutes": 20},
    "dictation": {"words": "orchard where apples grow"},
    "quiz": {"text": TEXT, "number": "3"},
    "fortune": {"born": "1988-08-08", "today": "2026-11-30", "mood": "开心"},
}


@pytest.mark.parametrize("name", sorted(IN_WORDS))
def test_nothing_chinese_is_left_for_a_reader_of_english(shelf: AppShelf, tmp_path: Path, name: str) -> None:
    model = Scripted('{"questions": []}' if name == "quiz" else "I am too small for that.")
    found = in_english(shelf, name, tmp_path, model, **IN_WORDS[name])
    assert found.text
    assert CHINESE.search(found.text) is None
    assert CHINESE.search(found.problem or "") is None
    prompt = model.asked[0][0]["content"] if model.asked else ""
    assert CHINESE.search(prompt) is None


def test_a_quiz_in_english_takes_whole_words_that_stand_once(shelf: AppShelf, tmp_path: Path) -> None:
    found = in_english(shelf, "quiz", tmp_path, Scripted('{"questions": []}'), text=TEXT, number="3").text
    asked = found.split("**")[1::2]
    keys = re.findall(r"\d\. ([A-D])", found.partition("Answers:")[2])
    assert len(asked) == len(keys) == 3
    for question, key in zip(asked, keys, strict=True):
        right = re.search(rf"- {key}\. (\S+)", found.partition(question)[2])
        assert right is not None
        assert question.partition(". ")[2].replace("____", right[1]) in TEXT


def test_a_letter_in_english_is_held_to_its_form(shelf: AppShelf, tmp_path: Path) -> None:
    good = "Dear Sir or Madam,\nthe lamp in our street is out. " + "Please send somebody to mend it. " * 3
    given = IN_WORDS["letter"]
    held = in_english(shelf, "letter", tmp_path, Scripted(good + "Yours faithfully, Ann Lee"), **given)
    assert (held.problem, held.by_model) == (None, True)
    model = Scripted(good + "Yours faithfully, Ann Lee, since 15 days")
    assert "15" in str(in_english(shelf, "letter", tmp_path, model, **given).problem)
    assert "Dear" in str(in_english(shelf, "letter", tmp_path, Scripted("Mend it!"), **given).problem)


def test_the_almanac_has_english_for_every_word_of_its_tables(shelf: AppShelf, tmp_path: Path) -> None:
    """A day in every nine of twelve years, and what stands in the words that are not Chinese on purpose."""
    day, tool = datetime.date(2020, 1, 1), shelf.tools()["almanac"].call
    while day.year < 2032:
        assert CHINESE.search(json.dumps(tool(str(day))["english"], ensure_ascii=False)) is None, day
        day += datetime.timedelta(days=9)
