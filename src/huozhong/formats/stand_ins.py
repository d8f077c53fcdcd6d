"""What lies where weights should: a download that brought something else under the right name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from huozhong.errors import CheckpointError


def what_stands_in(begin: bytes) -> Callable[[Path], CheckpointError] | None:
    """The error for a file that begins so, where a common accident is known; None for any other beginning."""
    if begin.startswith(b"version https://git-lfs"):
        return _pointer
    if begin.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        return _page
    return None


def _pointer(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path}: is only git's pointer to the real file; run 'git lfs pull' in its folder, or download it again."
    ).in_chinese(f"{path}：这只是 git 指向真正文件的指针；请在它的文件夹里运行 git lfs pull，或重新下载。")


def _page(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path}: is a web page that was saved under this name, not the model; download it again."
    ).in_chinese(f"{path}：这是以这个名字存下来的网页，不是模型；请重新下载。")
