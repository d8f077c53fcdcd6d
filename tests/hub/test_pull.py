"""`pull` against a stand-in of both hubs: what comes, what does not, and every way it can go wrong."""

from __future__ import annotations

import socket
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest
from tests.hub.conftest import COMMIT, GGUF, MODEL, Noted, StandIn, sha256

from huozhong.errors import CheckpointError, HubError
from huozhong.formats.installed import MANIFEST, find, installed_models, models_folder, read_manifest
from huozhong.formats.source import open_model
from huozhong.hub.arrival import arriving, partial_folder, unfinished
from huozhong.hub.names import parse_wanted
from huozhong.hub.pull import From, Pulled, pull

WEIGHTS = "model.safetensors"


class Waits(list[float]):
    """Instead of sleeping."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def bring(text: str = f"hf:{MODEL}", **options: object) -> tuple[Pulled, Noted, Waits]:
    watcher, waits = Noted(), Waits()
    pulled = pull(parse_wanted(text), watcher, sleep=waits, **options)  # type: ignore[arg-type]
    assert watcher.done == watcher.total
    return pulled, watcher, waits


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


def test_a_cut_connection_goes_on_where_it_stopped(hub: StandIn) -> None:
    size = len(hub.repositories[MODEL][WEIGHTS])
    hub.cuts[WEIGHTS] = [size // 3, 0, size // 3]
    _, watcher, waits = bring()
    assert hub.sent[WEIGHTS] == size, "no byte came twice"
    assert hub.ranges(WEIGHTS) == [None, f"bytes={size // 3}-", f"bytes={size // 3}-", f"bytes={size // 3 * 2}-"]
    assert waits == [2, 4, 2], "the wait grows while nothing comes, and is short again when something did"
    assert len(watcher.notes) == 3


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


def test_a_server_that_takes_no_notice_of_ranges_starts_over(hub: StandIn) -> None:
    size = len(hub.repositories[MODEL][WEIGHTS])
    hub.ignore_range, hub.cuts[WEIGHTS] = True, [size // 2]
    bring()
    assert hub.sent[WEIGHTS] == size // 2 + size


def test_a_range_that_begins_elsewhere_is_not_appended(hub: StandIn) -> None:
    hub.wrong_range, hub.cuts[WEIGHTS] = True, [1000]
    pulled, *_ = bring()
    assert (pulled.model.folder / WEIGHTS).read_bytes() == hub.repositories[MODEL][WEIGHTS]


def test_a_part_of_other_content_is_not_continued(hub: StandIn) -> None:
    hub.cuts["tokenizer.json"] = [100] + [0] * 5
    with pytest.raises(HubError):
        bring()
    changed = hub.repositories[MODEL]["tokenizer.json"] + b"\n"
    hub.repositories[MODEL]["tokenizer.json"] = changed
    pulled, *_ = bring()
    assert (pulled.model.folder / "tokenizer.json").read_bytes() == changed


@pytest.mark.parametrize("file", [WEIGHTS, "tokenizer.json"])  # one hashed by SHA-256, one by git
@pytest.mark.parametrize("hub_word", ["hf", "ms"])
def test_wrong_bytes_are_deleted_and_told(hub: StandIn, file: str, hub_word: str) -> None:
    hub.damage.add(file)
    with pytest.raises(HubError, match=rf"{file} has the wrong hash"):
        bring(f"{hub_word}:{MODEL}")
    assert not [path for path in partial_folder("tiny").iterdir() if path.name.startswith(file)]
    hub.damage.clear()
    bring(f"{hub_word}:{MODEL}")


@pytest.mark.parametrize("off", [-1, 1])
def test_a_wrong_size_is_deleted_and_told(hub: StandIn, off: int) -> None:
    hub.listed_sizes[WEIGHTS] = len(hub.repositories[MODEL][WEIGHTS]) + off
    with pytest.raises(HubError, match=rf"{WEIGHTS} has the wrong size"):
        bring()
    assert not list(partial_folder("tiny").glob(f"{WEIGHTS}*"))


def test_files_without_any_hash_start_over(hub: StandIn) -> None:
    hub.hashes = False
    hub.cuts[WEIGHTS] = [1000] + [0] * 5
    with pytest.raises(HubError):
        bring(f"ms:{MODEL}")
    bring(f"ms:{MODEL}")
    assert hub.ranges(WEIGHTS)[-1] is None


def test_retry_after_is_kept_to(hub: StandIn) -> None:
    date = formatdate(time() + 50, usegmt=True)
    hub.answers[WEIGHTS] = [(429, {"Retry-After": "7"}), (503, {"Retry-After": date}), (502, {})]
    waits = bring()[2]
    assert waits[0] == 7
    assert 45 < waits[1] <= 50
    assert waits[2] == 8
    hub.answers[WEIGHTS] = [(429, {"Retry-After": "86400"})]
    with pytest.raises(HubError, match="429"):
        bring(name="again")


def test_a_busy_hub_is_asked_again(hub: StandIn) -> None:
    hub.refusals[MODEL] = (503, {})
    with pytest.raises(HubError, match=r"Hugging Face: HTTP 503"):
        bring()
    assert len(hub.asked) == 3


@pytest.mark.parametrize(
    ("status", "headers", "told"),
    [(404, {}, "does not exist"), (401, {"X-Error-Code": "RepoNotFound"}, "does not exist"),
     (401, {"X-Error-Code": "GatedRepo"}, f"licence at .*/{MODEL} and set HF_TOKEN"), (403, {}, "set HF_TOKEN"),
     (400, {}, "HTTP 400")],
)  # fmt: skip
def test_refusals(hub: StandIn, status: int, headers: dict[str, str], told: str) -> None:
    hub.refusals[MODEL] = (status, headers)
    with pytest.raises(HubError, match=told):
        bring()
    assert not models_folder().exists()


def test_a_file_that_is_gone_or_gated(hub: StandIn) -> None:
    hub.answers[WEIGHTS] = [(403, {"X-Error-Code": "GatedRepo"})]
    with pytest.raises(HubError, match="HF_TOKEN"):
        bring()
    hub.answers[WEIGHTS] = [(404, {})]
    with pytest.raises(HubError, match="does not exist"):
        bring()


def test_the_token_goes_to_the_hub_alone(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    bring()
    sent = {(server, head.get("authorization")) for server, _, head in hub.asked}
    assert sent == {("hub", "Bearer hf_secret"), ("cdn", None)}


@pytest.mark.parametrize(
    "path", ["../evil.safetensors", "/etc/passwd", "a/../../b", "..\\evil", "C:/evil", "a//b", "bad\x00name", "", ". "]
)
@pytest.mark.parametrize("hub_word", ["hf", "ms"])
def test_hostile_paths(hub: StandIn, path: str, hub_word: str) -> None:
    hub.extra.append(path)
    with pytest.raises(HubError, match="unsafe path"):
        bring(f"{hub_word}:{MODEL}")
    assert not models_folder().exists()


@pytest.mark.parametrize("size", [-5, "9", 2**70, None, 1.5])
def test_impossible_sizes(hub: StandIn, size: object) -> None:
    hub.listed_sizes[WEIGHTS] = size  # type: ignore[assignment]
    for word in ("hf", "ms"):
        with pytest.raises(HubError, match="no sensible answer"):
            bring(f"{word}:{MODEL}")


def test_a_disk_that_is_too_small_is_told_before_anything_comes(hub: StandIn) -> None:
    hub.listed_sizes[WEIGHTS] = 2**60
    with pytest.raises(HubError, match=r"1152921504\.\d GB are still needed"):
        bring()
    assert not hub.sent


def test_an_architecture_that_cannot_run_is_told_before_the_weights_come(hub: StandIn) -> None:
    hub.repositories[MODEL]["config.json"] = b'{"model_type": "mamba"}'
    with pytest.raises(HubError, match="'mamba', which cannot be run here"):
        bring()
    assert not hub.sent[WEIGHTS]


def test_what_cannot_be_opened_gets_no_name(hub: StandIn) -> None:
    hub.repositories[GGUF]["Tiny-Q8_0.gguf"] = b"GGUF and then nonsense"
    with pytest.raises(CheckpointError):
        bring(GGUF)
    assert not installed_models()


def test_one_at_a_time(hub: StandIn) -> None:
    with arriving("tiny"), pytest.raises(HubError, match="Another command"):
        bring()


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


def test_an_address_that_is_none(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "ftp://example")
    with pytest.raises(HubError, match="HF_ENDPOINT is 'ftp://example'"):
        bring()
