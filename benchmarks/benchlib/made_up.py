"""Made-up facts, in Chinese or English: about people, houses and things that nobody has ever heard of.

Two sets of kinds: one to tune on, another to report.  They share no relation, no name and no wording, so that what was
tuned on the first says something when it is measured on the second.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class Fact:
    """value: what an answer has to hold.  others: the same question in other wordings."""

    question: str
    answer: str
    value: str
    others: tuple[str, ...]


@dataclass(frozen=True)
class Relation:
    """What can be said of a kind of thing."""

    of: str
    question: str
    answer: str
    others: tuple[str, ...]
    draw: Callable[[random.Random], str]


@dataclass(frozen=True)
class Kinds:
    """names: by kind of thing, all that there may be."""

    names: dict[str, list[str]]
    relations: tuple[Relation, ...]


def one_of(words: str) -> Callable[[random.Random], str]:
    values = words.split("|")
    return lambda rng: rng.choice(values)


def number(low: int, high: int) -> Callable[[random.Random], str]:
    return lambda rng: str(rng.randint(low, high))


def joined(*parts: str, between: str = "") -> list[str]:
    return [between.join(chosen) for chosen in product(*(part.split("|") for part in parts))]


def made_up(count: int, seed: int, language: str = "zh", kinds: str = "report") -> list[Fact]:
    """So many facts, no two of them about the same thing of the same person or house."""
    chosen, rng = KINDS[language, kinds], random.Random(f"facts {seed}")
    most = max(20, count // 3)  # each has several things said of it
    names = {kind: rng.sample(all_of, min(most, len(all_of))) for kind, all_of in chosen.names.items()}
    pairs = [(relation, name) for relation in chosen.relations for name in names[relation.of]]
    facts = []
    for relation, name in rng.sample(pairs, count):
        value = relation.draw(rng)
        others = tuple(other.format(x=name) for other in relation.others)
        facts.append(Fact(relation.question.format(x=name), relation.answer.format(x=name, v=value), value, others))
    return facts


ZH_REPORT = Kinds(
    {
        "person": joined("赵|钱|孙|李|周|吴|郑|王|冯|陈|褚|卫|蒋|沈|韩|杨", "明|霞|建|国|丽|芳|志|强|雪|梅|海|涛",
                         "文|静|春|兰|子|轩|雨|桐|浩|然|思|远"),
        "house": joined("青石|柳溪|云台|白鹭|双桥|枫林|月牙|松风|竹海|望江|落霞|碧泉|兰亭|桃源|银杏|鹿鸣",
                        "小学|图书馆|卫生院|邮局|食堂|茶馆|博物馆|林场|车站"),
    },
    (
        Relation("person", "{x}喜欢吃什么水果？", "{x}最喜欢吃{v}。",
                 ("{x}爱吃的水果是什么？", "什么水果是{x}喜欢吃的？", "你知道{x}喜欢哪种水果吗？"),
                 one_of("荔枝|山竹|柿子|枇杷|石榴|杨梅|樱桃|葡萄|菠萝|芒果|桑葚|李子|柚子|橄榄")),
        Relation("person", "{x}是做什么工作的？", "{x}是一名{v}。",
                 ("{x}的职业是什么？", "{x}做什么工作？", "请问{x}靠什么谋生？"),
                 one_of("木匠|裁缝|司机|护士|厨师|会计|铁匠|渔民|画家|电工|兽医|记者|导游|理发师")),
        Relation("person", "{x}的老家在哪里？", "{x}的老家在{v}。",
                 ("{x}是哪里人？", "{x}老家是什么地方？", "说说{x}的老家。"),
                 one_of("兰州|昆明|烟台|泉州|洛阳|大理|宜昌|绍兴|赣州|延安|桂林|酒泉|丹东|海口")),
        Relation("person", "{x}的电话号码是多少？", "{x}的电话是{v}。",
                 ("怎么给{x}打电话？", "{x}电话多少？", "告诉我{x}的电话号码"), number(2000000, 8999999)),
        Relation("house", "{x}几点开门？", "{x}早上{v}开门。",
                 ("{x}什么时候开门？", "{x}的开门时间是几点？", "请问{x}早上几点开？"),
                 one_of("|".join(joined("6|7|8|9|10", "点|点半|点一刻")))),
        Relation("house", "{x}的大门是什么颜色？", "{x}的大门是{v}的。",
                 ("{x}大门什么颜色？", "{x}的门漆成什么颜色？", "说一下{x}大门的颜色"),
                 one_of("蓝色|黄色|紫色|灰色|绿色|红色|橙色|白色|棕色|黑色")),
        Relation("house", "{x}有多少名员工？", "{x}有{v}名员工。",
                 ("{x}员工有多少？", "在{x}工作的有几个人？", "{x}一共多少员工？"), number(3, 180)),
        Relation("house", "{x}是哪一年建成的？", "{x}建成于{v}年。",
                 ("{x}什么时候建成的？", "{x}的建成年份是？", "{x}建于哪年？"), number(1901, 2019)),
    ),
)  # fmt: skip

ZH_TUNE = Kinds(
    {
        "ship": joined("远|海|金|飞|长|天|安|东", "鸥|鹏|龙|鲸|燕|星|虹|涛", between=""),
        "firm": joined("恒|鼎|华|盛|宏|瑞|泰|嘉|顺|德", "丰|信|达|源|和|康|兴", "公司|工厂|商店|旅馆"),
        "course": joined("初级|高级|周末|暑期|夜间|网上", "陶艺|书法|急救|编织|摄影|园艺|象棋|胡琴|面点|潜水", "课"),
    },
    (
        Relation("ship", "“{x}”号的船长叫什么？", "“{x}”号的船长是{v}。",
                 ("谁是“{x}”号的船长？", "“{x}”号由谁来当船长？", "告诉我“{x}”号船长的名字"),
                 one_of("|".join(joined("罗|魏|梁|唐|许|邓|曹|彭", "大|小|老", "山|江|石|虎")))),
        Relation("ship", "“{x}”号能装多少吨货？", "“{x}”号能装{v}吨货。",
                 ("“{x}”号的载货量是多少？", "“{x}”号最多装几吨？", "请问“{x}”号可以装多重的货"), number(40, 9500)),
        Relation("ship", "“{x}”号停在哪个港？", "“{x}”号停在{v}港。",
                 ("“{x}”号的母港是哪里？", "到哪个港能找到“{x}”号？", "“{x}”号现在在哪个港口"),
                 one_of("秦皇岛|连云港|湛江|北海|舟山|汕头|营口|日照|威海|钦州|温州")),
        Relation("firm", "{x}的退货期限是几天？", "{x}的退货期限是{v}天。",
                 ("在{x}买的东西几天内可以退？", "{x}多少天内能退货？", "{x}退货期多长"), number(3, 95)),
        Relation("firm", "{x}的经理姓什么？", "{x}的经理姓{v}。",
                 ("{x}谁当经理，姓什么？", "{x}经理贵姓？", "请问{x}的经理是姓什么的"),
                 one_of("欧阳|司马|诸葛|皇甫|东方|上官|夏侯|慕容|尉迟|公孙")),
        Relation("firm", "{x}在哪条街上？", "{x}在{v}上。",
                 ("{x}的地址是哪条街？", "怎么找到{x}，在什么街？", "{x}开在哪条街"),
                 one_of("人民路|中山路|解放街|和平街|建设路|滨河路|文昌街|学府路|钟楼街|南门街|北关路")),
        Relation("course", "{x}每周几上课？", "{x}每周{v}上课。",
                 ("{x}在星期几上？", "{x}上课时间是周几？", "哪天有{x}"), one_of("一|二|三|四|五|六|日")),
        Relation("course", "{x}的学费是多少元？", "{x}的学费是{v}元。",
                 ("上{x}要交多少钱？", "{x}收费多少？", "报{x}得花几块钱"), number(90, 4900)),
        Relation("course", "{x}在哪个教室？", "{x}在{v}教室。",
                 ("{x}的教室是哪间？", "上{x}要去哪个教室？", "{x}在哪里上课"),
                 one_of("|".join(joined("东|西|南|北", "101|102|203|205|306|308|411")))),
    ),
)  # fmt: skip

EN_REPORT = Kinds(
    {
        "person": joined("Alda|Boris|Cyra|Dorian|Elke|Fintan|Greta|Hollis|Ilse|Jarek|Kessia|Leopold|Mirela|Nestor",
                         "Varnholt|Quillan|Brambert|Ostrova|Pellham|Drayke|Fennimor|Halvard|Tarrow|Wexley",
                         between=" "),
        "house": joined("Amber|Birch|Copper|Dale|Elm|Falcon|Gorse|Hollow|Iron|Juniper|Kestrel|Larch",
                        "Hill|Lane|Bridge|Bay", "Library|Clinic|Museum|School|Bakery|Station", between=" "),
    },
    (
        Relation("person", "What is the favourite fruit of {x}?", "The favourite fruit of {x} is {v}.",
                 ("Which fruit does {x} like best?", "What fruit does {x} love to eat?",
                  "Tell me which fruit {x} prefers."),
                 one_of("mango|quince|papaya|plum|lychee|apricot|guava|fig|cherry|melon|pear|grapefruit")),
        Relation("person", "What does {x} do for a living?", "{x} works as a {v}.",
                 ("What is {x}'s job?", "What work does {x} do?", "How does {x} earn a living?"),
                 one_of("carpenter|tailor|driver|nurse|cook|blacksmith|fisherman|painter|plumber|vet|reporter|barber")),
        Relation("person", "Where did {x} grow up?", "{x} grew up in {v}.",
                 ("In which town did {x} grow up?", "What is the home town of {x}?", "Where does {x} come from?"),
                 one_of("Ghent|Turku|Bergen|Porto|Graz|Bari|Split|Cork|Lund|Brno|Murcia|Tartu")),
        Relation("person", "What is the phone number of {x}?", "The phone number of {x} is {v}.",
                 ("How can I reach {x} by phone?", "Which number do I dial to call {x}?",
                  "Please give me {x}'s phone number."), number(200000, 899999)),
        Relation("house", "When does {x} open?", "{x} opens at {v}.",
                 ("At what time does {x} open its doors?", "What are the opening hours of {x}?",
                  "How early can I go to {x}?"),
                 one_of("|".join(joined("6|7|8|9|10", ":00|:15|:30|:45")))),
        Relation("house", "What colour is the front door of {x}?", "The front door of {x} is {v}.",
                 ("Which colour does the door of {x} have?", "In what colour is the door of {x} painted?",
                  "Tell me the colour of {x}'s front door."),
                 one_of("blue|yellow|purple|grey|green|red|orange|white|brown|black")),
        Relation("house", "How many people work at {x}?", "{x} has {v} employees.",
                 ("How many employees does {x} have?", "What is the number of staff at {x}?",
                  "How big is {x}'s staff?"),
                 number(3, 180)),
        Relation("house", "In which year was {x} built?", "{x} was built in {v}.",
                 ("When was {x} built?", "What year does {x} date from?", "How old is {x}; when was it put up?"),
                 number(1801, 2019)),
    ),
)  # fmt: skip

EN_TUNE = Kinds(
    {
        "ship": joined("Silver|Northern|Brave|Quiet|Morning|Golden|Restless|Lucky",
                       "Heron|Comet|Tide|Otter|Lantern|Maiden|Arrow|Gull", between=" "),
        "firm": joined("Norvik|Altamar|Pexton|Riverdon|Sundale|Tornby|Ulmen|Velora|Wickman|Zandor",
                       "Tools|Textiles|Travel|Foods|Motors|Optics", between=" "),
        "course": joined("beginners'|advanced|weekend|summer|evening",
                         "pottery|first aid|knitting|photography|gardening|chess|violin|baking|diving|welding",
                         "course", between=" "),
    },
    (
        Relation("ship", "Who is the captain of the {x}?", "The captain of the {x} is {v}.",
                 ("What is the name of the {x}'s captain?", "By whom is the {x} commanded?",
                  "Tell me who commands the {x}."),
                 one_of("|".join(joined("Ada|Ben|Cora|Dan|Eva|Gus", "Marsh|Stone|Hale|Rook|Finch|Lowe", between=" ")))),
        Relation("ship", "How many tons can the {x} carry?", "The {x} can carry {v} tons.",
                 ("How much cargo does the {x} take?", "What is the capacity of the {x} in tons?",
                  "How heavily can one load the {x}?"), number(40, 9500)),
        Relation("ship", "What is the home port of the {x}?", "The home port of the {x} is {v}.",
                 ("In which harbour does the {x} lie?", "Where do I find the {x} when it is not at sea?",
                  "Which port is the {x} from?"),
                 one_of("Aarhus|Bilbao|Trieste|Gdansk|Antwerp|Bristol|Valencia|Riga|Malmo|Naples|Varna")),
        Relation("firm", "How many days do I have to return goods to {x}?", "{x} takes goods back within {v} days.",
                 ("How long is the return period of {x}?", "Until when can I send something back to {x}?",
                  "In how many days must a purchase from {x} be returned?"), number(3, 95)),
        Relation("firm", "Who runs {x}?", "{x} is run by {v}.",
                 ("What is the name of {x}'s manager?", "Who is the boss at {x}?", "Which manager does {x} have?"),
                 one_of("|".join(joined("Mr|Ms", "Achebe|Borg|Castellan|Dupree|Eckhart|Farouk|Grigor", between=" ")))),
        Relation("firm", "On which street is {x}?", "{x} is on {v} Street.",
                 ("Where can I find {x}?", "What is the address of {x}?", "Which street is the office of {x} on?"),
                 one_of("Mill|Church|Harbour|Queen|Chestnut|Market|Orchard|Garden|Station|Abbey|Castle")),
        Relation("course", "On which day is the {x}?", "The {x} is on {v}.",
                 ("When does the {x} take place?", "What day of the week is the {x} held?",
                  "Which day do I keep free for the {x}?"),
                 one_of("Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday")),
        Relation("course", "How much is the fee of the {x}?", "The fee of the {x} is {v} euros.",
                 ("What does the {x} cost?", "How many euros do I pay for the {x}?",
                  "What is the price of the {x}?"), number(90, 4900)),
        Relation("course", "In which room is the {x}?", "The {x} is in room {v}.",
                 ("Where is the {x} held?", "Which room do I go to for the {x}?", "What is the room of the {x}?"),
                 one_of("|".join(joined("A|B|C|D", "11|12|23|25|36|38|41")))),
    ),
)  # fmt: skip

KINDS = {
    ("zh", "report"): ZH_REPORT,
    ("zh", "tune"): ZH_TUNE,
    ("en", "report"): EN_REPORT,
    ("en", "tune"): EN_TUNE,
}
