"""How numbers are stored: one row a scheme."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scheme:
    """How numbers are stored. `calibrated`: activations are integers, whose ranges examples show.
    `tolerance` is how far the same model may be from its recorded outputs on another processor,
    whose kernels round differently: in steps of the integers, where a softmax makes several of a
    probability out of one of a logit; for float outputs as a share of the largest recorded value.
    """

    weights: str
    activations: str
    calibrated: bool
    tolerance: float


SCHEMES = {
    "float32": Scheme("float32", "float32", calibrated=False, tolerance=1e-4),
    "float16": Scheme("float16", "float32 or float16", calibrated=False, tolerance=1e-2),
    "dynamic": Scheme("int8, per channel", "float32", calibrated=False, tolerance=1e-2),
    "int4": Scheme(
        "int4, per channel (depthwise: int8)", "float32", calibrated=False, tolerance=1e-2
    ),
    "int8": Scheme("int8, per channel", "int8", calibrated=True, tolerance=12.0),
    "int8-float-ends": Scheme(
        "int8, per channel", "int8, float32 at both ends", calibrated=True, tolerance=0.05
    ),
    "int8-per-tensor": Scheme("int8, per tensor", "int8", calibrated=True, tolerance=12.0),
    "int16": Scheme("int8, per channel", "int16", calibrated=True, tolerance=64.0),
}
