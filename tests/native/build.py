"""Compiles the check programs beside this file, with the flags of CMakeLists.txt, or for a sanitizer, or for ARM."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
KERNELS = HERE.parents[1] / "src/huozhong/engine/kernels"
COMMON = [
    "-std=c++17", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Werror", "-Wno-maybe-uninitialized",
    "-Wno-uninitialized", f"-I{KERNELS}",
]  # fmt: skip
AVX2 = ("-mavx2", "-mfma", "-mf16c")
AVX512 = (*AVX2, "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512vnni")
ARM_COMPILER, ARM_EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64"


@dataclass(frozen=True)
class Target:
    """What to compile for: the compiler, its definitions, and flags of each instruction set's unit."""

    compiler: str
    definitions: tuple[str, ...]
    units: dict[str, Sequence[str]]


def this_machine() -> Target:
    """Every set this processor runs.  `avx2vnni` is encoded as AVX-512 where there is no AVX-VNNI."""
    compiler = os.environ.get("CXX") or "c++"
    plain = {"plain": ("-fno-tree-slp-vectorize",)}
    if platform.machine() not in ("x86_64", "AMD64"):
        return arm(compiler) if platform.machine() in ("aarch64", "arm64") else Target(compiler, (), plain)
    flags = processor_flags()
    units: dict[str, Sequence[str]] = {"avx2": AVX2, "avx512": (*AVX512, "-mprefer-vector-width=512")}
    definitions: tuple[str, ...] = ("-DHUOZHONG_X86",)
    if "avx_vnni" in flags:
        units["avx2vnni"] = (*AVX2, "-mavxvnni")
        definitions += ("-DHUOZHONG_AVXVNNI",)
    elif {"avx512vl", "avx512_vnni"} <= flags:
        units["avx2vnni"] = AVX512
        definitions += ("-DHUOZHONG_AVX2VNNI_BY_AVX512",)
    return Target(compiler, definitions, plain | units)


def arm(compiler: str = ARM_COMPILER) -> Target:
    return Target(
        compiler,
        ("-DHUOZHONG_ARM",),
        {"plain": ("-fno-tree-slp-vectorize",), "neon": (), "neondot": ("-march=armv8.2-a+dotprod",)},
    )


def arm_tools() -> bool:
    """Whether the cross compiler and the emulator are installed (Debian: g++-aarch64-linux-gnu, qemu-user)."""
    return bool(shutil.which(ARM_COMPILER) and shutil.which(ARM_EMULATOR))


def processor_flags() -> set[str]:
    """This processor's features in Linux's names; none where there is no /proc/cpuinfo."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return {flag for line in lines if line.startswith("flags") for flag in line.partition(":")[2].split()}


def build(program: str, target: Target, folder: Path, flags: Sequence[str] = (), level: str = "-O3") -> Path:
    """Compile check_`program`.cpp and the kernels into `folder`; the executable's path."""
    jobs: list[tuple[Path, Sequence[str]]] = [
        (KERNELS / f"kernels_{name}.cpp", (level, *unit)) for name, unit in target.units.items()
    ]
    jobs.append((KERNELS / "choose.cpp", ("-O1",)))
    jobs.append((HERE / f"check_{program}.cpp", ("-O1",)))
    if program == "model":
        jobs += [(KERNELS / f"{name}.cpp", ("-O2",)) for name in ("model", "attention", "unpack", "pool")]
    objects = []
    for source, own in jobs:
        objects.append(folder / f"{source.stem}.o")
        run([target.compiler, *COMMON, *target.definitions, *own, *flags, "-c", source, "-o", objects[-1]])
    executable = folder / f"check_{program}"
    run([target.compiler, *flags, *objects, "-pthread", "-o", executable])
    return executable


def run(command: Sequence[object], **environment: str) -> str:
    """The command's output; AssertionError with everything it said if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, text=True, capture_output=True, env={**os.environ, **environment})
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout
