"""How every request's fields are read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Unknown fields are errors, and so is a value of another type ("0.5" is no number)."""

    model_config = ConfigDict(extra="forbid", strict=True)
