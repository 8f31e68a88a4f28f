"""Session 7, solutions: one way to write each exercise (the tasks are in exercises.py)."""

import keras
import numpy as np
import tensorflow as tf
from keras import KerasTensor, layers, ops

from courses.s07_cnn_architectures.references import Branches, Network


def block_cost(
    network: Network, input_shape: tuple[int, int, int]
) -> tuple[int, int, tuple[int, int, int]]:
    """What a described block weighs, what it works, and the shape that comes out."""
    parameters, work, shape = 0, 0, input_shape
    for part in network:
        if isinstance(part, Branches):
            costs = [block_cost(path, shape) for path in part.paths]
            parameters += sum(cost[0] for cost in costs)
            work += sum(cost[1] for cost in costs)
            shapes = [cost[2] for cost in costs]
            channels = [shape[2] for shape in shapes]
            together = sum(channels) if part.join == "concatenate" else channels[0]
            shape = (shapes[0][0], shapes[0][1], together)
            continue
        height, width, channels_in = shape
        rows, columns = -(-height // part.strides), -(-width // part.strides)
        weights = part.kernel_size[0] * part.kernel_size[1] * channels_in
        if part.kind == "max_pooling2d":
            shape = (rows, columns, channels_in)
            continue
        filters = channels_in
        if part.kind == "conv2d":
            filters, weights = part.filters, weights * part.filters
        parameters += weights + 4 * filters
        work += rows * columns * weights
        shape = (rows, columns, filters)
    return parameters, work, shape


def inception_block(x: KerasTensor, filters: tuple[int, int, int, int, int, int]) -> KerasTensor:
    """GoogLeNet's block: four branches that look at `x` at different scales, concatenated."""
    direct, reduced_3, wide_3, reduced_5, wide_5, pooled = filters
    pool = layers.MaxPooling2D(3, strides=1, padding="same")(x)
    return layers.Concatenate()(
        [
            _conv_relu(x, direct, 1),
            _conv_relu(_conv_relu(x, reduced_3, 1), wide_3, 3),
            _conv_relu(_conv_relu(x, reduced_5, 1), wide_5, 5),
            _conv_relu(pool, pooled, 1),
        ]
    )


def residual_block(x: KerasTensor, filters: int, strides: int = 1) -> KerasTensor:
    """ResNet's basic block (v1): relu(F(x) + shortcut(x))."""
    shortcut = x
    if strides != 1 or x.shape[-1] != filters:
        shortcut = _conv_norm(x, filters, 1, strides)
    y = layers.ReLU()(_conv_norm(x, filters, 3, strides))
    y = _conv_norm(y, filters, 3)
    return layers.ReLU()(layers.Add()([y, shortcut]))


def prototypical_loss(
    support: KerasTensor, queries: KerasTensor, labels: KerasTensor
) -> KerasTensor:
    """The loss of one episode (Snell et al.), made of `keras.ops`, so that an encoder can learn."""
    prototypes = ops.mean(support, axis=1)  # (classes, dimensions)
    differences = ops.expand_dims(queries, 1) - prototypes  # (queries, classes, dimensions)
    logits = -ops.sum(ops.square(differences), axis=-1)
    losses = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    return ops.mean(losses)


def sample_episode(
    labels: np.ndarray, classes: list[int], ways: int, shots: int, queries: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draws an N-way K-shot episode: which examples are shown, and which are asked for."""
    random = np.random.default_rng(seed)
    possible = [each for each in classes if np.sum(labels == each) >= shots + queries]
    if len(possible) < ways:
        raise ValueError(
            f"expected {ways} classes of at least {shots + queries} examples, "
            f"received {len(possible)}"
        )
    drawn = random.choice(possible, ways, replace=False)
    examples = np.stack(
        [
            random.choice(np.flatnonzero(labels == each), shots + queries, replace=False)
            for each in drawn
        ]
    )
    numbers = np.arange(ways)
    return (
        examples[:, :shots].ravel(),
        np.repeat(numbers, shots),
        examples[:, shots:].ravel(),
        np.repeat(numbers, queries),
    )


def gram_matrix(maps: KerasTensor) -> KerasTensor:
    """Which channels are active together, wherever in the picture."""
    height, width = maps.shape[1:3]
    return ops.einsum("bhwi,bhwj->bij", maps, maps) / (height * width)


def style_loss(
    maps: list[KerasTensor], style_maps: list[KerasTensor], weights: list[float]
) -> KerasTensor:
    """How far pictures are from a painting's style (Gatys et al.)."""
    terms = [
        weight * ops.mean(ops.square(gram_matrix(picture) - gram_matrix(painting)))
        for picture, painting, weight in zip(maps, style_maps, weights, strict=True)
    ]
    return sum(terms[1:], start=terms[0])


def grad_cam(
    model: keras.Model, layer_name: str, image: np.ndarray, class_index: int
) -> np.ndarray:
    """Where a network sees the evidence for a class (Selvaraju et al.)."""
    both = keras.Model(model.input, [model.get_layer(layer_name).output, model.output])
    pixels = tf.convert_to_tensor(image[None])
    with tf.GradientTape() as tape:
        tape.watch(pixels)  # a network whose weights are frozen leaves the tape nothing to follow
        maps, logits = both(pixels)
        score = logits[:, class_index]
    gradients = tape.gradient(score, maps)
    weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
    cam = np.maximum(np.sum(weights * maps, axis=-1)[0], 0)
    return cam / cam.max() if cam.max() > 0 else cam


def receptive_field(network: Network) -> tuple[int, int]:
    """How much of the image one output pixel of a described network sees, branches included."""
    height, width, _ = _field(network, 1, 1, 1)
    return height, width


def build_network(input_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """A network within 60,000 bytes of flash and 40,000 of RAM: small maps from the start."""
    inputs = keras.Input(input_shape)
    x = layers.Rescaling(1 / 255)(inputs)
    for filters, strides in ((16, 2), (24, 1), (32, 2), (48, 2)):
        x = layers.ReLU()(_conv_norm(x, filters, 3, strides))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def _conv_relu(x: KerasTensor, filters: int, kernel_size: int) -> KerasTensor:
    return layers.Conv2D(filters, kernel_size, padding="same", activation="relu")(x)


def _conv_norm(x: KerasTensor, filters: int, kernel_size: int, strides: int = 1) -> KerasTensor:
    x = layers.Conv2D(filters, kernel_size, strides, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


def _field(network: Network, height: int, width: int, jump: int) -> tuple[int, int, int]:
    """`receptive_field` from a given size and jump on; returns the new ones."""
    for part in network:
        if isinstance(part, Branches):
            ends = [_field(path, height, width, jump) for path in part.paths]
            height, width, jump = (max(values) for values in zip(*ends, strict=True))
            continue
        height += part.dilation_rate * (part.kernel_size[0] - 1) * jump
        width += part.dilation_rate * (part.kernel_size[1] - 1) * jump
        jump *= part.strides
    return height, width, jump
