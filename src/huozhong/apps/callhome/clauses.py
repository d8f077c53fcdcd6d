"""An utterance's clauses: where somebody corrects himself, takes something back, or names one more."""

from __future__ import annotations

import re

from huozhong.apps.callhome.sounds import plain

NOT = "(?:不|唔|毋|勿|冇|伓|弗|嗯|无|呒|嘸)"
ALSO = "^(?:还有|以及|加上|同埋|或者|或是|或)"
_ORDERS = "[打给跟找喊叫帮把畀俾拨敲]"
DENIED = re.compile(
    "^(?:[不弗唔毋勿嗯冇哎呀哦啊]*[不弗唔毋勿冇][啊呀哦哎]?$|都系|还是|还系|不如|改打|换|要不|再不)|搞错|讲错|说错|记错|"
    + NOT
    + "(?:是|系|对|啱)|错了|错咗|弄错|不要|别打|莫打|唔好|算了|取消"
)
# the last word of somebody who no longer knows whom he wants
DOUBTED = re.compile(
    "^(?:喔唷|哎呀|哎哟|啊呀|唉|哎|嗯|我|也|又|都|真|想|还)*(?:[不弗勿唔毋冇]晓得|[不唔毋]知道?|记[不唔弗勿毋]|忘记|忘了|"
    "想[不弗勿唔]起|搞[不弗]清|[不弗]清楚)[了哉哒啦呀啊得到起清楚吧喽是哪个谁边]*$"
)
NOT_TO = re.compile(NOT + "[是系][打给跟畀俾拨喊找]")  # 打给女儿，不是给儿子: which of them was right?
# what has been done: 才跟红梅打过电话; 打过电话畀佢 is an order
_NOBODY_ELSE = "(?![给畀俾到予拨分把乞互得去])"
_OVER = "[了啦咯哒哉矣哩咧喇嘞唻勒喽]"
# 电话打过了, 电话打完喇, 电话挂了, 电话打不通; 打电话来了, 打电话的是谁; 我不想打
DONE = re.compile(
    f"[打拍敲挂拨摇](?:[了咗左仔哒](?:[一两三四五几好]?[个通次只回])*电话"
    f"|[过唠](?:[一两三四五几好]?[个通次只回])*电话{_NOBODY_ELSE})"
    "|电话(?:我|也|都|已经|早就?|才|刚刚?|就|又)*"
    f"(?:[打拍敲拨摇讲说接][过完好通]{_OVER}|挂[断掉]?{_OVER}|[打拍敲挂拨摇接][咗左]|[打拍敲拨摇]{NOT[:-1]}|没)通){_NOBODY_ELSE}"
    f"|电话来(?:{_OVER}|[问讲说找])|电话的(?:是|人|时候|那|谁)|[打拨]的电话|电话(?:占线|关机|停机|空号|[没无冇]人)"
    r"|说(?:要|想)?[给畀跟][他她佢伊]\w{1,4}打|[不弗唔毋勿冇](?:想|愿意?|肯|敢|高兴)打(?![给畀俾到拨])"
)
INSTEAD = re.compile(
    "^(?:哎|喔|啊|嗯|那|我看)*(?:都[系是]|还[是系]|不如|改打|换成?|要不然?|再不)(?=[打给跟找喊叫帮把畀俾拨敲])"
)


# Where a recogniser writes no comma, an order that begins anew is a clause of its own.
_PARTED_AT_MOST = 40  # characters
_NOT_SO = "(?:不要|不用|先别|别|莫|白|唔好|勿要|覅|毋通|毋好|唔使)"
_THEM = "(?:他|她|佢|伊|渠|姖|俚|其)"
_CALL = "(?:打|敲|拨|摇)(?:[一个只通条]|电话){0,3}"
_AT = "(?:给|畀|俾|拨|把|予|乞|分|到)"
_UNFINISHED = re.compile(
    f"(?:{_NOT_SO}|[不弗唔毋勿没冇无要想说讲话叫喊让会能该]|[叫喊让帮]我)$"
)  # 儿子喊我莫给他打电话
_PARTED = (
    # 莫打给建军打给建国, 别给儿子打给女儿打
    re.compile(
        rf"({_NOT_SO}(?:{_CALL}{_AT}?|给|跟|畀|找|寻|揾)\w{{1,5}}?)(?={_CALL}{_AT}\w|给\w{{1,5}}{_CALL}|[打找寻揾]\w{{1,4}}$)"
    ),
    # 我姑娘好几天没信儿了给她打一个, 外孙放学未呀打去问下
    re.compile(
        rf"(\w{{2,}}?)(?=(?:{_AT}{_THEM}{_CALL}|{_CALL}{_AT}{_THEM}|{_CALL}(?:过?去)?(?:问|睇|看|祝|喊|叫)(?![我俺咱阮偶])\w{{0,3}})\w{{0,3}}$)"
    ),
    # 给小翠打电话孩子发烧了; 给小翠打电话没人接 tells of a call
    re.compile(
        r"((?:恁|你|侬|请|劳驾|麻烦|帮我|快点?|喂|来)?给\w{1,5}?[打拨][一个只通]{0,2}电话[呗哈啊嘛吧咯哦]?)"
        r"(?=(?![的占关停空冇无没不打了过时前后是还就通才干有他她佢伊好咋吗么呢啥做去来谁哪怎被要会能也都又]|说[了好过是不]|那)\w{3})"
    ),
    # 我脑壳痛打给刘医生
    re.compile(
        rf"(\w{{2,}}?(?:[了啦咧哉喇咗左嘞咯]|[痛疼病昏晕])[啊呀哦]?)(?=(?:给|跟|搭)(?![我俺咱]打)\w{{1,5}}{_CALL}\w{{0,3}}$|{_CALL}{_AT}\w{{1,5}}$)"
    ),
)


def _parted(text: str) -> str:
    """With a comma where an order begins anew, in a text that has none; what is said twice at once, once."""
    text = re.sub(r"([^\W\d]{2,4})\1", r"\1", text)  # 给大小子大小子打个电话
    for one in _PARTED:
        if (found := one.match(text)) and not _UNFINISHED.search(found[1]):
            return f"{found[1]}，{text[found.end() :]}"
    return text


def clauses_of(said: str) -> list[str]:
    """Without punctuation, simplified; a new one where somebody corrects himself."""
    text = re.sub(r"\s+", "", plain(said))
    text = re.sub(rf"(?<=\w\w)、(?=\w)(?!{_ORDERS})", "和", text)  # 给儿子、女儿打电话
    text = re.sub(f"({NOT}[是系])(.{{1,8}}?)(而是|，是|是|系)(?=打|给|找|叫|喊|呼|拨)", r"\1\2，", text)
    text = re.sub(
        rf"((?:^|[^\w]){_ORDERS}\w+?)算[了啦哒](?=[吧啦嘛]?(?:$|[^\w]))", r"\1吧", text
    )  # 打给崽算了: just call him
    # 莫打崽，打妹子: nobody is hit
    text = re.sub(
        r"((?:不要|别|莫|勿要|唔好|毋通)([打敲拍]))(?![给畀予电到把拨分去])(\w{1,6}[^\w]+)\2(?![给畀予电到把拨分个只去])(?=\w)",
        r"\1给\3\2给", text,
    )  # fmt: skip
    text = re.sub("(?<=.)(不要|别|莫|唔好|勿要|先别)(打)", r"，\1\2", text)
    # 打给儿子不对打给女儿, as a recogniser writes it
    wrong = f"{NOT}(?:对|啱)的?|[搞弄讲说]错了?|错了"
    text = re.sub(rf"(?<=.)(?<!是)({wrong})(?=[打给跟找喊帮把畀俾拨敲])", r"，\1，", text)
    # 打给女儿不是打给儿子: which of them is right, only the voice tells
    text = re.sub(rf"(?<=\w)(?<!是)({NOT}[是系])(?=[打给跟找喊帮把畀俾拨敲])", r"，\1", text)
    if text.isalnum() and len(text) <= _PARTED_AT_MOST:
        text = _parted(text)
    pieces = [piece.lower() for piece in re.split(r"[^\w]+|_", text) if piece]
    for i in range(1, len(pieces)):  # 不是建国，是建军
        if re.match(NOT + "[是系]", pieces[i - 1]) and len(pieces[i]) > 1:
            pieces[i] = re.sub("^[是系]", "", pieces[i])
    return pieces
