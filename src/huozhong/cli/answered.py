"""What a model says to questions before and after it is taught, served as it usually is."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from huozhong.errors import HuozhongError

if TYPE_CHECKING:
    from huozhong.text.tools import ToolCallParser
    from huozhong.train.adapt.examples import Prompted


def ask(path: Path, asked: Sequence[Prompted], max_tokens: int, threads: int | None) -> list[str | None]:
    """Greedy answers of the model at `path`, served as it usually is; None where one question cannot be asked."""
    from huozhong.engine.collector import Collector
    from huozhong.engine.llm import LLM, Completion, SamplingParams
    from huozhong.text.tools import ToolCallParser

    params = SamplingParams(temperature=0.0, max_tokens=max_tokens)
    with LLM(path, num_threads=threads, prefix_cache_bytes=0) as llm:

        def one(asked: Prompted) -> str | None:
            try:
                if isinstance(asked.prompt, str):
                    return llm.generate(asked.prompt, params)[0].text
                if not asked.functions:
                    return llm.chat(asked.prompt, params).text
                said = Collector()
                llm.submit(llm.prompt(asked.prompt, functions=asked.functions), params, said.put)
                text, form = Completion.from_deltas(said).text, llm.template.tool_format
                return text if form is None else _calls(text, ToolCallParser(form, asked.functions))
            except HuozhongError:
                return None

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(one, asked))


def _calls(text: str, parser: ToolCallParser) -> str:
    """An answer with its calls as `conversations.spoken` writes them."""
    said = ""
    for part in [*parser.push(text), *parser.finish()]:
        if isinstance(part, str):
            said += part
        else:
            said += f" {part.name}" if part.name is not None else ""
            said += part.arguments
    return said


def answer_ids(
    path: Path, prompts: Sequence[str], max_tokens: int, threads: int | None
) -> list[tuple[str, list[int], list[int], list[bool]]]:
    """Of every question, answered greedily as it is served: itself, the prompt's ids, the answer's, its own choices.

    Long answers are cut.  Tokens that its guide was certain of are not the model's choice.
    """
    from huozhong.engine.collector import Collector
    from huozhong.engine.llm import LLM, SamplingParams

    params = SamplingParams(temperature=0.0, max_tokens=max_tokens)
    found = []
    with LLM(path, num_threads=threads, prefix_cache_bytes=0) as llm:
        asked = [llm.prompt([{"role": "user", "content": prompt}]) for prompt in prompts]
        answers = [Collector() for _ in asked]
        for one, answer in zip(asked, answers, strict=True):
            llm.submit(one, params, answer.put)
        for prompt, one, answer in zip(prompts, asked, answers, strict=True):
            said: list[int] = []
            chosen: list[bool] = []
            for delta in answer:
                if delta.error is not None:
                    raise delta.error
                said += delta.token_ids
                chosen += [place == 0 for place in range(len(delta.token_ids))]  # what follows in one step was certain
            found.append((prompt, one.ids, said, chosen))
    return found
