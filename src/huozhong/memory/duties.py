"""What the law asks of whoever recognises faces, as people are shown it (China: measures in force since June 2025)."""

from __future__ import annotations

from dataclasses import dataclass

FILING = 100_000  # people from whom on the keeping must be filed


@dataclass(frozen=True)
class Duty:
    """chinese, english: the duty.  due: it concerns this gallery now, and the program cannot fulfil it by itself.
    done: the program sees to it."""

    chinese: str
    english: str
    due: bool
    done: bool = False


def duties(people: int) -> list[Duty]:
    """The duties of a gallery of so many people; those that the program itself sees to are not due."""
    return [
        Duty(
            "告知并取得每个人单独的同意，写明用途、方式和期限；随时可以撤回。",
            "Tell everybody, and get their consent apart from any other, with purpose, manner and time; it can be "
            "taken back at any time.",
            True,
        ),
        Duty(
            "不满十四周岁的，要由父母或其他监护人同意。",
            "For children under fourteen a parent or another guardian agrees.",
            True,
        ),
        Duty(
            "刷脸不能是唯一的办法：要提供同样方便的其他方式。",
            "A face must not be the only way: another one, as convenient, is offered.",
            True,
        ),
        Duty(
            "使用前做个人信息保护影响评估，记录保存至少三年。",
            "Before use, assess what it means for people's personal information, and keep the record for three years.",
            True,
        ),
        Duty(
            "摄像处要有显著提示；旅馆客房、公共浴室、更衣室、卫生间等私密空间不得安装。",
            "Show clearly where a camera looks; none in private places such as guest rooms, baths, changing rooms and "
            "lavatories.",
            True,
        ),
        Duty(
            "人脸信息只存在本机，不经互联网传出；到期或撤回即删除。（本程序照此办理，也不保存照片。）",
            "Face data stays on this machine and is not sent over the internet; it is deleted at its end or when "
            "consent is taken back. (The program does so, and keeps no pictures.)",
            False,
            True,
        ),
        Duty(
            f"存储人脸信息达到 {FILING // 10_000} 万人的，三十个工作日内向省级以上网信部门备案。（现有 {people} 人。）",
            f"With {FILING:,} people and more, file with the provincial cyberspace authority within thirty working "
            f"days. ({people} people now.)",
            people >= FILING,
        ),
    ]
