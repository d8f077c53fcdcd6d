"""Which form of tool calls a chat template speaks of."""

from __future__ import annotations

import pytest
from tests.text.test_tools import CODER_TEMPLATE, DEEPSEEK_TEMPLATE, GLM_TEMPLATE, HERMES_TEMPLATE, LLAMA_TEMPLATE

from huozhong.text.tool_formats import (
    DEEPSEEK_V3,
    DEEPSEEK_V31,
    DSML,
    FUNCTIONARY,
    GEMMA_4,
    GIGACHAT,
    GLM,
    GLM_47,
    GRANITE,
    HERMES,
    KIMI,
    LLAMA3,
    MINIMAX,
    MINIMAX_M1,
    MISTRAL,
    MISTRAL_JSON,
    NEMOTRON,
    QWEN_CODER,
    SEED,
    find_format,
)
from huozhong.text.tools import ToolFormat

TEMPLATES: list[tuple[str, ToolFormat]] = [
    (HERMES_TEMPLATE, HERMES),
    (LLAMA_TEMPLATE, LLAMA3),
    (DEEPSEEK_TEMPLATE, DEEPSEEK_V3),
    (DEEPSEEK_TEMPLATE.replace("\\n```json\\n", ""), DEEPSEEK_V31),
    (CODER_TEMPLATE, QWEN_CODER),
    (GLM_TEMPLATE, GLM),
    (GLM_TEMPLATE.replace("</arg_key>\n", "</arg_key>"), GLM_47),
    ("{% set dsml = '｜DSML｜' %}{{ tools }}<function_calls>", DSML),
    ("{{ tools }}<|tool_calls_section_begin|>", KIMI),
    ("{{ tools }}<minimax:tool_call>", MINIMAX),
    ("{{ tools }}[TOOL_CALLS][CALL_ID][ARGS]", MISTRAL),
    ("{{ tools }}[TOOL_CALLS][", MISTRAL_JSON),
    ("{{ tools }} respond only with <|tool_call|> followed by a JSON list", GRANITE),
    ("{{ tools }}<|tool_call>call:", GEMMA_4),
    ("{{ tools }}<TOOLCALL>[", NEMOTRON),
    ("{% set begin = '<seed:tool_call>' %}{{ tools }}<tool_call><parameter=", SEED),
    ('{{ tools }}{% set function_call="<|function_call|>" %}', GIGACHAT),
    ("{{ tools }} start with <function= and end with </function>", FUNCTIONARY),
    ("<beginning_of_sentence>{{ tools }}<tool_calls>", MINIMAX_M1),
    ("{{ tools }}", HERMES),
    ("<tool_call><function={{ tools }}>", HERMES),
]


@pytest.mark.parametrize(("template", "form"), TEMPLATES)
def test_a_template_tells_its_form(template: str, form: ToolFormat) -> None:
    assert find_format(template).name == form.name


def test_what_else_a_template_tells() -> None:
    assert find_format("{{ tools }}[TOOL_CALLS][ARGS]").tag is None
    assert find_format("{{ tools }}｜DSML｜<tool_calls>").opens == "<｜DSML｜tool_calls>\n"


def test_ids_of_calls() -> None:
    assert HERMES.id_for("call_1", "clock", 0) == "call_1"
    assert KIMI.id_for("call_1", "clock", 2) == "functions.clock:2"
    assert KIMI.id_for("functions.clock:0", "clock", 2) == "functions.clock:0"
    assert MISTRAL.id_for("abc123XYZ", "clock", 0) == "abc123XYZ"
    assert len(MISTRAL.id_for("call_1", "clock", 0)) == 9
