"""POST /v1/completions: texts that are continued as they are, or filled in the middle."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from huozhong.engine.llm import LLM, TokenLogprob
from huozhong.engine.requests import ScoredText
from huozhong.errors import RequestError
from huozhong.server.calls import CompletionCall
from huozhong.server.careful import Careful
from huozhong.server.dialects.llamacpp.schemas import EITHERS
from huozhong.server.dialects.openai.completions import CompletionReply, CompletionRequest, parse_completion
from huozhong.server.dialects.openai.schemas import COMPLETION, ERROR
from huozhong.server.dialects.schemas import body_of, described
from huozhong.server.household import admit
from huozhong.server.http import RunningAnswers, json_body, watched
from huozhong.server.identity import person_of
from huozhong.server.ledger import Ledger
from huozhong.server.preparing import parsed, reading
from huozhong.server.routes import native
from huozhong.server.routes.chat import respond, starts
from huozhong.server.routes.elsewhere import passed_on
from huozhong.server.routes.models import asked
from huozhong.text.fim import middle_prompt
from huozhong.text.template import ChatPrompt

router = APIRouter()
BODY = body_of(CompletionRequest, "openai")
TEXT = described(COMPLETION, ERROR, takes=BODY, streams="text/event-stream")
EITHER = described(EITHERS, ERROR, takes=BODY, streams="text/event-stream")


@router.post("/v1/completions", openapi_extra=TEXT)
@router.post("/completions", openapi_extra=EITHER)
@router.post("/beta/completions", openapi_extra=TEXT)  # DeepSeek's path
async def completions(request: Request) -> Response:
    if request.url.path == "/completions" and "model" not in await json_body(request):
        return await native.completion(request)  # llama.cpp's, which knows but one model
    if (passed := await passed_on(request, "/v1/completions")) is not None:
        return passed
    llm, call = await asked(request, parse_completion)
    careful: Careful = request.app.state.careful
    named = partial(CompletionReply, model=llm.name, include_usage=call.include_usage)
    texts = await parsed(request, lambda: [_text(llm, prompt) for prompt in call.prompts])
    for text in texts:  # each by itself: they are no conversation, and one in distress is enough
        said = [{"role": "user", "content": text + call.suffix}]
        fixed = await careful.answer(llm, request, said, lambda f: named(echoed=[""], fixed=f), stream=call.stream)
        if fixed is not None:
            return fixed
    await admit(request)
    size = len(call.suffix) + sum(len(prompt) for prompt in call.prompts)
    prompts = await reading(request, size, lambda: [_prompt(llm, call, prompt) for prompt in call.prompts])
    scored = await _scored(request, llm, call, prompts) if call.echo and call.params.logprobs is not None else []
    running = RunningAnswers(
        start for prompt in prompts for start in starts(request, llm, prompt, call.params, call.num_answers)
    )
    reply = named(
        echoed=[text if call.echo else "" for text in texts for _ in range(call.num_answers)],
        scored=[tokens for tokens in scored for _ in range(call.num_answers)],
        each=call.num_answers,
        with_logprobs=call.params.logprobs is not None,
        only_echo=call.only_echo,
    )
    return await respond(request, running, reply, stream=call.stream)


async def _scored(
    request: Request, llm: LLM, call: CompletionCall, prompts: list[ChatPrompt]
) -> list[list[TokenLogprob | str]]:
    """Each prompt's tokens with their probabilities, without the mark of its beginning that a text is given here."""
    ledger: Ledger = request.app.state.ledger
    answers = RunningAnswers(
        ledger.counted(
            person_of(request),
            llm.name,
            partial(llm.submit_score, prompt.ids, told=call.params.logprobs),
            len(prompt.ids),
        )
        for prompt in prompts
    )
    async with watched(answers, request.receive):
        texts = [ScoredText.from_deltas(deltas) for deltas in await answers.all()]
    found: list[list[TokenLogprob | str]] = []
    for given, prompt, text in zip(call.prompts, prompts, texts, strict=True):
        is_marked = isinstance(given, str) and prompt.ids[0] in llm.tokenizer.begin
        first = [] if is_marked else [llm.tokenizer.bytes_of(prompt.ids[0]).decode("utf-8", "replace")]
        found.append([*first, *text.tokens])
    return found


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
