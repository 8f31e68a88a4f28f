"""Random changes of training images, and of the boxes and masks on them."""

from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    from thinkkeras.datasets.classification import DatasetInfo

# Mirrored, these images keep their class; a mirrored 2 or a mirrored letter does not. A set
# that is not named here is only shifted, which is always safe.
MIRRORED_KEEPS_CLASS = frozenset(
    {"beans", "cats_vs_dogs", "cifar10", "cifar100", "fashion_mnist", "tf_flowers"}
)

# How far an image with boxes is enlarged or shrunk, brightened or darkened, and so on.
SCALES = (0.7, 1.5)
BRIGHTNESS = (-0.15, 0.15)  # of white
CONTRAST = (0.75, 1.25)
GREYNESS = (-0.4, 0.6)  # 1 is a grey image, below 0 colours grow stronger

# How far one hand's drawing differs from another's, at most.
TURN = 0.17  # radians: ten degrees
SHEAR = 0.2
SCALE = 0.15
MOVE = 0.07  # of the side: two pixels of 28


def augmented(dataset: tf.data.Dataset, info: "DatasetInfo", seed: int = 0) -> tf.data.Dataset:
    """Shifts whole batches by up to a sixteenth of their side, and mirrors where that is safe.

    Args:
        dataset: Batches `(images, anything)`, images of shape `(batch, height, width, channels)`.
        info: Of the data set that the images come from.
        seed: Seeds shifts and mirrorings, which differ from epoch to epoch.

    Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2
    (padding with zeros, random crop, horizontal flip).
    """
    height, width, channels = info.input_shape
    margin = max(1, min(height, width) // 16)
    mirrors = info.name.split("/")[0].split(":")[0] in MIRRORED_KEEPS_CLASS

    def augment(
        batch: tuple[tf.Tensor, tf.Tensor], batch_seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        images, labels = batch
        count = tf.shape(images)[0]
        images = tf.pad(images, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
        start = tf.random.stateless_uniform(
            (2, count, 1), batch_seed, maxval=2 * margin + 1, dtype=tf.int32
        )
        rows, columns = start[0] + tf.range(height), start[1] + tf.range(width)
        if mirrors:
            mirrored = tf.random.stateless_uniform((count, 1), batch_seed + 1) < 0.5
            columns = tf.where(mirrored, columns[:, ::-1], columns)
        # Gathering rows and columns costs far less than resampling every image.
        images = tf.gather(images, rows, axis=1, batch_dims=1)
        images = tf.gather(images, columns, axis=2, batch_dims=1)
        return tf.ensure_shape(images, (None, height, width, channels)), labels

    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2)
    return tf.data.Dataset.zip(dataset, seeds).map(augment, num_parallel_calls=tf.data.AUTOTUNE)


def random_affine(images: tf.Tensor, seed: tf.Tensor, *, paper: float = 0.0) -> tf.Tensor:
    """Turns, shears, scales and moves each image of a batch a little, as another hand would.

    Args:
        images: float32 `(batch, height, width, channels)`.
        seed: Two integers; the same ones give the same changes.
        paper: What is beyond the border.

    Returns:
        The same shape, resampled once.

    Source: Koch, Zemel and Salakhutdinov, "Siamese Neural Networks for One-shot Image
    Recognition", ICML Deep Learning Workshop 2015, section 4.2.
    """
    count, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    drawn = tf.random.stateless_uniform((6, count), seed, -1.0, 1.0)
    turn, shear = TURN * drawn[0], SHEAR * drawn[1]
    down, across = 1 + SCALE * drawn[2], 1 + SCALE * drawn[3]
    cosine, sine = tf.cos(turn), tf.sin(turn)
    # From a pixel of the result to one of the image, both seen from the middle.
    a, b = across * cosine, across * (shear * cosine - sine)
    c, d = down * sine, down * (shear * sine + cosine)
    x, y = (width - 1) / 2, (height - 1) / 2
    left, top = MOVE * width * drawn[4], MOVE * height * drawn[5]
    nothing = tf.zeros_like(turn)
    transforms = tf.stack(
        [a, b, x - a * x - b * y + left, c, d, y - c * x - d * y + top, nothing, nothing], axis=1
    )
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=(height, width),
        fill_value=paper,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def augmented_with_boxes(
    dataset: tf.data.Dataset,
    image_size: tuple[int, int],
    *,
    smallest: float,
    seed: int,
    masks: bool,
) -> tf.data.Dataset:
    """Scales, crops, mirrors and recolours images, and their boxes and masks with them.

    Args:
        dataset: Batches of `"images"` `(batch, H, W, 3)`, `"boxes"` `(batch, N, 4)` in `"xyxy"`
            pixels, `"classes"` `(batch, N)` with -1 in empty places, and `"instances"`
            `(batch, H, W)`, 0 or 1 + the place of the object's box.
        image_size: H and W.
        smallest: A box that is left with a side of fewer pixels empties its place.
        seed: Seeds everything; an epoch differs from the next.
        masks: Whether `"instances"` are to be changed, too; they are left as they are otherwise.

    Returns:
        Batches of the same; a box keeps its place.
    """
    generator = tf.random.Generator.from_seed(seed)
    layers = _layers(image_size, generator)

    def augment(batch: dict[str, tf.Tensor], batch_seed: tf.Tensor) -> dict[str, tf.Tensor]:
        # Every batch has its own seed: what was drawn before, and how much, does not matter.
        generator.reset_from_seed(batch_seed)
        places = tf.range(batch["boxes"].shape[1], dtype=tf.float32)
        changed = {
            "images": tf.cast(batch["images"], tf.float32),
            # The layers drop the boxes that leave the image: each takes its place with it,
            # as its class.
            "bounding_boxes": {
                "boxes": batch["boxes"],
                "classes": tf.where(batch["classes"] < 0, -1.0, places),
            },
        }
        if masks:
            changed["segmentation_masks"] = tf.cast(batch["instances"], tf.float32)[..., None]
        for layer in layers:
            changed = layer(changed)
        return {**batch, **_back_in_place(changed, batch, smallest)}

    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)
    # One after the other, since the layers share the generator.
    return tf.data.Dataset.zip(dataset, seeds).map(augment)


def _layers(image_size: tuple[int, int], generator: tf.random.Generator) -> list:
    import keras_cv

    class Uniform(keras_cv.core.FactorSampler):
        """keras-cv's own samplers draw the same numbers again in every epoch of a pipeline."""

        def __init__(self, low: float, high: float) -> None:
            self.low, self.high = low, high

        def __call__(self, shape: tuple = (), dtype: str = "float32") -> tf.Tensor:
            return generator.uniform(shape, self.low, self.high, dtype)

    layers = keras_cv.layers
    # Under a policy of mixed precision, boxes would lose their last pixels.
    boxes, plain = {"bounding_box_format": "xyxy", "dtype": "float32"}, {"dtype": "float32"}
    previous = tf.random.get_global_generator()
    # A layer that is given no seed draws from the global generator of the time it is made.
    tf.random.set_global_generator(generator)
    try:
        contrast = layers.RandomContrast((0, 255), 0.5, **plain)
        # Its constructor takes numbers alone.
        contrast.factor = Uniform(*CONTRAST)
        return [
            layers.JitteredResize(image_size, Uniform(*SCALES), **boxes),
            layers.RandomFlip(**boxes),
            layers.RandomBrightness(Uniform(*BRIGHTNESS), **plain),
            contrast,
            # A third of the work of shifting hues, by way of HSV.
            layers.RandomColorDegeneration(Uniform(*GREYNESS), **plain),
        ]
    finally:
        tf.random.set_global_generator(previous)


def _back_in_place(
    changed: dict[str, tf.Tensor], batch: dict[str, tf.Tensor], smallest: float
) -> dict[str, tf.Tensor]:
    """What the layers made of a batch, each box in the place it had."""
    import keras_cv

    count = batch["boxes"].shape[1]
    moved = keras_cv.bounding_box.to_dense(changed["bounding_boxes"], max_boxes=count)
    is_there = moved["classes"][:, None, :] == tf.range(count, dtype=tf.float32)[:, None]
    boxes = tf.gather(moved["boxes"], tf.argmax(is_there, axis=-1), batch_dims=1)
    sides = boxes[..., 2:] - boxes[..., :2]
    good = tf.reduce_any(is_there, axis=-1) & tf.reduce_all(sides >= smallest, axis=-1)
    instances = batch["instances"]
    if "segmentation_masks" in changed:
        instances = tf.cast(changed["segmentation_masks"][..., 0], tf.uint8)
        # Of an object half hidden, the part that is seen may have left the image.
        good &= (_pixels(instances, count) > 0) | (_pixels(batch["instances"], count) == 0)
    return {
        "images": changed["images"],
        "boxes": tf.where(good[..., None], boxes, -1.0),
        "classes": tf.where(good, batch["classes"], -1.0),
        "instances": instances,
    }


def _pixels(instances: tf.Tensor, count: int) -> tf.Tensor:
    """Pixels of the object of each place, shape `(batch, count)`."""
    flat = tf.reshape(tf.cast(instances, tf.int32), (tf.shape(instances)[0], -1))
    return tf.math.bincount(flat, minlength=count + 1, maxlength=count + 1, axis=-1)[:, 1:]
