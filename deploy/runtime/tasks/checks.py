"""The error of a card whose task does not fit its model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deploy.runtime.errors import DeployError


def wrong_model(task: str, expected: str, received: Sequence[Any]) -> DeployError:
    """The error for a model that a task's module can't serve."""
    return DeployError(
        f"expected of a model for {task} {expected}, received {' and '.join(map(str, received))}; "
        "correct the card, or export the model again"
    )
