"""Orders with a syllable that an ear got wrong: kinds of what was once dialled falsely, and what is still answered."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from huozhong.apps.callhome.align import Words, spans
from huozhong.apps.callhome.contacts import Contact, read_contacts
from huozhong.apps.callhome.resolve import who
from huozhong.apps.callhome.sounds import MISHEARD, Sayings, Token, token, unlikeness

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
from benchlib.orders import Said
from call_home import Wrongs


def _list(people: str) -> list[Contact]:
    """儿子建国 文斌: a relation of two syllables and a name, or a name alone."""
    return read_contacts([
        {"relation": one[:-2], "name": one[-2:]} if len(one) > 3 else {"name": one} for one in people.split()
    ])  # fmt: skip


PEOPLE = "儿子晓东 妈妈小明 妹妹张伟 爸爸文斌 姨妈刘洋 老婆红梅 姐姐志强 儿媳妇丽华 孙子国平 女婿玉珍 黄建国 李秀兰"


@pytest.mark.parametrize(
    ("place", "heard", "never", "people"),
    [
        # a syllable that nobody knows beside a short name may be half of a longer one: 姐儿, 孙崽, 侄儿, 儿媳
        ("贵州", "给材儿打个电话嘛", "儿子", PEOPLE),
        ("成都", "给总子打个电话", "儿子", PEOPLE.replace("儿媳妇", "侄子")),
        ("昆明", "瘩个电话给儿舍", "儿子", PEOPLE),
        ("福州", "打给娘该", "妈妈", PEOPLE.replace("姨妈", "舅舅")),
        # two words of which each has one syllable wrong: which is likelier sounds does not tell
        ("长沙", "帮我打个电话给我叁崽子", "孙子", PEOPLE),
        ("河南", "给柴贼挂个电话", "儿子", PEOPLE),
        # two that sound alike are less than one that is written so: 晓东
        ("福州", "我想跟晓悯说话", "叔叔", "叔叔小明 儿子建国 吴晓东 李秀兰"),
        # idle syllables are somebody's name: 奶奶
        ("荣成", "给我奶闹去爷电话", "爸爸", PEOPLE.replace("姨妈", "奶奶")),
        # who is not in the list is said more exactly than who is: 大的 is the eldest child
        ("北京", "打电话给大的", "爸爸", "爸爸文斌 妈妈小明 姐姐志强"),
    ],
)
def test_what_may_be_another_is_never_dialled(place: str, heard: str, never: str, people: str) -> None:
    answer = who(heard, _list(people), place)
    assert answer.contact is None, answer
    assert answer.decision in ("unsure", "none")
    assert never in people  # whoever was dialled once is in the list


@pytest.mark.parametrize(
    ("place", "heard", "wanted"),
    [
        # the syllable before somebody who is to call is 我 misheard, and no sister that is to call for us
        ("苏州", "帮镁打电话拨屋里厢", "老婆"),
        ("合肥", "帮贰打个电话给我姐姐", "姐姐"),
        # a whole name with one syllable wrong is still that name
        ("北京", "给黄贱国打个电话", ""),
        ("北京", "给儿媳富打个电话", "儿媳妇"),
    ],
)
def test_what_can_be_nobody_else_is_dialled(place: str, heard: str, wanted: str) -> None:
    answer = who(heard, _list(PEOPLE), place)
    assert answer.contact is not None
    assert answer.contact.relation == wanted


def test_an_ear_that_errs_tells_little_by_likeness() -> None:
    said = [token(c, None) for c in "子崽"]
    plainly, misheard = (unlikeness(Sayings(said), "子字打", how) for how in (False, True))
    assert plainly[0, 0] == misheard[0, 0] == 0.0
    assert MISHEARD < misheard[0, 1] < misheard[0, 2] <= 1.0
    assert np.all(misheard[:, 1:] >= plainly[:, 1:])
    assert misheard[0, 2] - misheard[0, 1] < plainly[0, 2] - plainly[0, 1]


def test_words_of_every_length_cost_what_they_did() -> None:
    """Against the plain recurrence, word by word and span by span."""
    said = ["子", "儿子", "儿媳妇", "孩子他爸", "妈"]
    words = Words([[token(c, None) for c in one] for one in said], [0.0, 0.1, 0.0, 0.2, 0.0], [0, 0, 1, 2, 2])
    heard = "给儿媳打电"
    found = spans(heard, words)
    for group, of_group in enumerate(([0, 1], [2], [3, 4])):
        for i in range(len(heard)):
            for j in range(i + 1, min(len(heard), i + words.longest + 1) + 1):
                wanted = min(_edit([Token(c) for c in said[w]], heard[i:j]) + float(words.base[w]) for w in of_group)
                assert found[group, i, j] == pytest.approx(wanted, abs=1e-5)


def _edit(said: list[Token], heard: str) -> float:
    unlike = unlikeness(Sayings(said), heard)
    cost = np.zeros((len(said) + 1, len(heard) + 1))
    cost[:, 0] = 0.75 * np.arange(len(said) + 1)
    cost[0] = 0.75 * np.arange(len(heard) + 1)
    for a in range(1, len(said) + 1):
        for b in range(1, len(heard) + 1):
            cost[a, b] = min(cost[a - 1, b - 1] + unlike[a - 1, b - 1], cost[a - 1, b] + 0.75, cost[a, b - 1] + 0.75)
    return float(cost[-1, -1])


def test_a_false_dial_is_told_with_what_was_said_and_counted_apart_where_noise_wrote_a_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    people = _list("姐姐志强 哥哥建国")
    wrongs = Wrongs()
    wrongs.add(Said("给哥哥打电话", "北京", 0, "给姐姐打电话", "哥哥"), people, "北京", people[1])
    wrongs.add(Said("给姐哥打电话", "北京", 0, "给姐姐打电话", "姐哥"), people, "北京", people[1])
    assert wrongs.named == 1
    told = capsys.readouterr().out
    assert "给姐姐打电话\t给哥哥打电话\t姐姐志强\t哥哥建国\tanother's name" in told
