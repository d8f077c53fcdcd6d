"""True but useless sentences with numbers, put into word problems: of another thing, another person, another day.

A model that has only seen problems in which every number is needed uses every number (Shi et al. 2023, "Large Language
Models Can Be Easily Distracted by Irrelevant Context", arXiv:2302.00093).  Where a sentence stands, how many there are
and what they speak of must not give them away, so they come from templates and from other problems' own clauses.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

PEOPLE = tuple(
    "小林 小雨 小杰 小敏 小宇 小燕 小峰 小慧 小涛 小雪 小鹏 小莉 小辉 小洁 阿明 阿芳 东东 西西 乐乐 贝贝 天天 欢欢 "
    "李老师 张老师 赵叔叔 孙阿姨 周爷爷 吴奶奶 表哥 表姐 堂弟 邻居王大爷".split()
)
_THINGS = tuple(
    tuple(pair.split("/"))
    for pair in (
        "苹果/个 梨/个 橘子/个 桃子/个 西瓜/个 香蕉/根 草莓/颗 葡萄/串 鸡蛋/个 面包/个 蛋糕/块 饼干/块 巧克力/块 糖果/颗 铅笔/支 "
        "钢笔/支 橡皮/块 尺子/把 本子/本 故事书/本 漫画书/本 字典/本 书包/个 气球/个 皮球/个 足球/个 篮球/个 跳绳/根 贴纸/张 邮票/张 "
        "卡片/张 积木/块 玩具车/辆 风筝/只 椅子/把 桌子/张 杯子/个 盘子/个 毛巾/条 衣服/件 帽子/顶 手套/双 雨伞/把 灯笼/个 花盆/个 "
        "玫瑰/朵 菊花/朵 松树/棵 柳树/棵 鸡/只 鸭/只 兔子/只 羊/只 牛/头 猪/头 金鱼/条 鸽子/只 蜜蜂/只 蝴蝶/只 牛奶/盒 果汁/瓶 矿泉水/瓶"
    ).split()
)
# {P} somebody, {T} {U} a thing and how it is counted, numbers: {s} small, {m} up to 100, {l} larger, {d} decimal, {y} year
# The text stands as a sentence or as a clause.
_TEMPLATES = (
    "{P}有{m}{U}{T}", "{P}今年{s}岁", "{P}的爸爸今年{m}岁", "{P}家里养了{s}{UA}{A}", "{P}上个星期买了{s}{U}{T}", "{P}昨天看了{m}页书",
    "{P}每天早上跑步{m}分钟", "{P}身高{l}厘米", "{P}体重{m}千克", "{P}住在{s}楼", "{P}每天{s}点起床", "{P}家离学校有{l}米",
    "{P}每天要走{m}分钟到学校", "{P}存了{l}元钱", "{P}上次考试得了{m}分", "{P}买一{U}{T}花了{s}元", "{P}的书包重{d}千克",
    "{P}的房间里有{s}盏灯", "{P}的班里有{m}名同学", "{P}的教室在{s}楼", "{P}一分钟能跳绳{m}下", "{P}每分钟能打{m}个字",
    "学校里一共有{m}位老师", "学校的图书馆有{l}本书", "学校门口停着{m}辆自行车", "教室里有{s}扇窗户", "操场一圈长{l}米",
    "隔壁班有{m}人", "隔壁班有{m}{U}{T}", "另一个班有{m}名学生参加了合唱队", "学校上午{s}点上课", "每节课{m}分钟", "学校有{s}层教学楼",
    "超市里还有{m}{U}{T}", "超市里的{T}每{U}{s}元", "商店里的{T}每{U}{d}元", "旁边的店里有{m}{U}{T}", "这家店每天营业{s}小时",
    "这家店里有{s}名店员", "这家店已经开了{s}年", "昨天店里来了{l}位顾客", "店里的{T}比上个月贵了{s}元", "仓库里还放着{l}{U}{T}",
    "公园的门票每张{s}元", "公园里有{m}棵树", "公园里有{s}个亭子", "湖里有{m}只鸭子", "路边种着{m}棵树", "路边停着{s}辆汽车",
    "当天的气温是{m}摄氏度", "那天是{s}月{s}日", "这条街上有{m}家商店", "附近的小区有{s}栋楼", "桌子上还放着{s}{U}{T}",
    "篮子里还有{s}{U}{T}", "盒子里还有{m}{U}{T}", "旁边的盒子里有{s}{U}{T}", "架子上摆着{m}{U}{T}", "墙上挂着{s}幅画",
    "农场里还养着{m}{UA}{A}", "邻居家养了{m}{UA}{A}", "{A}每天要吃{s}千克饲料", "果园里还有{s}个工人", "果园的面积是{l}平方米",
    "去年他们收了{l}千克玉米", "去年种了{m}{U}{T}", "上个月一共用电{m}度", "这个月下了{s}天雨", "他们每天工作{s}小时", "车上还坐着{s}个人",
    "司机今年{m}岁", "这辆车已经开了{l}千米", "车票每张{s}元", "途中休息了{m}分钟", "火车上午{s}点出发", "这座桥有{s}个桥墩",
    "书架有{s}层", "这本书的价格是{s}元", "书里有{m}幅插图", "另一本书有{l}页", "图书馆每天开放{s}小时", "阅览室里有{m}个座位",
    "盒子的重量是{l}克", "箱子高{m}厘米", "瓶子的高度是{m}厘米", "每个盒子{d}元", "这种{T}的保质期是{s}天", "包装纸长{m}厘米",
    "厂里有{m}台旧机器", "工厂有{s}个门", "工厂的食堂里有{m}张桌子", "师傅今年{m}岁", "{P}已经工作了{s}年", "每天中午休息{m}分钟",
    "{P}和同学一起玩了{s}小时", "{P}用了{m}分钟写完作业", "{P}喝了{s}杯水", "{P}吃了{s}个包子", "妈妈花了{m}元买菜", "爸爸买水果用了{m}元",
    "爷爷每天散步{m}分钟", "奶奶做了{m}个饺子", "姐姐有{s}条裙子", "弟弟有{m}辆玩具车", "妹妹画了{s}幅画", "叔叔钓了{s}条鱼",
    "{T}比{T2}贵{s}元", "{P}的{T}比{P2}的少{s}{U}", "{P}把{s}{U}{T}送给了{P2}", "{P}还买了{s}{U}{T}和{s}{U2}{T2}", "{P}的{T}有{s}种颜色",
    "其中一半的{T}是红色的", "大约{s}分之一的同学带了伞", "{p}的同学喜欢体育课", "这种{T}去年降价了{p}", "{P}在{y}年出生", "学校建于{y}年",
    "电影票每张{m}元", "电影从{s}点开始", "表演持续了{m}分钟", "音乐会有{s}个节目", "比赛分{s}场进行", "参加比赛的还有{s}名老师",
)  # fmt: skip
# Never trained on: what `held_out.py` measures with.
HELD_OUT = (
    "{P}的铅笔盒里有{s}{U}{T}", "{P}的妈妈今年{m}岁", "{P}帮妈妈洗了{s}个盘子", "当时屋里有{s}个人", "商场一共有{s}层", "商场里停了{m}辆车",
    "{P}在树下捡到{s}片叶子", "电视节目{s}点开始", "他们路上遇到了{s}只小狗", "冰箱里有{m}{U}{T}", "走廊里摆着{s}盆花", "{P}的生日是{s}月{s}日",
    "老师还带来了{m}{U}{T}", "食堂里有{m}名厨师和{s}台冰箱", "这里去年有{l}名游客", "运费是{s}元", "路上要花{m}分钟", "钟敲了{s}下",
    "{P}唱了{s}首歌", "一{U}{T}重{l}克",
)  # fmt: skip
_ANIMALS = tuple(
    tuple(pair.split("/")) for pair in "鸡/只 鸭/只 鹅/只 兔子/只 山羊/只 奶牛/头 猪/头 马/匹 鸽子/只".split()
)
_ENGLISH = (
    "{P} is {s} years old.", "{P} also has {m} {T}.", "{P} lives on the {s}th floor.", "It took {m} minutes to get there.", "The shop opens at {s} o'clock.",
    "{P} bought {s} {T} last week.", "The ticket costs ${s}.", "There are {m} {T} on the shelf.", "{P}'s brother has {m} {T}.", "The bag weighs {s} pounds.",
    "{P} has been working there for {s} years.", "The school has {m} teachers.", "Last year there were {l} visitors.", "{P} woke up at {s} a.m.",
    "The store is {s} miles away.", "{P} read {m} pages yesterday.", "{P} has {s} cats and {s} dogs.", "A cup of tea costs ${s}.", "There were {s} cars outside.",
)  # fmt: skip
_EN_PEOPLE = "Rosa Victor Helen Oscar Grace Felix Nora Simon Julia Bruno Clara Hugo Irene Marco".split()
_EN_THINGS = (
    "apples pencils marbles stickers books cookies stamps coins shells cards pens flowers oranges balloons".split()
)
_HOLE = re.compile(r"\{([A-Za-z]+\d?)\}")
_ENDS = re.compile("[，,。．；;？?！!]")
_ASKS = re.compile("多少|几|？|\\?|求|哪|怎")
_CHINESE = re.compile("[\u4e00-\u9fff]")
_NOT_ALONE = re.compile(
    "它|其|这|那|他|她|此|照|剩|余|每|又|再|还|后|前|比|倍|同|平均|相|占|第|如果|现在|结果|已|原|全|共|都|各|另|实际|计划"
)


# Of somebody whom the question speaks of: never what is asked, so not of the same unit.
_OF_THE_SAME = (
    "{P}还有{m}{U}{T}", "{P}今年{s}岁", "{P}有{m}{U}{T}", "{P}身高{l}厘米", "{P}体重{m}千克", "{P}每天早上跑步{m}分钟", "{P}家里还有{s}{U}{T}",
    "{P}昨天买了{m}{U}{T}", "{P}还买了{s}{U}{T}", "{P}家住在{s}楼", "{P}上次考试得了{m}分", "{P}的书包里有{s}{U}{T}", "{P}的班里有{m}名同学",
    "{P}有{s}个表哥", "{P}用了{m}分钟", "{P}家离这里有{l}米", "{P}把{s}{U}{T}借给了{P2}", "{P2}送给{P}{s}{U}{T}", "{P}今天{s}点起床",
)  # fmt: skip
_FOLK = re.compile(
    "小[明红华丽刚强芳军亮玲东林兰李张王雨杰]|王芳|李明|张华|明明|丽丽|亮亮|红红|妈妈|爸爸|李老师|王老师|王叔叔|张阿姨|爷爷|奶奶|哥哥|弟弟|姐姐|妹妹"
)
_UNIT = re.compile("多少([\u4e00-\u9fff]{1,2})|几([\u4e00-\u9fff])")


def _of_the_same(question: str, rng: random.Random) -> str | None:
    """Something else about a person of the question, in another unit than the one that is asked for."""
    people = _FOLK.findall(question)
    asked = _UNIT.search(question)
    if not people or asked is None:
        return None
    person = rng.choice(people)
    text = from_template(rng.choice(_OF_THE_SAME), question, rng, person)
    unit = (asked[1] or asked[2])[0]
    return None if text is None or unit in text.replace(person, "") else text


def _number(kind: str, rng: random.Random) -> str:
    if kind == "s":
        return str(rng.randint(2, rng.choice((9, 12, 20))))
    if kind == "m":
        return str(rng.randint(5, rng.choice((30, 60, 100))))
    if kind == "l":
        return str(rng.choice((rng.randint(100, 999), rng.randint(10, 99) * 10, rng.randint(2, 30) * 100)))
    if kind == "d":
        return f"{rng.randint(1, 19)}.{rng.randint(1, 9)}"
    if kind == "p":
        return f"{rng.randint(1, 19) * 5}%"
    return str(rng.randint(1950, 2023))


def from_template(text: str, question: str, rng: random.Random, person: str | None = None) -> str | None:
    """A template with things and people that `question` does not speak of; `person` instead of somebody else."""
    english = text.isascii()
    people = _EN_PEOPLE if english else PEOPLE
    free = [other for other in people if other not in question]
    if english:
        names = rng.sample(free, 2)
        thing = rng.choice([thing for thing in _EN_THINGS if thing not in question] or _EN_THINGS)
        words = {"P": names[0], "P2": names[1], "T": thing}
    else:
        things = [pair for pair in _THINGS if pair[0] not in question]
        animals = [pair for pair in _ANIMALS if pair[0] not in question]
        if len(free) < 2 or len(things) < 2 or not animals:
            return None
        names, ((thing, unit), (other, counted)) = rng.sample(free, 2), rng.sample(things, 2)
        animal, heads = rng.choice(animals)
        words = {
            "P": person or names[0],
            "P2": names[1],
            "T": thing,
            "U": unit,
            "T2": other,
            "U2": counted,
            "A": animal,
            "UA": heads,
        }
    return _HOLE.sub(lambda match: words.get(match[1]) or _number(match[1], rng), text)


def clauses(question: str) -> list[str]:
    """Clauses with their ends; a point between digits ends nothing."""
    parts, start = [], 0
    for match in _ENDS.finditer(question):
        if match.group() in ".,，" and question[match.end() : match.end() + 1].isdigit() and match.group() != "，":
            continue
        parts.append(question[start : match.end()])
        start = match.end()
    return [*parts, question[start:]] if question[start:].strip() else parts


def lone_clause(question: str) -> str | None:
    """The first clause of a problem, if it tells one number and can stand anywhere."""
    parts = clauses(question)
    first = parts[0].rstrip("，,。．；;") if len(parts) > 1 else ""
    alone = (
        5 <= len(first) <= 22
        and len(re.findall(r"\d+(?:\.\d+)?", first)) == 1
        and "(" not in first
        and ":" not in first
    )
    return first if alone and not _NOT_ALONE.search(first) and not _ASKS.search(first) and "：" not in first else None


def _shares_words(clause: str, question: str) -> bool:
    letters = re.sub(r"[^\u4e00-\u9fff]", " ", clause)
    pairs = {letters[i : i + 2] for i in range(len(letters) - 1)}
    common = {pair for pair in pairs if " " not in pair and pair in question}
    return bool(common - {"一个", "一条", "一共", "学校", "一批", "一根", "有一"})


def sentences(
    question: str, count: int, rng: random.Random, bank: Sequence[str], templates: Sequence[str] | None = None
) -> list[str]:
    """`count` sentences that have nothing to do with the question, from templates and from `bank`."""
    english = question.isascii()
    pool = _ENGLISH if english else _TEMPLATES if templates is None else templates
    found: list[str] = []
    for _ in range(count * 6):
        if len(found) == count:
            break
        text = None
        if not english and templates is None and rng.random() < 0.3:
            text = _of_the_same(question, rng)
            if text is None or any(text[:4] in other for other in found):
                continue
        elif bank and not english and rng.random() < 0.3:
            text = rng.choice(bank)
            if _shares_words(text, question + "".join(found)):
                continue
        else:
            text = from_template(rng.choice(pool), question + "".join(found), rng)
        if text is not None:
            found.append(text)
    return found


def distracted(
    question: str, count: int, rng: random.Random, bank: Sequence[str], templates: Sequence[str] | None = None
) -> str | None:
    """The question with `count` useless sentences in front, between, inside its last clause's sentence, or after it."""
    extra = sentences(question, count, rng, bank, templates)
    if len(extra) < count:
        return None
    if question.isascii():
        parts = re.split(r"(?<=[.?!]) +", question)
        for text in extra:
            parts.insert(rng.randint(0, len(parts) - 1), text)
        return " ".join(parts)
    parts = clauses(question)
    asking = next((number for number, part in enumerate(parts) if _ASKS.search(part)), len(parts) - 1)
    for text in extra:
        place = rng.choice(
            (0, asking, rng.randint(0, asking), rng.randint(0, asking), len(parts) if rng.random() < 0.25 else asking)
        )
        if place == len(parts):  # after the question
            parts.append(rng.choice((f"（{text}。）", f"{text}。", f"已知{text}。")))
            continue
        if place:  # what ends before may become a sentence of its own
            before = parts[place - 1]
            if before[-1] in "，,；;" and rng.random() < 0.5:
                parts[place - 1] = before[:-1] + "。"
        parts.insert(place, text + ("。" if rng.random() < 0.6 else "，"))
        asking += 1
    return "".join(parts)


def how_many(rng: random.Random) -> int:
    return rng.choices((1, 2, 3, 4, 5), (34, 26, 18, 12, 10))[0]
