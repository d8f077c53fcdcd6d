"""The scripted server of the exam's tests, for the command that examines."""

from __future__ import annotations

from tests.exam.conftest import script

__all__ = ["script"]
