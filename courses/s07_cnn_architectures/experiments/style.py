"""Style transfer: paintings, a model whose weights are a picture, and what layers hold."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from PIL import Image
from scipy import ndimage

from thinkkeras.style_transfer import StyleTransferLoss, match_colours


class Recipe(NamedTuple):
    """What style transfer asks for."""

    imagenet: bool  # SqueezeNet's ImageNet weights, or those of a network trained in a minute
    photographs: str | None  # a set to crop photographs from; None crops scikit-learn's two
    height: int  # of the pictures
    steps: int  # of optimising a picture
    crop: int  # size of the pictures that the fast network is trained on
    fast_steps: int  # of its training, batches of two
    filters: tuple[int, int, int]  # of the fast network


OFFLINE = Recipe(False, None, 160, 60, crop=96, fast_steps=100, filters=(8, 12, 16))
REAL = Recipe(True, "balloon", 320, 150, crop=192, fast_steps=2000, filters=(16, 32, 64))


class Snapshot(NamedTuple):
    """A picture on its way, and what it lacks, each term relative to the painting's own."""

    step: int
    picture: np.ndarray  # uint8, (height, width, 3)
    style: float
    content: float


# Museums publish them; any picture file serves as well.
PAINTINGS = ("starry_night.jpg", "the_scream.jpg")


def paintings(height: int, files: Sequence[str] = PAINTINGS) -> dict[str, np.ndarray]:
    """Paintings by name: these files of the folder `THINKKERAS_DOWNLOADS`, then a drawn one.

    Args:
        height: In pixels.
        files: Names in that folder, or paths; those that are not there are left out, and named.
    """
    downloads = os.environ.get("THINKKERAS_DOWNLOADS")
    folder, found = Path(downloads) if downloads else None, {}
    for file in files:
        path = Path(file) if folder is None else folder / file
        if path.is_file() and (folder or path.name != file):
            found[path.stem.replace("_", " ")] = read_picture(path, height)
        else:
            print(f"without {file}: it is not in the folder that THINKKERAS_DOWNLOADS names")
    return found | {"drawn": drawn_painting(height)}


def read_picture(path: str | os.PathLike[str], height: int) -> np.ndarray:
    """A picture file at this height, its proportions kept: uint8 `(height, width, 3)`.

    Raises:
        ValueError: The file cannot be read as a picture.
    """
    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
    except (OSError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"expected a picture file, received {os.fspath(path)!r} ({error}); "
            "name a JPEG or PNG file"
        ) from None
    return resized(np.asarray(image), height)


def resized(picture: np.ndarray, height: int) -> np.ndarray:
    """A picture at this height, its proportions kept, the width a multiple of 4.

    Args:
        picture: uint8, `(any height, any width, 3)`.
        height: In pixels.
    """
    width = max(4, 4 * round(picture.shape[1] / picture.shape[0] * height / 4))
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))


# From dark to light: night blue, blue, pale blue, straw, yellow.
PALETTE = np.array([[18, 28, 74], [34, 76, 140], [92, 142, 176], [214, 206, 150], [236, 184, 58]])


def drawn_painting(height: int = 288, *, strokes: int = 4000, seed: int = 0) -> np.ndarray:
    """A painting that needs no download: brush strokes along the swirls of a random flow.

    It has what a style needs, a palette and strokes with a direction, and is nobody's.

    Args:
        height: In pixels; the width is a third more.
        strokes: How many are laid on each other, from broad to narrow.
        seed: Draws another one.

    Returns:
        Pixels of 0-255, uint8 `(height, width, 3)`.
    """
    random = np.random.default_rng(seed)
    width = 4 * round(height / 3)
    # The curl of a smooth random field flows in closed swirls.
    field = ndimage.gaussian_filter(random.normal(size=(height, width)), height / 12, mode="wrap")
    down, across = np.gradient(field)
    angle = np.arctan2(across, -down)  # of the direction along the contour lines
    light = (field - field.min()) / np.ptp(field)
    canvas = _in_palette(light)
    rows, columns = np.mgrid[0:height, 0:width]
    for index in range(strokes):
        row, column = random.uniform(0, height), random.uniform(0, width)
        length = height / 14 * (1.4 - index / strokes)
        thickness = length / 6
        colour = _in_palette(light[int(row), int(column)] + random.normal(0, 0.08))
        top, left = max(0, int(row - length)), max(0, int(column - length))
        window = np.s_[top : int(row + length) + 1, left : int(column + length) + 1]
        turn = angle[int(row), int(column)]
        y, x = rows[window] - row, columns[window] - column
        along, beside = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        inside = np.clip(thickness * (1 - (along / length) ** 2) - np.abs(beside), 0, 1)
        # Bristles: lighter and darker lines along the stroke.
        bristles = 14 * np.sin(beside * 2.6 + random.uniform(0, 6)) + random.normal(0, 8)
        part = canvas[window]
        part += inside[..., None] * (colour + bristles[..., None] - part)
    return np.clip(canvas, 0, 255).astype("uint8")


class Retouched(keras.layers.Layer):
    """Adds to a picture what it has learned: its weights are the picture's changes.

    The changes are kept at full size, at half of it, and so on, and enlarged bilinearly: large
    areas change their colour in a few steps, where single pixels would have to agree on it.

    Args:
        sizes: How many sizes; 1 learns single pixels alone.
    """

    def __init__(self, sizes: int = 4, name: str | None = None) -> None:
        super().__init__(name=name)
        self.sizes = sizes

    def build(self, input_shape: tuple[int, int, int, int]) -> None:
        _, height, width, channels = input_shape
        self.changes = [
            self.add_weight(
                shape=(1, -(-height // 2**size), -(-width // 2**size), channels),
                initializer="zeros",
                name=f"changes_{2**size}",
            )
            for size in range(self.sizes)
        ]

    def call(self, pictures: keras.KerasTensor) -> keras.KerasTensor:
        height, width = pictures.shape[1:3]
        for changes in self.changes:
            pictures = pictures + ops.image.resize(changes, (height, width))
        return pictures


def picture_model(input_shape: tuple[int, int, int], sizes: int = 4) -> keras.Model:
    """A model whose only weights are a picture's changes; before training it changes nothing.

    Args:
        input_shape: `(height, width, 3)` of the one picture that it is trained on.
        sizes: See `Retouched`.
    """
    inputs = keras.Input(input_shape, name="photograph")
    return keras.Model(inputs, Retouched(sizes, name="picture")(inputs), name="picture_model")


class Snapshots(keras.callbacks.Callback):
    """Keeps the picture and its two losses after these steps of `fit`.

    Args:
        loss: What the model is trained with.
        start: Where it starts, pixels of 0-255, `(height, width, 3)`.
        content: The photograph to keep, the same shape.
        steps: After which steps; 0 is the start.
    """

    def __init__(
        self, loss: StyleTransferLoss, start: np.ndarray, content: np.ndarray, steps: Sequence[int]
    ) -> None:
        super().__init__()
        self.snapshots: list[Snapshot] = []
        self._loss, self._steps = loss, frozenset(steps)
        self._start, self._content = start[None].astype("float32"), content[None].astype("float32")

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._keep(0)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._keep(batch + 1)

    def _keep(self, step: int) -> None:
        if step in self._steps:
            picture = self.model(self._start)
            style, content, _ = self._loss.terms(self._content, picture)
            self.snapshots.append(
                Snapshot(step, pixels(picture), float(style[0]), float(content[0]))
            )


def paint(
    loss: StyleTransferLoss,
    start: np.ndarray,
    content: np.ndarray,
    *,
    steps: int,
    learning_rate: float = 4.0,
    keep: Sequence[int] = (),
) -> list[Snapshot]:
    """Optimises a picture by `fit`, as the lesson does in plain sight.

    Args:
        loss: What the picture is to lack as little as possible of.
        start: Where it starts, pixels of 0-255, `(height, width, 3)`.
        content: The photograph to keep, the same shape.
        steps: Steps of Adam; its rate falls along a cosine.
        learning_rate: Of the first step, in pixel values.
        keep: Steps after which a snapshot is kept, beside the last.

    Returns:
        The snapshots, the last one the result.
    """
    model = picture_model(start.shape)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps, alpha=0.05)
    model.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    snapshots = Snapshots(loss, start, content, [*keep, steps])
    pairs = one_pair(start, content, steps)
    model.fit(pairs, shuffle=False, callbacks=[snapshots], verbose=0)
    return snapshots.snapshots


def _in_palette(tones: np.ndarray) -> np.ndarray:
    """The colours of tones between 0 and 1, `(*shape, 3)`."""
    places = np.linspace(0, 1, len(PALETTE))
    return np.stack([np.interp(tones, places, one) for one in PALETTE.T], axis=-1)


def one_pair(start: np.ndarray, content: np.ndarray, steps: int) -> tf.data.Dataset:
    """The same pair again and again, as batches of one for `fit`."""
    pair = tuple(one[None].astype("float32") for one in (start, content))
    return tf.data.Dataset.from_tensors(pair).repeat(steps)


def pixels(pictures: keras.KerasTensor) -> np.ndarray:
    """The first picture of a batch as uint8."""
    return np.clip(ops.convert_to_numpy(pictures)[0].round(), 0, 255).astype("uint8")


def style_and_content(
    network: keras.Model,
    style: np.ndarray,
    content: np.ndarray,
    layers: Sequence[str],
    *,
    steps: int,
    seed: int = 0,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What layers hold of a painting's style and of a photograph's content, painted from noise.

    Args:
        network: Whose layers.
        style: The painting, `(height, width, 3)`.
        content: The photograph, `(height, width, 3)`.
        layers: Names, from fine to coarse.
        steps: Steps of optimisation for each picture.
        seed: Seeds the noise.

    Returns:
        For each layer a picture with the style of it and all before it; and one with the content
        of it alone.

    Source: Gatys, Ecker and Bethge, CVPR 2016, figure 1.
    """
    random = np.random.default_rng(seed)
    noise = random.normal(128, 30, content.shape).clip(0, 255)
    styles: list[np.ndarray] = []
    contents: list[np.ndarray] = []
    for index, layer in enumerate(layers, start=1):
        for pictures, weights in ((styles, (1.0, 0.0)), (contents, (0.0, 1.0))):
            loss = StyleTransferLoss(
                network,
                style,
                style_layers=layers[:index],
                content_layer=layer,
                style_weight=weights[0],
                content_weight=weights[1],
                variation_weight=1e-3,
            )
            painted = paint(loss, noise, content, steps=steps, learning_rate=8.0)
            pictures.append(painted[-1].picture)
    return styles, contents


def turned_crops(
    pictures: Sequence[np.ndarray], *, size: int, examples: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """A classification set out of a few pictures: which of them is this, and how was it turned?

    Nobody has to label it, and it needs no download.

    Args:
        pictures: uint8, each `(height, width, 3)` of more than `size`.
        size: Height and width of a crop, in pixels.
        examples: How many crops.
        seed: Draws others.

    Returns:
        Crops, uint8 `(examples, size, size, 3)`, and their classes: 4 times the picture's number,
        plus the quarter turns.

    Source: Gidaris, Singh and Komodakis, "Unsupervised Representation Learning by Predicting Image
    Rotations", ICLR 2018.
    """
    random = np.random.default_rng(seed)
    classes = random.integers(4 * len(pictures), size=examples)
    taken = []
    for number, turns in zip(*divmod(classes, 4), strict=True):
        height, width, _ = pictures[number].shape
        top, left = random.integers(height - size), random.integers(width - size)
        taken.append(np.rot90(pictures[number][top : top + size, left : left + size], turns))
    return np.stack(taken), classes


def last_layers(network: keras.Model) -> list[str]:
    """The last layer of each size of feature map, from large to small: fit for style.

    Args:
        network: A functional model that reads images of a fixed size.
    """
    last = {
        layer.output.shape[1:3]: layer.name
        for layer in network.layers
        if isinstance(layer.output, keras.KerasTensor)
        and len(layer.output.shape) == 4
        and not isinstance(layer, keras.layers.InputLayer | keras.layers.Rescaling)
    }
    return [last[size] for size in sorted(last, reverse=True)]


def crops(
    photographs: Sequence[np.ndarray],
    style: np.ndarray,
    *,
    size: int,
    batch_size: int,
    seed: int = 0,
) -> tf.data.Dataset:
    """Endless batches of pairs to train a `style_net` on: crops, and the same in new colours.

    Args:
        photographs: uint8, each `(height, width, 3)` of at least `size`.
        style: The painting whose palette the second of a pair has, `(height, width, 3)`.
        size: Height and width of a crop, in pixels.
        batch_size: Pairs in a batch.
        seed: Seeds order, places and mirrorings.

    Returns:
        `(photographs, palettes)`, float32 `(batch_size, size, size, 3)` each.
    """
    pairs = [
        np.concatenate([one, match_colours(one[None], style)[0].astype("uint8")], axis=-1)
        for one in photographs
    ]
    signature = tf.TensorSpec((None, None, 6), tf.uint8)

    def cropped(pair: tf.Tensor, crop_seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        crop = tf.image.stateless_random_crop(pair, (size, size, 6), crop_seed)
        crop = tf.cast(tf.image.stateless_random_flip_left_right(crop, crop_seed), tf.float32)
        return crop[..., :3], crop[..., 3:]

    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2)
    dataset = tf.data.Dataset.from_generator(lambda: iter(pairs), output_signature=signature)
    dataset = dataset.cache().shuffle(len(pairs), seed=seed).repeat()
    dataset = tf.data.Dataset.zip(dataset, seeds).map(cropped)
    return dataset.batch(batch_size, drop_remainder=True).prefetch(2)
