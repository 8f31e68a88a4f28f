"""Pictures, boxes, classes and masks of a TFDS set, wherever among its features they are."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    import tensorflow_datasets as tfds


class Keys(NamedTuple):
    """Where a TFDS set keeps what a detector needs."""

    image: str
    objects: str
    box: str
    label: str


def find_keys(name: str, features: "tfds.features.FeaturesDict") -> Keys:
    """Finds picture, boxes and classes among a set's features.

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
        found = [k for k, one in inner.items() if _is_relative_box(one)]
        classes = [k for k, one in inner.items() if isinstance(one, kinds.ClassLabel)]
        if images and found and classes:
            # Some sets also class an object's pose, or who annotated it.
            best = [k for k in ("label", "type") if k in classes] or classes
            image = "image" if "image" in images else images[0]
            return Keys(image, key, found[0], best[0])
    raise ValueError(
        f"expected a data set of 8-bit pictures with boxes and classes, received {name!r} with "
        f"the features {sorted(features)}; try 'balloon_scenes', 'bccd' or 'voc/2007'"
    )


def _is_relative_box(feature: "tfds.features.FeatureConnector") -> bool:
    from tensorflow_datasets.core.features import BBoxFeature

    if not isinstance(feature, BBoxFeature):
        return False
    form = getattr(feature, "bbox_format", None)
    return form is None or form.value == "REL_YXYX"


def most_boxes(builder: "tfds.core.DatasetBuilder", keys: Keys, splits: list[str]) -> int:
    """The most boxes on a picture of these splits, read without the pictures."""
    import tensorflow_datasets as tfds

    boxes_alone = tfds.decode.PartialDecoding({keys.objects: {keys.box}})
    most = tf.constant(1)
    for split in splits:
        dataset = builder.as_dataset(split=split, decoders=boxes_alone)
        counts = dataset.map(lambda example: tf.shape(example[keys.objects][keys.box])[0])
        most = tf.maximum(most, counts.reduce(0, tf.maximum))
    return int(most)


def read(
    example: dict[str, tf.Tensor], keys: Keys, size: tuple[int, int], masks: bool
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """A TFDS example, stretched to `size`.

    Returns:
        The picture, uint8 `(*size, 3)`; boxes, float32 `(objects, 4)`, `"xyxy"` in pixels;
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
    instances = _numbered(objects["mask"], size) if masks else tf.zeros(size, tf.uint8)
    return image, boxes, classes, instances


def _numbered(masks: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Masks `(objects, height, width, 1)` as one map of `size`: 0, or an object's number."""
    # Nearest neighbours are looked up in each mask, never mixed across two objects.
    masks = tf.image.resize(masks, size, method="nearest")[..., 0]
    numbers = tf.range(1, tf.shape(masks)[0] + 1)[:, None, None]
    numbered = tf.where(masks > 0, numbers, 0)
    # The floor serves a picture without objects.
    return tf.cast(tf.maximum(tf.reduce_max(numbered, axis=0), 0), tf.uint8)
