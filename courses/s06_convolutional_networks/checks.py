"""Session 6, checks: what each exercise must compute (graded by `courses.grading`).

The layers are compared with Keras's own, on images that are not square, with several channels
and kernels that are neither symmetric nor of odd size only.
"""

from typing import Any

import keras
import numpy as np

from courses.grading import expect, expect_equal
from courses.s06_convolutional_networks import solutions
from thinkkeras import datasets

PARAMETER_BUDGET = 6000
REQUIRED_ACCURACY = 0.95
EPOCHS, BATCH_SIZE, LEARNING_RATE, SEED = 25, 64, 0.005, 6

# (height, width, channels), (kernel height, kernel width), filters, strides, padding
CONVOLUTIONS = (
    ((5, 7, 1), (3, 3), 1, 1, "valid"),
    ((6, 9, 3), (3, 2), 4, 1, "valid"),
    ((8, 7, 2), (3, 3), 3, 2, "valid"),
    ((5, 7, 2), (3, 3), 3, 1, "same"),
    ((6, 5, 2), (2, 4), 2, 1, "same"),
    ((8, 11, 2), (3, 3), 3, 2, "same"),
    ((10, 7, 1), (5, 2), 2, 3, "same"),
    ((6, 7, 2), (1, 1), 3, 2, "same"),
)
# (height, width, channels), pool_size, strides, padding
POOLINGS = (
    ((6, 8, 2), 2, 2, "valid"),
    ((7, 9, 3), 2, 2, "valid"),
    ((7, 8, 2), 3, 2, "valid"),
    ((6, 5, 2), 2, 1, "same"),
    ((7, 10, 2), 3, 2, "same"),
)


def check_output_size(answers: Any) -> None:
    """Against Keras's own answer, on sizes that a stride divides and sizes that it does not."""
    for size in (7, 8, 28):
        for kernel_size, dilation_rate in ((1, 1), (2, 1), (3, 1), (5, 1), (3, 2), (2, 4)):
            for strides in (1, 2, 3) if dilation_rate == 1 else (1,):  # Keras takes no more
                for padding in ("valid", "same"):
                    layer = keras.layers.Conv1D(
                        1, kernel_size, strides, padding, dilation_rate=dilation_rate
                    )
                    expect_equal(
                        answers.output_size(size, kernel_size, strides, padding, dilation_rate),
                        layer.compute_output_shape((1, size, 1))[1],
                        case=f"size={size}, kernel_size={kernel_size}, strides={strides}, "
                        f"padding={padding!r}, dilation_rate={dilation_rate}",
                    )
    expect_equal(answers.output_size(28, 5), 24, case="output_size(28, 5), the defaults")


def check_conv2d(answers: Any) -> None:
    """Against `keras.layers.Conv2D` with the same weights."""
    random = np.random.default_rng(SEED)
    for shape, kernel_size, filters, strides, padding in CONVOLUTIONS:
        image = random.normal(size=shape).astype(np.float32)
        kernels = random.normal(size=(*kernel_size, shape[2], filters)).astype(np.float32)
        bias = random.normal(size=filters).astype(np.float32)
        layer = keras.layers.Conv2D(filters, kernel_size, strides, padding)
        layer.build((1, *shape))
        layer.set_weights([kernels, bias])
        expect_equal(
            answers.conv2d(image, kernels, bias, strides, padding),
            _run(layer, image),
            tolerance=1e-4,
            case=f"image {shape}, kernels {kernels.shape}, strides={strides}, padding={padding!r}",
        )


def check_max_pooling(answers: Any) -> None:
    """Against `keras.layers.MaxPooling2D`, on negative values too."""
    random = np.random.default_rng(SEED)
    for shape, pool_size, strides, padding in POOLINGS:
        for sign in ("any", "negative"):
            image = random.normal(size=shape).astype(np.float32)
            image = image if sign == "any" else -np.abs(image) - 1
            layer = keras.layers.MaxPooling2D(pool_size, strides, padding)
            expect_equal(
                answers.max_pooling(image, pool_size, strides, padding),
                _run(layer, image),
                case=f"{sign} values {shape}, pool_size={pool_size}, strides={strides}, "
                f"padding={padding!r}",
            )


def check_layer_cost(answers: Any) -> None:
    """The parameters are Keras's own count; the multiply-accumulates follow from the shapes."""
    cases: tuple[tuple[str, tuple[int, int, int], dict[str, Any]], ...] = (
        ("conv2d", (32, 32, 1), {"filters": 6, "kernel_size": 5}),
        ("conv2d", (28, 20, 3), {"filters": 8, "kernel_size": 3, "padding": "same"}),
        ("conv2d", (15, 9, 4), {"filters": 6, "kernel_size": 3, "strides": 2}),
        ("conv2d", (15, 10, 4), {"filters": 6, "kernel_size": 3, "strides": 2, "padding": "same"}),
        ("depthwise_conv2d", (14, 10, 8), {"kernel_size": 3, "padding": "same"}),
        ("depthwise_conv2d", (15, 11, 6), {"kernel_size": 5, "strides": 2}),
        ("dense", (5, 4, 16), {"filters": 10}),
    )
    for kind, input_shape, options in cases:
        expect_equal(
            answers.layer_cost(kind, input_shape, **options),
            solutions.layer_cost(kind, input_shape, **options),
            case=f"{kind} on {input_shape}, "
            + ", ".join(f"{name}={value!r}" for name, value in options.items()),
        )


def check_receptive_field(answers: Any) -> None:
    """Stacks with strides before and after the large kernels, and dilation."""
    for layers in (
        [],
        [(5, 1, 1)],
        [(3, 1, 1), (3, 1, 1), (2, 2, 1)],
        [(2, 2, 1), (3, 1, 1), (3, 1, 1)],
        [(5, 1, 1), (2, 2, 1), (5, 1, 1), (2, 2, 1), (5, 1, 1)],
        [(3, 1, 1), (3, 1, 2), (3, 1, 4)],
        [(7, 2, 1), (3, 2, 1), (3, 1, 2), (1, 1, 1)],
    ):
        expect_equal(
            answers.receptive_field(layers),
            solutions.receptive_field(layers),
            case=f"(kernel_size, strides, dilation_rate) of {layers}",
        )


def check_edge_kernel(answers: Any) -> None:
    """The kernel's response to four images that tell every wrong one apart."""
    ramp = np.tile(np.arange(6.0), (5, 1))
    for name, image, response in (
        ("ramp brighter to the right", ramp, 1.0),
        ("ramp darker to the right", ramp[:, ::-1], -1.0),
        ("flat image of 100", np.full((5, 6), 100.0), 0.0),
        ("ramp brighter to the bottom", np.tile(np.arange(5.0)[:, None], (1, 6)), 0.0),
    ):
        kernel = np.asarray(answers.edge_kernel())
        expect(kernel.shape == (3, 3), case="shape", expected=(3, 3), received=kernel.shape)
        expect_equal(
            solutions.conv2d(image[..., None], kernel[..., None, None], np.zeros(1)),
            np.full((3, 4, 1), response),
            case=name,
        )


def check_quantize(answers: Any) -> None:
    """Ranges on either side of zero; values on a step, half a step off, and out of range."""
    for low, high in ((0.0, 63.75), (-31.875, 31.875), (-1.0, 2.5), (2.0, 6.0), (-8.0, -1.0)):
        case = f"low={low}, high={high}"
        span = max(high, 0.0) - min(low, 0.0)
        # Halves of a step are exact in the first two ranges; saturation shows at both ends.
        values = np.concatenate([np.arange(-4.5, 5) * 0.25, [low - span, high + span, low, high]])
        received = answers.quantize(values, low, high)
        expected = solutions.quantize(values, low, high)
        expect(
            isinstance(received, tuple) and len(received) == 3,
            case=case,
            expected="a tuple (integers, scale, zero_point)",
            received=received,
        )
        expect_equal(received[1], expected[1], case=f"{case}, scale", tolerance=1e-9)
        expect_equal(received[2], expected[2], case=f"{case}, zero_point")
        name = f"{case}, integers of {values.tolist()}"
        expect_equal(received[0], expected[0], case=name, dtype=np.int8)
    image = np.linspace(0, 60, 24).reshape(2, 3, 4)
    expect_equal(
        answers.quantize(image, 0.0, 63.75)[0],
        solutions.quantize(image, 0.0, 63.75)[0],
        case="values of shape (2, 3, 4)",
    )


def check_dequantize(answers: Any) -> None:
    """Every int8 value, with zero points at which an int8 difference would overflow."""
    integers = np.arange(-128, 128).astype(np.int8).reshape(2, 128)
    for scale, zero_point in ((0.25, -128), (0.1, 127), (0.0078125, 0), (0.5, -3)):
        expect_equal(
            answers.dequantize(integers, scale, zero_point),
            solutions.dequantize(integers, scale, zero_point),
            case=f"scale={scale}, zero_point={zero_point}",
        )


def check_small_network(answers: Any) -> None:
    """Shape, budget, softmax and nonlinearity first; then the fit."""
    (train, _, test), info = datasets.load("digits", augment=False)
    keras.utils.set_random_seed(SEED)
    model = answers.small_network(info.input_shape, info.classes)
    expect_network(model, info.input_shape, info.classes)
    x, y = datasets.as_arrays(train)
    steps = EPOCHS * -(-len(x) // BATCH_SIZE)
    model.compile(
        optimizer=keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
        ),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,
    )
    model.fit(x, y, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0)
    _, accuracy = model.evaluate(*datasets.as_arrays(test), verbose=0)
    expect(
        accuracy >= REQUIRED_ACCURACY,
        case=f"test accuracy after {EPOCHS} epochs",
        expected=f"at least {REQUIRED_ACCURACY:.1%}",
        received=f"{accuracy:.1%}",
    )


def expect_network(model: Any, input_shape: tuple[int, ...], classes: int) -> None:
    """What can be told of a network before it is trained."""
    received = type(model).__name__
    expect(isinstance(model, keras.Model), case="type", expected="keras.Model", received=received)
    expect_equal(tuple(model.input_shape), (None, *input_shape), case="input shape")
    expect_equal(tuple(model.output_shape), (None, classes), case="output shape")
    count = model.count_params()
    expect(
        count <= PARAMETER_BUDGET,
        case="parameters",
        expected=f"at most {PARAMETER_BUDGET:,}",
        received=f"{count:,}",
    )
    names = [type(layer).__name__ for layer in model.layers]
    found = any("Conv" in name for name in names)
    expect(found, case="layers", expected="at least one convolution", received=names)
    _expect_probabilities(model, input_shape)


def _expect_probabilities(model: keras.Model, input_shape: tuple[int, ...]) -> None:
    """A softmax at the end, and something that is not linear before it."""
    first, second = np.random.default_rng(SEED).integers(0, 2, (2, *input_shape))
    images = np.stack([first, second, (first + second) / 2])
    # A network that forgot to rescale saturates on bright images: look at darker ones then.
    for brightness in (255, 16, 1):
        batch = (brightness * images).astype(np.float32)
        probabilities = keras.ops.convert_to_numpy(model(batch)).astype(np.float64)
        sums = probabilities.sum(axis=1)
        expect(
            np.allclose(sums, 1, atol=1e-4) and probabilities.min() >= 0,
            case="output",
            expected="probabilities that sum to 1 (softmax)",
            received=f"sums of {np.round(sums, 4).tolist()}",
        )
        if probabilities.min() > 1e-30:
            break
    # Up to a constant of the softmax's own, a network without activations is affine: halfway
    # between two images its logits lie halfway between theirs.
    logits = np.log(np.maximum(probabilities, 1e-30))
    logits -= logits.mean(axis=1, keepdims=True)
    bend = np.abs(logits[2] - (logits[0] + logits[1]) / 2).max()
    expect(
        bend > 3e-6 * max(1.0, np.abs(logits).max()),  # float32 rounding stays below
        case="nonlinearity",
        expected="activations between the layers",
        received="a network that is linear up to its softmax",
    )


def _run(layer: keras.layers.Layer, image: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(layer(image[None]))[0]
