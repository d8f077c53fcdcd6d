"""Export to a Hugging Face folder: nothing is lost on the way, and transformers loads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tests.formats.families import EMBER, MODELS, exported, rounded

from huozhong.formats.checkpoint import CheckpointReader
from huozhong.formats.gguf.export import export_gguf
from huozhong.formats.gguf.vocab import small_files
from huozhong.formats.hf.export import export_hf
from huozhong.formats.source import open_model
from huozhong.text.tokenizer import Tokenizer


def test_ember_through_gguf_to_a_folder_again(tmp_path: Path) -> None:
    """The weights are bfloat16 all the way, so nothing is lost, and the folder is one that we can train on."""
    file = exported(EMBER, tmp_path / "ember.gguf", "f32")
    export_hf(open_model(tmp_path / "ember.gguf"), tmp_path / "back", small_files=small_files(file.metadata))
    there, here = open_model(tmp_path / "back"), open_model(EMBER)
    assert rounded(there.architecture) == rounded(here.architecture)
    for name in here.names():
        assert np.array_equal(there.tensor(name), here.tensor(name)), name
    assert CheckpointReader(tmp_path / "back").names() == CheckpointReader(EMBER).names()
    assert Tokenizer.load(tmp_path / "back").fingerprint == Tokenizer.load(EMBER).fingerprint


@pytest.mark.parametrize("family", MODELS)
def test_other_families_through_gguf_to_a_folder_again(family: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = MODELS[family]().eval()
    model.save_pretrained(tmp_path / "folder")
    export_gguf(open_model(tmp_path / "folder"), tmp_path / "m.gguf", "f32", vocabulary={})
    export_hf(open_model(tmp_path / "m.gguf"), tmp_path / "back", small_files={}, dtype="float32")
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "back").eval()
    tokens = torch.arange(40)[None]
    with torch.no_grad():
        assert torch.allclose(again(tokens).logits, model(tokens).logits, atol=1e-5)
