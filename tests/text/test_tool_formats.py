"""Which form of tool calls a chat template speaks of."""

from __future__ import annotations

import pytest
from tests.text.test_tools import CODER_TEMPLATE, DEEPSEEK_TEMPLATE, GLM_TEMPLATE, HERMES_TEMPLATE, LLAMA_TEMPLATE

from huozhong.text.tool_formats import (
    APERTUS,
    COHERE,
    DEEPSEEK_V3,
    DEEPSEEK_V31,
    DSML,
    FUNCTIONARY,
    GEMMA_4,
    GIGACHAT,
    GIGACHAT_3,
    GLM,
    GLM_47,
    GRANITE,
    HERMES,
    HUNYUAN_3,
    KIMI,
    KIMI_3,
    LFM_2,
    LLAMA3,
    MINICPM,
    MINIMAX,
    MINIMAX_3,
    MINIMAX_M1,
    MISTRAL,
    MISTRAL_JSON,
    NEMOTRON,
    QWEN_CODER,
    SEED,
    SOLAR,
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
    ("{{ tools }}<|message_sep|>\n\nfunction call<|role_sep|>", GIGACHAT_3),
    ("{{ tools }}<|tools_prefix|>", APERTUS),
    ("{{ tools }}<|START_ACTION|>", COHERE),
    ("{{ tools }}<|tool_call:begin|>", SOLAR),
    ("{% set HYTK = ':open' %}{{ tools }}<tool_call>", HUNYUAN_3),
    ("{{ tools }}<function name=<![CDATA[", MINICPM),
    ("{{ tools }}{{ raise_exception('Kimi K3 tool calls') }}", KIMI_3),
    ("{{ tools }}]<]minimax[>[<tool_call>", MINIMAX_3),
    ("{{ tools }}<|tool_call_start|>", LFM_2),
    ("{{ tools }}", HERMES),
    ("<tool_call><function={{ tools }}>", HERMES),
]


@pytest.mark.parametrize(("template", "form"), TEMPLATES)
def test_a_template_tells_its_form(template: str, form: ToolFormat) -> None:
    assert find_format(template).name == form.name


def test_what_else_a_template_tells() -> None:
    assert find_format("{{ tools }}[TOOL_CALLS][ARGS]").tag is None
    assert find_format("{{ tools }}｜DSML｜<tool_calls>").opens == "<｜DSML｜tool_calls>\n"
    form = find_format("{% set HYTK = ':open' %}{{ tools }}")
    assert form.written([("clock", '{"a": 1}')]) == (
        "<tool_calls:open>\n<tool_call:open>clock<tool_sep:open>\n<arg_key:open>a</arg_key:open>\n"
        "<arg_value:open>1</arg_value:open>\n</tool_call:open>\n</tool_calls:open>"
    )


def test_ids_of_calls() -> None:
    assert HERMES.id_for("call_1", "clock", 0) == "call_1"
    assert KIMI.id_for("call_1", "clock", 2) == "functions.clock:2"
    assert KIMI.id_for("functions.clock:0", "clock", 2) == "functions.clock:0"
    assert MISTRAL.id_for("abc123XYZ", "clock", 0) == "abc123XYZ"
    assert len(MISTRAL.id_for("call_1", "clock", 0)) == 9
