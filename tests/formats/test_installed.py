"""Names, folders and manifests of the models that were brought here."""

from __future__ import annotations

from pathlib import Path

import pytest

from huozhong.errors import CheckpointError, ConfigError
from huozhong.formats.installed import (
    MANIFEST,
    InstalledFile,
    ModelManifest,
    checked_name,
    find,
    folder_of,
    installed_models,
    name_of,
    read_manifest,
)
from huozhong.hub.arrival import remove


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HUOZHONG_MODELS", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.mark.parametrize("name", ["", "a/b", "..", ".x", "a:b:c", "a:", "a b", "x" * 101, "-x", "a\n"])
def test_what_cannot_be_a_stored_name(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a model's name"):
        checked_name(name)


def test_names_in_any_script() -> None:
    assert checked_name("火种:小-1.0") == "火种:小-1.0"


def install(store: Path, name: str) -> Path:
    """A model as `huozhong.hub` leaves it; the folder."""
    folder = folder_of(name)
    assert folder.parent == store
    folder.mkdir(parents=True)
    (folder / "m.gguf").write_bytes(b"GGUF")
    manifest = ModelManifest(
        name, "here", None, "2026-11-29T12:00:00+00:00", False, (InstalledFile("m.gguf", 4, None),)
    )
    (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
    assert read_manifest(folder) == manifest
    return folder


def test_found_by_name_and_named_by_folder(store: Path) -> None:
    assert installed_models() == []
    folder = install(store, "tiny:q8")
    assert (find("tiny:q8"), find("Tiny:Q8"), find("tiny")) == (folder, folder, folder)
    install(store, "tiny:q4")
    assert (find("tiny"), find("other"), find("a/b")) == (None, None, None)
    assert [model.name for model in installed_models()] == ["tiny:q4", "tiny:q8"]
    assert name_of(folder) == name_of(folder / "m.gguf") == "tiny:q8"
    assert name_of(store.parent / "else.gguf") == "else"
    (store / ".tiny@q2.partial").mkdir()
    (store / "no model").mkdir()
    assert len(installed_models()) == 2


def test_a_manifest_that_cannot_be_read(store: Path) -> None:
    folder = install(store, "my-model")
    for text in ("", "[]", '{"version": 2}', '{"version": 1, "files": [{}]}', '{"version": 1, "files": [], "x": 1}'):
        (folder / MANIFEST).write_text(text)
        with pytest.raises(CheckpointError, match=r"huozhong\.json cannot be read"):
            read_manifest(folder)
    with pytest.raises(CheckpointError):
        installed_models()
    assert remove("my-model") > 0
