"""`import` and `remove`: folders and GGUF files into the store and out of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tests.hub.conftest import Noted, sha256

from huozhong.engine.llm import LLM, resolve_model
from huozhong.engine.weights.load import forget_packed
from huozhong.errors import CheckpointError, ConfigError, HubError, TokenizerError
from huozhong.formats.installed import MANIFEST, find, models_folder, name_of
from huozhong.formats.source import open_model
from huozhong.hub.arrival import remove
from huozhong.hub.bring import bring


def test_a_folder(stick: Path, tiny_folder: Path) -> None:
    watcher = Noted()
    model = bring(stick / "My Model", watcher)
    assert watcher.done == watcher.total > 0
    assert model.name == "my-model"
    assert {file.name for file in model.folder.iterdir()} == {MANIFEST, *(f.name for f in tiny_folder.iterdir())}
    assert model.manifest.source == str(stick / "My Model")
    held = {file.name: file.sha256 for file in model.manifest.files}
    assert held["model.safetensors"] == sha256((tiny_folder / "model.safetensors").read_bytes())
    assert resolve_model("my-model") == resolve_model("MY-MODEL") == model.folder
    with pytest.raises(HubError, match="There is a model my-model already"):
        bring(stick / "My Model", watcher)
    assert bring(stick / "My Model", watcher, name="b:2").folder.name == "b@2"
    assert find("b") == models_folder() / "b@2", "the only tag needs no naming"
    bring(stick / "My Model", watcher, name="b:3")
    assert find("b") is None


def test_a_gguf_file_that_answers_by_its_name(stick: Path, tmp_path: Path) -> None:
    model = bring(stick / "模型-Q8_0.gguf", Noted(), name="tiny:q8")
    cache = tmp_path / "cache"
    with LLM("tiny:q8", num_threads=1, cache_dir=cache) as llm:
        assert llm.name == "tiny:q8"
        assert llm.generate("1+1")[0].usage.completion_tokens > 0
    (packed,) = cache.glob("*.packed")
    size = packed.stat().st_size
    assert forget_packed((model.folder / "模型-Q8_0.gguf").resolve(), cache) == size
    assert not packed.exists()
    assert bring(stick / "模型-Q8_0.gguf", Noted()).name == "模型-q8_0"
    assert name_of(model.folder) == "tiny:q8"


def test_links(stick: Path) -> None:
    path = stick / "模型-Q8_0.gguf"
    model = bring(path, Noted(), name="linked", link=True)
    assert (model.folder / path.name).is_symlink()
    assert model.manifest.linked
    assert name_of(open_model(model.folder).path) == "linked"
    assert remove("linked") < 10_000
    assert path.is_file(), "what a link points to is not ours"


def test_a_built_in_models_name_is_taken(stick: Path) -> None:
    """`import ember.gguf` said "ready", and then the built-in model was used."""
    path = stick / "ember.gguf"
    (stick / "模型-Q8_0.gguf").rename(path)
    for name in (None, "Ember"):
        with pytest.raises(HubError, match="ember is the name of a built-in model"):
            bring(path, Noted(), name=name)
    assert bring(path, Noted(), name="ember-2").name == "ember-2"


def test_ready_is_said_only_of_what_can_be_talked_to(stick: Path) -> None:
    folder = stick / "My Model"
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": "{% if %}"}))
    with pytest.raises(TokenizerError, match="not a valid Jinja template"):
        bring(folder, Noted())
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(TokenizerError, match="no BPE vocabulary"):
        bring(folder, Noted())
    assert not models_folder().exists()


def test_out_of_another_machines_store(stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bring(stick / "My Model", Noted(), name="one:two")
    other = models_folder() / "one@two"
    monkeypatch.setenv("HUOZHONG_MODELS", str(tmp_path / "second"))
    assert bring(other, Noted()).name == "one:two"


def test_what_is_no_model(stick: Path, tmp_path: Path) -> None:
    (stick / "empty").mkdir()
    (stick / "broken.gguf").write_bytes(b"GGUF")
    shutil.copytree(stick / "My Model", stick / "cut")
    weights = stick / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    for path, error in [
        ("empty", HubError),
        ("nothing", HubError),
        ("broken.gguf", CheckpointError),
        ("My Model/config.json", HubError),
        ("cut", CheckpointError),
    ]:
        with pytest.raises(error):
            bring(stick / path, Noted())
    (stick / "My Model" / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    with pytest.raises(HubError, match="'gpt2'"):
        bring(stick / "My Model", Noted())
    with pytest.raises(ConfigError, match="cannot be a model's name"):
        bring(stick / "模型-Q8_0.gguf", Noted(), name="a/b")
    assert not models_folder().exists()
