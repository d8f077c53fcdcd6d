from __future__ import annotations

import pytest

from huozhong.errors import SkillError
from huozhong.skills.fields import Field, read_fields, read_values

FIELDS = read_fields(
    """name: text 名字 / Name
# a remark
story: long? 故事
weight: number(1, 300, kg) 体重 / Weight
count: number
mood: choice(happy, sad，so-so) 心情
born：date 生日
sure: yes-no 确定吗
photo: photo?""",
    5,
)
GOOD = {"name": "小明", "weight": "1,0.5", "count": 3, "mood": "so-so", "born": "1988年8月8日", "sure": "是"}


def test_each_field_knows_its_type_and_labels() -> None:
    assert [field.type for field in FIELDS] == [
        "text", "long", "number", "number", "choice", "date", "yes-no", "photo",
    ]  # fmt: skip
    assert FIELDS[0].labels == ("名字", "Name")
    assert FIELDS[1].labels == ("故事", "故事")
    assert FIELDS[1].optional
    assert (FIELDS[2].least, FIELDS[2].most, FIELDS[2].unit) == (1, 300, "kg")
    assert FIELDS[4].options == ("happy", "sad", "so-so")


def test_values_are_read_as_people_write_them() -> None:
    assert read_values(FIELDS, GOOD) == {
        "name": "小明",
        "story": None,
        "weight": 10.5,
        "count": 3,
        "mood": "so-so",
        "born": "1988-08-08",
        "sure": True,
        "photo": None,
    }
    assert read_values(FIELDS, GOOD | {"sure": False, "count": "3.0"})["count"] == 3


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("name", "", "'Name': fill it in."),
        ("name", "x" * 501, "at most 500"),
        ("name", ["x"], "give text"),
        ("weight", "0", "at least 1"),
        ("weight", 301, "at most 300"),
        ("weight", "heavy", "give a number"),
        ("weight", "nan", "give a number"),
        ("weight", "1e999", "give a number"),
        ("weight", True, "give a number"),
        ("mood", "angry", "choose one of happy, sad, so-so"),
        ("born", "1988-02-30", "write a date"),
        ("born", "yesterday", "write a date"),
        ("sure", "maybe", "yes or no"),
        ("nobody", "x", 'no field "nobody"'),
    ],
)
def test_what_is_filled_in_wrongly_is_said(key: str, value: object, says: str) -> None:
    with pytest.raises(SkillError, match=says):
        read_values(FIELDS, GOOD | {key: value})


def test_schemas_for_programs() -> None:
    assert FIELDS[2].schema() == {"type": "number", "title": "体重 / Weight", "minimum": 1, "maximum": 300}
    assert FIELDS[4].schema()["enum"] == ["happy", "sad", "so-so"]
    assert FIELDS[6].schema()["type"] == "boolean"


def test_too_many_fields() -> None:
    with pytest.raises(SkillError, match="at most 30"):
        read_fields("\n".join(f"f{number}: text" for number in range(31)), 1)


def test_a_form_can_be_made_of_it() -> None:
    assert Field("a", "text", ("甲", "A")).as_json()["labels"] == {"zh": "甲", "en": "A"}


def test_an_option_and_a_unit_have_a_name_in_each_language() -> None:
    mood, price = read_fields(
        "mood: choice(开心 / Happy, 平静) 心情 / Mood\nprice: number(1, 9, 元 / yuan) 价 / Price", 1
    )
    assert mood.options == ("开心", "平静")
    assert [one["labels"] for one in mood.as_json()["options"]] == [
        {"zh": "开心", "en": "Happy"},
        {"zh": "平静", "en": "平静"},
    ]
    assert mood.read("开心") == mood.read("Happy") == "开心"
    with pytest.raises(SkillError, match="choose one of Happy, 平静"):
        mood.read("Sad")
    assert price.as_json()["unit"] == {"zh": "元", "en": "yuan"}
    assert price.read("9") == 9
