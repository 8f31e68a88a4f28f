"""Bundles of tiny models that several rooms read, each exported once."""

import keras
import pytest

import deploy
from tests.deploy import strokes, tiny_models
from tests.deploy.tones import export_tones


@pytest.fixture(scope="session")
def squares(once):
    """`squares(task, target)`: the bundle of the model in `tiny_models` for that task."""

    def path_of(task, target):
        return once(
            f"squares/{task}/{target}", lambda path: tiny_models.export_squares(task, target, path)
        )

    return path_of


@pytest.fixture(scope="session")
def dense(once):
    """The bundle of a classifier of two classes, float32, with its Keras model in it."""

    def export(path):
        layers = [keras.Input((3,)), keras.layers.Dense(2, activation="softmax")]
        deploy.export(keras.Sequential(layers, name="dense"), "cpu-float", out=path, verbose=0)

    return once("dense", export)


@pytest.fixture(scope="session")
def recognisers(once):
    """By target the bundles of the encoder in `strokes`, with nobody enrolled."""
    path = once("strokes", strokes.export_strokes)
    return {target: path / target for target in strokes.TARGETS}


@pytest.fixture(scope="session")
def tones(once):
    """The int8 bundle of the classifier of sounds in `tones`."""
    return once("tones", export_tones)
