"""Real numbers to a device's integers and back, by hand."""

import numpy as np
import pytest

from deploy.runtime.quantization import dequantize, quantize


@pytest.mark.parametrize(
    ("real", "tensor", "integers"),
    [
        (
            [0.0, 1.0, 254.6, 255.0, 300.0, -3.0],
            ("int8", 1.0, -128),
            [-128, -127, 127, 127, 127, -128],
        ),
        ([-1.0, 0.0, 0.25, 0.75, 5.0], ("int8", 0.5, 0), [-2, 0, 1, 2, 10]),
        ([-0.25, -0.75, -0.2, 0.2], ("int8", 0.5, 7), [6, 5, 7, 7]),
        ([0.0, 0.1, 1.0], ("uint8", 0.1, 3), [3, 4, 13]),
        ([-1.0, 1.0], ("int16", 1 / 32768, 0), [-32768, 32767]),
        ([-1e12, 1e12, 2.0], ("int32", 1.0, 0), [-(2**31), 2**31 - 128, 2]),
        (2.4, ("int8", 1.0, 1), 3),
    ],
)
def test_quantize_by_hand(real, tensor, integers):
    entry = dict(zip(("dtype", "scale", "zero_point"), tensor, strict=True))
    received = quantize(np.array(real), entry)
    assert received.tolist() == integers
    assert received.dtype == tensor[0]
    back = dequantize(received, entry)
    inside = (back > back.min()) & (back < back.max())
    assert np.abs(back - real)[inside].max(initial=0) <= tensor[1] / 2 + 1e-6
