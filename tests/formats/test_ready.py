"""Whether a model can be talked to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.engine.sparse_models import add_indexers

from huozhong.errors import TokenizerError
from huozhong.formats.ready import check_words, small_files_of
from huozhong.formats.resolve import BUILT_IN
from huozhong.formats.source import open_model
from huozhong.text.tokenizer import Tokenizer
from huozhong.text.tools import Function


@pytest.fixture
def ember(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUILT_IN / "ember", tmp_path / "ember"))


def test_a_model_with_a_template(ember: Path) -> None:
    source = open_model(ember)
    template = check_words(source)
    assert template is not None
    assert template.prompt([{"role": "user", "content": "你好"}]).ids
    assert small_files_of(source)["tokenizer.json"] == (ember / "tokenizer.json").read_bytes()


def test_what_is_missing(ember: Path) -> None:
    config = json.loads((ember / "tokenizer_config.json").read_text())
    config["chat_template"] = None
    (ember / "tokenizer_config.json").write_text(json.dumps(config))
    (ember / "chat_template.jinja").unlink(missing_ok=True)
    assert check_words(open_model(ember)) is None
    (ember / "tokenizer_config.json").write_text(json.dumps(config | {"eos_token": "<none>"}))
    with pytest.raises(TokenizerError, match="end-of-sequence"):
        check_words(open_model(ember))


@pytest.mark.parametrize("said", [None, "", {"content": ""}, "absent"])
def test_the_end_token_may_be_named_by_its_number_alone(said: object, ember: Path) -> None:
    config = json.loads((ember / "tokenizer_config.json").read_text())
    end = Tokenizer.load(ember).eos_id
    words = json.loads((ember / "tokenizer.json").read_text().replace("<｜end▁of▁sentence｜>", "</s>"))
    (ember / "tokenizer.json").write_text(json.dumps(words))
    del config["eos_token"]
    told = {} if said == "absent" else {"eos_token": said}
    (ember / "tokenizer_config.json").write_text(json.dumps(config | told))
    files = small_files_of(open_model(ember))
    tokenizer = Tokenizer.from_files(files, where="ember")
    assert (tokenizer.eos_id, tokenizer.bytes_of(end)) == (end, b"</s>")
    (ember / "tokenizer_config.json").unlink()
    assert check_words(open_model(ember)) is None


def test_deepseek_v32_brings_no_template(ember: Path, tmp_path: Path) -> None:
    """Without one of its own it is talked to in DeepSeek's marks; another model without one only continues texts."""
    for file in ("tokenizer_config.json", "chat_template.jinja"):
        (ember / file).unlink(missing_ok=True)
    config = json.loads((BUILT_IN / "ember" / "tokenizer_config.json").read_text())
    config.pop("chat_template", None)
    (ember / "tokenizer_config.json").write_text(json.dumps(config))
    assert check_words(open_model(ember)) is None
    source = open_model(add_indexers(ember, tmp_path / "v32", top_k=64))
    template = check_words(source)
    assert template is not None
    called = template.render([{"role": "user", "content": "天气？"}], tools=[Function("weather")])
    assert '<｜DSML｜invoke name="NAME">' in called
    assert template.tool_format.name == "dsml"
    prompt = template.prompt([
        {"role": "system", "content": "你是助手。"}, {"role": "user", "content": "你好"},
        {"role": "assistant", "content": "你好！"}, {"role": "user", "content": "1+1=?"},
    ])  # fmt: skip
    begins = template.tokenizer.bytes_of(prompt.ids[0]).decode()
    text = template.tokenizer.decode_bytes(prompt.ids).decode()
    end = template.tokenizer.bytes_of(template.tokenizer.eos_id).decode()
    assert text.removeprefix(begins) == (
        f"你是助手。<｜User｜>你好<｜Assistant｜></think>你好！{end}<｜User｜>1+1=?<｜Assistant｜><think>"
    )
