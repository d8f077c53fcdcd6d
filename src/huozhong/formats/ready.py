"""Whether a model can be talked to: its weights were checked when it was opened; here its words are.

What opens here is what the engine needs: the tokenizer, and the chat template where there is one.  A model without a
template only continues texts.  What its files hold and nobody uses is told here too.
"""

from __future__ import annotations

import json

from huozhong.formats.gguf import vocab
from huozhong.formats.source import ModelSource
from huozhong.text.default_template import DEEPSEEK_V4_TEMPLATE, DEEPSEEK_V32_TEMPLATE
from huozhong.text.template import ChatTemplate
from huozhong.text.tokenizer import Tokenizer

_TEMPLATES = {"deepseek_v32": DEEPSEEK_V32_TEMPLATE, "deepseek_v4": DEEPSEEK_V4_TEMPLATE}
_USER_MARK = "<｜User｜>".encode()


def small_files_of(source: ModelSource) -> dict[str, bytes]:
    """tokenizer.json and its neighbours, of a folder or out of a GGUF file.  Raises TokenizerError.

    DeepSeek-V3.2 and V4 come without a chat template: their conversations are written as our default one does.
    """
    if source.kind == "gguf":
        files = vocab.small_files(source.metadata, where=str(source.path))
    else:
        files = _with_end(source.small_files(), source.architecture.eos_token_ids)
    words = files.get("tokenizer.json", b"")
    template = _TEMPLATES.get(source.architecture.family)
    if template is not None and not _has_template(files) and _USER_MARK in words:
        files["chat_template.jinja"] = template.encode()
    return files


def _with_end(files: dict[str, bytes], ids: tuple[int, ...]) -> dict[str, bytes]:
    """With the end token's name out of config.json's number, where tokenizer_config.json names none.

    So are early conversions ("eos_token": ""), and folders that have tokenizer.json alone.
    """
    try:
        config = json.loads(files.get("tokenizer_config.json", b"{}"))
        end = config.get("eos_token")
        is_named = bool(end.get("content") if isinstance(end, dict) else end)
        words = {} if is_named else json.loads(files["tokenizer.json"])
        names = {id: token for token, id in words["model"]["vocab"].items()} if words else {}
        names |= {token["id"]: token["content"] for token in words.get("added_tokens") or ()}
    except (ValueError, KeyError, AttributeError, TypeError):  # Tokenizer says so
        return files
    named = next((names[id] for id in ids if id in names), None)
    if named is None:
        return files
    return files | {"tokenizer_config.json": json.dumps(config | {"eos_token": named}).encode()}


def check_words(source: ModelSource) -> ChatTemplate | None:
    """The chat template of a model that has one; TokenizerError when tokenizer or template cannot be read."""
    files, where = small_files_of(source), str(source.path)
    tokenizer = Tokenizer.from_files(files, where=where)
    if not _has_template(files):
        return None
    return ChatTemplate.from_files(files, tokenizer, where=where)


def left_out(source: ModelSource) -> tuple[str, str] | None:
    """One sentence, in Chinese and in English, where the files hold prediction modules that nothing here uses."""
    if not (count := source.modules_left_out):
        return None
    modules = f"{count} prediction module{'s' if count > 1 else ''} in the files"
    return (
        f"文件里的 {count} 个多词元预测模块没有用上：回答不变，只是不靠它们猜词元。",
        f"{modules} {'are' if count > 1 else 'is'} not used: answers are the same, only without "
        f"{'their' if count > 1 else 'its'} guesses.",
    )


def _has_template(files: dict[str, bytes]) -> bool:
    if "chat_template.jinja" in files:
        return True
    try:
        return json.loads(files.get("tokenizer_config.json", b"{}")).get("chat_template") is not None
    except (ValueError, AttributeError):  # Tokenizer says so
        return False
