"""BPE: text <-> token ids, in the standard tokenizer.json that every other program reads.

The merging itself is the `tokenizers` library's.  What is ours is who may write a control token: nobody
but the caller who says `specials=True`.  The library is handed the vocabulary *without* the control
tokens, so text that spells "<｜Assistant｜>" is ordinary bytes; control tokens are matched here, on request.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, pre_tokenizers, processors, trainers

from huozhong.errors import TokenizerError
from huozhong.text.byte_level import (
    BYTE_OF_CHAR,
    control_pattern,
    is_ordinary,
    without_control_tokens,
)
from huozhong.text.default_template import DEFAULT_TEMPLATE
from huozhong.text.long_texts import SHORT, encode_long
from huozhong.text.spelling import BEGIN, BYTE_LEVEL, begin_tokens, find_spelling, without_prefix

PAD, BOS, EOS = "<｜pad｜>", BEGIN, "<｜end▁of▁sentence｜>"
USER, ASSISTANT, SYSTEM = "<｜User｜>", "<｜Assistant｜>", "<｜System｜>"
THINK, END_THINK = "<think>", "</think>"
SPECIALS: tuple[str, ...] = (
    PAD, BOS, EOS, USER, ASSISTANT, THINK, END_THINK, SYSTEM, *(f"<｜reserved{i}｜>" for i in range(8)),
)  # fmt: skip

# Tried left to right: a contraction's tail; one digit; a run of Han characters; a word with its leading
# space; a run of punctuation with its leading space; a run of newlines; other blanks, the last one of which
# is left to the word that follows.
PATTERN = (
    r"(?i:'(?:s|t|re|ve|m|ll|d)(?!\p{L}))"
    r"|\p{N}"
    r"|\p{Han}+"
    r"| ?[\p{L}\p{M}&&[^\p{Han}]]+"
    r"| ?[^\s\p{L}\p{M}\p{N}]+"
    r"|[\r\n]+"
    r"|[^\S\r\n]+(?!\S)"
    r"|[^\S\r\n]+"
)

# Eight Han characters; longer tokens are quirks of the corpus (boilerplate), not words.
MAX_TOKEN_BYTES = 24


class Tokenizer:
    """A BPE vocabulary, byte-level or SentencePiece's, with its control tokens.  Immutable and thread-safe.

    Make one with `Tokenizer.load(folder)` or `Tokenizer.train(texts, vocab_size)`.
    """

    def __init__(self, tokenizer_json: bytes, config: dict[str, Any], *, where: str = "tokenizer.json") -> None:
        self._json, self.config, self._where = tokenizer_json, config, where
        data = _parse_json(tokenizer_json, where)
        self._spelling = find_spelling(data, where)
        added: list[dict[str, Any]] = data.get("added_tokens") or []
        self._ids: dict[str, int] = dict(data["model"]["vocab"])
        self._ids.update({t["content"]: t["id"] for t in added})
        self._tokens = {i: token for token, i in self._ids.items()}
        control = [t for t in added if not is_ordinary(t)]
        self._control: dict[int, str] = {t["id"]: t["content"] for t in control}
        self._verbatim = frozenset(t["id"] for t in added)  # written as they are, not in stand-ins for bytes
        self._hidden = frozenset(t["id"] for t in control if t.get("special"))
        self._control_pattern = control_pattern(control)
        self._bytes: dict[int, bytes] = {}
        self._bpe = without_control_tokens(data, self._control, where)
        self._inner = self._bpe  # for stretches of text that go on: no blank is put in front
        if self._spelling.prefix != "never":
            self._inner = without_control_tokens(without_prefix(data), self._control, where)
        self.vocab_size: int = max(self._ids.values()) + 1
        self.bos_id: int | None = self._named("bos_token", BOS)
        self.begin: list[int] = self._begin(data)
        eos = self._named("eos_token", EOS)
        if eos is None:
            raise TokenizerError(f"{where} names no end-of-sequence token; give eos_token in tokenizer_config.json")
        self.eos_id: int = eos
        pad = self._named("pad_token", PAD)
        self.pad_id: int = eos if pad is None else pad

    # ---- making one ----

    @classmethod
    def load(cls, folder: str | Path) -> Tokenizer:
        """Read `tokenizer.json` (and `tokenizer_config.json`, if there) of a model folder.

        Raises TokenizerError if a file is missing, truncated, or no BPE tokenizer.
        """
        path = Path(folder) / "tokenizer.json"
        raw = _read(path)
        config_path = path.with_name("tokenizer_config.json")
        config: dict[str, Any] = {}
        if config_path.exists():
            config = _parse_json(_read(config_path), str(config_path))
        template = path.with_name("chat_template.jinja")
        if template.exists():  # where transformers 5 keeps it; it wins, as there
            config = config | {"chat_template": _read(template).decode("utf-8", "replace")}
        return cls(raw, config, where=str(path))

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], *, where: str) -> Tokenizer:
        """From the contents of those files, by name; where: whose they are, for errors.

        Raises TokenizerError if tokenizer.json is missing or no BPE tokenizer.
        """
        if "tokenizer.json" not in files:
            raise TokenizerError(f"{where} has no tokenizer.json; copy it there from where the model came from")
        config: dict[str, Any] = {}
        if "tokenizer_config.json" in files:
            config = _parse_json(files["tokenizer_config.json"], f"tokenizer_config.json of {where}")
        if "chat_template.jinja" in files:
            config = config | {"chat_template": files["chat_template.jinja"].decode("utf-8", "replace")}
        return cls(files["tokenizer.json"], config, where=f"tokenizer.json of {where}")

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int,
        specials: Sequence[str] = SPECIALS,
        *,
        min_frequency: int = 2,
        chat_template: str = DEFAULT_TEMPLATE,
    ) -> Tokenizer:
        """Learn a vocabulary of at most `vocab_size` tokens (fewer if the texts are too small for more).

        Ids: the specials, in order; the 256 bytes; the merges.  The same texts give the same vocabulary.
        """
        needed = len(specials) + 256
        if vocab_size < needed:
            raise TokenizerError(f"vocab_size is {vocab_size}; specials and bytes alone need {needed}")
        for name in (PAD, BOS, EOS):
            if name not in specials:
                raise TokenizerError(f"specials must contain {name}")
        core = tokenizers.Tokenizer(models.BPE())
        core.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(PATTERN), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        core.decoder = decoders.ByteLevel()
        core.post_processor = processors.ByteLevel(trim_offsets=False)
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            show_progress=False,
            special_tokens=[AddedToken(s, normalized=False, special=True) for s in specials],
            initial_alphabet=sorted(BYTE_OF_CHAR),
            max_token_length=MAX_TOKEN_BYTES,
        )
        core.train_from_iterator((_well_formed(t) for t in texts), trainer)
        data = json.loads(core.to_str())
        for token in data["added_tokens"]:
            # As in DeepSeek's own files: the think tags are part of the answer's text, not hidden markup.
            token["special"] = token["content"] not in (THINK, END_THINK)
        raw = json.dumps(data, ensure_ascii=False, indent=1).encode()
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": BOS,
            "eos_token": EOS,
            "pad_token": PAD,
            "add_bos_token": False,
            "add_eos_token": False,
            "clean_up_tokenization_spaces": False,
            "chat_template": chat_template,
        }
        return cls(raw, config)

    def files(self) -> dict[str, bytes]:
        """The files of this tokenizer for a model folder: tokenizer.json and tokenizer_config.json."""
        config = json.dumps(self.config, ensure_ascii=False, indent=2) + "\n"
        return {"tokenizer.json": self._json, "tokenizer_config.json": config.encode()}

    # ---- text -> ids ----

    def encode(self, text: str, *, specials: bool = False, begins: bool = True, most: int | None = None) -> list[int]:
        """Ids of `text`; no token is added in front or behind.

        With `specials=False` (right for everything a person or a file says) text that spells a control
        token is encoded as ordinary bytes.  Lone surrogates become U+FFFD, and a character whose bytes the vocabulary
        lacks becomes its unknown token, or nothing where it has none.
        begins: nothing stands before the text, not even a control token (some vocabularies put a blank there).
        most: a text that is far longer than so many tokens is not read to its end; it is a
        ContextLengthError.
        """
        if not specials:
            bpe = self._bpe if begins or self._spelling.prefix == "every" else self._inner
            if len(text) <= SHORT:
                return bpe.encode(_well_formed(text), add_special_tokens=False).ids
            more = None if self._spelling.prefix == "every" else self._inner
            return encode_long(_well_formed(text), bpe, more, most, self._longest)
        ids: list[int] = []
        for piece in self.split_specials(text):
            first = begins and not ids
            ids.extend([piece] if isinstance(piece, int) else self.encode(piece, begins=first, most=most))
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """`[encode(t) for t in texts]`, on all cores."""
        encodings = self._bpe.encode_batch_fast([_well_formed(t) for t in texts], add_special_tokens=False)
        return [e.ids for e in encodings]

    def encode_bytes(self, data: bytes) -> list[int]:
        """Ids whose bytes are exactly `data`, valid UTF-8 or not, as far as the vocabulary has every byte."""
        ids: list[int] = []
        for part in re.split(r"([\udc80-\udcff])", data.decode("utf-8", "surrogateescape")):
            if len(part) == 1 and "\udc80" <= part <= "\udcff":
                id = self._ids.get(self._spelling.token_of(ord(part) - 0xDC00))
                ids += [] if id is None else [id]
            elif part:
                ids.extend(self._inner.encode(part, add_special_tokens=False).ids)
        return ids

    def split_specials(self, text: str) -> Iterator[str | int]:
        """Cut trusted text at its control tokens: plain pieces as str, control tokens as ids."""
        if self._control_pattern is None:
            yield from [text] if text else []
            return
        end = 0
        for match in self._control_pattern.finditer(text):
            if match.start() > end:
                yield text[end : match.start()]
            yield self._ids[match[0].strip()]
            end = match.end()
        if end < len(text):
            yield text[end:]

    # ---- ids -> text ----

    def decode(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """The text of `ids`; bytes that are not UTF-8 become U+FFFD.

        `skip_special` leaves out the tokens marked special (begin, end, roles), not the think tags.
        """
        stream = self.stream(skip_special=skip_special)
        text = stream.push(ids) + stream.finish()
        return text[1:] if self._spelling.prefix != "never" and text.startswith(" ") else text

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """The exact bytes of `ids`, control tokens included."""
        return b"".join(self.bytes_of(i) for i in ids)

    def stream(self, *, skip_special: bool = True, shown: frozenset[int] = frozenset()) -> StreamDecoder:
        """A fresh decoder for ids that arrive one by one; `shown` ids are written out in any case."""
        return StreamDecoder(self, skip_special=skip_special, shown=shown)

    def bytes_of(self, id: int) -> bytes:
        """The bytes one token stands for; empty for ids past the vocabulary (models pad theirs)."""
        known = self._bytes.get(id)
        if known is None:
            assert id >= 0, f"token id {id} is negative"
            token = self._tokens.get(id, "")
            known = token.encode() if id in self._verbatim else self._spelling.bytes_of(token)
            self._bytes[id] = known
        return known

    # ---- questions ----

    def token_id(self, token: str) -> int:
        """The id of a token by its written form, such as "<think>"; TokenizerError if there is none."""
        id = self._ids.get(token)
        if id is None:
            raise TokenizerError(f"{self._where} has no token {token!r}")
        return id

    def has(self, token: str) -> bool:
        """Whether the vocabulary holds a token of this written form."""
        return token in self._ids

    def is_control(self, id: int) -> bool:
        """Whether `id` is a control token, which only `specials=True` can produce."""
        return id in self._control

    @property
    def control_tokens(self) -> frozenset[str]:
        """The control tokens as they are written."""
        return frozenset(self._control.values())

    def hides(self, id: int) -> bool:
        """Whether `skip_special` leaves out this token."""
        return id in self._hidden

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of what decides the ids; token shards carry it so that they meet their own model."""
        data = json.loads(self._json)
        decisive = [
            data["model"],
            data.get("normalizer"),
            data.get("pre_tokenizer"),
            sorted(self._control.items()),
        ]
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    @cached_property
    def _longest(self) -> int | None:
        """Bytes of text in the longest token; None where a normalizer may leave some out."""
        if self._spelling is not BYTE_LEVEL or self._bpe.normalizer is not None:
            return None
        return max(len(self.bytes_of(i)) for i in self._tokens)

    def _begin(self, data: dict[str, Any]) -> list[int]:
        """What stands before a text that stands for itself, outside of any chat."""
        bos = None if self.bos_id is None else self._tokens[self.bos_id]
        named = begin_tokens(data, self.config, bos)
        return [self._ids[token] for token in named if token in self._ids]

    def _named(self, key: str, default: str) -> int | None:
        entry = self.config.get(key, default)
        content = entry.get("content") if isinstance(entry, dict) else entry
        return self._ids.get(content) if isinstance(content, str) else None


class StreamDecoder:
    """Token ids in, text out, never half a character.

    Bytes wait here only while they can still become a valid UTF-8 character; bytes that cannot become one
    are U+FFFD as soon as that is certain.  Constant work per token.
    """

    def __init__(self, tokenizer: Tokenizer, *, skip_special: bool = True, shown: frozenset[int] = frozenset()) -> None:
        self._tokenizer, self._skip_special, self._shown = tokenizer, skip_special, shown
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, ids: Iterable[int]) -> str:
        """The text that `ids` complete."""
        text: list[str] = []
        for id in ids:
            if not self._tokenizer.is_control(id):
                text.append(self._utf8.decode(self._tokenizer.bytes_of(id)))
                if b"\xed\xa0" <= self._utf8.getstate()[0] < b"\xee":
                    text.append(self.finish())  # Python waits for more of a surrogate, which is never valid
                continue
            text.append(self.finish())  # no character spans a control token
            if not (self._skip_special and self._tokenizer.hides(id)) or id in self._shown:
                text.append(self._tokenizer.bytes_of(id).decode())
        return "".join(text)

    def finish(self) -> str:
        """What is left: U+FFFD for an unfinished character, else nothing.  The decoder is then as new."""
        text = self._utf8.decode(b"", final=True)
        self._utf8.reset()
        return text


def _well_formed(text: str) -> str:
    """`text` with surrogate pairs joined and lone surrogates replaced: what UTF-8 can carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TokenizerError(f"Cannot read {path}: {error.strerror}; is this a model folder?") from error


def _parse_json(raw: bytes, where: str) -> dict[str, Any]:
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:  # JSONDecodeError, UnicodeDecodeError; nested too deep
        raise TokenizerError(f"{where} is not complete, valid JSON ({error}); copy it again") from error
    if not isinstance(data, dict):
        raise TokenizerError(f"{where} holds a JSON {type(data).__name__} where an object belongs")
    return data
