"""Whether a model can be talked to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from huozhong.errors import TokenizerError
from huozhong.formats.ready import check_words, small_files_of
from huozhong.formats.resolve import BUILT_IN
from huozhong.formats.source import open_model


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
