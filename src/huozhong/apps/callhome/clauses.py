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
# 电话打过了, 电话打完喇, 电话挂了, 电话打不通
DONE = re.compile(
    f"[打拍敲挂拨摇][过了咗仔哒唠](?:[一两三四五几好]?[个通次只回])*电话{_NOBODY_ELSE}"
    "|电话(?:我|也|都|已经|早就?|才|刚刚?|就|又)*"
    f"(?:[打拍敲拨摇讲说接][过完好通]{_OVER}|挂[断掉]?{_OVER}|[打拍敲挂拨摇接]咗|[打拍敲拨摇]{NOT[:-1]}|没)通){_NOBODY_ELSE}"
)
INSTEAD = re.compile(
    "^(?:哎|喔|啊|嗯|那|我看)*(?:都[系是]|还[是系]|不如|改打|换成?|要不然?|再不)(?=[打给跟找喊叫帮把畀俾拨敲])"
)


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
    pieces = [piece.lower() for piece in re.split(r"[^\w]+|_", text) if piece]
    for i in range(1, len(pieces)):  # 不是建国，是建军
        if re.match(NOT + "[是系]", pieces[i - 1]) and len(pieces[i]) > 1:
            pieces[i] = re.sub("^[是系]", "", pieces[i])
    return pieces
