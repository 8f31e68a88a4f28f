"""The options of `export`, checked before the first of its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deploy.load.source import Source
from deploy.runtime.errors import DeployError
from deploy.schemes import SCHEMES
from deploy.targets import Target
from deploy.tasks.answers import metric_name


def check_options(
    row: Target,
    scheme: str,
    mixed: Mapping[str, str],
    test: Any,
    tolerance: float,
    fix: bool,
    seed: int,
) -> None:
    """Whether these options of `export` are possible, and go together.

    Raises:
        DeployError: an option that is not, with what was expected.
    """
    if scheme not in row.schemes:
        raise DeployError(
            f"expected one of the schemes {', '.join(row.schemes)} for the target '{row.name}', "
            f"received '{scheme}'"
        )
    single = (*row.schemes, *row.exceptions)
    for layer, other in mixed.items():
        if other not in single:
            raise DeployError(
                f"expected one of the schemes {', '.join(single)} for the layer '{layer}' on the "
                f"target '{row.name}', received '{other}'"
            )
    if fix and mixed:
        raise DeployError(
            "expected either fix or mixed, received both: fix chooses the layers itself"
        )
    if fix and test is None:
        raise DeployError(
            "expected test data with fix, received none: without a metric there is no loss to mend"
        )
    if not tolerance >= 0:
        raise DeployError(f"expected a tolerance of 0 or more points, received {tolerance}")
    if fix and not SCHEMES[scheme].calibrated:
        raise DeployError(
            f"expected a scheme with integer activations with fix, received {scheme}; leave out fix"
        )
    if seed < 0:
        raise DeployError(f"expected a seed of 0 or more, received {seed}")


def check_calibration(
    row: Target, schemes: Sequence[str], source: Source, calibration: Any
) -> None:
    """Whether there is calibration data where one of the schemes needs it.

    Raises:
        DeployError: there is none.
    """
    calibrated = [scheme for scheme in schemes if SCHEMES[scheme].calibrated]
    if calibrated and not source.trained_weights and calibration is None:
        raise DeployError(
            f"expected calibration data for the target '{row.name}', which is quantized to "
            f"{calibrated[0]}, received none; give a few hundred training examples"
        )


def check_task(detector: Any, task: str | None, metric: Any, test: Any) -> None:
    """Whether these options of `export`, which say what the model is for, go together.

    Raises:
        DeployError: an unknown task, one beside a detector, or a metric without test data or name.
    """
    if task not in (None, "segmentation"):
        raise DeployError(
            f"expected the task segmentation, or none, received '{task}'; classifiers are known by "
            "their outputs, and detectors described with detector"
        )
    if task and detector is not None:
        raise DeployError(f"expected either detector or the task {task}, received both")
    if metric is None:
        return
    metric_name(metric)
    if test is None:
        raise DeployError("expected test data with the metric, received none; give test=(x, y)")
