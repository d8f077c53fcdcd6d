"""Any model, seen as the Hugging Face folder that it would be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.formats.families import MODELS

from huozhong.errors import CheckpointError
from huozhong.formats.gguf.export import export_gguf
from huozhong.formats.hf.view import HuggingFaceView
from huozhong.formats.source import open_model

EMBEDDING, QUERY = "model.embed_tokens.weight", "model.layers.1.self_attn.q_proj.weight"


@pytest.fixture(params=["llama", "qwen2"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A random model, as a folder and beside it as `m.gguf`."""
    torch.manual_seed(0)
    MODELS[request.param]().save_pretrained(tmp_path / "folder")
    export_gguf(open_model(tmp_path / "folder"), tmp_path / "m.gguf", "f32", vocabulary={})
    return tmp_path / "folder"


def test_a_gguf_file_seen_as_the_folder(folder: Path) -> None:
    here, view = open_model(folder), HuggingFaceView(open_model(folder.parent / "m.gguf"))
    assert view.kind == "folder"
    assert sorted(view.names()) == sorted(here.names())
    assert view.metadata["model_type"] == here.metadata["model_type"]
    assert view.architecture.rope.interleaved == here.architecture.rope.interleaved
    assert view.architecture.attention == here.architecture.attention
    for name in here.names():
        assert view.shape(name) == view.stored(name).shape == here.stored(name).shape
        np.testing.assert_array_equal(view.tensor(name), here.tensor(name))
    with pytest.raises(CheckpointError, match="no tensor 'x'"):
        view.tensor("x")


@pytest.mark.parametrize("name", [EMBEDDING, QUERY])
def test_pieces_are_the_matrix(folder: Path, name: str) -> None:
    view = HuggingFaceView(open_model(folder.parent / "m.gguf"))
    pieces = list(view.pieces(name, 5 * view.shape(name)[1]))
    assert [len(piece) for piece in pieces[:-1]] == [5] * (len(pieces) - 1)
    np.testing.assert_array_equal(np.concatenate(pieces), view.tensor(name))


def test_changes_are_seen_where_a_tensor_is_read(folder: Path) -> None:
    view = HuggingFaceView(open_model(folder), lambda name, values: values + (name == QUERY))
    before = open_model(folder)
    np.testing.assert_array_equal(view.tensor(QUERY), before.tensor(QUERY) + 1)
    np.testing.assert_array_equal(view.rows(QUERY, slice(2, 4)), before.rows(QUERY, slice(2, 4)) + 1)
    np.testing.assert_array_equal(view.tensor(EMBEDDING), before.tensor(EMBEDDING))
