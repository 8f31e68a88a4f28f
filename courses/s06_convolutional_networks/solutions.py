"""Session 6, solutions: one way to write each exercise (the tasks are in exercises.py)."""

import keras
import numpy as np


def output_size(
    size: int, kernel_size: int, strides: int = 1, padding: str = "valid", dilation_rate: int = 1
) -> int:
    """The side of a feature map, along one axis."""
    if padding == "same":
        return -(-size // strides)
    span = dilation_rate * (kernel_size - 1) + 1
    return (size - span) // strides + 1


def conv2d(
    image: np.ndarray,
    kernels: np.ndarray,
    bias: np.ndarray,
    strides: int = 1,
    padding: str = "valid",
) -> np.ndarray:
    """A convolution layer's forward pass, to agree with `keras.layers.Conv2D`."""
    height, width, _, filters = kernels.shape
    rows = output_size(image.shape[0], height, strides, padding)
    columns = output_size(image.shape[1], width, strides, padding)
    if padding == "same":
        image = _pad_same(image, (height, width), strides, value=0.0)
    result = np.empty((rows, columns, filters))
    for i in range(rows):
        for j in range(columns):
            top, left = i * strides, j * strides
            window = image[top : top + height, left : left + width]
            # window (kh, kw, C) against kernels (kh, kw, C, F) -> (F,)
            result[i, j] = np.tensordot(window, kernels, axes=3) + bias
    return result


def max_pooling(
    image: np.ndarray, pool_size: int, strides: int, padding: str = "valid"
) -> np.ndarray:
    """The largest value in each window, channel by channel, as `keras.layers.MaxPooling2D`."""
    rows = output_size(image.shape[0], pool_size, strides, padding)
    columns = output_size(image.shape[1], pool_size, strides, padding)
    if padding == "same":
        image = _pad_same(image, (pool_size, pool_size), strides, value=-np.inf)
    result = np.empty((rows, columns, image.shape[2]))
    for i in range(rows):
        for j in range(columns):
            top, left = i * strides, j * strides
            window = image[top : top + pool_size, left : left + pool_size]
            result[i, j] = window.max(axis=(0, 1))
    return result


def layer_cost(
    kind: str,
    input_shape: tuple[int, int, int],
    *,
    filters: int = 1,
    kernel_size: int = 1,
    strides: int = 1,
    padding: str = "valid",
) -> tuple[int, int]:
    """What a layer weighs and what it works: its parameters and its multiply-accumulates."""
    height, width, channels = input_shape
    if kind == "dense":
        weights = height * width * channels * filters
        return weights + filters, weights
    rows = output_size(height, kernel_size, strides, padding)
    columns = output_size(width, kernel_size, strides, padding)
    weights, biases = kernel_size**2 * channels, channels
    if kind == "conv2d":
        weights, biases = weights * filters, filters
    return weights + biases, rows * columns * weights


def receptive_field(layers: list[tuple[int, int, int]]) -> tuple[int, int]:
    """How much of the image one output pixel sees, and how far apart neighbours look."""
    size, jump = 1, 1
    for kernel_size, strides, dilation_rate in layers:
        size += dilation_rate * (kernel_size - 1) * jump
        jump *= strides
    return size, jump


def edge_kernel() -> np.ndarray:
    """A kernel that finds vertical edges from dark (left) to bright (right)."""
    # Sobel's kernel, scaled: a smoothed difference between the right and the left neighbour.
    return np.outer([1.0, 2.0, 1.0], [-1.0, 0.0, 1.0]) / 8.0


def quantize(values: np.ndarray, low: float, high: float) -> tuple[np.ndarray, float, int]:
    """Real numbers to int8, as an activation of the deployed network is stored."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / 255
    zero_point = int(_round_half_away(-128 - low / scale))
    integers = _round_half_away(values / scale) + zero_point
    return np.clip(integers, -128, 127).astype(np.int8), scale, zero_point


def dequantize(integers: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """The real numbers that int8 values stand for."""
    return scale * (integers.astype(np.float64) - zero_point)


def small_network(input_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """A convolutional network within 6,000 parameters: two convolutions around a pooling."""
    inputs = keras.Input(input_shape)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    x = keras.layers.Flatten()(x)
    outputs = keras.layers.Dense(classes, activation="softmax")(x)
    return keras.Model(inputs, outputs)


def _pad_same(
    image: np.ndarray, kernel_size: tuple[int, int], strides: int, value: float
) -> np.ndarray:
    """Pads an image as Keras does for padding="same": the odd row or column comes last."""
    widths = []
    for size, kernel in zip(image.shape, kernel_size, strict=False):
        output = output_size(size, kernel, strides, "same")
        total = max((output - 1) * strides + kernel - size, 0)
        widths.append((total // 2, total - total // 2))
    return np.pad(image, [*widths, (0, 0)], constant_values=value)


def _round_half_away(values: np.ndarray | float) -> np.ndarray:
    return np.sign(values) * np.floor(np.abs(values) + 0.5)
