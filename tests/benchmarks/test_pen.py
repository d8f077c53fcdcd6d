"""The pen's benchmark runs for a stranger, shortened, and ends in one JSON line with its figures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.apps.pen.made import detector

ROOT = Path(__file__).parents[2]


def test_a_short_film_with_a_detector_that_was_taught() -> None:
    command = [sys.executable, "benchmarks/pen.py", "--detector", str(detector()), "--seconds", "12", "--every", "2"]
    done = subprocess.run([*command, "--scale", "40", "--told"], capture_output=True, text=True, cwd=ROOT, timeout=500)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["frames"] == 6
    assert found["found"] > 0.8
    assert found["hota"] > 0.4
