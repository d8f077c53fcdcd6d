"""POST /v1/completions: texts that are continued as they are, or filled in the middle."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.engine.llm import LLM
from huozhong.errors import RequestError
from huozhong.server.calls import CompletionCall
from huozhong.server.careful import Careful
from huozhong.server.dialects.openai.completions import CompletionReply, parse_completion
from huozhong.server.household import admit
from huozhong.server.http import RunningAnswers
from huozhong.server.preparing import reading
from huozhong.server.routes.chat import respond, starts
from huozhong.server.routes.models import asked
from huozhong.text.fim import middle_prompt
from huozhong.text.template import ChatPrompt

router = APIRouter()


@router.post("/v1/completions")
@router.post("/completions")
@router.post("/beta/completions")  # DeepSeek's path
async def completions(request: Request) -> Response:
    llm, call = await asked(request, parse_completion)
    careful: Careful = request.app.state.careful
    named = partial(CompletionReply, model=llm.name, include_usage=call.include_usage)
    for prompt in call.prompts:  # each by itself: they are no conversation, and one in distress is enough
        said = [{"role": "user", "content": _text(llm, prompt) + call.suffix}]
        fixed = await careful.answer(llm, request, said, lambda f: named(echoed=[""], fixed=f), stream=call.stream)
        if fixed is not None:
            return fixed
    await admit(request)
    size = len(call.suffix) + sum(len(prompt) for prompt in call.prompts)
    prompts = await reading(request, size, lambda: [_prompt(llm, call, prompt) for prompt in call.prompts])
    running = RunningAnswers(
        start for prompt in prompts for start in starts(request, llm, prompt, call.params, call.num_answers)
    )
    reply = named(
        echoed=[_text(llm, p) if call.echo else "" for p in call.prompts for _ in range(call.num_answers)],
        each=call.num_answers,
        with_logprobs=call.params.logprobs is not None,
        only_echo=call.only_echo,
    )
    return await respond(request, running, reply, stream=call.stream)


def _text(llm: LLM, prompt: str | list[int]) -> str:
    if isinstance(prompt, str):
        return prompt
    wrong = next((token for token in prompt if not 0 <= token < llm.config.vocab_size), None)
    if wrong is not None:
        raise RequestError(f"'prompt' has the token id {wrong}, which is not in the vocabulary.", param="prompt")
    return llm.tokenizer.decode(prompt)


def _prompt(llm: LLM, call: CompletionCall, prompt: str | list[int]) -> ChatPrompt:
    if not call.suffix or not isinstance(prompt, str):
        ids: list[int] | None = llm.text_tokens(prompt)
    else:
        ids = middle_prompt(llm.tokenizer, prompt, call.suffix)
    if ids is None:
        raise RequestError(
            "'suffix' is not supported by this model: its tokenizer has no marks for filling in the middle.",
            param="suffix",
            code="unsupported_value",
        )
    return ChatPrompt(ids, splits_reasoning=False)
