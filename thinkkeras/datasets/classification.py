"""Classification: one call from a data set's name to batches that `fit` takes."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from thinkkeras.datasets.augmentation import augmented
from thinkkeras.datasets.folder import as_dataset, find_images
from thinkkeras.datasets.tfds import (
    SPLITS,
    Pipelines,
    cached,
    prepared_builder,
    shuffled,
    split_expressions,
)


class DatasetInfo(NamedTuple):
    """What a builder and a figure need to know about a data set."""

    name: str
    input_shape: tuple[int, ...]  # height, width, channels of an image; features of a table's row
    classes: int
    class_names: list[str]  # by index
    counts: dict[str, int]  # examples in "train", "validation" and "test"


def load(
    name: str = "digits",
    *,
    batch_size: int = 128,
    augment: bool = True,
    seed: int = 0,
    image_size: tuple[int, int] | None = None,
) -> tuple[Pipelines, DatasetInfo]:
    """Loads a classification set as `((train, validation, test), info)`.

    The pipelines yield `(image, label)` batches: float32 pixels in 0-255 of shape
    `(batch, height, width, channels)`, and integers of shape `(batch,)`. Training examples come
    in a new order each epoch and, with `augment`, shifted by some pixels and, where that keeps
    the class, mirrored at random. Validation and test come unchanged, in a fixed order. The rows
    of a table come as float32 of shape `(batch, features)`, in the table's own units.

    Args:
        name: Of what comes with scikit-learn and needs no download, `"digits"`, 1,797 handwritten
            digits of 8x8 pixels, or `"breast_cancer"`, 569 tumours in 30 measures of their cell
            nuclei (Wisconsin Diagnostic Breast Cancer, CC BY 4.0); or a TFDS set of images with
            one label each (`"fashion_mnist"`, `"emnist/letters"`), read from `TFDS_DATA_DIR`
            where it is prepared there and downloaded otherwise. A validation or test split that
            it lacks is the last tenth of its training split. Or the path of a folder of images,
            one sub-folder a class, which become RGB; see `folder.find_images` for its splits
            and for files that are no images.
        batch_size: Examples in a batch; the last one of an epoch may hold fewer.
        augment: Whether training images are shifted and mirrored; a table's rows never change.
        seed: Seeds order and augmentation, together with the global seed that
            `keras.utils.set_random_seed` sets. The splits are the same for every seed.
        image_size: `(height, width)` to resize to; needed where images differ in size. Sets that
            come as arrays or through TFDS are resized by TensorFlow, a folder's images by Pillow,
            as the device does it.

    Raises:
        ValueError: The name is unknown; the set has no labelled 8-bit images or no training
            split; its images differ in size and `image_size` is None; a size is not positive, or
            asked for where there are no images; a folder is not one of images by class.
        FileNotFoundError: TFDS could neither find the set nor download and prepare it.
    """
    if batch_size < 1:
        raise ValueError(f"expected a batch_size of at least 1, received {batch_size}")
    if image_size is not None and (len(image_size) != 2 or min(image_size) < 1):
        raise ValueError(f"expected image_size=(height, width) in pixels, received {image_size}")
    if name in _OFFLINE:
        examples, info = _OFFLINE[name]()
    elif Path(name).is_dir():
        examples, info = _folder(name, image_size)
    elif Path(name).exists() or Path(name).is_absolute() or name.startswith((".", "~")):
        # A path, which no name of TFDS is alike to.
        raise ValueError(
            f"expected a folder of images, one sub-folder a class, received '{name}', which is "
            f"{'no folder' if Path(name).exists() else 'not there'}; correct the path"
        )
    else:
        examples, info = _tfds(name)
    images = len(info.input_shape) == 3
    if image_size is not None and not images:
        raise ValueError(f"expected image_size=None for {name!r}, whose examples are no images")
    if image_size is not None and info.input_shape[:2] != tuple(image_size):
        examples, info = _resized(examples, info, image_size)
    elif None in info.input_shape:
        raise ValueError(_differ(name))
    counts, each = info.counts, int(np.prod(info.input_shape))
    train, validation, test = (cached(examples[split], counts[split], each) for split in SPLITS)
    train = shuffled(train, counts["train"], each, seed).batch(batch_size)
    if augment and images:
        train = augmented(train, info, seed)
    fixed = (_finished(dataset.batch(batch_size)) for dataset in (validation, test))
    return (_finished(train), *fixed), info


def as_arrays(dataset: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Gathers a pipeline of `(image, label)` batches into two NumPy arrays.

    Args:
        dataset: A finite pipeline, as `load` returns it. A training pipeline gives one epoch,
            in that epoch's order, augmented if it augments.

    Returns:
        `(x, y)`: `x` of shape `(examples, height, width, channels)`, uint8 where that holds
        every pixel exactly and the pipeline's own type otherwise; `y` int64 of shape
        `(examples,)`.

    Raises:
        ValueError: The pipeline holds no batch.
    """
    batches = list(dataset.as_numpy_iterator())
    if not batches:
        raise ValueError("expected a pipeline of (image, label) batches, received an empty one")
    images, labels = zip(*batches, strict=True)
    x, y = np.concatenate(images), np.concatenate(labels).astype(np.int64)
    exact = x.min() >= 0 and x.max() <= 255 and np.array_equal(x, np.rint(x))
    return (x.astype(np.uint8) if exact else x), y


def _digits() -> tuple[dict[str, tf.data.Dataset], DatasetInfo]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    # Its pixels count ink from 0 to 16; the models expect 0-255.
    x = np.rint(x.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    return _split("digits", x, y, [str(digit) for digit in range(10)])


def _breast_cancer() -> tuple[dict[str, tf.data.Dataset], DatasetInfo]:
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer()
    x = table.data.astype(np.float32)
    return _split("breast_cancer", x, table.target, list(map(str, table.target_names)))


# What needs no download.
_OFFLINE = {"digits": _digits, "breast_cancer": _breast_cancer}


def _split(
    name: str, x: np.ndarray, y: np.ndarray, class_names: list[str]
) -> tuple[dict[str, tf.data.Dataset], DatasetInfo]:
    """Arrays, split 70 : 10 : 20 with every class in its proportion."""
    from sklearn.model_selection import train_test_split

    tenth = round(len(x) / 10)
    rest_x, test_x, rest_y, test_y = train_test_split(
        x, y, test_size=2 * tenth, stratify=y, random_state=0
    )
    train_x, validation_x, train_y, validation_y = train_test_split(
        rest_x, rest_y, test_size=tenth, stratify=rest_y, random_state=0
    )
    arrays = {
        "train": (train_x, train_y),
        "validation": (validation_x, validation_y),
        "test": (test_x, test_y),
    }
    examples = {split: tf.data.Dataset.from_tensor_slices(arrays[split]) for split in SPLITS}
    counts = {split: len(arrays[split][1]) for split in SPLITS}
    return examples, DatasetInfo(name, x.shape[1:], len(class_names), class_names, counts)


def _tfds(name: str) -> tuple[dict[str, tf.data.Dataset], DatasetInfo]:
    """A TFDS set of 8-bit images with one label each."""
    builder = prepared_builder(name, offline=list(_OFFLINE))
    features = builder.info.features
    if builder.info.supervised_keys != ("image", "label") or features["image"].np_dtype != np.uint8:
        raise ValueError(
            f"expected a data set of 8-bit images with one label each, received {name!r} with "
            f"the features {sorted(features)}; try 'fashion_mnist' or 'cifar10'"
        )
    splits = split_expressions(name, list(builder.info.splits))
    examples = {
        split: builder.as_dataset(split=splits[split], as_supervised=True) for split in SPLITS
    }
    counts = {split: builder.info.splits[splits[split]].num_examples for split in SPLITS}
    shape, label = features["image"].shape, features["label"]
    return examples, DatasetInfo(name, shape, label.num_classes, list(label.names), counts)


def _folder(
    name: str, image_size: tuple[int, int] | None
) -> tuple[dict[str, tf.data.Dataset], DatasetInfo]:
    """A folder of images, of `image_size` or their own one."""
    found = find_images(name)
    if image_size is None and len(found.sizes) > 1:
        raise ValueError(_differ(name))
    height, width = image_size or found.sizes.pop()
    size = (height, width)
    examples = {split: as_dataset(found.splits[split], size) for split in SPLITS}
    counts = {split: len(found.splits[split]) for split in SPLITS}
    shown = Path(name).resolve().name
    names = found.class_names
    return examples, DatasetInfo(shown, (*size, 3), len(names), names, counts)


def _differ(name: str) -> str:
    return (
        f"expected images of one size, received {name!r}, whose images differ; "
        "pass image_size=(height, width)"
    )


def _resized(
    examples: dict[str, tf.data.Dataset], info: DatasetInfo, size: tuple[int, int]
) -> tuple[dict[str, tf.data.Dataset], DatasetInfo]:
    def resize(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.image.resize(image, size, antialias=True)
        return tf.cast(tf.round(tf.clip_by_value(image, 0, 255)), tf.uint8), label

    examples = {
        split: examples[split].map(resize, num_parallel_calls=tf.data.AUTOTUNE) for split in SPLITS
    }
    return examples, info._replace(input_shape=(*size, info.input_shape[2]))


def _finished(dataset: tf.data.Dataset) -> tf.data.Dataset:
    dataset = dataset.map(lambda images, labels: (tf.cast(images, tf.float32), labels))
    return dataset.prefetch(tf.data.AUTOTUNE)
