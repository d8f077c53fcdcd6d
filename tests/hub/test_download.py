"""One file from a hub: resumed where it stopped, and kept only when it is right."""

from __future__ import annotations

from email.utils import formatdate
from time import time

import pytest
from tests.hub.conftest import MODEL, WEIGHTS, StandIn
from tests.hub.conftest import pull_from_stand_in as bring

from huozhong.errors import HubError
from huozhong.hub.arrival import partial_folder


def test_a_cut_connection_goes_on_where_it_stopped(hub: StandIn) -> None:
    size = len(hub.repositories[MODEL][WEIGHTS])
    hub.cuts[WEIGHTS] = [size // 3, 0, size // 3]
    _, watcher, waits = bring()
    assert hub.sent[WEIGHTS] == size, "no byte came twice"
    assert hub.ranges(WEIGHTS) == [None, f"bytes={size // 3}-", f"bytes={size // 3}-", f"bytes={size // 3 * 2}-"]
    assert waits == [2, 4, 2], "the wait grows while nothing comes, and is short again when something did"
    assert len(watcher.notes) == 3


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


def test_a_file_that_is_gone_or_gated(hub: StandIn) -> None:
    hub.answers[WEIGHTS] = [(403, {"X-Error-Code": "GatedRepo"})]
    with pytest.raises(HubError, match="HF_TOKEN"):
        bring()
    hub.answers[WEIGHTS] = [(404, {})]
    with pytest.raises(HubError, match="does not exist"):
        bring()
