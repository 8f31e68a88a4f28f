"""What a learner's network costs on a microcontroller, for the exercises that set a budget."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import deploy
from courses.grading import expect

if TYPE_CHECKING:
    import keras
    import numpy as np


def cortex_m_card(model: keras.Model, x: np.ndarray, test: Any = None) -> Any:
    """The card of the int8 network on `cortex-m`.

    Args:
        model: the network.
        x: training examples, the first 200 of which find int8's ranges.
        test: `(x, y)`, for its accuracy; None measures none.
    """
    with tempfile.TemporaryDirectory(prefix="courses-") as folder:
        return deploy.export(
            model,
            "cortex-m",
            out=Path(folder, "bundle"),
            calibration=x[:200],
            test=test,
            verbose=0,
        )


def expect_budget(card: Any, budget: Mapping[str, int]) -> None:
    """Holds a network to its budget: bytes of `flash` and of `arena`.

    Raises:
        Mismatch: which is broken, and by how much.
    """
    sizes = {"flash": card["size_bytes"], "arena": card["memory"]["arena_bytes"]}
    over = [
        f"{name} {sizes[name]:,} bytes, {sizes[name] - most:,} too many"
        for name, most in budget.items()
        if sizes[name] > most
    ]
    expect(
        not over,
        case="the int8 network on cortex-m",
        expected=", ".join(f"{name} of at most {most:,} bytes" for name, most in budget.items()),
        received="; ".join(over),
    )
