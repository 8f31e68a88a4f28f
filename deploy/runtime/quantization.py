"""Real numbers to the device's integers and back: real = scale · (integer − zero_point).

Source: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", equation 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def quantize(real: np.ndarray, tensor: Mapping[str, Any]) -> np.ndarray:
    """`real`, any shape, in the dtype of `tensor` (an entry of the card's inputs or outputs).

    Halves round away from zero, as in TFLite's QUANTIZE operator, and values outside the
    representable range saturate. A tensor without a scale is only cast.
    """
    dtype = np.dtype(tensor["dtype"])
    if not tensor.get("scale"):
        return np.asarray(real, dtype)
    steps = np.asarray(real, np.float32) / np.float32(tensor["scale"])
    integers = np.copysign(np.floor(np.abs(steps) + 0.5), steps)
    limits = np.iinfo(dtype)
    return np.clip(integers + tensor["zero_point"], limits.min, limits.max).astype(dtype)


def dequantize(integers: np.ndarray, tensor: Mapping[str, Any]) -> np.ndarray:
    """The float32 values that `integers` stand for; without a scale, `integers` as float32."""
    if not tensor.get("scale"):
        return np.asarray(integers, np.float32)
    return np.float32(tensor["scale"]) * (integers.astype(np.float32) - tensor["zero_point"])
