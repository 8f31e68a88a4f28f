"""Episodes and pairs: characters by class as the batches that few-shot learners train on."""

from collections.abc import Callable

import tensorflow as tf

from thinkkeras.datasets.augmentation import random_affine
from thinkkeras.datasets.characters import Characters


def episodes(
    characters: Characters,
    *,
    ways: int,
    shots: int = 1,
    queries: int = 5,
    augment: bool = True,
    seed: int = 0,
) -> tf.data.Dataset:
    """An endless pipeline of episodes, each the batch of one training step.

    An episode has `ways` classes of its own, numbered anew from 0, and `shots` and `queries`
    different drawings of each. Its batch is `(images, labels)`: float32 pixels in 0-255, the
    support images first, `(ways * (shots + queries), height, width, 1)`, drawing by drawing with
    all the classes in their order; labels int32 `(ways * queries,)`, the queries' alone, as the
    logits of `thinkkeras.models.prototypical_logits` are. Pass `steps_per_epoch` to `fit`.

    Args:
        characters: What to draw from.
        ways: Classes of an episode.
        shots: Support images of each class.
        queries: Query images of each class.
        augment: Whether each image is turned, sheared, scaled and moved a little.
        seed: Seeds classes, drawings and changes.

    Raises:
        ValueError: A number is below 1, or there are too few classes or drawings.

    Source: Vinyals, Blundell, Lillicrap, Kavukcuoglu and Wierstra, "Matching Networks for One Shot
    Learning", NIPS 2016, section 2.2.
    """
    classes, drawings = characters.images.shape[:2]
    check_episode(classes, drawings, ways, shots, queries)
    images = tf.constant(characters.images)
    labels = tf.tile(tf.range(ways), [queries])

    def draw(batch_seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        chosen = _shuffled(classes, (1,), batch_seed)[0, :ways]
        order = _shuffled(drawings, (ways,), batch_seed + 1)[:, : shots + queries]
        # Drawing by drawing: the first axis becomes that of the drawings.
        where = tf.stack([tf.tile(chosen[:, None], [1, shots + queries]), order], axis=-1)
        batch = tf.gather_nd(images, tf.transpose(where, (1, 0, 2)))
        return _finished(batch, characters, augment, batch_seed + 2), labels

    return _batches(draw, seed)


def pairs(
    characters: Characters, *, batch_size: int = 128, augment: bool = True, seed: int = 0
) -> tf.data.Dataset:
    """An endless pipeline of pairs, half of them two drawings of the same class.

    Its batches are `((first, second), same)`: two float32 batches of pixels in 0-255, and 1 or 0,
    float32 `(batch_size, 1)`. Pass `steps_per_epoch` to `fit`.

    Args:
        characters: What to draw from, two classes or more.
        batch_size: Pairs in a batch, an even number.
        augment: Whether each image is turned, sheared, scaled and moved a little.
        seed: Seeds classes, drawings and changes.

    Raises:
        ValueError: `batch_size` is odd or below 2, or there are too few classes or drawings.

    Source: Koch, Zemel and Salakhutdinov, "Siamese Neural Networks for One-shot Image
    Recognition", ICML Deep Learning Workshop 2015, section 4.
    """
    classes, drawings = characters.images.shape[:2]
    check_episode(classes, drawings, ways=2, shots=1, queries=1)
    if batch_size < 2 or batch_size % 2:
        raise ValueError(f"expected an even batch_size of at least 2, received {batch_size}")
    images = tf.constant(characters.images)
    half = batch_size // 2
    same = tf.repeat(tf.constant([1.0, 0.0]), half)[:, None]

    def draw(batch_seed: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor]:
        two = _shuffled(classes, (batch_size,), batch_seed)[:, :2]
        second = tf.where(same[:, 0] > 0, two[:, 0], two[:, 1])
        order = _shuffled(drawings, (batch_size,), batch_seed + 1)[:, :2]
        where = tf.stack([tf.stack([two[:, 0], second]), tf.transpose(order)], axis=-1)
        batch = tf.gather_nd(images, where)
        first, second = tf.split(_finished(batch, characters, augment, batch_seed + 2), 2)
        return (first, second), same

    return _batches(draw, seed)


def check_episode(classes: int, drawings: int, ways: int, shots: int, queries: int) -> None:
    """Refuse an episode that these classes, with so many drawings each, can't give.

    Raises:
        ValueError: A number is below 1, or there are too few classes or drawings.
    """
    if min(ways, shots, queries) < 1:
        raise ValueError(
            "expected ways, shots and queries of at least 1, "
            f"received {ways}, {shots} and {queries}"
        )
    if ways > classes or shots + queries > drawings:
        raise ValueError(
            f"expected at most {classes} ways, and at most {drawings} shots and queries together, "
            f"received {ways}, and {shots} + {queries}"
        )


def _shuffled(count: int, shape: tuple[int, ...], seed: tf.Tensor) -> tf.Tensor:
    """The numbers below `count` in random orders, int32 `(*shape, count)`."""
    return tf.argsort(tf.random.stateless_uniform((*shape, count), seed))


def _finished(
    batch: tf.Tensor, characters: Characters, augment: bool, seed: tf.Tensor
) -> tf.Tensor:
    """Images `(…, height, width, 1)` in one row, as float32, changed where asked for."""
    batch = tf.cast(tf.reshape(batch, (-1, *characters.images.shape[2:])), tf.float32)
    return random_affine(batch, seed, paper=255.0) if augment else batch


def _batches(draw: Callable[[tf.Tensor], tuple], seed: int) -> tf.data.Dataset:
    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2)
    return seeds.map(draw, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
