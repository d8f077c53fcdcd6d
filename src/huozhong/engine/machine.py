"""What this machine has."""

from __future__ import annotations

import os
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
# Files of a memory group: its limit, what it takes, and which key of its statistics may be taken back from it.
_KINDS = (("memory.max", "memory.current", "inactive_file"),)
_OLD_KINDS = (("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),)


def available_memory() -> int | None:
    """Bytes that programs may still take, within the limits of this process's group; None where the system does not
    say."""
    free, left = _machine_memory(), _group_memory()
    return left if free is None else free if left is None else min(free, left)


def _machine_memory() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass  # another system than Linux: it is asked below
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _group_memory() -> int | None:
    """What the control group (container, service) of this process leaves; None without a limit."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    left = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            left += _left_in(_GROUPS, path, _KINDS)
        elif "memory" in controllers.split(","):
            left += _left_in(_GROUPS / "memory", path, _OLD_KINDS)
    return min(left, default=None)


def _left_in(root: Path, path: str, kinds: tuple[tuple[str, str, str], ...]) -> list[int]:
    """Of the group and of all that it lies in."""
    left = []
    group = root / path.lstrip("/")
    for folder in (group, *group.parents):
        for limit, usage, key in kinds:
            try:
                most = int((folder / limit).read_text())
                taken = int((folder / usage).read_text())
                statistics = (folder / "memory.stat").read_text().split()
                given_back = int(statistics[statistics.index(key) + 1])
            except (OSError, ValueError, IndexError):
                continue  # no such group here, or no limit ("max")
            left.append(max(0, most - taken + given_back))
        if folder == root:
            break
    return left
