"""How a model enters and leaves the store: alone, with room for it, whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.hub.conftest import WEIGHTS, Noted, StandIn, pull_from_stand_in

from huozhong.engine.llm import resolve_model
from huozhong.errors import CheckpointError, HubError
from huozhong.formats.installed import InstalledFile, models_folder
from huozhong.hub.arrival import arriving, installed, partial_folder, remove, unfinished
from huozhong.hub.bring import bring


def test_a_disk_that_is_too_small_is_told_before_anything_comes(hub: StandIn) -> None:
    hub.listed_sizes[WEIGHTS] = 2**60
    with pytest.raises(HubError, match=r"1152921504\.\d GB are still needed"):
        pull_from_stand_in()
    assert not hub.sent


def test_one_at_a_time(hub: StandIn) -> None:
    with arriving("tiny"), pytest.raises(HubError, match="Another command"):
        pull_from_stand_in()


def test_remove(stick: Path) -> None:
    model = bring(stick / "My Model", Noted())
    size = sum(file.stat().st_size for file in model.folder.iterdir())
    assert remove("my-model") == size
    assert list(models_folder().iterdir()) == []
    with pytest.raises(HubError, match="no stored model 'my-model'"):
        remove("my-model")
    with pytest.raises(CheckpointError, match="no model 'my-model'"):
        resolve_model("my-model")


def test_what_was_finished_is_remembered_while_it_is_there(store: Path) -> None:
    with arriving("tiny") as arrival:
        assert arrival.finished() == {}
        for name, content in (("a", b"123"), ("b", b"45")):
            (arrival.folder / name).write_bytes(content)
            arrival.finish_file(InstalledFile(name, len(content), None), key=name)
    assert unfinished() == [("tiny", 5)]
    (partial_folder("tiny") / "a").write_bytes(b"1")
    with arriving("tiny") as arrival:
        assert arrival.finished() == {"b": (InstalledFile("b", 2, None), "b")}
        arrival.complete("here", None, [InstalledFile("b", 2, None)], linked=False)
    assert not unfinished()
    assert sorted(path.name for path in (store / "tiny").iterdir()) == ["b", "huozhong.json"]
    found = installed("TINY")
    assert found is not None
    assert (found.name, found.manifest.bytes, found.manifest.source) == ("tiny", 2, "here")
