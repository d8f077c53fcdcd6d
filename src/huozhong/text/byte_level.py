"""What tokenizer.json says of a BPE: the byte-level alphabet, the checks, and which tokens are control tokens."""

from __future__ import annotations

import json
import re
from typing import Any

import tokenizers

from huozhong.errors import TokenizerError

WORDPIECE = "WordPiece"  # the kind of model that BERT's vocabularies have
MAX_ID = 1 << 24  # far above any vocabulary, and small enough for a list of all ids


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's printable stand-in for each of the 256 bytes: {character: byte}.

    Source: the byte-level BPE of GPT-2 (Radford et al. 2019): printable Latin-1 stands for itself, the
    68 others for U+0100, U+0101, ... in order.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (b for b in range(256) if b not in printable)
    return {chr(b): b for b in printable} | {chr(0x100 + i): b for i, b in enumerate(others)}


BYTE_OF_CHAR = _byte_alphabet()
CHAR_OF_BYTE = {byte: char for char, byte in BYTE_OF_CHAR.items()}
_UNKNOWN = "\ufdd0\ufdd0"  # noncharacters


def check_vocabulary(data: dict[str, Any], where: str) -> None:
    """TokenizerError unless a parsed tokenizer.json holds a BPE vocabulary that the library will not stumble over.

    A byte-level vocabulary may lack bytes (0xC0 and others occur in no text, and SmolLM2 never saw 0x04): what it has
    no token for is left out of the text, as everywhere.
    """
    model = data.get("model")
    model = model if isinstance(model, dict) else {}
    vocab = model.get("vocab")
    if not isinstance(vocab, dict) or not vocab or not all(map(_is_id, vocab.values())):
        raise TokenizerError(f"{where} has no BPE vocabulary; it is not a tokenizer that Huozhong can read")
    for key in ("continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(key) and model.get("type") != WORDPIECE:  # the library panics where it does not fit the merges
            raise TokenizerError(f"{where} has a {key}, which the BPE vocabularies read here do not; it cannot be read")
    unknown = model.get("unk_token")
    if unknown is not None and not isinstance(unknown, str):
        raise TokenizerError(f"{where} has an unk_token that is no text; its BPE vocabulary cannot be read")
    merges = model.get("merges") or []
    if not isinstance(merges, list) or not all(map(_is_merge, merges)):
        raise TokenizerError(f"{where} has a merge that is not two tokens; its BPE vocabulary cannot be read")
    added = data.get("added_tokens") or []
    whole = isinstance(added, list) and all(
        isinstance(t, dict) and isinstance(t.get("content"), str) and t["content"] and _is_id(t.get("id"))
        for t in added
    )
    if not whole:
        raise TokenizerError(f"{where} has an added token without content and id")
    try:
        "".join([*vocab, *(t["content"] for t in added)]).encode()
    except UnicodeEncodeError as error:
        raise TokenizerError(f"{where} has a token that is not text: half of a surrogate pair") from error


def byte_level_json(vocab: dict[str, int], merges: list[Any], *, ignore_merges: bool) -> dict[str, Any]:
    """`decoder` and `model` of a byte-level tokenizer.json.  ignore_merges: a piece that is a token stays whole."""
    return {
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": ignore_merges,
            "vocab": vocab,
            "merges": merges,
        },
    }


def added_id(data: dict[str, Any], content: str) -> int:
    """The id of an added token."""
    found: int = next(t["id"] for t in data["added_tokens"] if t["content"] == content)
    return found


def _pair(merge: Any) -> list[str]:
    """The two tokens of a merge, in either spelling of tokenizer.json."""
    return merge.split(" ", 1) if isinstance(merge, str) else list(merge)


def _is_merge(merge: Any) -> bool:
    if isinstance(merge, str):
        return " " in merge
    return isinstance(merge, list) and len(merge) == 2 and all(isinstance(token, str) for token in merge)


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 <= value < MAX_ID


def is_ordinary(token: dict[str, Any]) -> bool:
    """Whether an added token is text that anybody may write, not markup.

    Some vocabularies add runs of blanks, single letters or words (DeepSeek's first one: "ö"), never as special.
    """
    content: str = token["content"]
    return content.isspace() or (not token.get("special") and (len(content) == 1 or content.isalpha()))


def control_pattern(control: list[dict[str, Any]]) -> re.Pattern[str] | None:
    """Matches any control token, the longest first, with the blanks that its lstrip and rstrip swallow."""
    forms = [
        (r"\s*" if t.get("lstrip") else "") + re.escape(t["content"]) + (r"\s*" if t.get("rstrip") else "")
        for t in sorted(control, key=lambda t: -len(t["content"]))
    ]
    return re.compile("|".join(forms)) if forms else None


def without_control_tokens(data: dict[str, Any], control: dict[int, str], where: str) -> tokenizers.Tokenizer:
    """The library's tokenizer for text that nobody vouches for: it does not know the control tokens."""
    names = set(control.values())
    vocab = {token: i for token, i in data["model"]["vocab"].items() if token not in names}
    ordinary = [t for t in data.get("added_tokens") or [] if t["content"] not in names]
    vocab |= {t["content"]: t["id"] for t in ordinary}  # else the library counts on from the vocabulary's end
    unknown = data["model"].get("unk_token")
    if unknown in names:  # still what stands for characters that have no token, but under a name nobody can write
        vocab[_UNKNOWN], unknown = data["model"]["vocab"].get(unknown, added_id(data, unknown)), _UNKNOWN
    merges = data["model"].get("merges") or []
    if not names.isdisjoint(data["model"]["vocab"]):  # merges that would spell one of them out
        merges = [m for m in merges if names.isdisjoint(pair := _pair(m)) and "".join(pair) not in names]
    changed = {"vocab": vocab, "unk_token": unknown}
    is_wordpiece = data["model"].get("type") == WORDPIECE
    plain = data | {
        "model": data["model"] | changed | ({} if is_wordpiece else {"merges": merges}),
        "added_tokens": ordinary,
        "post_processor": None,
        "truncation": None,
        "padding": None,
    }
    try:
        core = tokenizers.Tokenizer.from_str(json.dumps(plain))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # the library raises bare Exception for everything, and its panics are not even that
        raise TokenizerError(f"{where} cannot be read as a tokenizer: {error}") from error
    # Its memory of words that were seen before makes nothing here faster (measured), grows by 2 KB a chat until
    # each thread has its 10,000 words, and keeps what users wrote.
    if not is_wordpiece:  # which has none
        core.model._resize_cache(0)
    return core
