"""The one error that `deploy` and its runtime raise for input they cannot serve."""

from __future__ import annotations


class DeployError(ValueError):
    """What was expected, what was received and what to do, in one line."""
