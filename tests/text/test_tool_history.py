"""Tools and calls in the shape that a template can take."""

from __future__ import annotations

from typing import Any

import pytest

from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer
from huozhong.text.tool_formats import HERMES, KIMI
from huozhong.text.tool_history import as_text, describe, with_ids
from huozhong.text.tools import Function

CALL = {"id": "c1", "type": "function", "function": {"name": "clock", "arguments": '{"zone": "东八区"}'}}
MESSAGES: list[dict[str, Any]] = [
    {"role": "user", "content": "q"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "noon", "tool_call_id": "c1"},
]
CLOCK = Function("clock", "The time")
# After what Qwen3, R1-Distill, DeepSeek V3.1 and Gemma 2 do.
WANTS_TEXT = """\
{%- if tools %}T:{{ tools | tojson }};{% endif -%}
{%- for m in messages -%}
  {{- m.role }}:{{ '[' + m.content.strip() + ']' -}}
  {%- for c in m.tool_calls or [] -%}{{- c.function.name }}={{ c.function.arguments | tojson -}}{%- endfor -%};
{%- endfor -%}
"""
WANTS_NONE = """\
{%- for m in messages -%}
  {%- if m.role == 'assistant' and m.content is not none -%}a:{{ m.content }};
  {%- elif m.role == 'assistant' -%}a!{{ m.tool_calls[0].function.name + '=' + m.tool_calls[0].function.arguments }};
  {%- else -%}{{ m.role }}:{{ m.content }};{%- endif -%}
{%- endfor -%}
"""
KNOWS_NOTHING = """\
{%- for m in messages -%}
  {%- if m.role not in ('user', 'assistant') -%}{{ raise_exception('only users') }}{%- endif -%}
  {{- m.role }}:{{ m.content }};
{%- endfor -%}
"""


def render(source: str, tokenizer: Tokenizer, tools: list[Function]) -> str:
    return ChatTemplate(source, tokenizer).render(MESSAGES, tools=tools)


def test_each_template_gets_what_it_can_take(tokenizer: Tokenizer) -> None:
    """mlx-vlm issue 1785: content null or "" beside calls made the second step of every agent fail."""
    assert render(WANTS_TEXT, tokenizer, []) == 'user:[q];assistant:[]clock={"zone": "东八区"};tool:[noon];'
    assert render(WANTS_TEXT, tokenizer, [CLOCK]).startswith('T:[{"type": "function", "function": {"name": "clock"')
    assert render(WANTS_NONE, tokenizer, []) == 'user:q;a!clock={"zone": "东八区"};tool:noon;'


def test_a_template_that_knows_nothing_of_tools(tokenizer: Tokenizer) -> None:
    text = render(KNOWS_NOTHING, tokenizer, [CLOCK])
    assert text.startswith("user:## Tools")
    assert text.endswith(
        '\n\nq;assistant:<tool_call>\n{"name": "clock", "arguments": {"zone": "东八区"}}\n</tool_call>;'
        "user:<tool_response>\nnoon\n</tool_response>;"
    )


def test_ids_as_the_form_wants_them() -> None:
    shown = with_ids(MESSAGES, KIMI)
    assert shown[1]["tool_calls"][0]["id"] == shown[2]["tool_call_id"] == "functions.clock:0"
    assert MESSAGES[2]["tool_call_id"] == "c1"


def test_several_results_are_one_turn() -> None:
    twice = [*MESSAGES, {"role": "tool", "content": "late", "tool_call_id": "c1"}]
    shown = as_text([m | {"content": m["content"] or ""} for m in twice], HERMES)
    assert [m["role"] for m in shown] == ["user", "assistant", "user"]
    assert shown[-1]["content"].count("<tool_response>") == 2


@pytest.mark.parametrize("system", [True, False])
def test_where_the_description_goes(system: bool) -> None:
    def roles(*messages: str) -> list[tuple[str, str]]:
        shown = describe("D", [{"role": role, "content": "x"} for role in messages], system=system)
        return [(m["role"], m["content"]) for m in shown]

    assert roles("system", "user") == [("system", "x\n\nD"), ("user", "x")]
    assert roles("user") == ([("system", "D"), ("user", "x")] if system else [("user", "D\n\nx")])
    assert roles("assistant") == [("system" if system else "user", "D"), ("assistant", "x")]
