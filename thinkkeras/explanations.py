"""What a classifier looks at: gradients of a class's score, Grad-CAM, occlusion."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np


def score_gradients(
    model: keras.Model, layer: str, images: np.ndarray, classes: Sequence[int] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Feature maps, and the gradient of a class's score with respect to them.

    The score is what enters the last softmax. Keras has no gradient that runs on every backend but
    the one in its trainer: a step of SGD at a rate of 1 on an offset that is added to the maps
    moves the offset by just this gradient.

    Args:
        model: A functional classifier.
        layer: Name of the layer whose maps are meant; all that follows passes through it.
        images: Shape `(examples, height, width, channels)`, as the model takes them.
        classes: The class of each image whose score is meant.

    Returns:
        The maps and the gradients, both of shape `(examples, rows, columns, channels)`.

    Raises:
        ValueError: There is no such layer, or a way around it.
    """
    maps = model.get_layer(layer).output
    features = keras.Model(model.inputs, maps)
    try:
        classify = keras.Model(maps, model.output)
    except ValueError as error:
        raise ValueError(
            f"expected a layer that everything passes through, received {layer!r}, which a "
            "shortcut passes by; take the layer where the branches meet"
        ) from error
    found = keras.ops.convert_to_numpy(features(keras.ops.convert_to_tensor(images, "float32")))
    with _without_softmax(model):
        scores = _Offset(classify, found.shape)
        # The sum over the examples keeps each one's gradient apart.
        scores.compile(
            keras.optimizers.SGD(1.0),
            loss=lambda wanted, score: -keras.ops.sum(wanted * score),
            run_eagerly=True,
        )
        wanted = keras.ops.one_hot(np.asarray(classes), model.output.shape[-1])
        scores.train_on_batch(found, keras.ops.convert_to_numpy(wanted))
    return found, scores.offset.numpy()


class _Offset(keras.Model):
    """The rest of a classifier, behind a trainable offset of the maps that it takes."""

    def __init__(self, classify: keras.Model, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.offset = self.add_weight(shape=shape, initializer="zeros", name="offset")
        # In a function the classifier's own weights are out of the trainer's sight, and stay.
        self._classify = lambda maps: classify(maps, training=False)

    def call(self, maps: Any) -> Any:
        return self._classify(maps + self.offset)


@contextmanager
def _without_softmax(model: keras.Model) -> Iterator[None]:
    last = model.layers[-1]
    activation = getattr(last, "activation", None)
    if activation is keras.activations.softmax:
        last.activation = keras.activations.linear
    try:
        yield
    finally:
        if activation is not None:
            last.activation = activation


def grad_cam(
    model: keras.Model, layer: str, images: np.ndarray, classes: Sequence[int] | np.ndarray
) -> np.ndarray:
    """Where the evidence for a class lies: gradient-weighted class activation maps.

    A map's weight is the mean of the score's gradient over it; what is left of the weighted sum
    above zero speaks for the class.

    Args:
        model: A functional classifier.
        layer: Name of the layer whose maps are weighed, mostly the last of the maps.
        images: Shape `(examples, height, width, channels)`, as the model takes them.
        classes: The class of each image that is asked for.

    Returns:
        Maps `(examples, rows, columns)` of the layer's resolution, at least 0, in units of the
        score.

    Raises:
        ValueError: There is no such layer, or a way around it.

    Source:
        Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
        Localization", ICCV 2017, equations 1 and 2.
    """
    maps, gradients = score_gradients(model, layer, images, classes)
    weights = gradients.mean(axis=(1, 2), keepdims=True)
    return np.maximum((weights * maps).sum(axis=-1), 0)


def occlusion(
    model: keras.Model,
    image: np.ndarray,
    class_index: int,
    *,
    size: int,
    stride: int,
    fill: float = 127.5,
) -> np.ndarray:
    """How much of a class's probability goes when a square of the picture is covered.

    Args:
        model: A classifier that gives probabilities.
        image: Shape `(height, width, channels)`, as the model takes it.
        class_index: The class that is asked for.
        size: Side of the square, in pixels.
        stride: Step of the square, in pixels.
        fill: What covers; the middle grey of pixels in 0-255.

    Returns:
        For each pixel, the class's probability of the whole picture less that of the covered ones,
        on average over the squares that covered it: `(height, width)`; 0 where none did.

    Raises:
        ValueError: The square is larger than the picture, or its step is below 1.

    Source:
        Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
        section 4.2.
    """
    height, width = image.shape[:2]
    if not 1 <= size <= min(height, width) or stride < 1:
        raise ValueError(
            f"expected a square of 1 to {min(height, width)} pixels and a stride of at least 1, "
            f"received size={size} and stride={stride}"
        )
    corners = [
        (top, left)
        for top in range(0, height - size + 1, stride)
        for left in range(0, width - size + 1, stride)
    ]
    squares = np.zeros((len(corners), height, width), bool)
    for square, (top, left) in zip(squares, corners, strict=True):
        square[top : top + size, left : left + size] = True
    covered = np.where(squares[..., None], fill, image).astype("float32")
    whole = model.predict(image[None].astype("float32"), verbose=0)[0, class_index]
    lost = whole - model.predict(covered, batch_size=64, verbose=0)[:, class_index]
    return np.einsum("n,nhw->hw", lost, squares) / np.maximum(squares.sum(axis=0), 1)
