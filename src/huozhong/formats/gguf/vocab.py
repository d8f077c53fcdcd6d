"""The tokenizer inside a GGUF file <-> the small files of a Hugging Face folder.

A GGUF file holds the tokens, their kinds and the merges, and names its pre-tokenizer (the rule that cuts text into
pieces before merging) with one word, `tokenizer.ggml.pre`.  A Hugging Face folder spells that rule out.  The table
in `pre_tokenizers` connects the two for byte-level vocabularies; `sentencepiece` has the others.  Where no word means
our rule exactly (our own tokenizer), the file carries tokenizer.json as well, under GGUF's own key for that, and it
wins on reading.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from huozhong.errors import TokenizerError
from huozhong.formats.gguf.pre_tokenizers import DIGIT, GPT2, PRE_TOKENIZERS, PreTokenizer
from huozhong.formats.gguf.sentencepiece import merges_of, model_json, scores_of
from huozhong.formats.gguf.wordpiece import wordpiece_json
from huozhong.text.byte_level import MAX_ID, byte_level_json
from huozhong.text.spelling import BYTE_LEVEL, begin_tokens, find_spelling
from huozhong.text.tokenizer import PATTERN

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6
_KINDS = ("gpt2", "llama", "gemma4", "bert")  # of tokenizer that can be read
_IDS = {  # where a vocabulary of such a kind does not name them
    "llama": {"unknown": 0, "bos": 1, "eos": 2},
    "bert": {"unknown": 100, "cls": 101, "seperator": 102},  # spelt as GGUF spells it
}
_SPELT_OUT = ("sarvam-moe", "gemma4")  # rules of `gpt2` that write text as it is, as Gemma 4 does
_WHOLE_JSON = "tokenizer.huggingface.json"
# What ends an answer, by its text, as llama.cpp finds it: many files name only one end (Llama 3's early ones the text's
# and not the turn's), and some call such a token ordinary text.
_ENDS = frozenset({
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>",
    "<|endoftext|>", "<|eom_id|>", "<|end_of_text|>", "<end_of_utterance>", "<turn|>", "<|tool_response>", "[e~[",
    "<｜end▁of▁sentence｜>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
})  # fmt: skip
_ENDS_IF_CONTROL = frozenset({"</s>", "<eos>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]"})  # people may write them, too
# Beside these the text before them ends no answer.
_NO_END = (
    ("<|end|>", {"<|return|>", "<|call|>"}),
    ("<|end|>", {"<|calls|>", "<|flush|>"}),
    ("</s>", {"<|tool_response>"}),
)
# Whose texts begin with the begin token where the file does not say.
_BEGINNING = {"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "tekken",
              "chameleon"}  # fmt: skip


# The word whose rule cuts coarser than ours, which almost never changes an id of our merges: llama.cpp and we differ
# on 5 of 52,892 texts (5.2 MB, Chinese and English; `Nga'sike`), by benchmarks/gguf_parity.py.
OWN_PRE = "deepseek-v3"


# -- GGUF -> files ---------------------------------------------------------------------------------------


def small_files(metadata: Mapping[str, Any], *, where: str = "the GGUF file") -> dict[str, bytes]:
    """tokenizer.json, tokenizer_config.json and generation_config.json of a GGUF file's metadata.

    Raises TokenizerError for a kind of tokenizer that we do not run, or one that is incomplete.
    """
    kind = metadata.get("tokenizer.ggml.model")
    if kind not in _KINDS:
        raise TokenizerError(
            f"{where} has the tokenizer {kind!r}; only byte-level BPE ('gpt2'), SentencePiece's BPE ('llama', "
            "'gemma4') and WordPiece ('bert') can be read"
        )
    tokens = _strings(metadata, "tokenizer.ggml.tokens", where)
    names = ("bos", "eos", "eot", "eom", "padding", "unknown", "cls", "seperator")
    ids = {name: _token_id(metadata, name, len(tokens), where) for name in names}
    if kind == "bert":  # its texts stand between these
        ids |= {"bos": ids["cls"], "eos": ids["seperator"]}
    kinds = _kinds(metadata, len(tokens), where)
    ends = _ends(tokens, kinds, [ids[name] for name in ("eos", "eot", "eom")])
    whole = metadata.get(_WHOLE_JSON)
    if whole is not None:
        tokenizer = _checked_json(whole, tokens, kinds, where)
    else:
        marks = {ids["bos"], *ends}
        kinds = [_CONTROL if kind == _NORMAL and id in marks else kind for id, kind in enumerate(kinds)]
        tokenizer = _tokenizer_json(metadata, tokens, kinds, where)
    config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    for name, key in (("bos", "bos_token"), ("eos", "eos_token"), ("padding", "pad_token")):
        id = ids[name]
        config[key] = None if id is None else tokens[id]
    if ids["eos"] is None and ends:
        config["eos_token"] = tokens[ends[0]]
    config["add_bos_token"] = _begins(metadata)
    config["add_eos_token"] = metadata.get("tokenizer.ggml.add_eos_token") is True
    template = _chat_template(metadata)
    if template is not None:
        config["chat_template"] = template
    generation = {
        "bos_token_id": ids["bos"],
        "eos_token_id": ends[0] if len(ends) == 1 else ends,
        "pad_token_id": ids["padding"],
    }
    generation = {key: value for key, value in generation.items() if value not in (None, [])}
    files = {"tokenizer.json": tokenizer, "tokenizer_config.json": config, "generation_config.json": generation}
    return {name: json.dumps(value, ensure_ascii=False).encode() for name, value in files.items()}


def _ends(tokens: list[str], kinds: list[int], named: list[int | None]) -> list[int]:
    """The tokens that end an answer: those that the file names, and those that are known by their text."""
    there = {
        token: id
        for id, (token, kind) in enumerate(zip(tokens, kinds, strict=True))
        if (token in _ENDS and kind != _UNUSED)
        or (token in _ENDS_IF_CONTROL and kind in (_UNKNOWN, _CONTROL, _USER_DEFINED))
    }
    for token, others in _NO_END:
        if others <= there.keys():
            there.pop(token, None)
    return list(dict.fromkeys(id for id in (*named, *sorted(there.values())) if id is not None))


def _begins(metadata: Mapping[str, Any]) -> bool:
    """Whether texts begin with the begin token."""
    kind, stated = metadata["tokenizer.ggml.model"], metadata.get("tokenizer.ggml.add_bos_token")
    if kind in ("gemma4", "bert"):
        return True  # also where a file says no, as early ones of Gemma 4 do
    return stated if isinstance(stated, bool) else kind == "llama" or metadata.get("tokenizer.ggml.pre") in _BEGINNING


def _strings(metadata: Mapping[str, Any], key: str, where: str) -> list[str]:
    value = metadata.get(key)
    if not isinstance(value, list) or not value:
        raise TokenizerError(f"{where} has no {key}; its tokenizer is incomplete")
    return value


def _kinds(metadata: Mapping[str, Any], count: int, where: str) -> list[int]:
    value = metadata.get("tokenizer.ggml.token_type")
    if value is None:
        return [_NORMAL] * count
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iu" or len(value) < count:
        raise TokenizerError(f"{where} does not give every token its type")
    return [int(kind) for kind in value[:count]]


def _token_id(metadata: Mapping[str, Any], name: str, count: int, where: str) -> int | None:
    key = f"tokenizer.ggml.{name}_token_id"
    value = metadata.get(key)
    if value is None:
        value = _IDS.get(metadata["tokenizer.ggml.model"], {}).get(name)
    if value is None:
        return None
    if type(value) is not int:
        raise TokenizerError(f"{where}: {key} is {value!r}, which is no token of its vocabulary")
    # -1, also in an unsigned field, is a token that the vocabulary does not have; a number past its end mostly that of
    # a padding token, which whoever trained the model added and the converter did not.
    return value if 0 <= value < count else None


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
    vocab: dict[str, int] = {}
    added = []
    for id, (token, kind) in enumerate(zip(tokens, kinds, strict=True)):
        if kind == _UNUSED or not token:
            continue
        if token in vocab:
            raise TokenizerError(f"{where}: token {id} is {token!r} again")
        vocab[token] = id
        if kind in (_UNKNOWN, _CONTROL, _USER_DEFINED):
            added.append(_added_token(id, token, special=kind != _USER_DEFINED))
    texts = {token: id for token, id in vocab.items() if kinds[id] in (_NORMAL, _BYTE)}
    match metadata["tokenizer.ggml.model"]:
        case "gpt2" if metadata.get("tokenizer.ggml.pre") not in _SPELT_OUT:
            parts = _byte_level(metadata, texts, where)
        case "bert":
            parts = _wordpiece(metadata, texts, tokens, where)
        case _:
            parts = _sentencepiece(metadata, texts, kinds, tokens, where)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "post_processor": None,
    } | parts


def _byte_level(metadata: Mapping[str, Any], texts: dict[str, int], where: str) -> dict[str, Any]:
    name = metadata.get("tokenizer.ggml.pre", "default")
    pre = PRE_TOKENIZERS.get(name) if isinstance(name, str) else None
    if pre is None:
        raise TokenizerError(f"{where} has the pre-tokenizer {name!r}; only {', '.join(PRE_TOKENIZERS)} can be read")
    return {
        "normalizer": {"type": "NFC"} if pre.compose else None,
        "pre_tokenizer": pre.to_json(),
        **byte_level_json(texts, _merges(metadata, where), ignore_merges=pre.ignore_merges),
    }


def _sentencepiece(
    metadata: Mapping[str, Any], texts: dict[str, int], kinds: list[int], tokens: list[str], where: str
) -> dict[str, Any]:
    unknown = _token_id(metadata, "unknown", len(tokens), where)
    with_merges = metadata["tokenizer.ggml.model"] != "llama"
    if with_merges:
        merges = [(left, right) for left, right in _merges(metadata, where)]
    else:
        scores = metadata.get("tokenizer.ggml.scores")
        if not isinstance(scores, np.ndarray) or len(scores) < len(tokens):
            raise TokenizerError(f"{where} does not give every token its score")
        normal = {token: float(scores[id]) for token, id in texts.items() if kinds[id] == _NORMAL}
        merges = merges_of(normal, texts)
    if unknown is not None:
        texts = texts | {tokens[unknown]: unknown}
    return model_json(
        texts,
        merges,
        unknown=None if unknown is None else tokens[unknown],
        prefix=metadata.get("tokenizer.ggml.add_space_prefix", not with_merges) is True,
        lines=with_merges,
    )


def _wordpiece(metadata: Mapping[str, Any], texts: dict[str, int], tokens: list[str], where: str) -> dict[str, Any]:
    unknown = _token_id(metadata, "unknown", len(tokens), where)
    if unknown is None:
        raise TokenizerError(f"{where} has no unknown token, which stands for words that its vocabulary does not have")
    lowercase = metadata.get("tokenizer.ggml.normalizer.lowercase", True) is True
    accents = metadata.get("tokenizer.ggml.normalizer.strip_accents", lowercase) is True
    vocab = texts | {tokens[unknown]: unknown}
    return wordpiece_json(vocab, unknown=tokens[unknown], lowercase=lowercase, strip_accents=accents)


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
    spelling = find_spelling(data, "tokenizer.json")
    merges = [m.split(" ", 1) if isinstance(m, str) else m for m in data["model"].get("merges") or []]
    out: dict[str, Any] = {
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": np.array(kinds, np.int32),
    }
    if spelling is BYTE_LEVEL:
        name, exact = _pre_name(data)
        out |= {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": name}
        out["tokenizer.ggml.merges"] = [" ".join(merge) for merge in merges]
    else:
        own = model_json({}, [], unknown=None, prefix=spelling.prefix == "every", lines=False)
        exact = all(data.get(key) == own[key] for key in ("normalizer", "pre_tokenizer"))
        out |= {"tokenizer.ggml.model": "llama", "tokenizer.ggml.pre": "default"}
        out["tokenizer.ggml.scores"] = np.array(scores_of(tokens, merges), np.float32)
        out["tokenizer.ggml.token_type"][[ids[t] for t in map("<0x{:02X}>".format, range(256)) if t in ids]] = _BYTE
        out["tokenizer.ggml.add_space_prefix"] = spelling.prefix != "never"
        if (unknown := data["model"].get("unk_token")) in ids:
            out["tokenizer.ggml.unknown_token_id"] = ids[unknown]
            out["tokenizer.ggml.token_type"][ids[unknown]] = _UNKNOWN
    for key, short in (("bos_token", "bos"), ("eos_token", "eos"), ("pad_token", "padding")):
        entry = config.get(key)
        content = entry.get("content") if isinstance(entry, dict) else entry
        if isinstance(content, str) and content in ids:
            out[f"tokenizer.ggml.{short}_token_id"] = ids[content]
    ends = generation.get("eos_token_id")
    for end in ends if isinstance(ends, list) else []:
        if end != out.get("tokenizer.ggml.eos_token_id"):
            out.setdefault("tokenizer.ggml.eot_token_id", end)
    bos = out.get("tokenizer.ggml.bos_token_id")
    out["tokenizer.ggml.add_bos_token"] = bos is not None and tokens[bos] in begin_tokens(data, config, tokens[bos])
    out["tokenizer.ggml.add_eos_token"] = config.get("add_eos_token") is True
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
    patterns = []
    for step in steps[:-1]:
        if step.get("type") == "Split":
            patterns.append(step["pattern"].get("Regex"))
        elif step.get("type") == "Digits" and step.get("individual_digits"):
            patterns.append(DIGIT)
        else:
            return None
    if steps[-1].get("use_regex", True):
        patterns.append(GPT2)
    normalizer = data.get("normalizer") or {}
    steps_before = normalizer.get("normalizers", [normalizer] if normalizer else [])
    compose = [step.get("type") for step in steps_before] == ["NFC"]
    if steps_before and not compose:
        return None
    merges_ignored = bool(data["model"].get("ignore_merges"))
    return PreTokenizer(tuple(patterns), compose, merges_ignored)
