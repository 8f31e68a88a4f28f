"""Session 6, exercises: write the functions below, in any order, then grade them with

    python -m courses check s06

A function that is not written yet counts as "to do", whatever the others do. Everything but
`small_network` is NumPy alone. One image is an array of shape (height, width, channels), as in
Keras without the batch axis; `output_size` may serve the functions that follow it.
"""

import keras
import numpy as np


def output_size(
    size: int, kernel_size: int, strides: int = 1, padding: str = "valid", dilation_rate: int = 1
) -> int:
    """The side of a feature map, along one axis.

    A dilated kernel spans k' = dilation_rate * (kernel_size - 1) + 1 pixels. Then

        "valid": floor((size - k') / strides) + 1
        "same":  ceil(size / strides)

    Args:
        size: pixels of the input along this axis.
        kernel_size: pixels of the kernel along this axis.
        strides: the kernel's step, in pixels.
        padding: "valid" or "same".
        dilation_rate: distance between neighbouring kernel taps, in pixels.

    Returns:
        A whole number (an `int`, not 24.0).

    Example:
        output_size(28, 5) == 24 and output_size(7, 3, strides=2, padding="same") == 4
    """
    raise NotImplementedError


def conv2d(
    image: np.ndarray,
    kernels: np.ndarray,
    bias: np.ndarray,
    strides: int = 1,
    padding: str = "valid",
) -> np.ndarray:
    """A convolution layer's forward pass, to agree with `keras.layers.Conv2D` (no activation).

    It is a cross-correlation, the kernel is not flipped:

        y[i, j, o] = bias[o] + sum over u, v, c of
                     padded[i * strides + u, j * strides + v, c] * kernels[u, v, c, o]

    "valid" pads nothing. "same" makes the output ceil(size / strides) long on each axis; for
    that it needs, on each axis on its own,

        total = max((output - 1) * strides + kernel_size - size, 0)

    zeros, of which total // 2 go before the image (top, left) and the rest after it (bottom,
    right): where `total` is odd, the extra row or column comes last.

    Args:
        image: (height, width, channels).
        kernels: (kernel height, kernel width, channels, filters).
        bias: (filters,).
        strides: the step in pixels, the same on both axes.
        padding: "valid" or "same".

    Returns:
        An array of shape (output height, output width, filters).

    Example:
        conv2d(np.array([[[1.0], [2.0], [4.0]]]), np.array([[[[-1.0]], [[1.0]]]]), np.zeros(1))
        has shape (1, 2, 1) and holds 1.0 and 2.0: each pixel less its left neighbour.
    """
    raise NotImplementedError


def max_pooling(
    image: np.ndarray, pool_size: int, strides: int, padding: str = "valid"
) -> np.ndarray:
    """The largest value in each window, channel by channel, as `keras.layers.MaxPooling2D`.

    Output sizes and padding follow `conv2d`, except that padding must never win: with
    padding="same" a window at the border looks only at the pixels inside the image (which may
    all be negative).

    Args:
        image: (height, width, channels).
        pool_size: side of the square window, in pixels.
        strides: the step in pixels, the same on both axes; it may differ from `pool_size`.
        padding: "valid" or "same".

    Returns:
        An array of shape (output height, output width, channels).

    Example:
        max_pooling(np.arange(16.0).reshape(4, 4, 1), pool_size=2, strides=2)[..., 0]
        is [[5, 7], [13, 15]].
    """
    raise NotImplementedError


def layer_cost(
    kind: str,
    input_shape: tuple[int, int, int],
    *,
    filters: int = 1,
    kernel_size: int = 1,
    strides: int = 1,
    padding: str = "valid",
) -> tuple[int, int]:
    """What a layer weighs and what it works: its parameters and its multiply-accumulates.

    With a square kernel of side k, an input of shape (H, W, C) and an output of H' x W' pixels:

        kind                 parameters              multiply-accumulates
        "conv2d"             k * k * C * filters     H' * W' * k * k * C * filters
        "depthwise_conv2d"   k * k * C               H' * W' * k * k * C
        "dense"              H * W * C * filters     H * W * C * filters

    and every layer has a bias besides, one parameter for each output channel: `filters` of
    them, but C for "depthwise_conv2d" (one kernel for each input channel; `filters` is not
    used). "dense" flattens its input first, and `filters` is its number of units. Adding a bias
    is not counted as a multiply-accumulate.

    Args:
        kind: "conv2d", "depthwise_conv2d" or "dense".
        input_shape: (height, width, channels).
        filters: output channels, or the units of "dense".
        kernel_size: side of the square kernel, in pixels.
        strides: the step in pixels, the same on both axes.
        padding: "valid" or "same".

    Returns:
        (parameters, multiply_accumulates), whole numbers.

    Example:
        LeNet-5's first layer: layer_cost("conv2d", (32, 32, 1), filters=6, kernel_size=5)
        == (156, 117600)
    """
    raise NotImplementedError


def receptive_field(layers: list[tuple[int, int, int]]) -> tuple[int, int]:
    """How much of the image one output pixel sees, and how far apart neighbours look.

    Starting from size = 1 and jump = 1, each layer in turn makes

        size <- size + dilation_rate * (kernel_size - 1) * jump
        jump <- jump * strides

    Args:
        layers: from the input to the output, (kernel_size, strides, dilation_rate) of each
            convolution or pooling along one axis.

    Returns:
        (size, jump) in pixels of the input: the width of the window an output pixel depends on,
        and the distance between the windows of two neighbouring output pixels.

    Example:
        Two convolutions of 3, then pooling by 2:
        receptive_field([(3, 1, 1), (3, 1, 1), (2, 2, 1)]) == (6, 2)
    """
    raise NotImplementedError


def edge_kernel() -> np.ndarray:
    """Design a kernel that finds vertical edges from dark (left) to bright (right).

    Cross-correlated with an image (as `conv2d` does it) it gives

        +1  everywhere on a ramp that grows by 1 a pixel from left to right,
        -1  on the same ramp from right to left,
         0  on a flat image of any brightness, and
         0  on a ramp from top to bottom.

    Returns:
        A (3, 3) array; many kernels qualify.
    """
    raise NotImplementedError


def quantize(values: np.ndarray, low: float, high: float) -> tuple[np.ndarray, float, int]:
    """Real numbers to int8, as an activation of the deployed network is stored.

    1. Widen the range until it holds zero: low = min(low, 0), high = max(high, 0).
    2. scale = (high - low) / 255
    3. zero_point = round(-128 - low / scale), the integer that stands for 0.0 exactly
    4. integer = round(value / scale) + zero_point, saturated to -128 ... 127

    Both roundings send halves away from zero, 2.5 to 3 and -2.5 to -3, as TFLite's reference
    kernels and `deploy.runtime` do: sign(v) * floor(|v| + 0.5). (`np.round` sends halves to the
    even neighbour, as the fast kernels of a desktop CPU do.)

    Args:
        values: an array of any shape.
        low: the smallest value seen in calibration.
        high: the largest value seen in calibration, above `low`.

    Returns:
        (integers, scale, zero_point): an int8 array of the shape of `values`, a float, an int.

    Example:
        quantize(np.array([0.0, 1.0, 63.75, 99.0]), low=0.0, high=63.75) gives the integers
        [-128, -124, 127, 127], the scale 0.25 and the zero point -128.
    """
    raise NotImplementedError


def dequantize(integers: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """The real numbers that int8 values stand for: scale * (integer - zero_point).

    Args:
        integers: an int8 array of any shape; the difference to `zero_point` does not always
            fit into int8.
        scale: the real number one step is worth.
        zero_point: the integer that stands for 0.0.

    Returns:
        A float array of the same shape.

    Example:
        dequantize(np.array([-128, 127], dtype=np.int8), 0.25, -128) is [0.0, 63.75].
    """
    raise NotImplementedError


def small_network(input_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """A convolutional network of your own within a budget: at most 6,000 parameters.

    The grader trains it on the digits (8 x 8 pixels, ten classes) for 25 epochs, in batches of
    64, with AdamW and a learning rate that falls from 0.005 to 0 along a cosine, and expects
    95 % on the test set. A linear classifier of the pixels does not get there.

    Args:
        input_shape: (height, width, channels) of the images, which enter as pixels of 0-255:
            let the first layer rescale them.
        classes: the number of classes.

    Returns:
        A functional, uncompiled `keras.Model` with at least one convolution, from a batch of
        images to (batch, classes) probabilities.
    """
    raise NotImplementedError
