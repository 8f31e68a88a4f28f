"""TFDS sets: their builders and splits, what stays in memory, and where boxes and masks are."""

import difflib
import importlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

SPLITS = ("train", "validation", "test")

# Up to this many bytes of pixels a split stays in memory, as uint8; larger ones are streamed,
# and shuffled within a buffer of this size.
MEMORY_BYTES = 2**31

# Modules with TFDS builders of our own; TFDS knows a builder once its module is imported.
OWN = ("balloon", "balloon_scenes", "multi30k", "splice")

Pipelines = tuple[tf.data.Dataset, tf.data.Dataset, tf.data.Dataset]


def prepared_builder(name: str, offline: Sequence[str]) -> "tfds.core.DatasetBuilder":
    """The TFDS builder of `name`, its data ready to be read.

    It reads `TFDS_DATA_DIR` where the set is prepared there, and downloads it otherwise. A
    publisher's file that lies in the folder `THINKKERAS_DOWNLOADS` (`downloads/manual` in TFDS's
    own folder where that is not set) under its own name is taken instead of a download, by the
    builders of this package and by those of TFDS that ask for a manual download.

    Args:
        name: A TFDS reference: `"bccd"`, `"voc/2007"`, `"coco/2017:1.1.0"`.
        offline: Names that need no TFDS, the best known first; the errors suggest them.

    Raises:
        ValueError: TFDS knows no such set.
        FileNotFoundError: TFDS could neither find the set nor download and prepare it.
    """
    import tensorflow_datasets as tfds

    for module in OWN:
        importlib.import_module(f"thinkkeras.datasets.builders.{module}")
    # The open version makes TFDS take whichever one is prepared, and its newest if none is.
    reference = name if ":" in name else f"{name}:*.*.*"
    try:
        builder = tfds.builder(reference, data_dir=os.environ.get("TFDS_DATA_DIR"))
    except ValueError:
        known = [*offline, *tfds.list_builders(with_community_datasets=False)]
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
        raise ValueError(
            f"expected {' or '.join(map(repr, offline))}, or the name of a TFDS data set, "
            f"received {name!r}; "
            f"did you mean {nearest!r}?"
        ) from None
    manual = tfds.download.DownloadConfig(manual_dir=os.environ.get("THINKKERAS_DOWNLOADS"))
    try:
        builder.download_and_prepare(download_config=manual)
    except Exception as error:  # a data set's own code runs here and may raise anything
        raise FileNotFoundError(
            f"expected {name!r} prepared in {builder.data_dir}, or a way to download it, "
            f"received {type(error).__name__}; set TFDS_DATA_DIR to a folder that holds it, "
            f"go online, or use {offline[0]!r}"
        ) from error
    return builder


def split_expressions(name: str, available: list[str]) -> dict[str, str]:
    """TFDS split expressions for training, validation and test: fixed, and disjoint.

    Raises:
        ValueError: There is no training split, from which missing ones could be cut.
    """
    if "train" not in available:
        raise ValueError(
            f"expected a data set with a split 'train', received {name!r} with "
            f"{sorted(available)}; prepare all of it, or use another one"
        )
    expressions, end = {}, 100
    for split in ("test", "validation"):
        expressions[split] = split
        if split not in available:
            expressions[split] = f"train[{end - 10}%:{end}%]"
            end -= 10
    return {"train": f"train[:{end}%]", **expressions}


def cached(dataset: tf.data.Dataset, count: int, example_bytes: int) -> tf.data.Dataset:
    """Keeps `count` examples in memory from the first epoch on, where they fit."""
    return dataset.cache() if count * example_bytes <= MEMORY_BYTES else dataset


def shuffled(
    dataset: tf.data.Dataset, count: int, example_bytes: int, seed: int
) -> tf.data.Dataset:
    """Puts `count` examples in a new order each epoch, as far as they fit in memory."""
    held = min(count, MEMORY_BYTES // example_bytes)
    # One more than the examples: filling the buffer then reads the cache to its end, so that an
    # epoch broken off early does not leave it half made.
    return dataset.shuffle(held + 1, seed=seed)


class Keys(NamedTuple):
    """Where a TFDS set keeps what a detector needs."""

    image: str
    objects: str
    box: str
    label: str


def find_keys(name: str, features: "tfds.features.FeaturesDict") -> Keys:
    """Finds image, boxes and classes among a set's features.

    Raises:
        ValueError: One of them is missing, or the boxes are not in TFDS's own format.
    """
    from tensorflow_datasets import features as kinds

    images = [
        key
        for key, feature in features.items()
        if isinstance(feature, kinds.Image) and feature.np_dtype == np.uint8
    ]
    for key, feature in features.items():
        inner = getattr(feature, "feature", None)
        if not isinstance(inner, kinds.FeaturesDict):
            continue
        boxes = [k for k, one in inner.items() if _is_relative_box(one)]
        classes = [k for k, one in inner.items() if isinstance(one, kinds.ClassLabel)]
        if images and boxes and classes:
            # Some sets also class an object's pose, or who annotated it.
            best = [k for k in ("label", "type") if k in classes] or classes
            image = "image" if "image" in images else images[0]
            return Keys(image, key, boxes[0], best[0])
    raise ValueError(
        f"expected a data set of 8-bit images with boxes and classes, received {name!r} with "
        f"the features {sorted(features)}; try 'balloon_scenes', 'bccd' or 'voc/2007'"
    )


def _is_relative_box(feature: "tfds.features.FeatureConnector") -> bool:
    from tensorflow_datasets.core.features import BBoxFeature

    if not isinstance(feature, BBoxFeature):
        return False
    form = getattr(feature, "bbox_format", None)
    return form is None or form.value == "REL_YXYX"


def most_boxes(builder: "tfds.core.DatasetBuilder", keys: Keys, splits: list[str]) -> int:
    """The most boxes in an image of these splits, read without the images."""
    import tensorflow_datasets as tfds

    boxes_alone = tfds.decode.PartialDecoding({keys.objects: {keys.box}})
    most = tf.constant(1)
    for split in splits:
        dataset = builder.as_dataset(split=split, decoders=boxes_alone)
        counts = dataset.map(lambda example: tf.shape(example[keys.objects][keys.box])[0])
        most = tf.maximum(most, counts.reduce(0, tf.maximum))
    return int(most)


def read_example(
    example: dict[str, tf.Tensor], keys: Keys, size: tuple[int, int], masks: bool
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """A TFDS example, stretched to `size`.

    Returns:
        The image, uint8 `(*size, 3)`; boxes, float32 `(objects, 4)`, `"xyxy"` in pixels;
        classes, float32 `(objects,)`, -1 for a crowd; and with `masks`, which object is seen
        where, uint8 `size`: 0, or its number from 1.
    """
    image, objects = example[keys.image], example[keys.objects]
    if image.shape[-1] == 1:
        image = tf.image.grayscale_to_rgb(image)
    image = tf.image.resize(image, size, antialias=True)
    image = tf.cast(tf.round(tf.clip_by_value(image, 0, 255)), tf.uint8)
    top, left, bottom, right = tf.unstack(tf.clip_by_value(objects[keys.box], 0, 1), axis=-1)
    height, width = size
    boxes = tf.stack([left * width, top * height, right * width, bottom * height], axis=-1)
    classes = tf.cast(objects[keys.label], tf.float32)
    if "is_crowd" in objects:
        classes = tf.where(objects["is_crowd"], -1.0, classes)
    instances = _instance_map(objects["mask"], size) if masks else tf.zeros(size, tf.uint8)
    return image, boxes, classes, instances


def _instance_map(masks: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Masks `(objects, height, width, 1)` as one map of `size`: 0, or an object's number."""
    # Nearest neighbours are looked up in each mask, never mixed across two objects.
    masks = tf.image.resize(masks, size, method="nearest")[..., 0]
    numbers = tf.range(1, tf.shape(masks)[0] + 1)[:, None, None]
    numbered = tf.where(masks > 0, numbers, 0)
    # The floor serves an image without objects.
    return tf.cast(tf.maximum(tf.reduce_max(numbered, axis=0), 0), tf.uint8)
