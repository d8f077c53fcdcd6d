"""What is left of a question when politeness is taken away: 请问一下，二十减八等于多少呀？谢谢 → 二十减八等于多少.

Every exact act reads this core from its beginning to its end; what holds a word more than an act knows is not its
kind.  So a story that names two units is no conversion.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from huozhong.text.language import is_english
from huozhong.verify.numbers import Number, number_at, tidy
from huozhong.verify.units import NAMES

_TRADITIONAL = str.maketrans(
    "個幾請問計於減數長寬積體圓圍邊質約還對麼為換單點時間鐘釐噸兩萬億塊錢攝華溫寫過裡裏較誰這歲條張徑稜錐"
    "術題結會嗎順從開關係變轉讓將給訴謝煩應該達發舉稱義號學習簡負進來頭隻雙陸貳參實認識說話難樣麽儘產幫啟"
    "後總圖級類異與當輕遠層價貴熱極確餘帶隨線階陰陽種並處頂傾強彎緊細聽見覺樂現錯們運據選擇連筆豎靜舊飛雞"
    "鴨買賣動歷語釋緣劃僅須夠師",
    "个几请问计于减数长宽积体圆围边质约还对么为换单点时间钟厘吨两万亿块钱摄华温写过里里较谁这岁条张径棱锥"
    "术题结会吗顺从开关系变转让将给诉谢烦应该达发举称义号学习简负进来头只双陆贰叁实认识说话难样么尽产帮启"
    "后总图级类异与当轻远层价贵热极确余带随线阶阴阳种并处顶倾强弯紧细听见觉乐现错们运据选择连笔竖静旧飞鸡"
    "鸭买卖动历语释缘划仅须够师",
)
_SIGNS = str.maketrans(
    {
        "\ufe0f": "", "✖": "×", "➕": "+", "➖": "-", "➗": "÷", "∶": ":", "：": ":", "﹢": "+", "﹣": "-",
        "㎝": "cm", "㎏": "kg", "㎞": "km", "㎜": "mm", "㎡": "m²", "㎎": "mg", "㎖": "mL",
        "℃": "°C", "℉": "°F", "•": "·",
    }
)  # fmt: skip

_LEAD = re.compile(
    r"(?:[\s,，、。:!！~～…]+|\.(?!\d)|[?？](?=[\w(□])"
    r"|请教(?:一下|下)?(?:老师)?|打扰(?:一下|了|您了)?|有个问题|有一?道题|想请教(?:一下)?|老师好|你来(?=[算帮说])"
    r"|请问(?:一下|下|你|您)?|请(?:你|您)?|您好|你好|老师|同学"
    r"|小朋友|小火苗|火苗|火种|ember|喂|嗨|哈喽|哎"
    r"|诶|嗯+|呃|额|那个|那么|那(?!么)|所以|然后|还有"
    r"|再?帮(?:我|个)?(?:忙)?|麻烦(?:你|您|一下)?|劳驾|拜托(?:你|您)?|(?:可不可以|能不能|能否"
    r"|可以)(?:帮我算一下|帮我算算|帮我|告诉我)?(?:吗|么|不)?|你?会不会"
    r"|你?能(?=帮|算|告|给|不)|你?知不知道|你?知道|你说(?:说)?|你觉得|你看看?"
    r"|我?(?:很|好)?想(?:要)?(?:知道|问问|问|算|请教)?(?:一下|下|你)?|问(?:一下|下|你|个|一个)?(?:题|问题)?"
    r"|考考你|告诉我|给我|跟我说|说一?下|说说|看一?下|看看"
    r"|快(?:速)?(?:点)?(?=[算帮告说求])|急+[,，!！]?|求助|求教|题目(?:是)?|作业(?:是|题)?|数学题|小学题"
    r"|第\s*[\d一二三四五六七八九十]+\s*题"
    r"|(?:简便|简单)(?:计算|运算|算)|简算|(?:快速|口头)?(?:口算|心算|笔算|列式|列竖式|竖式|脱式"
    r"|递等式)(?:计算)?|我?(?:来)?(?:算一?算"
    r"|算一?下(?![面列])|计算一?下(?![面列])|计算|算出|算算)|试着|试试|来|先|再"
    r"|hi|hello|hey|please|pls|can you(?: please)?|could you(?: please)?|would you(?: please)?|tell me"
    r"|help me(?: with)?|i (?:want|need|would like) to know|do you know"
    r"|calculate|compute|work out|figure out|evaluate|quick question|quickly|ok|okay|so|now|question"
    r"|let me know|show me|dear teacher|teacher)",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:[\s,，、。.!！?？~～…;；]+|[啊呀呢吗吧嘛哦哟哈啦咧捏哩喔噢呐诶嘞吖哒滴]|(?<!什)(?<!怎)么(?=$)"
    r"|(?:非常|十分)?(?:谢谢|多谢|感谢|谢了|谢啦|辛苦|拜托|麻烦)(?:你|您|老师|啦|了"
    r"|大家)?|急+|在线等|(?:请|要|记得|并"
    r"|需要)?(?:写出|写上|写|给出|列出|带上?|有|说明|附上?)(?:一下)?(?:你的|计算|解题|详细|解答|具体"
    r"|完整)?的?(?:过程|步骤|单位|答语|算式)(?:和单位)?"
    r"|不用(?:写)?过程|[,，]?(?:你|您)?(?:知道|会|会算|会做|能算|能算出来|算得出来|懂)[吗不](?:会|知道)?"
    r"|对[吗不]|好[吗不]|可以吗|行吗|(?:帮我|帮忙)?(?:算一?[算下]|告诉我|计算一下|说一?下|看一?下|回答一下"
    r"|解答一下|解一下)(?=$)|谁(?:知道|会)"
    r"|please|pls|thanks(?: a lot)?|thank you(?: very much)?|for me|plz|(?:show|with) (?:your |the "
    r"|all )?(?:work(?:ing)?|steps)|right now|quickly)$",
    re.IGNORECASE,
)
_KEEP = re.compile(
    r"[,，。;；(（]?\s*(?:结果|得数|答案|商|最后|并)?(?:请|要)?(?:用)?(?:四舍五入(?:法)?)?(?:保留|精确"
    r"|四舍五入|取近似|近似|省略)(?:值|数)?"
    r"(?:到|至|成|为|取)?(?:小数点?后)?(?P<what>整数|个位|十分位|百分位|千分位|[一二两三四123456](?:位"
    r"|个)?小数|小数点?后?[一二两三四1234]位|[一二两三四1234]位|0\.0*1)(?:小数)?(?:[)）])?"
    r"|,?\s*(?:rounded|round(?: it)?(?: off)?|correct)?\s*to (?:the )?(?:nearest )?(?P<en>whole number"
    r"|integer|tenth|hundredth|thousandth|(?:one|two|three|four|1|2|3|4) decimal places?)",
    re.IGNORECASE,
)
_PLACES = {"整数": 0, "个位": 0, "十分位": 1, "百分位": 2, "千分位": 3, "whole number": 0, "integer": 0, "tenth": 1,
           "hundredth": 2, "thousandth": 3}  # fmt: skip
_DIGIT = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "one": 1, "two": 2, "three": 3, "four": 4}


_DOUBT = re.compile(r"[吗嗎么?？]|是不是|是否|对不对|對不對")


@dataclass(frozen=True)
class Asked:
    """core: the question without politeness, in simplified characters and plain signs; places: 保留两位小数."""

    core: str
    english: bool
    places: int | None = None
    is_doubt: bool = False  # whether it asks if something is so: 吗, 是不是, a question mark


@lru_cache(maxsize=256)
def asked(question: str) -> Asked:
    """The core of a question."""
    words = re.findall("[A-Za-z]{2,}", question)  # 5km=?m is no English
    english = is_english(question) and any(word not in NAMES or len(word) > 3 or word == "in" for word in words)
    text = simple(question).strip()
    places = None
    if keep := _KEEP.search(text):
        places = _places(keep)
        text = text[: keep.start()] + text[keep.end() :]
    while True:
        shorter = _peel(text)
        if shorter == text:
            break
        text = shorter
    if not english:
        text = re.sub(r"(?<=[^\x00-\x7f])\s+|\s+(?=[^\x00-\x7f])", "", text)
    return Asked(re.sub(r"\s+", " ", text), english, places, _DOUBT.search(question) is not None)


_ARTICLE = re.compile(
    r"[一两](?=[个下共道些起种样次遍组串批点直定般位看算想说写填])|(?<=哪)一"
    r"|(?<=[算看想说写填试猜排比])一(?=[算看想说写填试猜排比下])"
)


@dataclass(frozen=True)
class Read:
    """A number of a question: its value with its sign, and where and how it stands there."""

    number: Number
    start: int
    end: int
    written: str

    @property
    def value(self) -> Fraction:
        return self.number.value


def numbers_in(text: str) -> tuple[list[Read], str]:
    """Every number of a core from left to right, and the rest of it with a blank for each; 一 is no number in 一个."""
    found: list[Read] = []
    rest, at = "", 0
    while at < len(text):
        sign = _SIGN.match(text, at)
        start = sign.end() if sign else at
        inside = (
            start
            and text[start].isascii()
            and text[start].isalpha()
            and text[start - 1].isascii()
            and text[start - 1].isalpha()
        )
        one = None if inside or _ARTICLE.match(text, start) else number_at(text, start)
        if one is None or one.kind == "half" or text[start : one.end].lower() == "one":
            rest, at = rest + text[at], at + 1
            continue
        number = Number(-one.number.value, one.number.style) if sign else one.number
        found.append(Read(number, at, one.end, text[at : one.end].strip()))
        rest, at = rest + " ", one.end
    return found, rest


_SIGN = re.compile(r"(?:(?<![\d)%a-zA-Z])-|负)\s*(?=[\d(零一二三四五六七八九十百])")


def simple(question: str) -> str:
    """Plain signs and simplified characters."""
    text = tidy(question).translate(_SIGNS).translate(_TRADITIONAL)
    return re.sub(r"．(?!\d)", "。", re.sub(r"(?<=\d)\s*[．。]\s*(?=\d)", ".", text))


def _peel(text: str) -> str:
    tail = _TAIL.search(text)
    if tail and tail.start() > 0:
        text = text[: tail.start()]
    lead = _LEAD.match(text)
    if (
        lead
        and lead.end() < len(text)
        and not (lead[0][-1:].isascii() and lead[0][-1:].isalpha() and text[lead.end()].isalpha())
    ):
        text = text[lead.end() :]
    return text


def _places(keep: re.Match[str]) -> int:
    word = (keep["what"] or keep["en"]).lower()
    if word in _PLACES:
        return _PLACES[word]
    if word.startswith("0."):
        return len(word) - 2
    digit = re.search(r"[一二两三四]|[1-6]|one|two|three|four", word)
    assert digit is not None
    return _DIGIT.get(digit[0]) or int(digit[0])
