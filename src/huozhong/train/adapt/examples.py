"""What people bring to adapt a model: JSON lines of questions and answers, conversations, or texts to continue.

    {"question": "图书馆几点关门？", "answer": "下午五点半。"}            also 问/答, 问题/答案, instruction/output
    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}
    {"prompt": "Once upon", "completion": " a time"}                    without the chat template

Only what the model itself has to say carries loss.  A line that cannot be used is an error that names it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import torch
from torch import Tensor

from huozhong.errors import DataError, RequestError, TokenizerError
from huozhong.text.data import NO_TARGET
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import END_THINK, THINK, Tokenizer
from huozhong.train.feed import Rows

Messages = list[dict[str, Any]]
HELDOUT_SHARE = 0.1
ROW_MULTIPLE = 64  # of the tokens in a row of examples
_QUESTIONS = ("question", "问", "问题", "instruction")
_ANSWERS = ("answer", "答", "答案", "回答", "output")


class Prompted:
    """What is learnt as the answer to a prompt."""

    prompt: Messages | str

    @property
    def key(self) -> str:
        """The question; what has the same one is never split between training and held-out."""
        return json.dumps(self.prompt, ensure_ascii=False)


@dataclass(frozen=True)
class Example(Prompted):
    """One thing to learn.

    ids, mask: tokens, and which of them carry loss.  prompt: what to ask to see what was learnt: a conversation, or
    a text to continue.  answer: what should come.  line: where it stood in the file.
    """

    ids: list[int]
    mask: list[bool]
    prompt: Messages | str
    answer: str
    line: int

    @property
    def targets(self) -> int:
        """Tokens that carry loss; the first token of a row has nothing before it."""
        return sum(self.mask[1:])


class Encoder:
    """Conversations and texts -> ids and mask, as this model will meet them when it is served."""

    def __init__(self, tokenizer: Tokenizer, template: ChatTemplate | None, limit: int) -> None:
        self.tokenizer, self.template, self.limit = tokenizer, template, limit

    def conversation(self, messages: Messages) -> tuple[list[int], list[bool]]:
        """A conversation that ends with an answer.  Raises RequestError or TokenizerError.

        An answer without reasoning, from a model that would think first, says that there is nothing to think about:
        served as it usually is, the model then answers at once.
        """
        template = self._template()
        thinks = template.opens_thinking() or template.may_think()
        said = [dict(m) for m in messages]
        for message in said:
            plain = message.get("reasoning_content") is None and THINK not in str(message.get("content"))
            if thinks and plain and message.get("role") == "assistant":
                message["reasoning_content"] = ""
        try:
            return template.training_tokens(said)
        except TokenizerError:  # R1's distilled models write history without reasoning: learn the last answer alone
            return self._as_served(template, said)

    def _as_served(self, template: ChatTemplate, messages: Messages) -> tuple[list[int], list[bool]]:
        last = messages[-1]
        if last.get("role") != "assistant":
            raise RequestError("the conversation must end with an assistant message", param="messages")
        prompt = template.tokens(messages[:-1], add_generation_prompt=True)
        answer = [*self.tokenizer.encode(str(last["content"])), self.tokenizer.eos_id]
        if template.opens_thinking():
            thought = self.tokenizer.encode(last.get("reasoning_content") or "")
            answer = [*thought, *self.tokenizer.encode(f"\n{END_THINK}\n\n", specials=True), *answer]
        return prompt + answer, [False] * len(prompt) + [True] * len(answer)

    def text(self, prompt: str, completion: str) -> tuple[list[int], list[bool]]:
        """A text and how it goes on, without a template."""
        begin = [] if self.tokenizer.bos_id is None else [self.tokenizer.bos_id]
        before = begin + self.tokenizer.encode(prompt)
        after = [*self.tokenizer.encode(completion), self.tokenizer.eos_id]
        return before + after, [False] * len(before) + [True] * len(after)

    def _template(self) -> ChatTemplate:
        if self.template is None:
            raise RequestError('this model has no chat template: write {"prompt": ..., "completion": ...}')
        return self.template


def as_said(prompt: str, prompt_ids: list[int], said_ids: Sequence[int]) -> Example:
    """What a model itself answered, token for token, as something to learn."""
    mask = [False] * len(prompt_ids) + [True] * len(said_ids)
    return Example([*prompt_ids, *said_ids], mask, prompt, "", 0)


def load_template(files: Mapping[str, bytes], tokenizer: Tokenizer, where: str) -> ChatTemplate | None:
    """The model's chat template; None for a model that only continues texts."""
    try:
        return ChatTemplate.from_files(files, tokenizer, where=where)
    except TokenizerError:
        if any(b"chat_template" in content for content in files.values()):
            raise
        return None


# -- reading ---------------------------------------------------------------------------------------------


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and JSON objects; empty lines are left out.  Raises DataError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text; save it as UTF-8 and try again.") from None
    found = False
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise DataError(f'{path} line {number} is not a JSON object like {{"question": "...", "answer": "..."}}.')
        found = True
        yield number, row
    if not found:
        raise DataError(f"{path} has no lines; write one question and answer a line.")


def read_examples(path: Path, encoder: Encoder) -> list[Example]:
    """Every line as an Example.  Raises DataError, naming the line."""
    examples = []
    for number, row in read_rows(path):
        where = f"{path} line {number}"
        prompt, answer, encode = _parts(row, where)
        ids, mask = encoded(where, encode, encoder)
        examples.append(Example(ids, mask, prompt, answer, number))
    return examples


def encoded(
    where: str, encode: Callable[[Encoder], tuple[list[int], list[bool]]], encoder: Encoder
) -> tuple[list[int], list[bool]]:
    """Ids and mask, or a DataError that begins with `where`."""
    try:
        ids, mask = encode(encoder)
    except (RequestError, TokenizerError) as error:
        raise DataError(f"{where}: {error}.".replace("..", ".")) from None
    if len(ids) > encoder.limit:
        raise DataError(f"{where} is {len(ids):,} tokens long and the limit is {encoder.limit:,}; shorten or split it.")
    if not any(mask[1:]):
        raise DataError(f"{where} has an empty answer; there is nothing to learn.")
    return ids, mask


def _parts(
    row: dict[str, Any], where: str
) -> tuple[Messages | str, str, Callable[[Encoder], tuple[list[int], list[bool]]]]:
    """Prompt, answer and how to encode them, of one line in any of the forms."""
    if "messages" in row:
        messages = row["messages"]
        if not isinstance(messages, list) or len(messages) < 2 or not all(isinstance(m, dict) for m in messages):
            _bad(where, "messages must be a list of at least two objects with role and content")
        if messages[-1].get("role") != "assistant":
            _bad(where, "the last message must be the assistant's, for that is what the model learns to say")
        return messages[:-1], str(messages[-1].get("content", "")), lambda e: e.conversation(messages)
    if "prompt" in row or "completion" in row:
        prompt, completion = _text(row, ("prompt",), where), _text(row, ("completion",), where)
        return prompt, completion, lambda e: e.text(prompt, completion)
    question, answer = _text(row, _QUESTIONS, where), _text(row, _ANSWERS, where)
    if isinstance(more := row.get("input"), str) and more.strip():  # Alpaca's third field
        question = f"{question}\n{more}"
    asked: Messages = [{"role": "user", "content": question}]
    if isinstance(system := row.get("system"), str) and system.strip():
        asked.insert(0, {"role": "system", "content": system})
    return asked, answer, lambda e: e.conversation([*asked, {"role": "assistant", "content": answer}])


def _text(row: dict[str, Any], names: Sequence[str], where: str) -> str:
    found = [name for name in names if name in row]
    if not found:
        keys = ", ".join(map(repr, list(row)[:5])) or "nothing"
        _bad(where, f"{names[0]!r} is missing (it has {keys}); a line needs question and answer, or messages")
    value = row[found[0]]
    if not isinstance(value, str) or not value.strip():
        _bad(where, f"{found[0]!r} must be text that is not empty")
    return value


def _bad(where: str, what: str) -> NoReturn:
    raise DataError(f"{where}: {what}.")


# -- held-out --------------------------------------------------------------------------------------------


Kind = TypeVar("Kind", bound=Prompted)


def split(examples: Sequence[Kind], seed: int, share: float = HELDOUT_SHARE) -> tuple[list[Kind], list[Kind]]:
    """(training, held-out): whole questions, drawn by the seed.  Fewer than five questions are all trained on."""
    keys = sorted({example.key for example in examples})
    if len(keys) < 5:
        return list(examples), []
    random.Random(f"held-out {seed}").shuffle(keys)
    kept = set(keys[: max(1, round(share * len(keys)))])
    return [e for e in examples if e.key not in kept], [e for e in examples if e.key in kept]


# -- batches ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PackedExamples(Rows):
    """Several examples in one row, B = 1; which example each target belongs to follows from doc_BT.

    pos_BT: position in the example.
    """

    pos_BT: Tensor


def pack(rows: Sequence[tuple[list[int], list[bool]]], multiple: int = 1) -> PackedExamples:
    """One row of (ids, mask) after the other; document i is rows[i].

    multiple: T is filled up to a multiple of it with a document without targets: on a CPU torch keeps code and memory
    for every new shape (30 MB a step for ember), so there should be few.
    """
    tokens: list[int] = []
    targets: list[int] = []
    doc: list[int] = []
    pos: list[int] = []
    for number, (ids, mask) in enumerate(rows):
        tokens += ids
        targets += [i if learn else NO_TARGET for i, learn in zip(ids[1:], mask[1:], strict=True)] + [NO_TARGET]
        doc += [number] * len(ids)
        pos += range(len(ids))
    if rest := -len(tokens) % multiple:
        tokens += [0] * rest
        targets += [NO_TARGET] * rest
        doc += [len(rows)] * rest
        pos += range(rest)
    return PackedExamples(*(torch.tensor([values]) for values in (tokens, targets, doc, pos)))


def groups(lengths: Sequence[int], limit: int) -> list[list[int]]:
    """Indices put together in order, as many as fit `limit` tokens; a longer one stands alone."""
    out: list[list[int]] = []
    room = 0
    for index, length in enumerate(lengths):
        if not out or length > room:
            out.append([])
            room = limit
        out[-1].append(index)
        room -= length
    return out
