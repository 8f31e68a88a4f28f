"""What a parameter of a card can be."""

from __future__ import annotations

import math
from typing import Any


def is_number(value: Any) -> bool:
    """Whether this is a finite number, as JSON has it; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: Any, least: int) -> bool:
    """Whether this is a whole number of `least` or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
