"""Detection and segmentation: one call from a data set's name to keras-cv's batches."""

from functools import partial
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from thinkkeras.datasets.augmentation import augmented_with_boxes
from thinkkeras.datasets.drawing.scene import boxes, draw_scene, series
from thinkkeras.datasets.tfds import (
    SPLITS,
    Pipelines,
    cached,
    find_keys,
    most_boxes,
    prepared_builder,
    read_example,
    shuffled,
    split_expressions,
)

SCENES = "balloon_scenes"
SCENE_COUNTS = {"train": 1000, "validation": 100, "test": 200}
SCENE_BALLOONS = 12

# Their test images come without boxes.
HIDDEN_TESTS = frozenset({"coco"})

# A box narrower or lower than this many pixels of `image_size` is dropped: the loss of a box
# without an area is not a number, and nothing of such an object is left to learn.
SMALLEST = 2.0

Examples = dict[str, tf.data.Dataset]


class DetectionInfo(NamedTuple):
    """What a detector, a segmenter and a figure need to know about a data set."""

    name: str
    class_names: list[str]  # by index
    counts: dict[str, int]  # images in "train", "validation" and "test"
    image_size: tuple[int, int]  # height, width
    max_boxes: int  # places for boxes in every image


def load_detection(
    name: str = SCENES,
    *,
    batch_size: int = 16,
    image_size: tuple[int, int] = (256, 256),
    augment: bool = True,
    seed: int = 0,
    masks: bool = False,
    examples: int | None = None,
) -> tuple[Pipelines, DetectionInfo]:
    """Loads a detection set as `((train, validation, test), info)`.

    The pipelines yield dictionaries of batches, as keras-cv's models, layers and metrics take
    them, with H and W of `image_size` and N = `info.max_boxes`:

    - `"images"`: float32 pixels in 0-255, shape `(batch, H, W, 3)`. Images are stretched to
      their size, as the device's runtime does it.
    - `"bounding_boxes"`: `"boxes"`, float32 `(batch, N, 4)`, left, top, right and bottom in
      pixels (`"xyxy"`), and `"classes"`, float32 `(batch, N)`; places that hold no box are -1.
    - with `masks`, `"masks"`: uint8 `(batch, N, H, W)`, 1 where the object of that box is seen;
      and `"segmentation"`: int32 `(batch, H, W)`, 0 for the background and 1 + its class where
      an object is seen.

    Training images come in a new order each epoch and, with `augment`, in other sizes, crops,
    mirrorings and colours, boxes and masks along with them. Validation and test come unchanged,
    in a fixed order. Boxes under 2 pixels in width or height, and boxes around crowds (COCO), are
    left out.

    Args:
        name: `"balloon_scenes"`, drawn images of balloons that need no download, or a TFDS set
            of images with boxes and classes: `"balloon"` (photographs, with masks), `"bccd"`
            (blood cells), `"voc/2007"`, `"coco/2017"`; read from `TFDS_DATA_DIR` where it is
            prepared there, from files in `THINKKERAS_DOWNLOADS` where they lie there, and
            downloaded otherwise. Where only a validation split is published, that is the test:
            figures of it can be compared. A split that is still lacking is a tenth of the training
            split, its last.
        batch_size: Images in a batch; the last one of an epoch may hold fewer.
        image_size: `(height, width)` in pixels, at least 32 each.
        augment: Whether training images are changed at random.
        seed: Seeds order and augmentation, together with the global seed that
            `keras.utils.set_random_seed` sets. The splits are the same for every seed.
        masks: Whether masks and segmentation come with the boxes.
        examples: Training images: as many scenes are drawn (1,000 if None); of another set, the
            first ones are taken (all if None). Validation and test stay as they are.

    Raises:
        ValueError: The name is unknown; the set has no 8-bit images with boxes and classes, no
            training split, or no masks where they are asked for; a number is out of its range.
        FileNotFoundError: TFDS could neither find the set nor download and prepare it.
    """
    for argument, number in (("batch_size", batch_size), ("examples", examples)):
        if number is not None and number < 1:
            raise ValueError(f"expected {argument} of at least 1, received {number}")
    if len(image_size) != 2 or min(image_size) < 32:
        raise ValueError(
            f"expected image_size=(height, width) of at least 32 pixels each, received {image_size}"
        )
    image_size = (int(image_size[0]), int(image_size[1]))
    if name == SCENES:
        splits, info = _scenes(image_size, examples)
    else:
        splits, info = _tfds(name, image_size, examples, masks)
    each = image_size[0] * image_size[1] * (4 if masks else 3)
    train, validation, test = (cached(splits[split], info.counts[split], each) for split in SPLITS)
    train = shuffled(train, info.counts["train"], each, seed).batch(batch_size)
    if augment:
        train = augmented_with_boxes(train, image_size, smallest=SMALLEST, seed=seed, masks=masks)
    validation, test = validation.batch(batch_size), test.batch(batch_size)
    return (_finished(train, masks), _finished(validation, masks), _finished(test, masks)), info


def _scenes(size: tuple[int, int], examples: int | None) -> tuple[Examples, DetectionInfo]:
    """Drawn images; each split from a series of its own, so that more train on no test."""
    counts = SCENE_COUNTS | ({} if examples is None else {"train": examples})

    def draw(of: int, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        scene = draw_scene(int(of), int(index), size, SCENE_BALLOONS)
        return scene.image, boxes(scene.instances).astype(np.float32), scene.instances

    def one(of: int, index: tf.Tensor) -> dict[str, tf.Tensor]:
        kinds = (tf.uint8, tf.float32, tf.uint8)
        image, found, instances = tf.numpy_function(draw, (of, index), kinds, stateful=False)
        found, instances = tf.ensure_shape(found, (None, 4)), tf.ensure_shape(instances, size)
        image = tf.ensure_shape(image, (*size, 3))
        return _example(image, found, tf.zeros(tf.shape(found)[0]), instances, SCENE_BALLOONS)

    drawn = {
        split: tf.data.Dataset.range(counts[split]).map(
            partial(one, series(0, split)), num_parallel_calls=tf.data.AUTOTUNE
        )
        for split in SPLITS
    }
    return drawn, DetectionInfo(SCENES, ["balloon"], counts, size, SCENE_BALLOONS)


def _tfds(
    name: str, size: tuple[int, int], examples: int | None, masks: bool
) -> tuple[Examples, DetectionInfo]:
    """A TFDS set of images with boxes."""
    builder = prepared_builder(name, offline=[SCENES])
    keys = find_keys(name, builder.info.features)
    objects = builder.info.features[keys.objects].feature
    if masks and "mask" not in objects:
        raise ValueError(
            f"expected a data set with a mask for each object, received {name!r} with "
            f"{sorted(objects)}; use 'balloon' or 'balloon_scenes', or masks=False"
        )
    hidden = {"test"} if name.split("/")[0].split(":")[0] in HIDDEN_TESTS else set()
    splits = _splits(name, set(builder.info.splits) - hidden)
    counts = {split: builder.info.splits[splits[split]].num_examples for split in SPLITS}
    places = most_boxes(builder, keys, list(splits.values()))
    if masks and places > 255:
        raise ValueError(
            f"expected at most 255 objects in an image, received {places} in {name!r}; "
            "use masks=False"
        )

    def one(example: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return _example(*read_example(example, keys, size, masks), places)

    raw = {split: builder.as_dataset(split=splits[split]) for split in SPLITS}
    if examples is not None:
        raw["train"] = raw["train"].take(examples)
        counts["train"] = min(examples, counts["train"])
    read = {split: raw[split].map(one, num_parallel_calls=tf.data.AUTOTUNE) for split in SPLITS}
    return read, DetectionInfo(name, list(objects[keys.label].names), counts, size, places)


def _splits(name: str, available: set[str]) -> dict[str, str]:
    """TFDS split expressions; what is published to validate on is the test where there is none."""
    if "test" in available or "validation" not in available:
        return split_expressions(name, sorted(available))
    return split_expressions(name, ["test", *available - {"validation"}]) | {"test": "validation"}


def _example(
    image: tf.Tensor, found: tf.Tensor, classes: tf.Tensor, instances: tf.Tensor, places: int
) -> dict[str, tf.Tensor]:
    """An example as it waits in memory: its boxes in places of which some stay empty.

    A box keeps its place, whose number is that of its object in `instances`, less 1.
    """
    sides = found[:, 2:] - found[:, :2]
    good = tf.reduce_all(sides >= SMALLEST, axis=-1) & (classes >= 0)
    rest = [[0, places - tf.shape(found)[0]]]

    def placed(values: tf.Tensor) -> tf.Tensor:
        values = tf.pad(values, [*rest, *[[0, 0]] * (values.shape.rank - 1)], constant_values=-1)
        return tf.ensure_shape(values, (places, *values.shape[1:]))

    return {
        "images": image,
        "boxes": placed(tf.where(good[:, None], found, -1.0)),
        "classes": placed(tf.where(good, classes, -1.0)),
        # What is seen of an object keeps its class, however small its box.
        "kinds": placed(classes),
        "instances": instances,
    }


def _finished(dataset: tf.data.Dataset, masks: bool) -> tf.data.Dataset:
    """keras-cv's dictionaries; boxes come first, and empty places last."""

    def finish(batch: dict[str, tf.Tensor]) -> dict[str, object]:
        order = tf.argsort(tf.cast(batch["classes"] < 0, tf.int32), stable=True)
        classes = tf.gather(batch["classes"], order, batch_dims=1)
        finished: dict[str, object] = {
            "images": tf.cast(batch["images"], tf.float32),
            "bounding_boxes": {
                "boxes": tf.gather(batch["boxes"], order, batch_dims=1),
                "classes": classes,
            },
        }
        if masks:
            instances = tf.cast(batch["instances"], tf.int32)
            numbers = tf.where(classes < 0, -1, order + 1)[:, :, None, None]
            finished["masks"] = tf.cast(instances[:, None] == numbers, tf.uint8)
            by_number = tf.pad(tf.cast(batch["kinds"], tf.int32) + 1, [[0, 0], [1, 0]])
            finished["segmentation"] = tf.gather(by_number, instances, batch_dims=1)
        return finished

    return dataset.map(finish, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
