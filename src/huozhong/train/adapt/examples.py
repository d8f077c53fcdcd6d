"""Lines of people's files (`forms`) -> what a model learns: token ids, and which of them carry loss.

Only what the model itself has to say carries loss.  A line that cannot be used is an error that names it.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from huozhong.errors import DataError, RequestError, TokenizerError
from huozhong.model.documents import FILLING, SHARED
from huozhong.text.data import NO_TARGET
from huozhong.text.plain import kind, read_text
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import END_THINK, THINK, Tokenizer
from huozhong.text.tools import Function
from huozhong.train.adapt.conversations import Messages, spoken
from huozhong.train.adapt.forms import Taught, read_taught
from huozhong.train.adapt.wordings import wordings
from huozhong.train.feed import Rows

HELDOUT_SHARE = 0.1
LONG = 200  # characters of a question; what is longer has a text in it, of which every word may count
_TABLES = (".csv", ".tsv")
_SHEETS = (".xlsx", ".xls", ".ods", ".numbers", ".et")
_ARCHIVES = (".zip", ".tar", ".tgz", ".rar", ".7z", ".zst", ".bz2")
_COLUMNAR = (".parquet", ".arrow", ".feather", ".orc", ".pkl", ".pickle", ".avro", ".db", ".sqlite")
_DOCUMENTS = (".docx", ".doc", ".pdf", ".epub", ".html", ".htm", ".pptx")
_ROWS = ("data", "train", "rows", "examples")  # under which a file that is one object keeps its lines
ROW_MULTIPLE = 64  # of the tokens in a row of examples
WORTH_SHARING = 8  # tokens that examples begin with
Encoded = tuple[list[int], list[bool]]


class Prompted:
    """What is learnt as the answer to a prompt."""

    prompt: Messages | str
    answer: str
    functions: tuple[Function, ...]
    line: int

    @property
    def key(self) -> str:
        """The question; what has the same one is never split between training and held-out."""
        return json.dumps(self.prompt, ensure_ascii=False)


@dataclass(frozen=True)
class Example(Prompted):
    """One thing to learn.

    ids, mask: tokens, and which of them carry loss.  prompt: what to ask to see what was learnt: a conversation, or
    a text to continue.  answer: what should come.  line: where it stood in the file.  functions: what may be called.
    said: the answer as a message, where it is the only one that is learnt.  wordings: the same with the question in
    other words.
    """

    ids: list[int]
    mask: list[bool]
    prompt: Messages | str
    answer: str
    line: int
    functions: tuple[Function, ...] = ()
    said: dict[str, Any] | None = None
    wordings: tuple[Encoded, ...] = ()

    @property
    def row(self) -> Encoded:
        return self.ids, self.mask

    @property
    def targets(self) -> int:
        """Tokens that carry loss; the first token of a row has nothing before it."""
        return sum(self.mask[1:])


class Encoder:
    """Conversations and texts -> ids and mask, as this model will meet them when it is served."""

    def __init__(self, tokenizer: Tokenizer, template: ChatTemplate | None, limit: int) -> None:
        self.tokenizer, self.template, self.limit = tokenizer, template, limit

    def answers(self, messages: Messages, learnt: Sequence[bool], functions: Sequence[Function]) -> list[Encoded]:
        """A conversation of which some answers are learnt.  Raises RequestError or TokenizerError.

        One row holds them all, as far as the template writes them as they are served.  An answer with a thought has a
        row of its own unless it is the last: the thought is served once, and later turns do not see it.
        """
        template, turns = self._template(), self._turns(messages)
        alone = [i for i, turn in enumerate(messages[:-1]) if learnt[i] and turn.get("reasoning_content")]
        together = [learn and i not in alone for i, learn in enumerate(learnt)]
        try:
            whole = template.training_tokens(turns, functions=functions, learnt=together)
            if self._says(whole, turns[-1]):
                return [*(self.answer(messages[: i + 1], functions) for i in alone), whole]
        except TokenizerError:
            pass  # R1's templates write history without what their prompts open: each answer alone, as it is served
        return [self.answer(messages[: i + 1], functions) for i, learn in enumerate(learnt) if learn]

    def answer(self, messages: Messages, functions: Sequence[Function] = ()) -> Encoded:
        """A conversation that ends with an answer, which alone is learnt.  Raises RequestError or TokenizerError."""
        template, turns = self._template(), self._turns(messages)
        learnt = [False] * (len(turns) - 1) + [True]
        try:
            whole = template.training_tokens(turns, functions=functions, learnt=learnt)
            if self._says(whole, turns[-1]):
                return whole
        except TokenizerError:
            pass
        return template.served_tokens(turns, functions=functions)

    def _turns(self, messages: Messages) -> Messages:
        """With the last answer's thought where this model has it; earlier ones are not served again.

        Without one, from a model that would think first, it says that there is nothing to think about: served as it
        usually is, the model then answers at once.  A model that knows no thinking learns to write it into its answer.
        """
        template, last = self._template(), messages[-1]
        if template.opens_thinking() or template.may_think():
            return [m | {"reasoning_content": m.get("reasoning_content") or ""} if _speaks(m) else m for m in messages]
        turns = [m | {"reasoning_content": None} if _speaks(m) else m for m in messages]
        if thought := last.get("reasoning_content"):
            text = f"{THINK}\n{thought}\n{END_THINK}\n\n{last['content']}"
            turns[-1] = last | {"reasoning_content": "", "content": text}  # not None: the text stays as it is
        return turns

    def _says(self, row: Encoded, answer: dict[str, Any]) -> bool:
        """Whether the answer's thought is learnt: some templates leave it out."""
        said = self.tokenizer.decode([i for i, learn in zip(*row, strict=True) if learn], skip_special=False)
        return (answer.get("reasoning_content") or "").strip() in said

    def text(self, prompt: str, completion: str) -> Encoded:
        """A text and how it goes on, without a template."""
        before = self.tokenizer.begin + self.tokenizer.encode(prompt)
        after = [*self.tokenizer.encode(completion), self.tokenizer.eos_id]
        return before + after, [False] * len(before) + [True] * len(after)

    def _template(self) -> ChatTemplate:
        if self.template is None:
            raise RequestError('this model has no chat template: write {"prompt": ..., "completion": ...}')
        return self.template


def _speaks(message: Mapping[str, Any]) -> bool:
    return bool(message["role"] == "assistant")


def as_said(prompt: str, prompt_ids: list[int], said_ids: Sequence[int], chosen: Sequence[bool]) -> Example:
    """What a model itself answered, token for token, as something to learn.

    chosen: which tokens were its own choice.  What code writes for it is no part of what it has to know, and after the
    last choice nothing else comes.
    """
    last = max((at for at, own in enumerate(chosen) if own), default=-1) + 1
    mask = [False] * len(prompt_ids) + list(chosen[:last])
    return Example([*prompt_ids, *said_ids[:last]], mask, prompt, "", 0)


def load_template(files: Mapping[str, bytes], tokenizer: Tokenizer, where: str) -> ChatTemplate | None:
    """The model's chat template; None for a model that only continues texts."""
    try:
        return ChatTemplate.from_files(files, tokenizer, where=where)
    except TokenizerError:
        if any(b"chat_template" in content for content in files.values()):
            raise
        return None


# -- reading ---------------------------------------------------------------------------------------------


def read_rows(path: Path, ignored: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and JSON objects: one a line, or one list of them over many lines; or a table's rows.

    ignored: columns to be left out, by name.  Raises DataError, also at the end where none of the lines had one.
    """
    ending, found = kind(path), False
    away, seen = {name.strip().lower(): name for name in ignored}, set[str]()
    _no_other_kind(path)
    text = read_text(path)
    as_list = text.lstrip().startswith("[")
    for number, row in _tabled(text) if ending in _TABLES else _listed(text) if as_list else _lined(text):
        if not isinstance(row, dict) and ending in _TABLES:
            raise DataError(
                f"{path} line {number} has more cells than the first line has names, or one that never ends."
            )
        if not isinstance(row, dict):
            raise DataError(f'{path} line {number} is not a JSON object like {{"question": "...", "answer": "..."}}.')
        found = True
        if away:
            seen |= {name.strip().lower() for name in row}
            row = {name: value for name, value in row.items() if name.strip().lower() not in away}
        yield number, row
    if not found:
        raise DataError(f"{path} has no lines; write one question and answer a line.")
    if unseen := sorted(away.keys() - seen):
        raise DataError(
            f"{path} has no column {away[unseen[0]]!r} that could be ignored; look how it is written there."
        )


def _no_other_kind(path: Path) -> None:
    """Raises DataError for files of programs, and says how what is in them becomes lines."""
    ending = path.suffix.lower()
    if ending in _SHEETS:
        raise DataError(f"{path} is a spreadsheet's own file; save it from there as CSV.")
    if ending in _ARCHIVES:
        raise DataError(f"{path} is an archive; unpack it and name the file that is inside.")
    if ending in _COLUMNAR:
        how = "pandas.read_parquet(FILE).to_json(OUT, orient='records', lines=True, force_ascii=False)"
        raise DataError(f"{path} is a program's own table; save it as JSONL or CSV, in Python for example with {how}.")
    if ending in _DOCUMENTS:
        raise DataError(f"{path} is a document; write its questions and answers as CSV or JSONL.")


def _tabled(text: str) -> Iterator[tuple[int, Any]]:
    """The same of each row of a table whose first line names the columns, as spreadsheets write it."""
    body = text.lstrip("\n")
    first, blank = body.partition("\n")[0], len(text) - len(body)
    rows = csv.DictReader(io.StringIO(body), delimiter=max(",;\t", key=first.count))
    try:
        for row in rows:
            if any(row.values()):
                yield blank + rows.line_num, None if None in row else row
    except csv.Error:  # a cell of more than 131,072 characters: a quotation mark that is not closed
        yield blank + rows.line_num + 1, None


def _lined(text: str) -> Iterator[tuple[int, Any]]:
    """Of each line that is not empty its number and what it holds, None where that is no JSON.

    An object over many lines, and what stands after it, is read too; so are lines that end in a comma.
    """
    first = next((line for line in text.split("\n") if line.strip()), "")
    rows = list(_listed(text)) if _json(first) is None else []
    if rows and all(isinstance(row, dict) for _, row in rows):
        yield from _inside(rows)
        return
    yield from _inside([(n, _json(line)) for n, line in enumerate(text.split("\n"), 1) if line.strip()])


def _json(line: str) -> Any:
    try:
        return json.loads(line.rstrip().removesuffix(","))
    except (ValueError, RecursionError):
        return None


def _inside(rows: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """The entries of a file that is one object around a list of them; any other file's as they are."""
    if len(rows) == 1 and isinstance(rows[0][1], dict):
        inner = [value for name, value in rows[0][1].items() if name in _ROWS and isinstance(value, list)]
        if len(inner) == 1 and all(isinstance(entry, dict) for entry in inner[0]):
            return [(rows[0][0], entry) for entry in inner[0]]
    return rows


def _listed(text: str) -> Iterator[tuple[int, Any]]:
    """The same of each entry of a list, as Alpaca's own file is one."""
    decoder, line, counted = json.JSONDecoder(), 1, 0
    place = text.index("[") + 1 if text.lstrip().startswith("[") else 0
    while match := re.compile(r"[\s,]*([^\s,\]])").match(text, place):
        line, counted = line + text.count("\n", counted, match.start(1)), match.start(1)
        try:
            value, place = decoder.raw_decode(text, match.start(1))
        except (ValueError, RecursionError):
            value, place = None, len(text)
        yield line, value


def read_examples(
    path: Path, encoder: Encoder, labels: set[str] | None = None, ignored: Sequence[str] = ()
) -> list[Example]:
    """Every line as an Example, or several.  Raises DataError, naming the line.

    labels: gets the names of columns that only say where a line is from.  ignored: columns that are left out.
    """
    examples = []
    for number, row in read_rows(path, ignored):
        where = f"{path} line {number}"
        taught = read_taught(row, where)
        if labels is not None:
            labels |= taught.labels
        examples += _examples(taught, where, number, encoder)
    return examples


def _examples(taught: Taught, where: str, number: int, encoder: Encoder) -> list[Example]:
    if (prompt := taught.prompt) is not None:
        (row,) = encoded(where, lambda e: [e.text(prompt, taught.completion)], encoder)
        return [Example(*row, prompt, taught.completion, number)]
    messages, functions = taught.messages, taught.functions
    rows = encoded(where, lambda e: e.answers(messages, taught.learnt, functions), encoder)
    asked, answer, said = messages[:-1], spoken(messages), messages[-1] if sum(taught.learnt) == 1 else None
    return [Example(ids, mask, asked, answer, number, functions, said) for ids, mask in rows]


def with_wordings(examples: Sequence[Example], encoder: Encoder, count: int, seed: int) -> list[Example]:
    """The same examples, each with up to `count` other wordings of what it asks, where it is a short question."""
    return [dataclasses.replace(e, wordings=_reworded(e, encoder, count, seed)) for e in examples]


def _reworded(example: Example, encoder: Encoder, count: int, seed: int) -> tuple[Encoded, ...]:
    asked, answer = example.prompt, example.said
    if answer is None or isinstance(asked, str) or asked[-1]["role"] != "user" or len(asked[-1]["content"]) > LONG:
        return ()
    versions = [[*asked[:-1], asked[-1] | {"content": text}] for text in wordings(asked[-1]["content"], count, seed)]
    return tuple(encoder.answer([*version, answer], example.functions) for version in versions)


def encoded(where: str, encode: Callable[[Encoder], list[Encoded]], encoder: Encoder) -> list[Encoded]:
    """Rows of ids and mask, or a DataError that begins with `where`."""
    try:
        rows = encode(encoder)
    except (RequestError, TokenizerError) as error:
        raise DataError(f"{where}: {error}.".replace("..", ".")) from None
    for ids, mask in rows:
        if len(ids) > encoder.limit:
            raise DataError(
                f"{where} is {len(ids):,} tokens long and the limit is {encoder.limit:,}; shorten or split it."
            )
        assert any(mask[1:]), "an answer has an end token at least"
    return rows


# -- held-out --------------------------------------------------------------------------------------------


Kind = TypeVar("Kind", bound=Prompted)


def split(
    examples: Sequence[Kind], seed: int, share: float = HELDOUT_SHARE, *, unguessable: bool = False
) -> tuple[list[Kind], list[Kind]]:
    """(training, held-out): whole questions, drawn by the seed.  Fewer than five questions are all trained on.

    unguessable: hold out questions whose answer no other question has as well; otherwise these are all trained on: a
    fact that stands nowhere else cannot be guessed, and nobody wants it left out.
    """
    answers: dict[str, set[str]] = {}
    for example in examples:
        answers.setdefault(example.key, set()).add(example.answer)
    left = Counter(answer for several in answers.values() for answer in several)
    keys, kept = sorted(answers), set[str]()
    random.Random(f"held-out {seed}").shuffle(keys)
    most = max(1, round(share * len(keys))) if len(keys) >= 5 and share > 0 else 0
    for key in keys:
        if len(kept) < most and (unguessable or all(left[answer] > 1 for answer in answers[key])):
            kept.add(key)
            left -= Counter(answers[key])
    return [e for e in examples if e.key not in kept], [e for e in examples if e.key in kept]


# -- batches ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PackedExamples(Rows):
    """Several examples in one row, B = 1; which example each target belongs to follows from doc_BT.

    pos_BT: position in the example.
    """

    pos_BT: Tensor

    @property
    def tokens(self) -> int:
        """Tokens of its examples, of which several may share their beginning."""
        numbers, sizes = torch.unique_consecutive(self.doc_BT, return_counts=True)
        shared, own = (int(sizes[some].sum()) for some in (numbers == SHARED, numbers >= 0))
        return own + shared * int((numbers >= 0).sum())


def pack(rows: Sequence[tuple[list[int], list[bool]]], multiple: int = 1) -> PackedExamples:
    """One row of (ids, mask) after the other; document i is rows[i], and what all begin with stands once before them.

    multiple: T is filled up to a multiple of it with a document without targets: on a CPU torch keeps code and memory
    for every new shape (30 MB a step for ember), so there should be few.
    """
    tokens: list[int] = []
    targets: list[int] = []
    doc: list[int] = []
    pos: list[int] = []
    shared = _shared(rows)
    if shared:
        tokens += rows[0][0][:shared]
        targets += [NO_TARGET] * shared
        doc += [SHARED] * shared
        pos += range(shared)
    for number, (ids, mask) in enumerate(rows):
        tokens += ids[shared:]
        learnt = zip(ids[shared + 1 :], mask[shared + 1 :], strict=True)
        targets += [i if learn else NO_TARGET for i, learn in learnt] + [NO_TARGET]
        doc += [number] * (len(ids) - shared)
        pos += range(shared, len(ids))
    if rest := -len(tokens) % multiple:
        tokens += [0] * rest
        targets += [NO_TARGET] * rest
        doc += [FILLING] * rest
        pos += range(rest)
    return PackedExamples(*(torch.tensor([values]) for values in (tokens, targets, doc, pos)))


def _shared(rows: Sequence[Encoded]) -> int:
    """Tokens that all rows begin with, where none is learnt and each goes on; 0 where sharing them saves little."""
    if len(rows) < 2:
        return 0
    first = min(rows[0][0], *(ids for ids, _ in rows[1:]))
    last = max(rows[0][0], *(ids for ids, _ in rows[1:]))  # in order, these two differ first
    shared = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    for ids, mask in rows:
        shared = min(shared, len(ids) - 1, *([mask.index(True) - 1] if True in mask else []))
    return shared if shared >= WORTH_SHARING else 0


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
