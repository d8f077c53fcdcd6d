"""The tokenizer inside a GGUF file <-> the small files of a Hugging Face folder.

A GGUF file holds the tokens, their kinds and the merges, and names its pre-tokenizer (the rule that cuts text into
pieces before merging) with one word, `tokenizer.ggml.pre`.  A Hugging Face folder spells that rule out.  The table
below connects the two for the byte-level families that we run.  Where no word means our rule exactly (our own
tokenizer), the file carries tokenizer.json as well, under GGUF's own key for that, and it wins on reading.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from huozhong.errors import TokenizerError
from huozhong.text.byte_level import MAX_ID
from huozhong.text.tokenizer import PATTERN

_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = 1, 3, 4, 5, 6
_WHOLE_JSON = "tokenizer.huggingface.json"


@dataclass(frozen=True)
class PreTokenizer:
    """How text is cut before merging: every pattern in turn cuts the pieces that the ones before it left.

    digits: each digit becomes a piece of its own.  compose: text is brought into Unicode's composed form (NFC) first.
    ignore_merges: a piece that is a token is not merged up but taken whole.
    """

    patterns: tuple[str, ...]
    digits: bool = False
    compose: bool = False
    ignore_merges: bool = False

    def to_json(self) -> dict[str, Any]:
        """The `pre_tokenizer` entry of tokenizer.json."""
        steps: list[dict[str, Any]] = [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
            for pattern in self.patterns
        ]
        if self.digits:
            steps.append({"type": "Digits", "individual_digits": True})
        steps.append(_BYTE_LEVEL)
        return {"type": "Sequence", "pretokenizers": steps}


_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
_GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def _word_rule(digits: str) -> str:
    """What tiktoken's later vocabularies, Llama 3 and Qwen share; they differ in how digits group."""
    return (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|" + digits + r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    )


# Letters of alphabets with upper and lower case, as DeepSeek's first tokenizer lists them.
_CASED = (
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a"
    "\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-"
    "\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-"
    "\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-"
    "\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-"
    "\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149"
    "\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-"
    "\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a"
    "\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-"
    "\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943"
)
_EAST_ASIAN = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"

_LLAMA3 = PreTokenizer((_word_rule(r"\p{N}{1,3}"),), ignore_merges=True)
_QWEN2 = PreTokenizer((_word_rule(r"\p{N}"),), compose=True)
PRE_TOKENIZERS: dict[str, PreTokenizer] = {
    "gpt-2": PreTokenizer((_GPT2,)),
    # what llama.cpp does where a file names no rule
    "default": PreTokenizer((r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", "[0-9][0-9][0-9]")),
    "llama-bpe": _LLAMA3, "llama3": _LLAMA3, "llama-v3": _LLAMA3,
    "qwen2": _QWEN2, "deepseek-r1-qwen": _QWEN2,
    "deepseek-llm": PreTokenizer(
        ("[\r\n]", rf"\s?[{_CASED}]+", "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", r"\s+$", _EAST_ASIAN), digits=True
    ),
    "deepseek-coder": PreTokenizer(("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _EAST_ASIAN), digits=True),
    "deepseek-v3": PreTokenizer(
        (
            r"\p{N}{1,3}",
            "[一-龥぀-ゟ゠-ヿ]+",
            r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        )
    ),
}  # fmt: skip
# The word whose rule cuts coarser than ours, which almost never changes an id of our merges: llama.cpp and we differ
# on 5 of 52,892 texts (5.2 MB, Chinese and English; `Nga'sike`), by benchmarks/gguf_parity.py.
OWN_PRE = "deepseek-v3"


# -- GGUF -> files ---------------------------------------------------------------------------------------


def small_files(metadata: Mapping[str, Any], *, where: str = "the GGUF file") -> dict[str, bytes]:
    """tokenizer.json, tokenizer_config.json and generation_config.json of a GGUF file's metadata.

    Raises TokenizerError for a kind of tokenizer that we do not run, or one that is incomplete.
    """
    kind = metadata.get("tokenizer.ggml.model")
    if kind != "gpt2":
        raise TokenizerError(
            f"{where} has the tokenizer {kind!r}; only byte-level BPE ('gpt2') with the pre-tokenizers "
            f"{', '.join(PRE_TOKENIZERS)} can be read"
        )
    tokens = _strings(metadata, "tokenizer.ggml.tokens", where)
    kinds = _kinds(metadata, len(tokens), where)
    whole = metadata.get(_WHOLE_JSON)
    if whole is not None:
        tokenizer = _checked_json(whole, tokens, kinds, where)
    else:
        tokenizer = _tokenizer_json(metadata, tokens, kinds, where)
    ids = {name: _token_id(metadata, name, len(tokens), where) for name in ("bos", "eos", "eot", "eom", "padding")}
    config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    for name, key in (("bos", "bos_token"), ("eos", "eos_token"), ("padding", "pad_token")):
        id = ids[name]
        config[key] = None if id is None else tokens[id]
    for key in ("add_bos_token", "add_eos_token"):
        config[key] = metadata.get(f"tokenizer.ggml.{key}") is True
    template = _chat_template(metadata)
    if template is not None:
        config["chat_template"] = template
    ends = list(dict.fromkeys(ids[name] for name in ("eos", "eot", "eom") if ids[name] is not None))
    generation = {
        "bos_token_id": ids["bos"],
        "eos_token_id": ends[0] if len(ends) == 1 else ends,
        "pad_token_id": ids["padding"],
    }
    generation = {key: value for key, value in generation.items() if value not in (None, [])}
    files = {"tokenizer.json": tokenizer, "tokenizer_config.json": config, "generation_config.json": generation}
    return {name: json.dumps(value, ensure_ascii=False).encode() for name, value in files.items()}


def _strings(metadata: Mapping[str, Any], key: str, where: str) -> list[str]:
    value = metadata.get(key)
    if not isinstance(value, list) or not value:
        raise TokenizerError(f"{where} has no {key}; its tokenizer is incomplete")
    return value


def _kinds(metadata: Mapping[str, Any], count: int, where: str) -> list[int]:
    value = metadata.get("tokenizer.ggml.token_type")
    if value is None:
        return [_NORMAL] * count
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iu" or len(value) != count:
        raise TokenizerError(f"{where} does not give every token its type")
    return [int(kind) for kind in value]


def _token_id(metadata: Mapping[str, Any], name: str, count: int, where: str) -> int | None:
    key = f"tokenizer.ggml.{name}_token_id"
    value = metadata.get(key)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value < count:
        raise TokenizerError(f"{where}: {key} is {value!r}, which is no token of its vocabulary")
    return value


def _chat_template(metadata: Mapping[str, Any]) -> str | list[dict[str, str]] | None:
    """The template, or all of them by name where the file holds several."""
    first = metadata.get("tokenizer.chat_template")
    prefix = "tokenizer.chat_template."
    named = {key.removeprefix(prefix): value for key, value in metadata.items() if key.startswith(prefix)}
    if not isinstance(first, str):
        return None
    others = [{"name": name, "template": value} for name, value in named.items() if isinstance(value, str)]
    return [{"name": "default", "template": first}, *others] if others else first


def _tokenizer_json(metadata: Mapping[str, Any], tokens: list[str], kinds: list[int], where: str) -> dict[str, Any]:
    name = metadata.get("tokenizer.ggml.pre", "default")
    pre = PRE_TOKENIZERS.get(name) if isinstance(name, str) else None
    if pre is None:
        raise TokenizerError(f"{where} has the pre-tokenizer {name!r}; only {', '.join(PRE_TOKENIZERS)} can be read")
    vocab: dict[str, int] = {}
    added = []
    for id, (token, kind) in enumerate(zip(tokens, kinds, strict=True)):
        if kind == _UNUSED:
            continue
        if token in vocab or not token:
            raise TokenizerError(f"{where}: token {id} is {'empty' if not token else f'{token!r} again'}")
        vocab[token] = id
        if kind in (_CONTROL, _USER_DEFINED):
            added.append(_added_token(id, token, special=kind == _CONTROL))
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"} if pre.compose else None,
        "pre_tokenizer": pre.to_json(),
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": pre.ignore_merges,
            "vocab": {token: id for token, id in vocab.items() if kinds[id] in (_NORMAL, _BYTE)},
            "merges": _merges(metadata, where),
        },
    }


def _added_token(id: int, content: str, *, special: bool) -> dict[str, Any]:
    return {
        "id": id,
        "content": content,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": special,
    }


def _merges(metadata: Mapping[str, Any], where: str) -> list[list[str]]:
    merges = []
    for merge in _strings(metadata, "tokenizer.ggml.merges", where):
        pair = merge.split(" ")
        if len(pair) != 2 or not all(pair):
            raise TokenizerError(f"{where}: the merge {merge!r} is not two tokens with a space between")
        merges.append(pair)
    return merges


def _checked_json(text: Any, tokens: list[str], kinds: list[int], where: str) -> dict[str, Any]:
    """The tokenizer.json that the file carries, if it is the same vocabulary."""
    try:
        data: dict[str, Any] = json.loads(text)
        ids = dict(data["model"]["vocab"])
        ids.update({token["content"]: token["id"] for token in data["added_tokens"]})
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise TokenizerError(f"{where}: its {_WHOLE_JSON} is not a tokenizer ({error})") from error
    listed = {token: id for id, token in enumerate(tokens) if kinds[id] != _UNUSED}
    if ids != listed:
        raise TokenizerError(f"{where}: its {_WHOLE_JSON} and its list of tokens differ")
    return data


# -- files -> GGUF ---------------------------------------------------------------------------------------


def vocab_metadata(files: Mapping[str, bytes], vocab_size: int) -> dict[str, Any]:
    """GGUF's tokenizer keys for a folder's small files.

    files: tokenizer.json, and tokenizer_config.json, chat_template.jinja, generation_config.json where they are.
    vocab_size: rows of the embedding; ids past the vocabulary become unused tokens.
    Raises TokenizerError for a tokenizer that GGUF has no words for.
    """
    data = _object(files, "tokenizer.json")
    config, generation = _object(files, "tokenizer_config.json"), _object(files, "generation_config.json")
    tokens, kinds, ids = _token_list(data, vocab_size)
    name, exact = _pre_name(data)
    out: dict[str, Any] = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": name,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": np.array(kinds, np.int32),
        "tokenizer.ggml.merges": [m if isinstance(m, str) else " ".join(m) for m in data["model"].get("merges") or []],
    }
    for key, short in (("bos_token", "bos"), ("eos_token", "eos"), ("pad_token", "padding")):
        entry = config.get(key)
        content = entry.get("content") if isinstance(entry, dict) else entry
        if isinstance(content, str) and content in ids:
            out[f"tokenizer.ggml.{short}_token_id"] = ids[content]
    ends = generation.get("eos_token_id")
    for end in ends if isinstance(ends, list) else []:
        if end != out.get("tokenizer.ggml.eos_token_id"):
            out.setdefault("tokenizer.ggml.eot_token_id", end)
    for key in ("add_bos_token", "add_eos_token"):
        out[f"tokenizer.ggml.{key}"] = config.get(key) is True
    template = files["chat_template.jinja"].decode() if "chat_template.jinja" in files else config.get("chat_template")
    if isinstance(template, list):
        named = {t["name"]: t["template"] for t in template}
        template = named.pop("default", None)
        out |= {f"tokenizer.chat_template.{key}": value for key, value in named.items()}
    if isinstance(template, str):
        out["tokenizer.chat_template"] = template
    if not exact:
        out[_WHOLE_JSON] = json.dumps(data, ensure_ascii=False)
    return out


def _object(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        value = json.loads(files.get(name, b"{}"))
    except (ValueError, RecursionError) as error:
        raise TokenizerError(f"{name} is not valid JSON ({error}); copy it again") from error
    if not isinstance(value, dict):
        raise TokenizerError(f"{name} holds a JSON {type(value).__name__} where an object belongs")
    return value


def _token_list(data: dict[str, Any], vocab_size: int) -> tuple[list[str], list[int], dict[str, int]]:
    model = data.get("model")
    if not isinstance(model, dict) or model.get("type", "BPE") != "BPE" or not isinstance(model.get("vocab"), dict):
        raise TokenizerError("tokenizer.json is not a BPE tokenizer; only those can be written to GGUF")
    ids: dict[str, int] = dict(model["vocab"])
    special = {}
    for token in data.get("added_tokens") or []:
        ids[token["content"]] = token["id"]
        special[token["id"]] = bool(token.get("special"))
    highest = max(ids.values())
    if highest >= max(vocab_size, 1) or vocab_size > MAX_ID:
        raise TokenizerError(f"tokenizer.json has token {highest}, but the model has {vocab_size} embeddings")
    tokens = [f"[PAD{id}]" for id in range(vocab_size)]
    kinds = [_UNUSED] * vocab_size
    for token, id in ids.items():
        tokens[id] = token
        kinds[id] = (_CONTROL if special[id] else _USER_DEFINED) if id in special else _NORMAL
    return tokens, kinds, ids


def _pre_name(data: dict[str, Any]) -> tuple[str, bool]:
    """GGUF's word for how tokenizer.json cuts text, and whether it means exactly that."""
    rule = _rule(data)
    for name, pre in PRE_TOKENIZERS.items():
        if pre == rule:
            return name, True
    if rule is not None and rule.patterns == (PATTERN,):
        return OWN_PRE, False
    raise TokenizerError(
        f"tokenizer.json cuts text by a rule that GGUF has no name for; known are {', '.join(PRE_TOKENIZERS)}"
    )


def _rule(data: dict[str, Any]) -> PreTokenizer | None:
    """The pre-tokenizer of tokenizer.json, or None where it does what `PreTokenizer` cannot say."""
    pre = data.get("pre_tokenizer") or {}
    steps = pre.get("pretokenizers", []) if pre.get("type") == "Sequence" else [pre]
    if not steps or steps[-1].get("type") != "ByteLevel" or steps[-1].get("add_prefix_space"):
        return None
    patterns = [step["pattern"].get("Regex") for step in steps[:-1] if step.get("type") == "Split"]
    digits = [step for step in steps[:-1] if step.get("type") == "Digits" and step.get("individual_digits")]
    if steps[-1].get("use_regex", True):
        patterns.append(_GPT2)
    if len(patterns) + len(digits) != len(steps) - 1 + bool(steps[-1].get("use_regex", True)):
        return None
    normalizer = data.get("normalizer") or {}
    steps_before = normalizer.get("normalizers", [normalizer] if normalizer else [])
    compose = [step.get("type") for step in steps_before] == ["NFC"]
    if steps_before and not compose:
        return None
    merges_ignored = bool(data["model"].get("ignore_merges"))
    return PreTokenizer(tuple(patterns), bool(digits), compose, merges_ignored)
