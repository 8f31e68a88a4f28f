"""Plausible wrong answers to session 6's exercises, by exercise and mistake."""

import keras
import numpy as np

from courses.s06_convolutional_networks import solutions

layers = keras.layers


def _size(span=lambda kernel, dilation: dilation * (kernel - 1) + 1, divide=np.floor, same=np.ceil):
    def output_size(size, kernel_size, strides=1, padding="valid", dilation_rate=1):
        if padding == "same":
            return int(same(size / strides))
        return int(divide((size - span(kernel_size, dilation_rate)) / strides)) + 1

    return output_size


def _float_size(size, kernel_size, strides=1, padding="valid", dilation_rate=1):
    return float(solutions.output_size(size, kernel_size, strides, padding, dilation_rate))


def _pad(image, kernel_size, strides, split, value=0.0):
    """`solutions._pad_same` with another way to split the total."""
    widths = []
    for size, kernel in zip(image.shape, kernel_size, strict=False):
        total = max((-(-size // strides) - 1) * strides + kernel - size, 0)
        widths.append(split(total, kernel))
    return np.pad(image, [*widths, (0, 0)], constant_values=value)


def _conv2d(
    flip=False, bias_factor=1, split=None, swap=False, channels="sum", strided=True, axes=(0, 1)
):
    """A convolution with one thing wrong."""

    def conv2d(image, kernels, bias, strides=1, padding="valid"):
        kernels = kernels[::-1, ::-1] if flip else kernels
        if swap:
            kernels = kernels.transpose(1, 0, 2, 3)
        if channels == "first":
            image, kernels = image[..., :1], kernels[:, :, :1]
        if padding == "same" and split is not None:
            image = _pad(image, kernels.shape[:2], strides, split)
            padding = "valid"
        result = solutions.conv2d(
            image, kernels, bias * bias_factor, strides if strided else 1, padding
        )
        return result.transpose(*axes, 2)

    return conv2d


def _max_pooling(reduce=np.max, value=-np.inf, step=None, rounding="floor", per_channel=True):
    """A pooling with one thing wrong."""

    def max_pooling(image, pool_size, strides, padding="valid"):
        strides = step or strides
        if padding == "same":
            split = lambda total, kernel: (total // 2, total - total // 2)  # noqa: E731
            image = _pad(image, (pool_size, pool_size), strides, split, value)
        elif rounding == "ceil":
            image = np.pad(image, [(0, 1), (0, 1), (0, 0)], constant_values=-np.inf)
        windows = np.lib.stride_tricks.sliding_window_view(image, (pool_size, pool_size), (0, 1))
        pooled = reduce(windows[::strides, ::strides], axis=(-2, -1))
        return pooled if per_channel else np.repeat(pooled.max(-1, keepdims=True), 2, -1)

    return max_pooling


def _cost(change):
    """The right cost, changed by `change(parameters, work, kind, shape, options)`."""

    def layer_cost(kind, input_shape, **options):
        right = solutions.layer_cost(kind, input_shape, **options)
        return change(*right, kind, input_shape, options)

    return layer_cost


def _field(update):
    def receptive_field(stack):
        size, jump = 1, 1
        for kernel, strides, dilation in stack:
            size, jump = update(size, jump, kernel, strides, dilation)
        return size, jump

    return receptive_field


def _quantize(rounding=solutions._round_half_away, widen=True, steps=255, clip=True, order="after"):
    def quantize(values, low, high):
        if widen:
            low, high = min(low, 0.0), max(high, 0.0)
        scale = (high - low) / steps
        zero_point = int(rounding(-128 - low / scale))
        if order == "after":
            integers = rounding(values / scale) + zero_point
        else:
            integers = rounding(values / scale + zero_point)
        integers = np.clip(integers, -128, 127) if clip else integers
        return integers.astype(np.int64).astype(np.int8), scale, zero_point

    return quantize


def network(width=16, activation="relu", final="softmax", units=None, convolution=True):
    def small_network(input_shape, classes):
        inputs = keras.Input(input_shape)
        x = layers.Rescaling(1 / 255)(inputs)
        if convolution:
            x = layers.Conv2D(width, 3, padding="same", activation=activation)(x)
            x = layers.AveragePooling2D(2)(x)
            x = layers.Conv2D(width, 3, padding="same", activation=activation)(x)
        x = layers.Flatten()(x)
        return keras.Model(inputs, layers.Dense(units or classes, activation=final)(x))

    return small_network


def _channels_first_network(input_shape, classes):
    inputs = keras.Input(input_shape[::-1])
    x = layers.Conv2D(8, 1, activation="relu")(inputs)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def _narrow_network(input_shape, classes):
    """Within the budget, and blind: it sees the mean brightness alone."""
    inputs = keras.Input(input_shape)
    x = layers.GlobalAveragePooling2D(keepdims=True)(layers.Rescaling(1 / 255)(inputs))
    x = layers.Flatten()(layers.Conv2D(8, 1, activation="gelu")(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def _int8_difference(integers, scale, zero_point):
    return scale * (integers - np.int8(zero_point)).astype(np.float64)


WRONG = {
    "output_size": {
        "ceil for valid": _size(divide=np.ceil),
        "floor for same": _size(same=np.floor),
        "dilation forgotten": _size(span=lambda kernel, dilation: kernel),
        "dilation times kernel": _size(span=lambda kernel, dilation: kernel * dilation),
        "one short": lambda *arguments: solutions.output_size(*arguments) - 1,
        "same as the input": lambda size, *rest: size,
        "a float": _float_size,
        "nothing returned": lambda *arguments: None,
    },
    "conv2d": {
        "flipped kernel": _conv2d(flip=True),
        "no bias": _conv2d(bias_factor=0),
        "bias subtracted": _conv2d(bias_factor=-1),
        "odd padding first": _conv2d(split=lambda total, kernel: (total - total // 2, total // 2)),
        "padding for stride 1": _conv2d(split=lambda total, kernel: (kernel // 2, kernel // 2)),
        "padding all before": _conv2d(split=lambda total, kernel: (total, 0)),
        "kernel axes swapped": _conv2d(swap=True),
        "output axes swapped": _conv2d(axes=(1, 0)),
        "first channel only": _conv2d(channels="first"),
        "stride forgotten": _conv2d(strided=False),
        "same ignored": lambda image, kernels, bias, strides=1, padding="valid": solutions.conv2d(
            image, kernels, bias, strides
        ),
    },
    "max_pooling": {
        "stride is the pool size": lambda image, pool_size, strides, padding="valid": (
            solutions.max_pooling(image, pool_size, pool_size, padding)
        ),
        "stride of 1": _max_pooling(step=1),
        "padding with zeros": _max_pooling(value=0.0),
        "mean": _max_pooling(reduce=np.mean),
        "minimum": _max_pooling(reduce=np.min),
        "incomplete windows kept": _max_pooling(rounding="ceil"),
        "channels mixed": _max_pooling(per_channel=False),
    },
    "layer_cost": {
        "no bias": _cost(
            lambda n, work, kind, shape, options: (
                n - (shape[2] if kind == "depthwise_conv2d" else options["filters"]),
                work,
            )
        ),
        "order swapped": _cost(lambda n, work, *rest: (work, n)),
        "multiply and add apart": _cost(lambda n, work, *rest: (n, 2 * work)),
        "depthwise as full": _cost(
            lambda n, work, kind, shape, options: (
                solutions.layer_cost("conv2d", shape, **(options | {"filters": shape[2]}))
                if kind == "depthwise_conv2d"
                else (n, work)
            )
        ),
        "stride forgotten": _cost(
            lambda n, work, kind, shape, options: (
                n,
                solutions.layer_cost(kind, shape, **(options | {"strides": 1}))[1],
            )
        ),
        "padding forgotten": _cost(
            lambda n, work, kind, shape, options: (
                n,
                solutions.layer_cost(kind, shape, **(options | {"padding": "valid"}))[1],
            )
        ),
        "parameters alone": _cost(lambda n, work, *rest: n),
    },
    "receptive_field": {
        "jump forgotten": _field(lambda r, j, k, s, d: (r + d * (k - 1), j * s)),
        "jump updated first": _field(lambda r, j, k, s, d: (r + d * (k - 1) * j * s, j * s)),
        "kernel, not kernel less one": _field(lambda r, j, k, s, d: (r + d * k * j, j * s)),
        "dilation forgotten": _field(lambda r, j, k, s, d: (r + (k - 1) * j, j * s)),
        "jump summed": _field(lambda r, j, k, s, d: (r + d * (k - 1) * j, j + s - 1)),
        "from the output": lambda stack: solutions.receptive_field(stack[::-1]),
    },
    "edge_kernel": {
        "bright to dark": lambda: -solutions.edge_kernel(),
        "horizontal": lambda: solutions.edge_kernel().T,
        "flipped for a true convolution": lambda: solutions.edge_kernel()[::-1, ::-1],
        "not scaled": lambda: solutions.edge_kernel() * 8,
        "brightness left in": lambda: solutions.edge_kernel() + 0.1,
        "diagonal": lambda: np.array([[-1.0, -1, 0], [-1, 0, 1], [0, 1, 1]]) / 6,
        "other shape": lambda: np.array([-0.5, 0.0, 0.5]),
    },
    "quantize": {
        "halves to even": _quantize(rounding=np.round),
        "halves up": _quantize(rounding=lambda v: np.floor(v + 0.5)),
        "truncated": _quantize(rounding=np.trunc),
        "zero not in the range": _quantize(widen=False),
        "256 steps": _quantize(steps=256),
        "wraps around": _quantize(clip=False),
        "zero point added before rounding": _quantize(order="before"),
        "floats": lambda v, low, high: (
            solutions.quantize(v, low, high)[0].astype(np.float32),
            *solutions.quantize(v, low, high)[1:],
        ),
        "integers alone": lambda v, low, high: solutions.quantize(v, low, high)[0],
        "flattened": lambda v, low, high: (
            solutions.quantize(v, low, high)[0].ravel(),
            *solutions.quantize(v, low, high)[1:],
        ),
    },
    "dequantize": {
        "int8 overflow": _int8_difference,
        "zero point added": lambda q, scale, zero: scale * (q.astype(float) + zero),
        "zero point not scaled": lambda q, scale, zero: scale * q.astype(float) - zero,
        "divided": lambda q, scale, zero: (q.astype(float) - zero) / scale,
        "flattened": lambda q, s, z: solutions.dequantize(q, s, z).ravel(),
    },
    "small_network": {
        "over the budget": network(width=40),
        "one class short": network(units=9),
        "logits": network(final=None),
        "sigmoid": network(final="sigmoid"),
        "no activation": network(activation=None),
        "no convolution": network(convolution=False),
        "channels first": _channels_first_network,
        "layers, not a model": lambda input_shape, classes: [layers.Conv2D(8, 3)],
        "blind": _narrow_network,
    },
}

# Exercise, mistake, and words of the message that names it.
MESSAGES = [
    ("small_network", "over the budget", "parameters: expected at most 6,000, received 21,250"),
    ("small_network", "one class short", "output shape: expected (None, 10), received"),
    ("small_network", "logits", "output: expected probabilities that sum to 1 (softmax)"),
    ("small_network", "no activation", "nonlinearity: expected activations between the layers"),
    ("small_network", "blind", "test accuracy after 25 epochs: expected at least 95.0%"),
    ("output_size", "a float", "of type float"),
    ("quantize", "floats", "expected dtype int8, received dtype float32"),
    ("max_pooling", "padding with zeros", "any values (6, 5, 2), pool_size=2, strides=1"),
    ("edge_kernel", "horizontal", "ramp brighter to the right: expected 1 at index (0, 0, 0)"),
]
