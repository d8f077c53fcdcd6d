"""A real model, held by a real guide to what is to be said: a server whose answers are known, and nothing made up.

It thinks a few tokens of its own. Where a weather function is offered it calls it once; when the function's output has
come it says what the weather is; else it greets. Who asks for JSON gets what the model itself makes of that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.conftest import LINES
from tests.server.conftest import CONTEXT, write_endless
from tests.text.test_tools import HERMES_TEMPLATE

from huozhong.engine.guides.guide import Grammar
from huozhong.engine.llm import LLM, Delta, Handle, SamplingParams
from huozhong.text.arguments import literal
from huozhong.text.template import ChatPrompt
from huozhong.text.tokenizer import SPECIALS, Tokenizer

HELLO = "你好，火种! 🔥 Hello."
SUNNY = "It is sunny in Paris: 21 °C."
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>'
OUTPUT = "sunny, 21 °C"
THOUGHT = 5  # tokens, with the mark that ends it
TEMPLATE = (
    HERMES_TEMPLATE.removesuffix("{% endif %}") + "<think>{% if not enable_thinking %}</think>{% endif %}{% endif %}"
)

Script = Callable[[str], str]


def weather(prompt: str) -> str:
    """What is said after a prompt."""
    if OUTPUT in prompt:
        return SUNNY
    if typed := re.search(r'"name": "(final_result|Person)"', prompt):  # an answer's form as a function, as many ask
        return CALL.replace("weather", typed[1]).replace("city", "name")
    return CALL if "weather" in prompt else HELLO


class ScriptedLLM(LLM):
    """script: the prompt's text -> the answer's."""

    script: Script = staticmethod(weather)

    def submit(
        self,
        prompt: ChatPrompt,
        params: SamplingParams,
        on_delta: Callable[[Delta], None],
        *,
        user: str | None = None,
        watched: bool = False,
    ) -> Handle:
        held: dict[str, Any] = {"max_reasoning_tokens": THOUGHT}
        if params.guide is None or isinstance(params.guide, Grammar):
            said = self.script(self.tokenizer.decode(prompt.ids))
            held["guide"] = Grammar(f"start: {literal(list(self.tokenizer.split_specials(said)))}")
        return super().submit(prompt, replace(params, **held), on_delta, user=user, watched=watched)


def scripted(
    folder: Path,
    script: Script = weather,
    *,
    lines: Sequence[str] = LINES * 4,
    size: int = 320,
    context: int = CONTEXT,
) -> ScriptedLLM:
    """The model, made in this folder.  lines, size: what its tokenizer learns from, and how many tokens it has."""
    marks = ("<tool_call>", "</tool_call>")
    tokenizer = Tokenizer.train(lines, size, (*SPECIALS, *marks), chat_template=TEMPLATE)
    model = write_endless(folder / "scripted", tokenizer, context)
    llm = ScriptedLLM(model, num_threads=1, cache_dir=folder / "packed", prefix_cache_bytes=0)
    llm.script = script  # type: ignore[method-assign]
    return llm
