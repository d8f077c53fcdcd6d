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
    "-std=c++17", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Wno-maybe-uninitialized",
    "-Wno-uninitialized", f"-I{KERNELS}",
]  # fmt: skip
AVX2 = ("-mavx2", "-mfma", "-mf16c")
AVX512 = (*AVX2, "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mavx512vnni")
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
    if "avx512_bf16" in flags:
        units["avx512bf16"] = (*AVX512, "-mavx512bf16", "-mprefer-vector-width=512")
        definitions += ("-DHUOZHONG_BF16",)
    if "avx512_vpopcntdq" in flags:
        units["avx512popcnt"] = (*AVX512, "-mavx512vpopcntdq", "-mprefer-vector-width=512")
        definitions += ("-DHUOZHONG_VPOPCNT",)
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


def build(
    target: Target, folder: Path, names: Sequence[str], flags: Sequence[str] = (), level: str = "-O3"
) -> dict[str, Path]:
    """Compile the native code and the check programs of these names into `folder`; the programs by name."""
    objects = []
    for name, own in target.units.items():
        source = "scan" if name == "avx512popcnt" else "kernels"
        objects.append(_compile(target, KERNELS / f"{source}_{name}.cpp", folder, (level, *own, *flags)))
    for name in (
        "choose",
        "model",
        "moe",
        "experts",
        "attention",
        "sparse",
        "compressed",
        "compress",
        "streams",
        "unpack",
        "pool",
    ):
        objects.append(_compile(target, KERNELS / f"{name}.cpp", folder, ("-O2", *flags)))
    programs = {}
    for name in names:
        own_object = _compile(target, HERE / f"check_{name}.cpp", folder, ("-O1", *flags))
        programs[name] = folder / f"check_{name}"
        run([target.compiler, *flags, *objects, own_object, "-pthread", "-o", programs[name]])
    return programs


def _compile(target: Target, source: Path, folder: Path, flags: Sequence[str]) -> Path:
    done = folder / f"{source.stem}.o"
    run([target.compiler, *COMMON, *target.definitions, *flags, "-c", source, "-o", done])
    return done


def run(command: Sequence[object]) -> str:
    """The command's output; AssertionError with everything it said if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, text=True, capture_output=True)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout
