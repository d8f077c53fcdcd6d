"""The two hubs' dialects: what a repository holds, and where its files are.

    Hugging Face   GET /api/models/{repo}/revision/{revision}                          -> the commit
                   GET /api/models/{repo}/tree/{commit}?recursive=true                 -> files, page after page
                   GET /{repo}/resolve/{commit}/{path}                                 -> a file
    ModelScope     GET /api/v1/models/{repo}/repo/files?Revision=...&Recursive=true    -> files
                   GET /api/v1/models/{repo}/repo?Revision=...&FilePath=...            -> a file

Nothing that a hub says is trusted: neither its paths nor its sizes.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlsplit

from huozhong.errors import HubError
from huozhong.hub.names import HubName

if TYPE_CHECKING:
    import httpx  # which takes 8 MB: where nothing is fetched, it is not imported

_MOST_FILES = 100_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA1 = re.compile(r"[0-9a-f]{40}")


class Unreachable(Exception):
    """The hub did not answer at all; another one may."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository.  sha256 of its content, or git's own hash of it (blob), where the hub knows them."""

    path: str
    size: int
    sha256: str | None = None
    blob: str | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def key(self) -> str | None:
        """What tells this content from any other."""
        return self.sha256 or self.blob


@dataclass(frozen=True)
class Listing:
    """The files of a repository at one commit."""

    hub: Hub
    repository: str
    revision: str
    files: tuple[RemoteFile, ...]

    @property
    def source(self) -> str:
        return f"{self.hub.prefix}:{self.repository}"


@dataclass(frozen=True)
class Hub(ABC):
    """A place that models come from.  headers: for the hub itself only, never along a redirect elsewhere."""

    endpoint: str
    headers: dict[str, str] = field(default_factory=dict)
    name: ClassVar[HubName]
    prefix: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def list_files(self, client: httpx.Client, repository: str, revision: str | None) -> Listing:
        """What the repository holds; `Unreachable` when the hub does not answer, `HubError` when it refuses."""

    @abstractmethod
    def address(self, listing: Listing, file: RemoteFile) -> str:
        """Where a file's content is."""


class HuggingFace(Hub):
    """huggingface.co, or the mirror that HF_ENDPOINT names; HF_TOKEN opens what needs an account."""

    name, prefix, title = "huggingface", "hf", "Hugging Face"

    def list_files(self, client: httpx.Client, repository: str, revision: str | None) -> Listing:
        models = f"{self.endpoint}/api/models/{repository}"
        about = _get_json(self, client, f"{models}/revision/{quote(revision or 'main', safe='')}", repository)
        commit = about.get("sha") if isinstance(about, dict) else None
        if not isinstance(commit, str) or not _SHA1.fullmatch(commit):
            raise _nonsense(self, repository)
        entries: list[Any] = []
        page: str | None = f"{models}/tree/{commit}?recursive=true"
        seen = set()
        while page is not None and page not in seen and len(entries) <= _MOST_FILES:
            seen.add(page)
            answer = _get(self, client, page, repository)
            listed = _json(self, answer, repository)
            if not isinstance(listed, list):
                raise _nonsense(self, repository)
            entries += listed
            page = self._next_page(answer)
        return Listing(self, repository, commit, _checked(self, repository, self._files(entries)))

    def _next_page(self, answer: httpx.Response) -> str | None:
        """A mirror passes on links to the original: only their path and query are followed."""
        link = answer.links.get("next", {}).get("url")
        if link is None:
            return None
        parts = urlsplit(link)
        return f"{self.endpoint}{parts.path}?{parts.query}"

    @staticmethod
    def _files(entries: list[Any]) -> Iterator[RemoteFile]:
        for entry in entries:
            if entry["type"] == "file":
                lfs = entry.get("lfs")
                if lfs:
                    yield RemoteFile(entry["path"], lfs["size"], sha256=lfs["oid"].removeprefix("sha256:"))
                else:
                    yield RemoteFile(entry["path"], entry["size"], blob=entry["oid"])

    def address(self, listing: Listing, file: RemoteFile) -> str:
        return f"{self.endpoint}/{listing.repository}/resolve/{listing.revision}/{quote(file.path)}"


class ModelScope(Hub):
    """modelscope.cn, or what MODELSCOPE_ENDPOINT names."""

    name, prefix, title = "modelscope", "ms", "ModelScope"

    def list_files(self, client: httpx.Client, repository: str, revision: str | None) -> Listing:
        revision = revision or "master"
        page = f"{self._models}/{repository}/repo/files?Revision={quote(revision, safe='')}&Recursive=true"
        answer = _get_json(self, client, page, repository)
        try:
            entries = answer["Data"]["Files"]
            files = [
                RemoteFile(entry["Path"], entry["Size"], sha256=(entry.get("Sha256") or "").lower() or None)
                for entry in entries
                if entry["Type"] == "blob"
            ]
        except (KeyError, TypeError, AttributeError):
            raise _nonsense(self, repository) from None
        return Listing(self, repository, revision, _checked(self, repository, iter(files)))

    @property
    def _models(self) -> str:
        return f"{self.endpoint}/api/v1/models"

    def address(self, listing: Listing, file: RemoteFile) -> str:
        revision, path = quote(listing.revision, safe=""), quote(file.path, safe="")
        return f"{self._models}/{listing.repository}/repo?Revision={revision}&FilePath={path}"


def hub_named(name: HubName) -> Hub:
    """The hub `name`, as the environment describes it."""
    if name == "modelscope":
        return ModelScope(_endpoint("MODELSCOPE_ENDPOINT", "https://modelscope.cn"))
    token = os.environ.get("HF_TOKEN", "").strip()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return HuggingFace(_endpoint("HF_ENDPOINT", "https://huggingface.co"), headers)


def _endpoint(variable: str, usual: str) -> str:
    import httpx

    endpoint = (os.environ.get(variable) or usual).rstrip("/")
    if "://" not in endpoint:
        endpoint = f"https://{endpoint}"
    try:
        good = httpx.URL(endpoint).host and urlsplit(endpoint).scheme in ("http", "https")
    except (httpx.InvalidURL, ValueError):
        good = False
    if not good:
        raise HubError(
            f"{variable} 是 {endpoint!r}，不是网址；请改正或去掉它。",
            f"{variable} is {endpoint!r}, which is no address; correct it, or unset it.",
        )
    return endpoint


# -- asking --------------------------------------------------------------------------------------


def _get(hub: Hub, client: httpx.Client, address: str, repository: str) -> httpx.Response:
    import httpx

    try:
        answer = client.get(address, headers=hub.headers)
    except (httpx.TransportError, httpx.TooManyRedirects) as error:
        raise Unreachable(str(error) or type(error).__name__) from None
    if answer.status_code >= 500 or answer.status_code == 429:
        raise Unreachable(f"HTTP {answer.status_code}")
    if answer.status_code != 200:
        raise refusal(hub, repository, answer)
    return answer


def _json(hub: Hub, answer: httpx.Response, repository: str) -> Any:
    try:
        return answer.json()
    except ValueError:  # undecodable text is one too
        raise _nonsense(hub, repository) from None


def _get_json(hub: Hub, client: httpx.Client, address: str, repository: str) -> Any:
    return _json(hub, _get(hub, client, address, repository), repository)


def refusal(hub: Hub, repository: str, answer: httpx.Response) -> HubError:
    """What a status other than success means, and what to do about it."""
    status, code = answer.status_code, answer.headers.get("X-Error-Code", "")
    place = f"{hub.title} {repository}"
    if code == "GatedRepo" or (status in (401, 403) and code != "RepoNotFound"):
        page = f"{str(answer.request.url.copy_with(path='/', query=None)).rstrip('/')}/{repository}"
        return HubError(
            f"{place} 要先登录才能下载：请在 {page} 接受许可协议，再把访问令牌放进环境变量 HF_TOKEN。",
            f"{place} is not open to everyone: accept its licence at {page} and set HF_TOKEN to your access token.",
        )
    if status in (401, 404):
        return HubError(
            f"{place} 不存在，或者没有这个版本或文件（HTTP {status}）；请检查名字。",
            f"{place} does not exist, or not this revision or file of it (HTTP {status}); check the name.",
        )
    return HubError(
        f"{place} 拒绝了请求（HTTP {status}）；请稍后再试。",
        f"{place} refused the request (HTTP {status}); try again later.",
    )


def _nonsense(hub: Hub, repository: str) -> HubError:
    return HubError(
        f"{hub.title} 对 {repository} 的回答看不懂；请检查地址设置，或换 --from。",
        f"{hub.title} gave no sensible answer about {repository}; check its address, or try another --from.",
    )


# -- checking ------------------------------------------------------------------------------------


def _checked(hub: Hub, repository: str, files: Iterator[RemoteFile]) -> tuple[RemoteFile, ...]:
    """The files, each proven to have a harmless path, a possible size and hashes that are hashes."""
    checked: dict[str, RemoteFile] = {}
    try:
        for file in files:
            if not is_safe_path(file.path) or file.path in checked or len(checked) >= _MOST_FILES:
                raise HubError(
                    f"{hub.title} {repository} 里有不安全的文件路径 {file.path!r}，没有下载。",
                    f"{hub.title} {repository} lists the unsafe path {file.path!r}; nothing was downloaded.",
                )
            good = isinstance(file.size, int) and not isinstance(file.size, bool) and 0 <= file.size < 2**63
            good = good and (file.sha256 is None or _SHA256.fullmatch(file.sha256) is not None)
            good = good and (file.blob is None or _SHA1.fullmatch(file.blob) is not None)
            if not good:
                raise _nonsense(hub, repository)
            checked[file.path] = file
    except (KeyError, TypeError, AttributeError):
        raise _nonsense(hub, repository) from None
    return tuple(checked.values())


def is_safe_path(path: Any) -> bool:
    """Whether a path that somebody else names stays inside the folder it is put into, on every system."""
    if not isinstance(path, str) or not path or len(path) > 500:
        return False
    if re.search(r"[\x00-\x1f\x7f-\x9f\\]|^[A-Za-z]:", path):
        return False
    return all(part.strip(" .") for part in path.split("/"))
