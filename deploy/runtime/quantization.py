"""Real numbers to the device's integers and back: real = scale · (integer − zero_point).

Source: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", equation 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_HALF = np.float32(0.5)
# The largest float32 that an int32 holds is not its own largest number.
_LIMITS = {
    name: (np.float32(np.iinfo(name).min), np.float32(min(np.iinfo(name).max, 2**31 - 128)))
    for name in ("int8", "uint8", "int16", "uint16", "int32")
}


def quantize(real: np.ndarray, tensor: Mapping[str, Any]) -> np.ndarray:
    """`real`, any shape, in the dtype of `tensor` (an entry of the card's inputs or outputs).

    Halves round away from zero, as in TFLite's QUANTIZE operator, and values outside the
    representable range saturate. A tensor without a scale is only cast.
    """
    if not tensor.get("scale"):
        return np.asarray(real, tensor["dtype"])
    # In place: of a small model, each array made anew would take as long as the inference.
    steps = np.asarray(np.asarray(real, np.float32) / np.float32(tensor["scale"]))
    steps += np.copysign(_HALF, steps)
    np.trunc(steps, out=steps)
    steps += np.float32(tensor["zero_point"])
    smallest, largest = _LIMITS[tensor["dtype"]]
    np.maximum(steps, smallest, out=steps)
    np.minimum(steps, largest, out=steps)
    return steps.astype(tensor["dtype"])


def dequantize(integers: np.ndarray, tensor: Mapping[str, Any]) -> np.ndarray:
    """The float32 values that `integers` stand for; without a scale, `integers` as float32."""
    if not tensor.get("scale"):
        return np.asarray(integers, np.float32)
    return np.float32(tensor["scale"]) * (integers.astype(np.float32) - tensor["zero_point"])
