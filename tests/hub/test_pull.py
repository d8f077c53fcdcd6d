"""`pull` against a stand-in of both hubs: what comes, what does not, and every way it can go wrong."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.hub.conftest import COMMIT, GGUF, MODEL, WEIGHTS, StandIn, sha256
from tests.hub.conftest import pull_from_stand_in as bring

from huozhong.errors import HubError
from huozhong.formats.installed import MANIFEST, find, installed_models, models_folder, read_manifest
from huozhong.formats.source import open_model
from huozhong.hub.arrival import unfinished
from huozhong.hub.pull import From


def test_a_folder_comes_with_what_it_needs_and_no_more(hub: StandIn, tiny_folder: Path) -> None:
    pulled, watcher, waits = bring()
    folder = pulled.model.folder
    assert pulled.news
    assert folder == find("tiny")
    assert waits == []
    came = {file.name for file in folder.iterdir()}
    small = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}
    assert came == {*small, WEIGHTS, MANIFEST}
    for file in tiny_folder.iterdir():
        assert (folder / file.name).read_bytes() == file.read_bytes()
    assert watcher.total == sum((tiny_folder / name).stat().st_size for name in came - {MANIFEST})
    manifest = read_manifest(folder)
    assert (manifest.name, manifest.source, manifest.revision) == ("tiny", f"hf:{MODEL}", COMMIT)
    assert {file.name: file.sha256 for file in manifest.files}[WEIGHTS] == sha256((tiny_folder / WEIGHTS).read_bytes())
    open_model(folder)
    assert [model.name for model in installed_models()] == ["tiny"]
    assert sorted(path.name for path in models_folder().iterdir()) == ["tiny"]


@pytest.mark.parametrize("text", [f"ms:{MODEL}", f"https://modelscope.cn/models/{MODEL}"])
def test_modelscope_too(hub: StandIn, tiny_folder: Path, text: str) -> None:
    pulled, *_ = bring(text)
    assert (pulled.model.folder / WEIGHTS).read_bytes() == (tiny_folder / WEIGHTS).read_bytes()
    assert pulled.model.manifest.source == f"ms:{MODEL}"


def test_a_gguf_file_by_quantisation_or_name_or_neither(hub: StandIn, tiny_gguf: Path) -> None:
    for text, name in [
        (f"{GGUF}:q8_0", "tiny-gguf:q8_0"),
        (GGUF, "tiny-gguf"),
        (f"ms:{GGUF}:Tiny-Q8_0.gguf", "tiny-gguf:tiny-q8_0"),
    ]:
        model = bring(text)[0].model
        assert model.name == name
        assert model.folder.name == name.replace(":", "@")
        assert (model.folder / "Tiny-Q8_0.gguf").read_bytes() == tiny_gguf.read_bytes()
        assert open_model(model.folder).kind == "gguf"
    with pytest.raises(HubError, match=r"no GGUF file Q4_K_M; it has: Tiny-IQ2_XS\.gguf, Tiny-Q8_0\.gguf"):
        bring(f"{GGUF}:Q4_K_M")


def test_again_is_nothing_new_until_the_hub_has_something_new(hub: StandIn) -> None:
    bring()
    before = dict(hub.sent)
    pulled, *_ = bring()
    assert not pulled.news
    assert hub.sent == before
    hub.repositories[MODEL]["generation_config.json"] = b'{"eos_token_id": 2} '
    pulled, *_ = bring()
    assert pulled.news
    assert (pulled.model.folder / "generation_config.json").read_bytes().endswith(b" ")
    assert len(installed_models()) == 1
    assert len(list(models_folder().iterdir())) == 1
    assert not bring(f"ms:{MODEL}")[0].news, "the same files, wherever from"
    hub.repositories[MODEL]["generation_config.json"] = b"{}"
    with pytest.raises(HubError, match="another --name"):
        bring(f"ms:{MODEL}")
    assert bring(MODEL, origin="modelscope")[0].news, "the same model's other home"
    assert bring(f"ms:{MODEL}", name="other:one")[0].model.name == "other:one"


def test_a_later_run_goes_on_where_the_earlier_one_gave_up(hub: StandIn) -> None:
    size = len(hub.repositories[MODEL][WEIGHTS])
    hub.cuts[WEIGHTS] = [size // 2] + [0] * 5
    with pytest.raises(HubError, match="run the same command again"):
        bring()
    assert find("tiny") is None
    assert [name for name, _ in unfinished()] == ["tiny"]
    assert not installed_models()
    small = dict(hub.sent)
    bring()
    assert hub.sent[WEIGHTS] == size
    assert {**hub.sent, WEIGHTS: 0} == {**small, WEIGHTS: 0}, "finished files did not come again"
    assert not unfinished()


def test_a_busy_hub_is_asked_again(hub: StandIn) -> None:
    hub.refusals[MODEL] = (503, {})
    with pytest.raises(HubError, match=r"Hugging Face: HTTP 503"):
        bring()
    assert len(hub.asked) == 3


def unused_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_modelscope_when_hugging_face_cannot_be_reached(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", unused_address())
    pulled, watcher, waits = bring(MODEL)
    assert pulled.model.manifest.source == f"ms:{MODEL}"
    assert watcher.notes == ["Hugging Face cannot be reached; asking ModelScope instead."]
    assert waits == []
    with pytest.raises(HubError, match="No hub can be reached"):
        bring(MODEL, origin="huggingface")
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", unused_address())
    with pytest.raises(HubError, match=r"Hugging Face.*ModelScope"):
        bring(MODEL)


def test_a_refusal_is_no_reason_to_ask_another_hub(hub: StandIn) -> None:
    with pytest.raises(HubError, match="Hugging Face nobody/nothing does not exist"):
        bring("nobody/nothing")


@pytest.mark.parametrize("origin", ["huggingface", "modelscope"])
def test_the_hub_that_was_asked_for(hub: StandIn, origin: From) -> None:
    assert bring(MODEL, origin=origin)[0].model.manifest.source[:2] == {"huggingface": "hf", "modelscope": "ms"}[origin]
