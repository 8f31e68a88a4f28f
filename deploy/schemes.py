"""How numbers are stored: one row a scheme."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.runtime.errors import DeployError
from deploy.targets import Target

# What a metric may lose unless somebody says otherwise: points, decibels, or percent of an error.
TOLERANCE = 0.5


@dataclass(frozen=True)
class Scheme:
    """How numbers are stored. `calibrated`: activations are integers, whose ranges examples show.
    `tolerance` is how far the same model may be from its recorded outputs on another processor,
    whose kernels round differently: in steps of the integers, where a softmax makes several of a
    probability out of one of a logit; for float outputs as a fraction of the largest recorded
    value. `dense_per_tensor`: the kernel of a dense layer has one scale.
    """

    weights: str
    activations: str
    calibrated: bool
    tolerance: float
    dense_per_tensor: bool = False


SCHEMES = {
    "float32": Scheme("float32", "float32", calibrated=False, tolerance=1e-4),
    "float16": Scheme("float16", "float32 or float16", calibrated=False, tolerance=1e-2),
    "dynamic": Scheme("int8, per channel", "float32", calibrated=False, tolerance=1e-2),
    "int4": Scheme(
        "int4, per channel (depthwise, LSTM: int8)", "float32", calibrated=False, tolerance=1e-2
    ),
    "int8": Scheme("int8, per channel", "int8", calibrated=True, tolerance=12.0),
    "int8-float-ends": Scheme(
        "int8, per channel", "int8, float32 at both ends", calibrated=True, tolerance=0.05
    ),
    "int8-per-tensor": Scheme(
        "int8, per tensor", "int8", calibrated=True, tolerance=12.0, dense_per_tensor=True
    ),
    "int8-dense-per-tensor": Scheme(
        "int8, per channel, dense layers per tensor",
        "int8",
        calibrated=True,
        tolerance=12.0,
        dense_per_tensor=True,
    ),
    "int16": Scheme("int8, per channel", "int16", calibrated=True, tolerance=64.0),
}


@dataclass(frozen=True)
class Quantization:
    """How a model's numbers are to be stored, and what that may cost.

    Attributes:
        scheme: one of the target's `schemes`; None: its first.
        mixed: layers with a scheme of their own, `{"conv_1": "float32"}` say: one of the target's
            `schemes` or `exceptions`.
        tolerance: how much the metric may lose, in points (of a metric from 0 to 1) or percent (of
            an error or any other metric). Where integers cost more, the operators that cost the
            most are named.
        fix: leave those operators, as few as bring the metric within the tolerance, in numbers of
            more bits, where the target can compute with them.

    Raises:
        DeployError: a negative tolerance, or both `fix` and `mixed`.
    """

    scheme: str | None = None
    mixed: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = TOLERANCE
    fix: bool = False

    def __post_init__(self) -> None:
        if self.fix and self.mixed:
            raise DeployError(
                "expected either fix or mixed, received both: fix chooses the layers itself"
            )
        if not self.tolerance >= 0:
            raise DeployError(
                f"expected a tolerance of 0 or more points, received {self.tolerance}"
            )


def read_quantization(quantization: Quantization | str | None) -> Quantization:
    """The `quantization` of `export`; a string is a scheme's name."""
    if isinstance(quantization, Quantization):
        return quantization
    return Quantization(quantization)


def schemes_for(quantization: Quantization, target: Target, measured: bool) -> list[str]:
    """The schemes that `quantization` means on the `target`, that of the whole model first.

    Args:
        quantization: what is asked for.
        target: where.
        measured: whether there is test data.

    Raises:
        DeployError: a scheme that the target has not, or `fix` where nothing can be mended.
    """
    scheme = quantization.scheme or target.scheme
    if scheme not in target.schemes:
        raise DeployError(
            f"expected one of the schemes {', '.join(target.schemes)} for the target "
            f"'{target.name}', received '{scheme}'"
        )
    single = (*target.schemes, *target.exceptions)
    for layer, other in quantization.mixed.items():
        if other not in single:
            raise DeployError(
                f"expected one of the schemes {', '.join(single)} for the layer '{layer}' on the "
                f"target '{target.name}', received '{other}'"
            )
    if quantization.fix and not measured:
        raise DeployError(
            "expected test data with fix, received none: without a metric there is no loss to mend"
        )
    if quantization.fix and not SCHEMES[scheme].calibrated:
        raise DeployError(
            f"expected a scheme with integer activations with fix, received {scheme}; leave out fix"
        )
    return [scheme, *quantization.mixed.values()]
