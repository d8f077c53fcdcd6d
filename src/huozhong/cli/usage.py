"""What the command library says of a mistyped command, in Chinese."""

from __future__ import annotations

import re
from typing import Any

# The library's classes are known by their names: it brings its own copy of click's.
_KINDS = ("NoSuchOption", "NoArgsIsHelpError", "MissingParameter", "BadParameter", "UsageError")
_SENTENCES = (
    (r"No such command '(.*?)'.*", r"没有命令 \1；huozhong --help 列出所有命令。"),
    (r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", r"多余的参数：\1"),
    (r"Option '(.*?)' requires an argument.*", r"选项 \1 后面要写值。"),
    (r"Input should be greater than or equal to (.*)", r"不能小于 \1"),
    (r"Input should be less than or equal to (.*)", r"不能大于 \1"),
    (r"Input should be a valid integer.*", "要写整数"),
    (r"Input should be a valid number.*", "要写数字"),
    (r"Input should be a valid boolean.*", "要写 true 或 false"),
)


def usage_in_chinese(error: Exception) -> str | None:
    """What a usage error of the command library says, in Chinese; None for any other error."""
    kind = next((cls.__name__ for cls in type(error).__mro__ if cls.__name__ in _KINDS), None)
    if kind is None:
        return None
    said = _sentence(str(getattr(error, "message", "") or error))
    if kind == "NoSuchOption":
        near = getattr(error, "possibilities", None)
        return f"没有选项 {getattr(error, 'option_name', '')}" + (f"；是不是 {near[0]}？" if near else "。")
    if kind == "MissingParameter":
        return f"缺少参数 {_name(getattr(error, 'param', None))}。"
    if kind == "BadParameter":
        return f"{_name(getattr(error, 'param', None))} 的值不对：{said}。"
    return said


def _name(parameter: Any) -> str:
    """How a parameter is typed."""
    options: list[str] = [name for name in getattr(parameter, "opts", ()) if name.startswith("-")]
    return options[0] if options else str(getattr(parameter, "metavar", None) or getattr(parameter, "name", ""))


def _sentence(message: str) -> str:
    for pattern, chinese in _SENTENCES:
        if found := re.fullmatch(pattern, message.strip(), re.S):
            return found.expand(chinese)
    return message
