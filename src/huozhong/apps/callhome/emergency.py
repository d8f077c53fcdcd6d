"""Who asks for help: 110, 119 or 120 by number, by name, or by what has happened."""

from __future__ import annotations

import re

EMERGENCY = {
    "110": "110 幺幺零 幺幺洞 妖妖零 一一零 一一〇 腰腰零 警察 公安 派出所 报警电话 报警 差人 警察局 公安局 报警台",
    "119": "119 幺幺九 一一九 腰腰九 消防 消防队 火警 救火 消防局 消防员 救火队",
    "120": "120 幺二零 一二零 腰二零 急救 救护车 急救中心 救命车 急救电话 白车 十字车 救护",
}
_CRIES = {
    "120": "救命|救护车|叫白车|喊120|叫120|晕[了倒过左咗]|昏[了倒过左咗矣]|昏迷|中风|心梗|脑梗|"
    "透唔到气|透不过气|透勿过气|"
    "快不行了|喘不上气|喘不过气|[胸心]口.{0,3}[痛疼]|心脏.{0,3}[痛疼]|[没冇无]呼吸|[没冇]气了|叫不醒|喊不醒|吐血|流血不止|"
    "血止不住|[起站爬]不起来了|爬勿起来|不会说话了|说不出话|吃错药|喝农药|煤气中毒",
    "119": "着火|起火|着[了咗哒仔]火|火烧(?=起|屋|房|厝|着|到|大)|烧起来|燃起来|失火|火烛|冒烟|"
    "[煤燃]气.{0,2}[漏泄]|漏[煤燃]?气|困[在到系]电梯",
    "110": "报警|报案|抢劫|小偷进|有小偷|有贼|贼佬|爆窃|打劫|叫警察|喊警察|"
    "[砸撬踢]门|撬锁|有坏人|杀人|被[偷抢骗]了|骗[了走]?我的?钱",
}
_LEFT = re.compile("(?:不要|不用|别|莫|唔好|唔使|勿要|没有?|冇)(?:打|叫|喊|去|再|给我?){0,2}$")
COUNTED = re.compile(
    "(?<!\\d)1(?:10|19|20)(?=[多来几]?(?:块|元|斤|公斤|克|千|个|人|岁|米|度|分|天|年|件|只|页|平|箱|袋|瓶|次|路|毫|厘|公里|里))"
)


def cried(said: str) -> str | None:
    """The number that what has happened asks for; None where nothing has, or it is only said that none is wanted."""
    for number, cries in _CRIES.items():
        for match in re.finditer(cries, said):
            if not _LEFT.search(said[: match.start()]):
                return number
    return None
