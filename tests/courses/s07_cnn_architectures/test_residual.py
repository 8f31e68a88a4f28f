"""Plain against residual networks: gradients by hand, runs and figures."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from courses.s07_cnn_architectures.experiments import residual
from courses.s07_cnn_architectures.plots.residual import depth_curves, gradient_norms

layers = keras.layers


def test_gradients_of_a_linear_classifier_are_those_of_the_book():
    inputs = keras.Input((2, 2, 1))
    outputs = layers.Dense(3, activation="softmax")(layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    x, y = (
        np.random.default_rng(0).random((5, 2, 2, 1)).astype("float32"),
        np.array([0, 1, 2, 2, 0]),
    )
    kernel = model.layers[-1].kernel.numpy()
    logits = x.reshape(5, 4) @ kernel
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    gradient = x.reshape(5, 4).T @ (probabilities - np.eye(3)[y]) / 5
    (norm,) = residual.gradient_norms(model, x, y)
    assert norm == pytest.approx(np.linalg.norm(gradient) / np.linalg.norm(kernel), rel=1e-5)


def network(depth=2, shortcut=True):
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, padding="same")(inputs)
    for _ in range(depth):
        y = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(x))
        x = layers.Add()([y, layers.Conv2D(4, 1)(x)]) if shortcut else y
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))


def test_layers_on_the_main_way_are_asked_and_nothing_is_changed():
    model = network(depth=3)
    before = [weight.copy() for weight in model.get_weights()]
    norms = residual.gradient_norms(model, 9 * np.ones((2, 8, 8, 1)), np.array([1, 2]))
    assert len(norms) == 1 + 3 + 1
    for weight, one in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, one)


def test_each_depth_is_trained_with_shortcuts_and_without(digits, tmp_path):
    x, y = digits.train
    batches = tf.data.Dataset.from_tensor_slices((x[:256], y[:256])).batch(64)
    runs = residual.compare_depths(
        network, batches, batches, digits.test, depths=(2,), epochs=2, seed=3
    )
    assert [(run.depth, run.shortcut) for run in runs] == [(2, False), (2, True)]
    for run in runs:
        assert len(run.history["accuracy"]) == 2
        assert len(run.gradients_before) == len(run.gradients_after) == 4
        assert run.gradients_before != run.gradients_after
    assert [row[:2] for row in residual.depth_table(runs)[1:]] == [["2", "no"], ["2", "yes"]]

    curves = depth_curves(runs, tmp_path / "curves.png")
    assert [axes.get_title() for axes in curves.axes] == ["2 layers"]
    errors = {line.get_label(): line.get_ydata() for line in curves.axes[0].lines}
    expected = 100 * (1 - np.array(runs[1].history["val_accuracy"]))
    np.testing.assert_allclose(errors["residual, validation"], expected)
    norms = gradient_norms(runs, tmp_path / "norms.png").axes[0]
    assert norms.lines[0].get_ydata().tolist() == runs[0].gradients_before
    assert len(list(tmp_path.iterdir())) == 2
