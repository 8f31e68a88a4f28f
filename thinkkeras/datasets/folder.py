"""A folder of images, one sub-folder a class: what is read, what is skipped, and the splits."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

# Sub-folders that are taken as the splits, each with one sub-folder a class.
_SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}

# So many of what is skipped are named.
_NAMED = 10


class Images(NamedTuple):
    """The readable images of a folder."""

    class_names: list[str]  # the sub-folders' names, sorted
    splits: dict[str, list[tuple[Path, int]]]  # "train", "validation", "test": files and classes
    sizes: set[tuple[int, int]]  # heights and widths that occur, upright


def find_images(folder: str | Path) -> Images:
    """Finds the images of a folder, and splits them 80 : 10 : 10 class by class.

    Files that are no images, or damaged ones, are named in a line each and skipped; hidden files
    are passed over. Every image is decoded once for that.

    Args:
        folder: Holds one sub-folder a class, with images at any depth; or `train` and, where
            there are, `validation` (or `val`) and `test`, each with one sub-folder a class. What
            is missing of these is cut from `train`. The cut is the same at every call.

    Raises:
        ValueError: Fewer than two classes; a class without an image for each split that is to be
            cut, and one left (3 where there are no such folders); a split without images; or one
            with a class that the training images lack.
    """
    folder = Path(folder)
    parts = {"train": folder}
    # Of vehicles "train" may be a class.
    if (folder / "train").is_dir() and _sub_folders(folder / "train"):
        parts = {
            split: folder / name for name, split in _SPLITS.items() if (folder / name).is_dir()
        }
    class_names = _sub_folders(parts["train"])
    if len(class_names) < 2:
        raise ValueError(
            "expected a folder with a sub-folder of images for each of two or more classes, "
            f"received '{parts['train']}' with {len(class_names) or 'none'}; sort the images into "
            "them"
        )
    for part in parts.values():
        for name in set(_sub_folders(part)) - set(class_names):
            raise ValueError(
                f"expected the classes {', '.join(class_names)} of the training images, received "
                f"'{part / name}'; add training images of it, or remove it"
            )
    sizes: set[tuple[int, int]] = set()
    skipped: list[str] = []
    found = {
        split: {name: _readable(part / name, sizes, skipped) for name in class_names}
        for split, part in parts.items()
    }
    tell_skipped(skipped, "files that are no images")
    return Images(class_names, _split(found, parts["train"]), sizes)


def read_image(path: str | Path, size: tuple[int, int] | None = None) -> np.ndarray:
    """Reads an image as uint8 `(height, width, 3)`: upright, of grey three times the same, without
    transparency, 16 bits a pixel divided by 257.

    Args:
        path: Of the file.
        size: `(height, width)` to resize to (bilinear, over all pixels that shrink into one).
    """
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened)
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers")
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) / 257).round().clip(0, 255).astype(np.uint8))
    image = image.convert("RGB")
    if size is not None and image.size != size[::-1]:
        image = image.resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(image)


def as_dataset(files: Sequence[tuple[Path, int]], size: tuple[int, int]) -> tf.data.Dataset:
    """A pipeline of `(image, class)`: uint8 `(*size, 3)`, read as they are asked for."""
    paths, classes = zip(*files, strict=True)
    dataset = tf.data.Dataset.from_tensor_slices((list(map(str, paths)), list(classes)))

    def read(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = tf.numpy_function(
            lambda name: read_image(name.decode(), size), [path], tf.uint8, stateful=False
        )
        return tf.ensure_shape(image, (*size, 3)), tf.cast(label, tf.int64)

    return dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE)


def _sub_folders(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def _readable(folder: Path, sizes: set[tuple[int, int]], skipped: list[str]) -> list[Path]:
    """The images of a class; their sizes and the lines of what is skipped are added."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith("."):
            continue
        try:
            height, width, _ = read_image(path).shape
        except Exception as error:  # Pillow's decoders raise anything
            reason = str(error).replace(f" '{path}'", "").replace(f" {str(path)!r}", "")
            skipped.append(f"skipped '{path}': {reason or type(error).__name__}")
            continue
        sizes.add((height, width))
        found.append(path)
    return found


def tell_skipped(skipped: Sequence[str], what: str) -> None:
    """Prints the first lines, and how many more of `what` were skipped."""
    for line in skipped[:_NAMED]:
        print(line)
    if len(skipped) > _NAMED:
        print(f"skipped {len(skipped) - _NAMED} more {what}")


def _split(
    found: dict[str, dict[str, list[Path]]], folder: Path
) -> dict[str, list[tuple[Path, int]]]:
    """What the folder holds of each split; a tenth of every class for each one that it lacks."""
    splits: dict[str, list[tuple[Path, int]]] = {"train": [], "validation": [], "test": []}
    missing = [split for split in ("test", "validation") if split not in found]
    for label, (name, training) in enumerate(found["train"].items()):
        if len(training) <= len(missing):
            raise ValueError(
                f"expected at least {len(missing) + 1} images of each class, received "
                f"{len(training)} in '{folder / name}'; add some, or remove the folder"
            )
        order = np.random.default_rng(0).permutation(len(training))
        drawn, tenth = [training[index] for index in order], max(1, round(len(training) / 10))
        for split in missing:
            splits[split] += [(path, label) for path in drawn[:tenth]]
            drawn = drawn[tenth:]
        splits["train"] += [(path, label) for path in drawn]
        for split in found.keys() - {"train"}:
            splits[split] += [(path, label) for path in found[split][name]]
    for split, files in splits.items():
        if not files:
            raise ValueError(
                f"expected images in each split, received none for {split}; remove its folder, "
                "and it is cut from the training images"
            )
    # A set that is too large for the shuffling buffer must not come class by class.
    order = np.random.default_rng(0).permutation(len(splits["train"]))
    return splits | {"train": [splits["train"][index] for index in order]}
