"""Weights for a freshly built classifier: none, ImageNet's as Keras publishes them, or a file's."""

import math
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

from thinkkeras.models.blocks.classifier import CAFFE_SCALE, Preprocessing

Weights = str | os.PathLike[str] | None


def load_weights(
    model: keras.Model,
    weights: Weights,
    *,
    include_top: bool = True,
    classes: int = 1000,
    published: Callable[..., keras.Model] | None = None,
    mode: Preprocessing = "unit",
) -> keras.Model:
    """Gives a model the weights that the builder was asked for.

    Args:
        model: The model, its layers in the order of `published`.
        weights: None leaves the initial ones; "imagenet" takes those of `published`, which are
            downloaded the first time; anything else is a file that `model.save_weights` wrote.
        include_top: Whether the model has its classifier.
        classes: Number of classes of that.
        published: The network's function in `keras.applications`; None where it has none.
        mode: The `preprocess` of the model.

    Returns:
        The same model.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: There are no such weights for this network, or for so many classes.
        ConnectionError: They could not be downloaded.
    """
    if weights is None:
        return model
    if weights != "imagenet":
        _load_file(model, Path(weights))
        return model
    if published is None:
        raise ValueError(
            f"expected weights=None or a file for '{model.name}', received 'imagenet', for which "
            "Keras publishes none"
        )
    if include_top and classes != 1000:
        raise ValueError(
            f"expected classes=1000, those of weights='imagenet', received {classes}; pass "
            "include_top=False and add a classifier of your own"
        )
    with _network(model.name):
        reference = published(weights="imagenet", include_top=include_top)
    copy_weights(reference, model, mode)
    return model


def downloaded(url: str, sha256: str, network: str) -> Path:
    """A file with weights: out of the folder `THINKKERAS_DOWNLOADS`, or fetched once and kept.

    Args:
        url: Where it is published.
        sha256: Its checksum.
        network: Name of the network, for the error.

    Raises:
        ConnectionError: It could not be downloaded.
    """
    name = url.rsplit("/", 1)[1]
    folder = os.environ.get("THINKKERAS_DOWNLOADS")
    if folder and Path(folder, name).is_file():
        return Path(folder, name)
    with _network(network):
        return Path(keras.utils.get_file(name, url, cache_subdir="models", file_hash=sha256))


def _load_file(model: keras.Model, file: Path) -> None:
    advice = f"give what model.save_weights wrote of a '{model.name}' built with the same arguments"
    if not file.is_file():
        raise FileNotFoundError(
            f"expected weights=None, 'imagenet' or a file, received {str(file)!r}, where there is "
            f"none; {advice}"
        )
    with warnings.catch_warnings():
        # Keras only warns of layers that it leaves as they are.
        warnings.filterwarnings("error", message="Skipping")
        try:
            model.load_weights(file)
        except (ValueError, OSError, KeyError, UserWarning) as error:
            raise ValueError(
                f"expected weights of '{model.name}', received {str(file)!r}, which holds another "
                f"network's or none; {advice}"
            ) from error


@contextmanager
def _network(name: str) -> Iterator[None]:
    """Says in one line that there is no network."""
    try:
        yield
    except Exception as error:  # `keras.utils.get_file` raises nothing narrower.
        if "URL fetch failure" not in str(error):
            raise
        raise ConnectionError(
            f"expected to download the ImageNet weights of '{name}', received: {error}; connect "
            "to the internet, or put the file of that name into ~/.keras/models"
        ) from error


def copy_weights(reference: keras.Model, model: keras.Model, mode: Preprocessing = "unit") -> None:
    """Copies the weights of a network of `keras.applications` into the builder's.

    Args:
        reference: The network of `keras.applications`.
        model: Ours, whose layers with weights have the same order. A dense classifier takes what is
            a 1x1 convolution there.
        mode: The `preprocess` of `model`. "caffe" stands for what is done to its first kernel:
            channels in reverse order, since `model` has red first, and divided by the scale.

    Raises:
        ValueError: The two differ in their layers.
    """
    theirs, ours = ([layer for layer in net.layers if layer.weights] for net in (reference, model))
    shapes = [[tuple(weight.shape) for weight in layer.weights] for layer in ours]
    if len(theirs) != len(ours):
        raise ValueError(f"expected {len(ours)} layers with weights, received {len(theirs)}")
    for number, (source, target) in enumerate(zip(theirs, ours, strict=True)):
        values = source.get_weights()
        if mode == "caffe" and number == 0:
            values[0] = values[0][:, :, ::-1] / CAFFE_SCALE
        if [value.size for value in values] != [math.prod(shape) for shape in shapes[number]]:
            raise ValueError(
                f"expected weights of {shapes[number]} for '{target.name}', received "
                f"{[value.shape for value in values]} from '{source.name}'"
            )
        target.set_weights(
            [value.reshape(shape) for value, shape in zip(values, shapes[number], strict=True)]
        )
