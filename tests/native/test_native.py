"""The native code without Python around it: instruction sets against each other, and under sanitizers."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest
from tests.native.build import ARM_EMULATOR, arm, arm_tools, build, processor_flags, run, this_machine

# Each compiles every instruction set, beside another file of tests.
pytestmark = pytest.mark.timeout(2400)

IN_CI = os.environ.get("CI") == "true"
ARM_NEEDED = "the ARM kernels were not tested: install g++-aarch64-linux-gnu and qemu-user (.ci/run does)."


def agreed(output: str) -> list[str]:
    """The instruction sets a check program names in its last line."""
    line = output.splitlines()[-1]
    assert line.startswith("agree: "), output
    return line.split()[1:]


def expected_sets() -> set[str]:
    if platform.machine() in ("aarch64", "arm64"):
        return {"plain", "neon"} | ({"neondot"} if "asimddp" in processor_flags() else set())
    flags = processor_flags()
    sets = {"plain"}
    if {"avx2", "fma", "f16c"} <= flags:
        sets.add("avx2")
        if "avx_vnni" in flags:
            sets.add("avx2vnni")
        if {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512_vnni"} <= flags:
            sets |= {"avx512bf16"} if "avx512_bf16" in flags else set()
            sets |= {"avx512", "avx2vnni"}  # the latter in the encoding of AVX-512
    return sets


@pytest.mark.slow
def test_instruction_sets_agree(tmp_path: Path) -> None:
    programs = build(this_machine(), tmp_path, ["kernels"])
    assert set(agreed(run([programs["kernels"]]))) == expected_sets()


if arm_tools() or IN_CI:

    @pytest.mark.slow
    def test_arm_kernels_agree(tmp_path: Path) -> None:
        """In the emulator: with dotprod, and as on a Cortex-A72 (Raspberry Pi 4), which has none."""
        assert arm_tools(), ARM_NEEDED
        programs = build(arm(), tmp_path, ["kernels", "model"])
        emulate = [ARM_EMULATOR, "-L", "/usr/aarch64-linux-gnu", "-cpu"]
        assert set(agreed(run([*emulate, "max", programs["kernels"]]))) == {"plain", "neon", "neondot"}
        assert set(agreed(run([*emulate, "cortex-a72", programs["kernels"]]))) == {"plain", "neon"}
        assert agreed(run([*emulate, "max", programs["model"], "fastest"])) == ["neondot"]


@pytest.mark.slow
def test_no_access_out_of_bounds_and_no_undefined_behaviour(tmp_path: Path) -> None:
    flags = ("-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-D_GLIBCXX_ASSERTIONS")
    programs = build(this_machine(), tmp_path, ["kernels", "model", "experts"], flags, "-O1")
    for name, program in programs.items():
        assert set(agreed(run([program]))) == ({"shelf"} if name == "experts" else expected_sets())


@pytest.mark.slow
def test_no_races(tmp_path: Path) -> None:
    programs = build(this_machine(), tmp_path, ["model", "experts"], ("-g1", "-fsanitize=thread"), "-O1")
    assert len(agreed(run([programs["model"], "fastest"]))) == 1
    assert agreed(run([programs["experts"]])) == ["shelf"]
