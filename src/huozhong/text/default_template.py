"""The chat template of a model that brings none of its own: what our tokenizers are saved with."""

from __future__ import annotations

# DeepSeek's layout.  Only the last turn keeps its reasoning: the model never sees earlier reasoning again.
DEFAULT_TEMPLATE = """\
{%- if thinking is not defined %}{% set thinking = true %}{% endif -%}
{%- set ns = namespace(system='') -%}
{%- for m in messages if m['role'] == 'system' -%}
  {%- set ns.system = m['content'] if loop.first else ns.system + '\\n\\n' + m['content'] -%}
{%- endfor -%}
{{- bos_token + ns.system -}}
{%- for m in messages -%}
  {%- if m['role'] == 'user' -%}
    {{- '<｜User｜>' + m['content'] -}}
  {%- elif m['role'] == 'assistant' -%}
    {{- '<｜Assistant｜>' -}}
    {%- if loop.last and not add_generation_prompt and m['reasoning_content'] is string -%}
      {{- '<think>' + m['reasoning_content'] -}}
    {%- endif -%}
    {{- '</think>' + m['content'] + eos_token -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<｜Assistant｜>' + ('<think>' if thinking else '</think>') -}}
{%- endif -%}
"""

# DeepSeek-V3.2's, which comes with a program instead of a template: the same, and calls between marks of DSML.
DEEPSEEK_V32_TEMPLATE = "{#- calls: <｜DSML｜function_calls> -#}\n" + DEFAULT_TEMPLATE
DEEPSEEK_V4_TEMPLATE = "{#- calls: <｜DSML｜tool_calls> -#}\n" + DEFAULT_TEMPLATE  # and DeepSeek-V4's
