"""What the exercises describe networks with, and what they are held against.

The references go another way than the solutions: Keras's own layers for costs and fields, SciPy's
correlation for the blocks, central differences for gradients.
"""

import functools
import zlib
from typing import NamedTuple

import keras
import numpy as np
from keras import layers
from scipy import ndimage, signal

from thinkkeras import datasets
from thinkkeras.inspection import multiply_accumulates, receptive_fields


class Layer(NamedTuple):
    """One layer of a described network; padding is "same"."""

    kind: str  # "conv2d", "depthwise_conv2d" or "max_pooling2d"
    kernel_size: tuple[int, int]  # height, width
    filters: int = 0  # of "conv2d" alone
    strides: int = 1
    dilation_rate: int = 1


class Branches(NamedTuple):
    """Descriptions that start from the same tensor, and how their results are joined."""

    paths: list["Network"]
    join: str  # "concatenate" or "add"


Network = list[Layer | Branches]

# GoogLeNet's block "3a", ResNet-50's "conv3_1", MobileNet's separable block, and what tells apart:
# kernels that are not square, odd sizes, branches within branches, strides in parallel.
NETWORKS: dict[str, tuple[Network, tuple[int, int, int]]] = {
    "plain": ([Layer("conv2d", (3, 3), 8), Layer("conv2d", (5, 3), 6, 2)], (13, 9, 3)),
    "pooling": (
        [Layer("max_pooling2d", (2, 2), strides=2), Layer("conv2d", (3, 2), 5)],
        (11, 8, 4),
    ),
    "separable": (
        [Layer("depthwise_conv2d", (3, 3), strides=2), Layer("conv2d", (1, 1), 64)],
        (15, 20, 32),
    ),
    "dilated": (
        [
            Layer("conv2d", (3, 5), 4, dilation_rate=2),
            Layer("conv2d", (3, 3), 4, 2, 1),
            Layer("depthwise_conv2d", (3, 3), dilation_rate=3),
        ],
        (21, 17, 2),
    ),
    "inception": (
        [
            Branches(
                [
                    [Layer("conv2d", (1, 1), 64)],
                    [Layer("conv2d", (1, 1), 96), Layer("conv2d", (3, 3), 128)],
                    [Layer("conv2d", (1, 1), 16), Layer("conv2d", (5, 5), 32)],
                    [Layer("max_pooling2d", (3, 3)), Layer("conv2d", (1, 1), 32)],
                ],
                "concatenate",
            )
        ],
        (28, 20, 192),
    ),
    "factorized": (
        [
            Layer("conv2d", (3, 3), 8, 2),
            Branches(
                [
                    [Layer("conv2d", (1, 7), 6), Layer("conv2d", (3, 1), 10)],
                    [Layer("conv2d", (5, 1), 4), Layer("conv2d", (1, 3), 12)],
                    [],
                ],
                "concatenate",
            ),
            Layer("conv2d", (3, 1), 16),
        ],
        (19, 30, 3),
    ),
    "bottleneck": (
        [
            Branches(
                [
                    [
                        Layer("conv2d", (1, 1), 16, 2),
                        Layer("conv2d", (3, 3), 16),
                        Layer("conv2d", (1, 1), 64),
                    ],
                    [Layer("conv2d", (1, 1), 64, 2)],
                ],
                "add",
            ),
            Branches([[], [Layer("depthwise_conv2d", (5, 5))]], "add"),
            Layer("max_pooling2d", (3, 3), strides=2),
        ],
        (14, 11, 32),
    ),
    "nested": (
        [
            Layer("conv2d", (3, 3), 6),
            Branches(
                [
                    [
                        Layer("conv2d", (1, 1), 4),
                        Branches(
                            [[Layer("conv2d", (1, 9), 3)], [Layer("conv2d", (5, 1), 5)]],
                            "concatenate",
                        ),
                        Layer("conv2d", (3, 3), 7, 2),
                    ],
                    [Layer("max_pooling2d", (3, 3), strides=2)],
                ],
                "concatenate",
            ),
            Layer("conv2d", (3, 3), 9, 1, 2),
        ],
        (17, 25, 2),
    ),
    "empty": ([], (5, 7, 3)),
}


@functools.cache
def cost(name: str) -> tuple[int, int, tuple[int, int, int]]:
    """(parameters, multiply_accumulates, output_shape) of one of the `NETWORKS`."""
    model = build(*NETWORKS[name])
    return model.count_params(), multiply_accumulates(model), model.output_shape[1:]


@functools.cache
def field(name: str) -> tuple[int, int]:
    """(height, width) that an output pixel of one of the `NETWORKS` sees."""

    def height(network: Network) -> int:
        model = build(network, (64, 64, 32))
        # A 1 x 1 convolution at the end sees what the last tensor sees.
        end = layers.Conv2D(1, 1)(model.output)
        return receptive_fields(keras.Model(model.input, end))[-1].size

    network, _ = NETWORKS[name]
    return height(network), height(_transposed(network))


def build(network: Network, input_shape: tuple[int, int, int]) -> keras.Model:
    """The network that a description means, of Keras's layers."""
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, _apply(network, inputs))


def _apply(network: Network, x: keras.KerasTensor) -> keras.KerasTensor:
    for part in network:
        if isinstance(part, Branches):
            join = {"concatenate": layers.Concatenate, "add": layers.Add}[part.join]
            x = join()([_apply(path, x) for path in part.paths])
        elif part.kind == "max_pooling2d":
            x = layers.MaxPooling2D(part.kernel_size, part.strides, "same")(x)
        else:
            options = {
                "strides": part.strides,
                "padding": "same",
                "dilation_rate": part.dilation_rate,
                "use_bias": False,
            }
            if part.kind == "conv2d":
                x = layers.Conv2D(part.filters, part.kernel_size, **options)(x)
            else:
                x = layers.DepthwiseConv2D(part.kernel_size, **options)(x)
            x = layers.BatchNormalization()(x)
    return x


def _transposed(network: Network) -> Network:
    """The description with height and width exchanged in every kernel."""
    return [
        Branches([_transposed(path) for path in part.paths], part.join)
        if isinstance(part, Branches)
        else part._replace(kernel_size=part.kernel_size[::-1])
        for part in network
    ]


def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A layer's weight by its name and shape alone, so that the order of layers does not matter.

    Variances are far above batch normalization's epsilon, which nobody has to get right.
    """
    random = np.random.default_rng(zlib.crc32(f"{name}{shape}".encode()))
    if name == "moving_variance":
        return random.uniform(20, 40, shape)
    scale = 5 / np.sqrt(np.prod(shape[:-1])) if name == "kernel" else 1.0
    return scale * random.normal(size=shape) + (name == "gamma")


def inception(x: np.ndarray, filters: tuple[int, ...]) -> np.ndarray:
    """The inception block on one image (height, width, channels)."""

    def conv(x: np.ndarray, kernel_size: int, filters: int) -> np.ndarray:
        kernel = weight("kernel", (kernel_size, kernel_size, x.shape[-1], filters))
        return np.maximum(_convolved(x, kernel) + weight("bias", (filters,)), 0)

    a, b, c, d, e, f = filters
    pooled = ndimage.maximum_filter(x, (3, 3, 1), mode="constant", cval=-np.inf)
    branches = [conv(x, 1, a), conv(conv(x, 1, b), 3, c), conv(conv(x, 1, d), 5, e)]
    return np.concatenate([*branches, conv(pooled, 1, f)], axis=-1)


def residual(x: np.ndarray, filters: int, strides: int) -> np.ndarray:
    """The residual block on one image (height, width, channels)."""

    def conv(x: np.ndarray, kernel_size: int, strides: int = 1) -> np.ndarray:
        kernel = weight("kernel", (kernel_size, kernel_size, x.shape[-1], filters))
        mean, variance, gamma, beta = (
            weight(name, (filters,)) for name in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        return gamma * (_convolved(x, kernel, strides) - mean) / np.sqrt(variance) + beta

    changed = strides != 1 or x.shape[-1] != filters
    shortcut = conv(x, 1, strides) if changed else x
    return np.maximum(conv(np.maximum(conv(x, 3, strides), 0), 3) + shortcut, 0)


def _convolved(x: np.ndarray, kernel: np.ndarray, strides: int = 1) -> np.ndarray:
    """A convolution with padding "same", the odd row and column last, by SciPy."""
    widths = []
    for size, side in zip(x.shape[:2], kernel.shape[:2], strict=True):
        total = max((-(-size // strides) - 1) * strides + side - size, 0)
        widths.append((total // 2, total - total // 2))
    padded = np.pad(x, [*widths, (0, 0)])
    filters = [signal.correlate(padded, kernel[..., k], "valid") for k in range(kernel.shape[-1])]
    return np.concatenate(filters, axis=-1)[::strides, ::strides]


@functools.cache
def cam_case(positive: bool) -> tuple[keras.Model, np.ndarray, dict[str, np.ndarray]]:
    """A classifier into four logits, an image, and the weighted sums of Grad-CAM.

    With `positive` the maps and what becomes of them are above zero, and so is the whole weighted
    sum for the classes 0 and 1; for 2 and 3 it is below. The seed is one that gives sums of either
    sign otherwise.

    Returns:
        (model, image, sums): `sums` by the layers' names, (classes, rows, columns), computed by
        central differences, without ReLU and division.
    """
    random = np.random.default_rng(9)
    image = np.abs(random.normal(size=(9, 8, 2))).astype(np.float32)
    inputs = keras.Input(image.shape)
    x = layers.Conv2D(5, (3, 2), activation="tanh", name="early")(inputs)
    x = layers.Conv2D(4, 3, strides=2, activation="relu", name="late")(x)
    x = layers.Flatten()(x)
    x = layers.Dense(6, activation="tanh", name="hidden")(x)
    model = keras.Model(inputs, layers.Dense(4, name="logits")(x))
    for layer in model.layers:
        if not layer.weights:
            continue
        kernel, bias = (random.normal(size=variable.shape) for variable in layer.weights)
        kernel /= np.sqrt(np.prod(kernel.shape[:-1]))
        if positive:
            kernel, bias = np.abs(kernel) / 4, np.abs(bias) / 4
        if layer.name == "logits":  # sums far above what a learner may add against zero
            kernel *= np.array([10, 20, -10, -20]) if positive else 10
        layer.set_weights([kernel, bias])
    return model, image, {name: _weighted_sums(model, name, image) for name in ("early", "late")}


def _weighted_sums(model: keras.Model, layer_name: str, image: np.ndarray) -> np.ndarray:
    inner = keras.Model(model.input, model.get_layer(layer_name).output)
    maps = keras.ops.convert_to_numpy(inner(image[None]))[0].astype(np.float64)
    gradients, step = np.empty((*maps.shape, 4)), 1e-6
    for index in np.ndindex(maps.shape):
        change = np.zeros_like(maps)
        change[index] = step
        ahead, behind = (_logits(model, layer_name, x) for x in (maps + change, maps - change))
        gradients[index] = (ahead - behind) / (2 * step)
    return np.einsum("ijc,ck->kij", maps, gradients.mean(axis=(0, 1)))


def _logits(model: keras.Model, layer_name: str, maps: np.ndarray) -> np.ndarray:
    """What the model of `cam_case` makes of a layer's maps, in double precision."""
    late, hidden, logits = (
        [each.astype(np.float64) for each in model.get_layer(name).get_weights()]
        for name in ("late", "hidden", "logits")
    )
    if layer_name == "early":
        kernel, bias = late
        windows = np.lib.stride_tricks.sliding_window_view(maps, (3, 3), (0, 1))[::2, ::2]
        maps = np.maximum(np.einsum("ijcuv,uvcf->ijf", windows, kernel) + bias, 0)
    return np.tanh(maps.ravel() @ hidden[0] + hidden[1]) @ logits[0] + logits[1]


def moved_digits(seed: int) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The digits, three times as large, each somewhere in 32 x 32 pixels: (train, test).

    A training digit comes three times, at three places.
    """
    (train, _, test), _ = datasets.load("digits", augment=False, seed=seed)
    random = np.random.default_rng(seed)

    def moved(x: np.ndarray, y: np.ndarray, times: int) -> tuple[np.ndarray, np.ndarray]:
        large = ndimage.zoom(x[..., 0].astype(np.float32), (1, 3, 3), order=1)
        images = np.zeros((times * len(x), 32, 32, 1), np.float32)
        corners = random.integers(0, 9, (len(images), 2))
        for index, (top, left) in enumerate(corners):
            images[index, top : top + 24, left : left + 24, 0] = large[index % len(x)]
        return images, np.tile(y, times)

    return moved(*datasets.as_arrays(train), times=3), moved(*datasets.as_arrays(test), times=1)
