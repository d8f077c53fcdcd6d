"""Which kernels are used: the native module's, for one of its instruction sets, or their NumPy twins.

The choice is made when this is loaded: the first of `available()`, or what the environment variable HUOZHONG_KERNELS
names.  "reference" is the NumPy twin; it is also what runs where the native module was not built, hundreds of times
slower.
"""

from __future__ import annotations

import os

from huozhong.errors import KernelError

try:
    import huozhong.engine._kernels as native
except ModuleNotFoundError:  # a source tree that was not built
    native = None  # type: ignore[assignment]

__all__ = ["arithmetic", "available", "native", "use", "used"]

_used = "reference"


def available() -> list[str]:
    """The kernels this machine can run, fastest first."""
    return [*(native.available() if native else []), "reference"]


def used() -> str:
    """The kernels in use."""
    return _used


def use(name: str) -> None:
    """Use the kernels `name`, one of `available()`.  Models loaded before stay native, or reference."""
    global _used
    if name not in available():
        names = ", ".join(available())
        raise KernelError(f"this machine cannot run the kernels {name!r}; HUOZHONG_KERNELS can be {names}.")
    if name != "reference":
        native.use(name)
    _used = name


def arithmetic() -> str:
    """How prompts are computed: sets of one kind agree in every bit."""
    return {"reference": "reference", "avx512bf16": "bf16"}.get(_used, "float")


use(os.environ.get("HUOZHONG_KERNELS") or available()[0])
