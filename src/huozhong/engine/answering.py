"""An answer goes on: a token is chosen, and what its guide knows to follow comes with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from huozhong.engine.requests import Delta, FinishReason, TokenLogprob
from huozhong.engine.runner import Chunk, Want
from huozhong.engine.sampler import TopLogprobs
from huozhong.engine.scheduler import Slice
from huozhong.engine.sequence import Sequence
from huozhong.engine.tasks import EmbedTask, GenerateTask, ScoreTask
from huozhong.text.tokenizer import Tokenizer


def chunk_of(slice_: Slice) -> Chunk:
    """What of a request is computed in this step, as the runner takes it."""
    sequence = slice_.sequence
    tokens = sequence.tokens(slice_.start, slice_.start + slice_.count - len(slice_.drafts))
    if slice_.drafts:
        tokens = np.concatenate((tokens, np.array(slice_.drafts, dtype=np.int32)))
    want: Want = "all" if slice_.drafts else "last" if slice_.reaches_end else "none"
    if not isinstance(sequence.task, GenerateTask):
        want = sequence.task.want
    return Chunk(tokens=tokens, start=slice_.start, pages=sequence.table, want=want, prefill=slice_.prefill)


def go_on(
    sequence: Sequence,
    task: GenerateTask,
    logits_V: NDArray[np.float32],
    tokenizer: Tokenizer,
    eos_ids: frozenset[int],
) -> tuple[int, Delta]:
    """Sample the next token; it and all that is certain to follow join the answer.

    Returns the token, and what the caller is told.  Forced tokens have a probability of 1, as they would have had
    if they had been sampled under their guide, but take no number from the request's generator.
    """
    token, logprob, top = task.choose(logits_V)
    task.add(token)
    parts = [_write(sequence, task, token, _told(tokenizer, token, logprob, top), eos_ids)]
    for forced in task.take_forced():
        if parts[-1].finish_reason is not None:
            break
        sure = _told(tokenizer, forced, None if logprob is None else 0.0, ())
        parts.append(_write(sequence, task, forced, sure, eos_ids))
    return token, parts[0] if len(parts) == 1 else _joined(parts)


def _write(
    sequence: Sequence, task: GenerateTask, token: int, logprobs: tuple[TokenLogprob, ...], eos_ids: frozenset[int]
) -> Delta:
    sequence.generated.append(token)
    is_eos = token in eos_ids and not task.params.ignore_eos
    text, reasoning = ("", "") if is_eos else task.output.push(token)
    reason: FinishReason | None = None
    if is_eos or task.output.is_stopped or task.is_complete:
        reason = "stop"
    elif len(sequence.generated) == sequence.max_new_tokens:
        reason = "length"
    if task.output.hides_last:
        logprobs = ()
    return Delta(text=text, reasoning=reasoning, token_ids=(token,), logprobs=logprobs, finish_reason=reason)


def _told(tokenizer: Tokenizer, token: int, logprob: float | None, top: TopLogprobs) -> tuple[TokenLogprob, ...]:
    """A token's log-probability with its spelling; nothing where none is asked for."""
    if logprob is None:
        return ()
    raw = tokenizer.bytes_of(token)
    others = tuple(one for t, p in top for one in _told(tokenizer, t, p, ()))
    return (TokenLogprob(token, logprob, raw.decode("utf-8", "replace"), raw, others),)


def scored(ids: NDArray[np.int32], task: ScoreTask | EmbedTask, tokenizer: Tokenizer) -> tuple[TokenLogprob, ...]:
    """A text's tokens but the first, as they were scored, where they are to be told."""
    if not isinstance(task, ScoreTask) or not task.is_told:
        return ()
    each = zip(ids[1:], task.values, task.best, strict=True)
    return tuple(one for token, logprob, best in each for one in _told(tokenizer, int(token), float(logprob), best))


def _joined(parts: list[Delta]) -> Delta:
    """What several tokens of one step add; the last may end the answer."""
    return Delta(
        text="".join(part.text for part in parts),
        reasoning="".join(part.reasoning for part in parts),
        token_ids=tuple(token for part in parts for token in part.token_ids),
        logprobs=tuple(one for part in parts for one in part.logprobs),
        finish_reason=parts[-1].finish_reason,
    )
