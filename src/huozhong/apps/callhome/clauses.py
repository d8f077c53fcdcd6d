"""An utterance's clauses: where somebody corrects himself, takes something back, or names one more."""

from __future__ import annotations

import re

from huozhong.apps.callhome.sounds import plain

NOT = "(?:不|唔|毋|勿|冇|伓|弗|嗯|无|呒|嘸)"
ALSO = "^(?:还有|以及|加上|同埋|或者|或是|或)"
_ORDERS = "[打给跟找喊叫帮把畀俾拨敲]"
DENIED = re.compile(
    "^(?:都系|还是|还系|不如|改打|换|要不|再不)|搞错|讲错|说错|记错|"
    + NOT
    + "(?:是|系|对|啱)|错了|错咗|弄错|不要|别打|莫打|唔好|算了|取消"
)


def clauses_of(said: str) -> list[str]:
    """Without punctuation, simplified; a new one where somebody corrects himself."""
    text = re.sub(r"\s+", "", plain(said))
    text = re.sub(rf"(?<=\w\w)、(?=\w)(?!{_ORDERS})", "和", text)  # 给儿子、女儿打电话
    text = re.sub(f"({NOT}[是系])(.{{1,8}}?)(而是|，是|是|系)(?=打|给|找|叫|喊|呼|拨)", r"\1\2，", text)
    text = re.sub("(?<=.)(不要|别|莫|唔好|勿要|先别)(打)", r"，\1\2", text)
    # 打给儿子不对打给女儿, as a recogniser writes it
    text = re.sub(
        f"(?<=.)(?<!是)({NOT}(?:是|系|对|啱)的?|[搞弄讲说]错了?|错了)(?=[打给跟找喊帮把畀俾拨敲])", r"，\1，", text
    )
    pieces = [piece.lower() for piece in re.split(r"[^\w]+|_", text) if piece]
    for i in range(1, len(pieces)):  # 不是建国，是建军
        if re.match(NOT + "[是系]", pieces[i - 1]) and len(pieces[i]) > 1:
            pieces[i] = re.sub("^[是系]", "", pieces[i])
    return pieces
