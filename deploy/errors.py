"""The one error that `deploy` raises for input it cannot serve."""


class DeployError(ValueError):
    """What was expected, what was received and what to do, in one line."""
