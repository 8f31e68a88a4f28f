"""The one error that `deploy` raises for input it cannot serve."""

from __future__ import annotations


class DeployError(ValueError):
    """What was expected, what was received and what to do, in one line."""


def missing_package(module: str | None) -> DeployError:
    """The error for a `module` that `deploy` imports on the computer that exports."""
    package = (module or "").partition(".")[0]
    return DeployError(
        f"expected the package {package}, received an installation without it; install the "
        "training packages with pip install '.[train]' in the project's folder"
    )
