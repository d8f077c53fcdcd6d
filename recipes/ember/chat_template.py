"""What ember is shown of a conversation: the last two questions and the beginning of the answer between them.

Past the 256 tokens that it was trained on it talks nonsense; a follow-up needs the question before whole, and of its
answer only what kind of answer it was.
"""

from __future__ import annotations

from huozhong.text.default_template import DEFAULT_TEMPLATE

SHOWN = 48  # characters of the answer before
_TWO_QUESTIONS = """\
{%- set turns = messages | rejectattr('role', 'equalto', 'system') | list -%}
{%- for m in (turns[-3:] if add_generation_prompt else turns[-4:]) -%}"""
_WHOLE = "{{- '</think>' + m['content'] + eos_token -}}"
_BEGINNING = f"{{{{- '</think>' + (m['content'] if loop.last else m['content'][:{SHOWN}]) + eos_token -}}}}"
CHAT_TEMPLATE = DEFAULT_TEMPLATE.replace("{%- for m in messages -%}", _TWO_QUESTIONS).replace(_WHOLE, _BEGINNING)
