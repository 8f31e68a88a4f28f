"""What every pipeline needs of a TFDS set: its builder, its splits, and what stays in memory."""

import difflib
import importlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import tensorflow as tf

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

SPLITS = ("train", "validation", "test")

# Up to this many bytes of pixels a split stays in memory, as uint8; larger ones are streamed,
# and shuffled within a buffer of this size.
MEMORY_BYTES = 2**31

# Modules with TFDS builders of our own; TFDS knows a builder once its module is imported.
OWN = ("balloon", "balloon_scenes")

Pipelines = tuple[tf.data.Dataset, tf.data.Dataset, tf.data.Dataset]


def prepared_builder(name: str, offline: Sequence[str]) -> "tfds.core.DatasetBuilder":
    """The TFDS builder of `name`, its data ready to be read.

    It reads `TFDS_DATA_DIR` where the set is prepared there, and downloads it otherwise. A
    publisher's file that lies in the folder `THINKKERAS_DOWNLOADS` (`downloads/manual` in TFDS's
    own folder where that is not set) under its own name is taken instead of a download, by the
    builders of this package and by those of TFDS that ask for a manual download.

    Args:
        name: A TFDS reference: `"bccd"`, `"voc/2007"`, `"coco/2017:1.1.0"`.
        offline: Names that need no TFDS, the likeliest first; the errors suggest them.

    Raises:
        ValueError: TFDS knows no such set.
        FileNotFoundError: TFDS could neither find the set nor download and prepare it.
    """
    import tensorflow_datasets as tfds

    for module in OWN:
        importlib.import_module(f"thinkkeras.datasets.{module}")
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
