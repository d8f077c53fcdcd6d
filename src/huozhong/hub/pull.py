"""`pull`: a model from Hugging Face or ModelScope into the store.

Own code over httpx instead of each hub's own library: one path for both, resumable to the byte, every file checked,
nothing but the files that are needed, and no second client to install.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from huozhong.errors import HubError
from huozhong.formats.installed import InstalledFile, InstalledModel, checked_name
from huozhong.hub.arrival import Arrival, arriving, installed, need_space
from huozhong.hub.check import check_family, check_opens
from huozhong.hub.choose import choose
from huozhong.hub.download import Download, Watcher, holds, part_path
from huozhong.hub.names import HubName, WantedModel
from huozhong.hub.sources import Hub, Listing, RemoteFile, Unreachable, hub_named

if TYPE_CHECKING:
    import httpx  # which takes 8 MB: where nothing is fetched, it is not imported

From = Literal["auto", "huggingface", "modelscope"]
_SECONDS, _CONNECT_SECONDS = 60.0, 10.0
_ATTEMPTS = 3  # to get a listing, before another hub is asked


@dataclass(frozen=True)
class Pulled:
    """What came.  news: False when it was already here, unchanged."""

    model: InstalledModel
    news: bool


def pull(
    wanted: WantedModel,
    watcher: Watcher,
    *,
    name: str | None = None,
    origin: From = "auto",
    revision: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Pulled:
    """Bring `wanted`, going on where an earlier try stopped.

    name: what to call it; None for its own name.  origin: "auto" asks Hugging Face, and ModelScope when the first
    cannot be reached.  revision: a branch, tag or commit; None for the hub's usual branch.
    Raises `HubError`; what has come so far is kept for the next try, unless it was wrong.
    """
    import httpx

    name = checked_name(name or wanted.name)
    with httpx.Client(
        timeout=httpx.Timeout(_SECONDS, connect=_CONNECT_SECONDS),
        follow_redirects=True,
        headers={"User-Agent": "huozhong"},
    ) as client:
        listing = _listing(client, wanted, origin, revision, watcher, sleep)
        files = choose(listing.files, wanted.select, f"{listing.hub.title} {listing.repository}")
        before = installed(name)
        if before is not None:
            if _unchanged(before, files):
                return Pulled(before, news=False)
            if before.manifest.source not in (f"hf:{wanted.huggingface}", f"ms:{wanted.modelscope}"):
                raise HubError(
                    f"已有名为 {name} 的模型，来自 {before.manifest.source}；请用 --name 另取一个名字，或先 "
                    f"huozhong remove {name}。",
                    f"There is a model {name} already, from {before.manifest.source}; choose another --name, or "
                    f"first: huozhong remove {name}.",
                )
        with arriving(name) as arrival:
            return Pulled(_bring(client, listing, files, arrival, watcher, sleep), news=True)


def _unchanged(model: InstalledModel, files: list[RemoteFile]) -> bool:
    """Whether a stored model is what these files would make.  Only files without a listed SHA-256 are read."""
    held = {file.name: file for file in model.manifest.files}
    if held.keys() != {file.name for file in files}:
        return False
    return all(
        held[file.name].sha256 == file.sha256 if file.sha256 else holds(model.folder / file.name, file)
        for file in files
    )


def _bring(
    client: httpx.Client,
    listing: Listing,
    files: list[RemoteFile],
    arrival: Arrival,
    watcher: Watcher,
    sleep: Callable[[float], None],
) -> InstalledModel:
    finished = arrival.finished()
    done = {
        f.name: finished[f.name][0]
        for f in files
        if f.name in finished
        and finished[f.name][1] == f.key
        and f.key is not None
        and finished[f.name][0].size == f.size
    }
    _clear(arrival, files, set(done))
    present = sum(file.size for file in done.values()) + sum(
        path.stat().st_size for path in arrival.folder.glob("*.part")
    )
    total = sum(file.size for file in files)
    need_space(arrival.folder, total - present)
    watcher.start(total)
    download = Download(client, listing, arrival.folder, watcher, sleep)
    for file in files:
        watcher.file(file.name)
        if file.name in done:
            watcher.advance(file.size)
        else:
            done[file.name] = InstalledFile(file.name, file.size, download.fetch(file))
            arrival.finish_file(done[file.name], file.key)
        if file.name == "config.json":  # before the large files, which would come for nothing
            check_family(arrival.folder / file.name)
    check_opens(arrival.folder)
    return arrival.complete(listing.source, listing.revision, [done[file.name] for file in files], linked=False)


def _clear(arrival: Arrival, files: list[RemoteFile], done: set[str]) -> None:
    """Delete what earlier tries left and this one cannot use."""
    useful = done | {part_path(arrival.folder, file).name for file in files}
    for path in arrival.folder.iterdir():
        if path.name not in useful and (path.suffix == ".part" or path.name in arrival.finished()):
            path.unlink()


# -- which hub -----------------------------------------------------------------------------------


def _listing(
    client: httpx.Client,
    wanted: WantedModel,
    origin: From,
    revision: str | None,
    watcher: Watcher,
    sleep: Callable[[float], None],
) -> Listing:
    """The first hub's answer; only a hub that cannot be reached sends us to the next one."""
    names: list[HubName] = ["huggingface", "modelscope"] if origin == "auto" else [origin]
    hubs = [hub_named(name) for name in names if wanted.repository(name) is not None]
    if not hubs:
        other = "huggingface" if origin == "modelscope" else "modelscope"
        raise HubError(
            f"{wanted.name} 在 {origin} 上没有已知的仓库；请用 --from {other}。",
            f"{wanted.name} has no known repository on {origin}; use --from {other}.",
        )
    reasons: list[str] = []
    for hub in hubs:
        if reasons:
            watcher.note(
                f"连不上 {hubs[0].title}，改用 {hub.title}。",
                f"{hubs[0].title} cannot be reached; asking {hub.title} instead.",
            )
        # A branch's name on one hub means nothing on another, so `revision` stays with the hub it is for.
        try:
            return _ask(client, hub, wanted.repository(hub.name) or "", revision, last=hub is hubs[-1], sleep=sleep)
        except Unreachable as error:
            reasons.append(f"{hub.title}: {error}")
    tried = "; ".join(reasons)
    raise HubError(
        f"连不上（{tried}）；请检查网络，或用 huozhong import 从 U 盘导入。",
        f"No hub can be reached ({tried}); check the network, or bring the model on a USB stick with huozhong import.",
    )


def _ask(
    client: httpx.Client,
    hub: Hub,
    repository: str,
    revision: str | None,
    *,
    last: bool,
    sleep: Callable[[float], None],
) -> Listing:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return hub.list_files(client, repository, revision)
        except Unreachable:
            if not last or attempt == _ATTEMPTS:  # another hub can be asked at once
                raise
            sleep(2.0**attempt)
    raise AssertionError("unreachable")
